"""Read a function's code: which calls to AWS it makes, and what can't be told.

folder, file or zip, handler → modules (`sources`) → interpretation (`interpreting`) → `Reading`. Nothing is imported
or run.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from opsctl.findings import Place
from opsctl.iam.code.calls import Alternatives, Call, CannotTell, Reading
from opsctl.iam.code.interpreting import Arguments, Interpreter
from opsctl.iam.code.sources import sources
from opsctl.iam.code.values import OPAQUE, Class, Constant, Function, Heap, Value

USUAL_HANDLERS = ("handler", "lambda_handler", "main")


def read_code(
    code: str, handler: str = "", *, layers: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Reading:
    """What code does to AWS.

    Args:
        code: a folder, a zip or one .py file.
        handler: as Lambda writes it ("app.handler", "src/app.handler"). Empty: functions of the usual names, or, where
            there are none, all that is there, also what is done only where a file is run as a program.
        layers: folders that are on Python's path besides.
        environment: the function's variables; None: not known, then they stand as ⟦env.NAME⟧.
    """
    try:
        found = sources(code, layers)
    except (OSError, zipfile.BadZipFile) as error:
        return Reading(cannot_tell=(CannotTell(f"{code} can't be read: {error}", Place(code)),))
    run = Interpreter(found, environment, imported=bool(handler))
    module, _, name = handler.replace("/", ".").strip(".").rpartition(".")
    missing: list[str] = []

    def roots() -> None:
        missing.clear()
        if handler:
            scope = run.load(module)
            if scope is None or name not in scope.names:
                missing.append(f"{handler} isn't in {code}")
                _everything(run, found_names)
                return
            _start(run, scope.names[name], scope)
            return
        _everything(run, found_names)

    found_names = list(found.names()) if code and not code.endswith(".py") else [code.rpartition("/")[2][:-3]]
    run.settle(roots)
    calls = _calls(run)
    cannot = [CannotTell(why, place, may) for (place, why), may in run.unknown.items()]
    cannot += [CannotTell(why, Place(code)) for why in missing]
    reached = set(run.entered)
    dead = _dead(run, reached, {(call.place, call.operation) for call in calls}) if handler and not missing else ()
    return Reading(calls, tuple(sorted(cannot)), dead, len(run.files), run.expects_missing)


def _start(run: Interpreter, value: Value, scope: Any) -> None:
    run.escape(value, _NOWHERE, scope)
    for atom in value:
        if isinstance(atom, Class | Heap):
            run.call(frozenset({atom}), Arguments([OPAQUE, OPAQUE]), _NOWHERE, scope)


class _Nowhere:
    lineno = 0
    col_offset = -1
    end_lineno = 0


_NOWHERE: Any = _Nowhere()


def _everything(run: Interpreter, names: Sequence[str]) -> None:
    """All entry points that the modules have by their usual names; without any, every function."""
    scopes = [scope for name in names if (scope := run.load(name)) is not None]
    usual = [(scope, scope.names[name]) for scope in scopes for name in USUAL_HANDLERS if name in scope.names]
    if usual:
        for scope, value in usual:
            _start(run, value, scope)
        return
    for scope in scopes:
        for value in list(scope.names.values()):
            for atom in value:
                if isinstance(atom, Function) and atom.node.module == scope.module:
                    run.escape(frozenset({atom}), _NOWHERE, scope)
                elif isinstance(atom, Class) and atom.node.module == scope.module:
                    for made in run.call(frozenset({atom}), run_guess(run, atom), _NOWHERE, scope):
                        if isinstance(made, Heap):
                            run._all_methods(made, _NOWHERE, scope)


def run_guess(run: Interpreter, of: Class) -> Arguments:
    start = next((each for each in of.scope.names.get("__init__", ()) if isinstance(each, Function)), None)
    if start is None:
        return Arguments()
    bound = Function(start.node, start.scope, OPAQUE)
    return run._guessed(bound, ())


def _calls(run: Interpreter) -> tuple[Call, ...]:
    made = [
        Call(
            service,
            operation,
            place,
            {name: plain(value) for name, value in site.arguments.items()},
            site.open,
            through,
            optional,
        )
        for (place, service, operation, through, optional), site in run.sites.items()
    ]
    return tuple(sorted(made, key=lambda call: (call.place, call.service, call.operation, call.through)))


def _dead(run: Interpreter, reached: set[Any], known: set[tuple[Place, str]]) -> tuple[Call, ...]:
    """Calls in functions that nothing leads to: run as if somebody called them."""
    run.sites.clear()
    run.unknown.clear()
    for node, function in list(run.defined.items()):
        if node not in reached and not function.scope.class_body:
            run.escape(frozenset({function}), node.it, function.scope)
    for scope in list(run.modules.values()):
        for value in list(scope.names.values()):
            for atom in value:
                if isinstance(atom, Class) and atom.node.module == scope.module:
                    unused = [
                        each for inner in atom.scope.names.values() for each in inner
                        if isinstance(each, Function) and each.node not in reached
                    ]  # fmt: skip
                    instances = list(run.instances.get(atom.node, ()))
                    for function in unused:
                        this = frozenset(instances) or OPAQUE
                        run.escape(frozenset({Function(function.node, function.scope, this)}), function.node.it, scope)
    return tuple(call for call in _calls(run) if (call.place, call.operation) not in known)


def plain(value: Value, depth: int = 0) -> Alternatives:
    """A value as data: its alternatives; None is one that isn't known."""
    found: list[Any] = []
    for atom in value:
        match atom:
            case Constant(value=None):
                continue
            case Constant():
                found.append(str(atom.value) if not isinstance(atom.value, str) else atom.value)
            case Heap(kind="dict") if depth < 6:
                made = {key: plain(inner, depth + 1) for key, inner in atom.items.items()}
                found.append(made if not atom.rest else {**made, None: (None,)})
            case Heap(kind="seq") if depth < 6:
                found.append([plain(inner, depth + 1) for inner in (*atom.items.values(), atom.rest) if inner])
            case _:
                found.append(None)
    unique: list[Any] = []
    for each in found:
        if each not in unique:
            unique.append(each)
    return tuple(sorted(unique, key=repr))
