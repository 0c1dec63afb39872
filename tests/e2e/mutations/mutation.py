"""Break things of an environment on purpose, look which check says so, and put everything back as it was.

A table of breaks is data (edge.py, inner.py). `prove` breaks as many at once as do not get in each other's way.
"""

from __future__ import annotations

import contextlib
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opsctl import smoke
from opsctl.files import write_atomically
from opsctl.smoke import Check, Result, SmokeTarget


@dataclass(frozen=True)
class Part:
    """Something of an environment that can be read and written as a whole.

    Attributes:
        read: gives plain values without what changes by itself (dates, ETags); None may stand for "it isn't there".
        write: makes it so, and waits until it is so; gets what `read` gave, changed or not.
    """

    name: str
    read: Callable[[SmokeTarget], Any] = field(repr=False)
    write: Callable[[SmokeTarget, Any], object] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Break:
    """One thing that goes wrong in an environment.

    Attributes:
        name: what was done, as a person would say it.
        check: the check that claims to notice it.
        says: a regular expression that the check's message must match: it names what was seen.
        also: other checks that rightly fail with it.
        budget_seconds: the check's budget while it is broken.
        alone: it breaks so much that nothing else can be proved at the same time.
    """

    name: str
    check: str
    says: str
    also: frozenset[str] = frozenset()
    budget_seconds: float = 10.0
    alone: bool = False

    def gets_in_the_way_of(self, other: Break) -> bool:
        """Whether a failed check would leave open which of the two it was."""
        return (
            self.alone
            or other.alone
            or self.check == other.check
            or self.check in other.also
            or other.check in self.also
        )


@dataclass(frozen=True, kw_only=True)
class Mutation(Break):
    """A change of a part. `change` gets a copy of what is there, and gives what shall be there."""

    part: Part
    change: Callable[[Any], Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Impostor(Break):
    """Something else that answers in the environment's place, for what no call to AWS can break."""

    stand_in: Callable[[SmokeTarget], AbstractContextManager[SmokeTarget]] = field(repr=False)


@dataclass(frozen=True)
class Seen:
    """What came of a break. `message` is the check's; empty when it noticed nothing."""

    broken: Break
    message: str
    seconds: float

    @property
    def caught(self) -> bool:
        return bool(self.message) and re.search(self.broken.says, self.message) is not None

    def __str__(self) -> str:
        return f"{self.broken.name}: {self.broken.check} {f'said {self.message!r}' if self.message else 'passed'}"


@dataclass(frozen=True)
class Proof:
    """A whole run. `false_alarms` are checks that failed though nothing of theirs was broken."""

    seen: tuple[Seen, ...]
    false_alarms: tuple[str, ...]

    @property
    def complaints(self) -> list[str]:
        return [str(seen) for seen in self.seen if not seen.caught] + list(self.false_alarms)


def prove(
    target: SmokeTarget, breaks: Sequence[Break], checks: Sequence[Check], *, folder: Path, beside: Iterable[str] = ()
) -> Proof:
    """Break everything, batch by batch, and see which checks notice; all is restored, and then each check must pass.

    Args:
        checks: all there are. In a batch the claimed ones are run, and those `beside`, which must pass meanwhile.
        folder: where what was there is kept while it is broken; what a killed run left there is restored first.

    Raises:
        RuntimeError: a part did not become again what it was.
    """
    restore_what_was_left(target, folder, breaks)
    by_name, seen, alarms = {check.name: check for check in checks}, list[Seen](), list[str]()
    for broken in breaks:
        if isinstance(broken, Impostor):
            with broken.stand_in(target) as other:
                [result] = _run(other, [by_name[broken.check]], {broken.check: broken.budget_seconds})
            seen.append(Seen(broken, result.message, result.seconds))
    for batch in batches([broken for broken in breaks if isinstance(broken, Mutation)]):
        claimed = {broken.check: broken for broken in batch}
        excused = claimed.keys() | {name for broken in batch for name in broken.also}
        others = [] if batch[0].alone else [name for name in beside if name not in excused]
        with broken_in(target, batch, folder):
            results = _run(
                target, [by_name[name] for name in (*claimed, *others)],
                {broken.check: broken.budget_seconds for broken in batch},
            )  # fmt: skip
        for result in results:
            if result.name in claimed:
                seen.append(Seen(claimed[result.name], result.message, result.seconds))
            elif not result.passed:
                alarms.append(f"{result.name} failed with {[broken.name for broken in batch]}: {result.message}")
    healthy = _run(target, [check for check in checks if any(check.name == broken.check for broken in breaks)], {})
    alarms += [f"{result.name} failed when all was restored: {result.message}" for result in healthy if result.message]
    return Proof(tuple(seen), tuple(alarms))


def _run(target: SmokeTarget, checks: Sequence[Check], budgets: dict[str, float]) -> tuple[Result, ...]:
    chosen = [replace(check, budget_seconds=budgets.get(check.name, check.budget_seconds)) for check in checks]
    return smoke.run(target, checks=chosen).results


def batches(mutations: Iterable[Mutation]) -> list[list[Mutation]]:
    """As few groups as a greedy hand makes in which nothing gets in the way of another."""
    found: list[list[Mutation]] = []
    for mutation in mutations:
        fits = (batch for batch in found if not any(mutation.gets_in_the_way_of(other) for other in batch))
        batch = next(fits, None)
        if batch is None:
            found.append([mutation])
        else:
            batch.append(mutation)
    return found


@contextlib.contextmanager
def broken_in(target: SmokeTarget, mutations: Iterable[Mutation], folder: Path) -> Iterator[None]:
    """The environment with all these changes at once; afterwards each part is again what it was.

    Raises:
        RuntimeError: one is not.
    """
    by_part: dict[Part, list[Mutation]] = {}
    for mutation in mutations:
        by_part.setdefault(mutation.part, []).append(mutation)
    kept: list[tuple[Part, Any]] = []
    try:
        for part, changes in by_part.items():
            before = part.read(target)
            after = deepcopy(before)
            for mutation in changes:
                after = mutation.change(after)
            if after == before:
                raise RuntimeError(f"{' and '.join(one.name for one in changes)} changed nothing of {part.name}")
            write_atomically(_kept_at(folder, part), pickle.dumps(before))
            kept.append((part, before))
            part.write(target, after)
        yield
    finally:
        wrong = [error for part, before in reversed(kept) if (error := _restore(target, part, before, folder))]
        if wrong:
            raise RuntimeError("; ".join(wrong))


def restore_what_was_left(target: SmokeTarget, folder: Path, breaks: Iterable[Break]) -> None:
    """Put back what a run that was killed left broken."""
    for part in {broken.part for broken in breaks if isinstance(broken, Mutation)}:
        file = _kept_at(folder, part)
        if file.exists() and (error := _restore(target, part, pickle.loads(file.read_bytes()), folder)):
            raise RuntimeError(error)


def _restore(target: SmokeTarget, part: Part, before: Any, folder: Path) -> str:
    """Says what went wrong: the other parts must be restored nevertheless, and the file stays for another try."""
    try:
        part.write(target, deepcopy(before))
        now = part.read(target)
    except Exception as error:
        return f"{part.name} could not be restored: {error}"
    if now != before:
        return f"{part.name} is {now}, and was {before}"
    _kept_at(folder, part).unlink()
    return ""


def _kept_at(folder: Path, part: Part) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', part.name.lower())}.pickle"
