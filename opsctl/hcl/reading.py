"""A folder of Terraform → a `Configuration`: root module, variables' values, every resource instance.

    files → ModuleFolder → Module (lazy) → Resource with values

Cost: linear in text and instances; about 0.5 s for 11,000 lines that make 700 instances.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from opsctl.errors import UsageError
from opsctl.findings import Place
from opsctl.hcl.configuration import Configuration, Problem, Resource
from opsctl.hcl.evaluation import Evaluation, Frame, Module, ResourceValue, evaluate, finished, nested
from opsctl.hcl.modules import Folders, ModuleFolder, has_terraform, is_local, place, source_of
from opsctl.hcl.symbols import Unknown
from opsctl.hcl.syntax import Literal, parse
from opsctl.hcl.tracing import places_of, references_of
from opsctl.hcl.values import EvaluationError

DEEPEST_CALLS = 6_000  # Python frames: chains of a few hundred locals; C's stack holds ten times that
NOT_ROOTS = frozenset({".terraform", ".git", "node_modules", ".venv", "examples", "tests"})


def read_folder(
    folder: Path,
    *,
    variables: Mapping[str, Any] = {},
    var_files: Sequence[Path] = (),
    names: Path | None = None,
    known: Mapping[str, Mapping[str, Any]] = {},
) -> Configuration:
    """Read a root module, or the only one below a folder that has no `.tf` files itself.

    Args:
        variables: values that win over files and defaults; text for a variable that isn't a string is read as HCL.
        var_files: as -var-file, after terraform.tfvars and *.auto.tfvars.
        names: what places are relative to; None: files are named as the folder was.
        known: address → attributes that a plan knows: `address.attribute` is these before it is a symbol.

    Raises:
        UsageError: there is no such folder, nothing of Terraform in it, several root modules, or no such file of
            variables.
    """
    folders = Folders(names)
    root, *others = _roots(folder, folders)
    if others:
        raise UsageError(
            f"{folder} holds {len(others) + 1} root modules, {root} and {others[0]} among them.", next="Name one."
        )
    with _undisturbed():
        return _read_root(root, folders, variables, var_files, known)


def read_roots(
    folder: Path, *, variables: Mapping[str, Any] = {}, var_files: Sequence[Path] = (), names: Path | None = None
) -> tuple[Configuration, ...]:
    """Read each root module of a folder on its own: the folder itself, or those below one that has no `.tf` files.

    Two roots (dev and prod) may have the same addresses, which then mean different things. Each one's
    `Configuration.root` says which it is.

    Args: see `read_folder`.

    Raises:
        UsageError: there is no such folder, nothing of Terraform in it, or no such file of variables.
    """
    folders = Folders(names)
    with _undisturbed():
        return tuple(
            replace(
                _read_root(root, folders, variables, var_files, {}),
                root="" if root == folder else root.relative_to(folder).as_posix(),
            )
            for root in _roots(folder, folders)
        )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Room for lazy evaluation, which goes as deep as values refer to each other; no collection of garbage, of which
    there is none: its passes over all that was read made 10,000 resources take three times as long as 5,000."""
    limit, collects = sys.getrecursionlimit(), gc.isenabled()
    sys.setrecursionlimit(max(limit, DEEPEST_CALLS))
    gc.disable()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        if collects:
            gc.enable()


def _roots(folder: Path, folders: Folders) -> list[Path]:
    """The folder, or those below it with `.tf` files that none of the others calls.

    Raises:
        UsageError: there is none.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", next="Name a folder with .tf files.")
    if has_terraform(folder):
        return [folder]
    found: list[Path] = []
    pending = [folder]
    while pending:
        each = pending.pop()
        try:
            inner = sorted(
                (entry for entry in each.iterdir() if entry.is_dir() and not entry.is_symlink()), reverse=True
            )
        except OSError:
            continue
        pending.extend(entry for entry in inner if entry.name not in NOT_ROOTS)
        if has_terraform(each):
            found.append(each)
    if not found:
        raise UsageError(
            f"{folder} has no .tf files.", next="Name a folder with .tf files, or one that holds such folders."
        )
    called: set[Path] = set()
    for each in found:
        for call in folders.read(each).calls.values():
            source = source_of(call)
            if is_local(source):
                target = (each / source).resolve()
                if target != each.resolve():
                    called.add(target)
    return [each for each in found if each.resolve() not in called] or found


def _read_root(
    folder: Path,
    folders: Folders,
    variables: Mapping[str, Any],
    var_files: Sequence[Path],
    known: Mapping[str, Mapping[str, Any]],
) -> Configuration:
    evaluation = Evaluation(folder, folders, known)
    source = folders.read(folder)
    problems: list[Problem] = []
    inputs = _inputs(source, evaluation, folders, variables, var_files, problems)
    root = Module(evaluation, source, "", inputs, None, (str(folder.resolve()),), "")
    resources: list[Resource] = []
    traced: list[ResourceValue] = []
    modules: dict[str, str] = {}
    moved: dict[str, str] = {}
    seen: dict[int, ModuleFolder] = {}
    pending = [root]
    while pending:
        module = pending.pop()
        modules[module.address] = folders.name_of(module.folder.folder)
        seen.setdefault(id(module.folder), module.folder)
        inside = f"{module.address}." if module.address else ""
        moved.update((inside + now, inside + before) for now, before in module.folder.moved.items())
        try:
            for value in module.resources():
                traced.append(value)
                resources.append(_resource(module, value))
            pending.extend(reversed(list(module.modules())))
        except RecursionError:
            problems.append(
                Problem(
                    f"{module.address or 'The root module'} is nested too deeply.",
                    Place(folders.name_of(module.folder.folder)),
                    severe=True,
                )
            )
    given = {name: _safe(partial(root.variable, name)) for name in source.variables}
    outputs = {name: _safe(partial(root.output, name)) for name in source.outputs}
    read_problems = [problem for each in seen.values() for problem in each.problems]
    return Configuration(
        resources=tuple(resources),
        problems=tuple(dict.fromkeys([*read_problems, *problems, *evaluation.problems])),
        folder=str(folder),
        modules=modules,
        variables=given,
        outputs=outputs,
        references=references_of(traced),
        moved=moved,
        providers=_providers(root),
        provider_places={
            f"{block.labels[0]}.{name}": place(block.file, written.at)
            for block in source.providers
            for name, written in block.body.attributes.items()
        },
    )


def _providers(root: Module) -> dict[str, Any]:
    """ "aws" or "aws.alias" → what the block says."""
    found: dict[str, Any] = {}
    for block in root.folder.providers:
        root.evaluation.subject = (f"provider.{block.labels[0]}", "")
        values = {
            name: _safe(partial(evaluate, written.expression, root.frame))
            for name, written in block.body.attributes.items()
        }
        values.update(finished(nested(block.body, root.frame, f"provider.{block.labels[0]}", keep_going=True)))
        alias = values.get("alias")
        found[f"{block.labels[0]}.{alias}" if isinstance(alias, str) else block.labels[0]] = values
    return found


def _safe(function: Callable[[], Any]) -> Any:

    try:
        return finished(function())
    except (EvaluationError, RecursionError) as error:
        return Unknown("", str(error))


def _resource(module: Module, value: ResourceValue) -> Resource:
    block = value.block
    return Resource(
        address=value.address,
        mode="data" if block.type == "data" else "managed",
        type=block.labels[0],
        name=block.labels[1],
        values=module.values_of(value),
        place=place(block.file, block.at),
        places=places_of(value),
        module=module.address,
        count_unknown=value.uncertain,
    )


def _inputs(
    source: ModuleFolder,
    evaluation: Evaluation,
    folders: Folders,
    variables: Mapping[str, Any],
    var_files: Sequence[Path],
    problems: list[Problem],
) -> dict[str, tuple[None, Any]]:
    """Terraform's order: terraform.tfvars(.json), *.auto.tfvars(.json) by name, then -var-file and -var."""
    folder = source.folder
    files = [folder / "terraform.tfvars", folder / "terraform.tfvars.json"]
    files += sorted([*folder.glob("*.auto.tfvars"), *folder.glob("*.auto.tfvars.json")])
    files = [each for each in files if each.is_file()]
    for each in var_files:
        if not each.is_file():
            raise UsageError(f"There is no file of variables {each}.")
    nothing = Module(evaluation, ModuleFolder(folder), "", {}, None, (), "").frame
    found: dict[str, tuple[None, Any]] = {}
    for path in [*files, *var_files]:
        name = folders.name_of(path)
        for key, value in _values(path, name, nothing, problems).items():
            found[key] = (None, value)
    for key, value in variables.items():
        found[key] = (None, _as_typed(value, key, source, nothing))
    return found


def _values(path: Path, name: str, nothing: Frame, problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        data = path.read_bytes()
        if path.suffix == ".json":
            parsed = json.loads(data)
            if not isinstance(parsed, dict):
                raise ValueError("not an object")
            return parsed
    except (OSError, ValueError, RecursionError) as error:
        problems.append(Problem(f"{name} can't be read: {error}.", Place(name), severe=True))
        return found
    parsed_file = parse(data, name)
    problems.extend(Problem(f"{name}: {each.what}.", place(name, each.at), severe=True) for each in parsed_file.errors)
    for key, written in parsed_file.body.attributes.items():
        try:
            found[key] = evaluate(written.expression, nothing)
        except EvaluationError as error:
            problems.append(Problem(f"{name}: {key} can't be told: {error}.", place(name, written.at)))
    return found


def _as_typed(value: Any, key: str, source: ModuleFolder, nothing: Frame) -> Any:
    block = source.variables.get(key)
    written = block.body.attributes.get("type") if block else None
    if not isinstance(value, str) or written is None or getattr(written.expression, "name", "") in ("string", ""):
        return value
    attribute = parse(f"_ = {value}\n".encode()).body.attributes.get("_")
    if attribute is None:
        return value
    if isinstance(attribute.expression, Literal):
        return attribute.expression.value
    try:
        return evaluate(attribute.expression, nothing)
    except EvaluationError:
        return value
