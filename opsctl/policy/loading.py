"""Where rules come from: `policies/` of opsctl, and folders that users bring along.

A file is loaded by itself: one that can't be is a `Broken` beside the others, never an end of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import opsctl
from opsctl.errors import UsageError, did_you_mean
from opsctl.findings import Finding, Rule
from opsctl.policy.rule import Stack

Find = Callable[[Stack], Iterable[Finding]]


@dataclass(frozen=True)
class RuleFile:
    """One file of rules in Python: one function finds for all of them."""

    file: Path
    rules: tuple[Rule, ...]
    find: Find


@dataclass(frozen=True)
class Broken:
    """A file of rules that can't be loaded, and why, in one sentence."""

    file: Path
    why: str


@dataclass(frozen=True)
class Failure:
    """What became of a rule that users brought along: not loaded, crashed, or never ended."""

    file: Path
    message: str
    line: int = 0


def built_in_folder() -> Path:
    """In a wheel inside the package, in a checkout at its top."""
    package = Path(opsctl.__file__).parent
    inside = package / "policies"
    return inside if inside.is_dir() else package.parent / "policies"


@cache
def built_in() -> tuple[RuleFile | Broken, ...]:
    """Every rule that comes with opsctl, in the order of their files."""
    return tuple(load_file(file) for file in python_files(built_in_folder()))


def python_files(folder: Path) -> list[Path]:
    """Files of rules below a folder; those that begin with "_" are no rules but what rules share."""
    found = (file for file in folder.rglob("*.py") if not file.name.startswith(("_", "test_")))
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def load_file(file: Path) -> RuleFile | Broken:
    """A file with RULE or RULES, and find. Runs it."""
    name = f"opsctl_policies.{file.parent.name}.{file.stem}"
    try:
        spec = spec_from_file_location(name, file)
        assert spec
        assert spec.loader
        module = module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
    except Exception as error:
        return Broken(file, sentence_of(error))
    rules = getattr(module, "RULES", None) or [getattr(module, "RULE", None)]
    find = getattr(module, "find", None)
    if not isinstance(rules, list | tuple) or not all(isinstance(rule, Rule) for rule in rules):
        return Broken(file, "it has no RULE = Rule(…) and no RULES = (Rule(…), …)")
    if not callable(find):
        return Broken(file, "it has no function find(stack)")
    return RuleFile(file, tuple(rules), find)


def sentence_of(error: BaseException) -> str:
    """An exception in one line: its kind and its words."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:300]}" if words else type(error).__name__


def chosen(known: Iterable[Rule], select: Sequence[str] = (), skip: Sequence[str] = ()) -> frozenset[str]:
    """The ids of the rules that a run is about.

    Args:
        select, skip: ids, areas ("s3"), patterns ("s3/*") or tags ("encryption", "S5"); nothing selected: all.

    Raises:
        UsageError: a word that no rule answers to.
    """
    rules = tuple(known)

    def named(words: Sequence[str]) -> frozenset[str]:
        found = frozenset[str]()
        for word in words:
            matching = {rule.id for rule in rules if _answers(rule, word)}
            if not matching:
                raise UsageError(
                    f"No rule answers to {word}.{did_you_mean(word, (rule.id for rule in rules))}",
                    next="opsctl policy list",
                )
            found |= matching
        return found

    every = frozenset(rule.id for rule in rules)
    return (named(select) if select else every) - named(skip)


def _answers(rule: Rule, word: str) -> bool:
    return word == rule.id.partition("/")[0] or word in rule.tags or fnmatchcase(rule.id, word)
