"""Folders of `.tf` files: what each declares, and where the modules that it calls lie. Nothing is evaluated."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from opsctl.findings import Place
from opsctl.hcl.configuration import Problem
from opsctl.hcl.syntax import Attribute, Block, Body, GetIndex, Literal, Position, Reference, parse, parse_json


@dataclass
class ModuleFolder:
    """One folder's declarations.

    Attributes:
        folder: absolute or as the caller named it.
        resources: blocks `resource` and `data`, in the order of files.
        moved: address in this module → what it was called before.
        problems: of reading it; each folder's are reported once, however often it is called.
    """

    folder: Path
    variables: dict[str, Block] = field(default_factory=dict)
    locals: dict[str, Attribute] = field(default_factory=dict)
    outputs: dict[str, Block] = field(default_factory=dict)
    resources: dict[tuple[str, str, str], Block] = field(default_factory=dict)
    calls: dict[str, Block] = field(default_factory=dict)
    providers: list[Block] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def is_terraform(name: str) -> bool:
    """Whether Terraform reads a file of this name."""
    return name.endswith((".tf", ".tf.json")) and not name.startswith((".", "#")) and not name.endswith("~")


def _is_read(entry: os.DirEntry[str]) -> bool:
    """Terraform passes over a folder named x.tf; a link that leads nowhere is a file that can't be read."""
    return is_terraform(entry.name) and (entry.is_file() or entry.is_symlink())


def _is_override(name: str) -> bool:
    stem = name.removesuffix(".json").removesuffix(".tf")
    return stem == "override" or stem.endswith("_override")


def has_terraform(folder: Path) -> bool:
    try:
        return any(is_terraform(entry.name) and entry.is_file() for entry in os.scandir(folder))
    except OSError:
        return False


class Folders:
    """Reads each folder once.

    Args:
        names: what places are relative to; None: places are as the folder was named.
    """

    def __init__(self, names: Path | None) -> None:
        self._names = names.absolute() if names is not None else None
        self._read: dict[str, ModuleFolder] = {}
        self._paths: dict[str, Path] = {}

    def path_of(self, name: str) -> Path:
        """The file that a place names. Raises FileNotFoundError for one that wasn't read."""
        if name not in self._paths:
            raise FileNotFoundError(name)
        return self._paths[name]

    def name_of(self, path: Path) -> str:
        if self._names is not None:
            return Path(os.path.relpath(path.absolute(), self._names)).as_posix()
        return Path(os.path.normpath(path)).as_posix()

    def read(self, folder: Path) -> ModuleFolder:
        """Raises nothing: what can't be read is one of its problems."""
        key = os.path.abspath(folder)  # noqa: PTH100
        if key not in self._read:
            self._read[key] = self._module(folder)
        return self._read[key]

    def _module(self, folder: Path) -> ModuleFolder:
        module = ModuleFolder(folder)
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if _is_read(entry))
        except OSError as error:
            module.problems.append(
                Problem(f"The folder can't be read: {error.strerror}.", Place(self.name_of(folder)), severe=True)
            )
            return module
        for name in [*(n for n in names if not _is_override(n)), *(n for n in names if _is_override(n))]:
            path = folder / name
            file = self.name_of(path)
            self._paths[file] = path
            try:
                data = path.read_bytes()
            except OSError as error:
                module.problems.append(Problem(f"{file} can't be read: {error.strerror}.", Place(file), severe=True))
                continue
            source = (parse_json if name.endswith(".json") else parse)(data, file)
            for problem in source.errors:
                module.problems.append(
                    Problem(f"{file}: {problem.what}.", place(file, problem.at), severe=problem.severe)
                )
            _declare(module, source.body, _is_override(name))
        return module


def place(file: str, at: Position) -> Place:
    return Place(file, at.line, at.column, at.end_line)


_LABELS = {"resource": 2, "data": 2, "variable": 1, "output": 1, "module": 1, "provider": 1}


def _declare(module: ModuleFolder, body: Body, override: bool) -> None:
    tables: dict[str, dict[str, Block]] = {
        "variable": module.variables,
        "output": module.outputs,
        "module": module.calls,
    }
    for block in body.blocks:
        kind = block.type
        if kind == "locals":
            for name, attribute in block.body.attributes.items():
                if name in module.locals and not override:
                    _duplicate(module, block, f"local.{name}", attribute.at)
                module.locals[name] = attribute
            continue
        if kind == "moved":
            before, now = (_address(block.body.attributes.get(name)) for name in ("from", "to"))
            if before and now:
                module.moved[now] = before
        if kind not in _LABELS:
            continue
        if len(block.labels) != _LABELS[kind]:
            module.problems.append(
                Problem(
                    f"A {kind} needs {_LABELS[kind]} labels, not {len(block.labels)}.",
                    place(block.file, block.at),
                    severe=True,
                )
            )
        elif kind == "provider":
            module.providers.append(block)
        elif kind in ("resource", "data"):
            key = (kind, *block.labels)
            _put(module, module.resources, key, block, override)  # type: ignore[arg-type]
        else:
            _put(module, tables[kind], block.labels[0], block, override)


def _address(written: Attribute | None) -> str:
    """`module.a["b"].aws_sqs_queue.c` as text; "" for what is no address."""
    expression = written.expression if written else None
    if isinstance(expression, Literal):  # .tf.json
        return str(expression.value)
    if not isinstance(expression, Reference):
        return ""
    text = expression.name
    for step in expression.steps:
        if isinstance(step, str):
            text += f".{step}"
        elif isinstance(step, GetIndex) and isinstance(step.key, Literal):
            text += f"[{json.dumps(step.key.value)}]"
        else:
            return ""
    return text


def _put(module: ModuleFolder, table: dict[str, Block], key: str, block: Block, override: bool) -> None:
    if key not in table:
        table[key] = block
    elif override:
        table[key] = merged(table[key], block)
    else:
        _duplicate(module, block, ".".join((block.type, *block.labels)), block.at)


def _duplicate(module: ModuleFolder, block: Block, what: str, at: Position) -> None:
    module.problems.append(
        Problem(f"{what} is declared twice; the first one counts.", place(block.file, at), severe=True)
    )


def merged(block: Block, override: Block) -> Block:
    """A block with what an override file says. Source: Terraform, "Override Files": an attribute replaces its like, a
    nested block all of its type (`dynamic` ones included); `lifecycle` is merged attribute by attribute."""
    replaced = {
        each.type if each.type != "dynamic" else each.labels[0]
        for each in override.body.blocks
        if each.labels or each.type != "dynamic"
    }
    kept: list[Block] = []
    lifecycle = next(override.body.of_type("lifecycle"), None)
    for each in block.body.blocks:
        if each.type == "lifecycle" and lifecycle is not None:
            lifecycle = replace(
                lifecycle,
                body=Body(
                    {**each.body.attributes, **lifecycle.body.attributes}, each.body.blocks + lifecycle.body.blocks
                ),
            )
        elif (each.labels[0] if each.type == "dynamic" and each.labels else each.type) not in replaced:
            kept.append(each)
    added = [lifecycle if each.type == "lifecycle" and lifecycle is not None else each for each in override.body.blocks]
    return replace(block, body=Body({**block.body.attributes, **override.body.attributes}, (*kept, *added)))


def source_of(call: Block) -> str:
    """A module call's source as written, "" where it isn't a literal."""
    attribute = call.body.attributes.get("source")
    value = attribute.expression.value if attribute and isinstance(attribute.expression, Literal) else ""
    return value if isinstance(value, str) else ""


def is_local(source: str) -> bool:
    return source.startswith(("./", "../", "/")) or source in (".", "..")


def installed(root: Path) -> Mapping[str, Path]:
    """What `terraform init` fetched: "a.b" (names of calls) → folder. {} where there is no manifest."""
    try:
        manifest = json.loads((root / ".terraform" / "modules" / "modules.json").read_bytes())
        return {each["Key"]: root / each["Dir"] for each in manifest["Modules"] if each.get("Key")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
