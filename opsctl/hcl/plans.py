"""A plan as a configuration: what `terraform show -json PLAN` knows, joined with the HCL that it was made from.

What the plan doesn't know comes from evaluating the HCL; without the HCL from what the plan's own `configuration` says
of an expression. What stays unknown is an `Unknown` or a symbol, never missing. Attributes that nobody wrote and that
the provider makes (`id`, `arn`, …) are missing, as they are in HCL.
Source: Terraform's "JSON Output Format", format 1.x. Cost: linear in the file; the largest parts (planned values, what
was before) are dropped while they are read.
"""

from __future__ import annotations

import json
import re
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from opsctl.errors import UsageError
from opsctl.findings import Place
from opsctl.hcl.configuration import Configuration, Problem, Resource
from opsctl.hcl.symbols import OPEN, Unknown, symbol, symbols_in

FORMAT = 1
POLICY = re.compile(r"\]\.(?:policy|policy_document)$")
LARGEST_BYTES = 512 * 1024 * 1024
_SPACE = re.compile(r"[ \t\n\r]*")
_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]')
_ANY_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\]')


class PlanUnreadable(UsageError):
    """The file is no plan that we read."""


def read_plan(file: Path, *, source: Path | None = None) -> Configuration:
    """What a plan says.

    Args:
        file: the output of `terraform show -json PLAN`.
        source: the folder of its root module; fills what the plan doesn't know, and gives every resource its lines.

    Raises:
        PlanUnreadable: no JSON, cut off, a state, a saved (binary) plan, or of another major format.
        UsageError: no such folder.
    """
    own = _understood(file, _text(file))
    if source is None:
        return own
    return _joined(own, source)


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass
class _Plan:
    """What is kept of the file.

    Attributes:
        resources: as the plan knows them.
        computed: addresses of resources → attributes that are unknown and that the configuration doesn't write.
    """

    file: str
    resources: list[Resource] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    changes: list[tuple[Resource, Any]] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            start = opened.read(4)
            if start.startswith(b"PK"):
                raise PlanUnreadable(
                    "This is a saved plan, not its JSON.", where=str(file),
                    next=f"terraform show -json {file.name} > plan.json, and check that.",
                )  # fmt: skip
            opened.seek(0, 2)
            if opened.tell() > LARGEST_BYTES:
                raise PlanUnreadable(f"This has more than {LARGEST_BYTES >> 20} MiB.", where=str(file))
            opened.seek(0)
            return opened.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanUnreadable(f"This is not UTF-8 text: {error.reason}.", where=str(file)) from error
    except OSError as error:
        raise PlanUnreadable(f"This can't be read: {error.strerror}.", where=str(file)) from error


def _understood(file: Path, text: str) -> Configuration:
    try:
        return _own(_Reader(text, str(file)).plan())
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg
        what = "This plan is cut off" if cut else "This is not JSON"
        raise PlanUnreadable(
            f"{what}: {error.msg} (line {error.lineno}, column {error.colno}).", where=str(file),
            next="Make it again: terraform show -json PLAN > plan.json",
        ) from error  # fmt: skip
    except RecursionError as error:
        raise PlanUnreadable("This is nested too deeply to be a plan.", where=str(file)) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PlanUnreadable(
            f"This plan isn't built as Terraform builds them ({type(error).__name__}: {error}).", where=str(file),
            next="Make it again: terraform show -json PLAN > plan.json",
        ) from error  # fmt: skip


class _Reader:
    """Reads the outermost object member by member, and the changes one by one, so that little is held at once."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.decode = text, json.JSONDecoder().raw_decode
        self.made = _Plan(file)

    def plan(self) -> _Plan:
        made, seen = self.made, set()
        if self.text[self._skip(0) : self._skip(0) + 1] != "{":
            json.loads(self.text)
            raise PlanUnreadable("This is JSON, but no object: not a plan.", where=made.file)
        position = self._after(0, "{")
        if self.text[position : position + 1] == "}":
            raise PlanUnreadable("This is an empty object, not a plan.", where=made.file)
        while True:
            key, position = self.decode(self.text, self._skip(position))
            position = self._after(self._skip(position), ":")
            if key == "resource_changes" and self.text[position : position + 1] == "[":
                seen.add(key)
                position = self._changes(position)
            else:
                value, position = self.decode(self.text, position)
                if value is not None:
                    seen.add(key)
                    self._member(key, value)
                del value
            position = self._skip(position)
            if self.text[position : position + 1] == "}":
                break
            position = self._after(position, ",")
        if self._skip(position + 1) != len(self.text):
            raise json.JSONDecodeError("Extra data", self.text, position + 1)
        self._must_be_a_plan(seen)
        return made

    def _must_be_a_plan(self, seen: set[str]) -> None:
        where = self.made.file
        if "serial" in seen and "lineage" in seen:
            raise PlanUnreadable("This is a state file, not a plan.", where=where, next="terraform show -json PLAN")
        if "format_version" not in seen:
            raise PlanUnreadable("This has no format_version: it isn't the JSON of a plan.", where=where)
        if not seen & {"resource_changes", "planned_values"}:
            what = "This is a state (terraform show -json without a plan)" if "values" in seen else "This holds no plan"
            raise PlanUnreadable(f"{what}.", where=where, next="terraform show -json PLAN > plan.json")

    def _member(self, key: str, value: Any) -> None:
        made = self.made
        if key == "format_version":
            major = str(value).partition(".")[0]
            if major != str(FORMAT):
                raise PlanUnreadable(
                    f"This plan has format {value}; format {FORMAT}.x is read.", where=made.file,
                    next="Use Terraform 1.0 or later to make it, or a newer opsctl.",
                )  # fmt: skip
        elif key == "configuration":
            made.configuration = value
        elif key == "variables":
            made.variables = {name: each.get("value") for name, each in value.items()}
        elif key == "prior_state":
            values = value.get("values") or {}
            made.resources.extend(_data_sources(values.get("root_module") or {}, ""))
        elif key == "errored" and value:
            made.problems.append(
                Problem("The plan ended with an error: what follows it is missing.", Place(made.file), severe=True)
            )

    def _changes(self, position: int) -> int:
        position = self._skip(position + 1)
        if self.text[position : position + 1] == "]":
            return position + 1
        while True:
            change, position = self.decode(self.text, position)
            resource = _resource(change)
            if resource is not None:
                self.made.changes.append((resource, change["change"].get("after_unknown")))
                if before := change.get("previous_address"):
                    self.made.moved[resource.address] = before
            position = self._skip(position)
            if self.text[position : position + 1] == "]":
                return position + 1
            position = self._after(position, ",")

    def _skip(self, position: int) -> int:
        found = _SPACE.match(self.text, position)
        return found.end() if found else position

    def _after(self, position: int, sign: str) -> int:
        """The position after a sign that must be there, and after the space that follows it."""
        position = self._skip(position)
        if self.text[position : position + 1] != sign:
            raise json.JSONDecodeError(f"Expecting '{sign}'", self.text, position)
        return self._skip(position + 1)


def _data_sources(module: Mapping[str, Any], address: str) -> Iterator[Resource]:
    """What the plan's refresh has read: their values are known."""
    for each in module.get("resources", ()):
        if each.get("mode") == "data":
            yield Resource(
                each["address"], "data", each["type"], each["name"], each.get("values") or {}, module=address
            )
    for child in module.get("child_modules", ()):
        yield from _data_sources(child, child.get("address", ""))


def _resource(change: Mapping[str, Any]) -> Resource | None:
    what = change["change"]
    actions: Sequence[str] = what.get("actions") or ("no-op",)
    action = "replace" if len(actions) > 1 else actions[0]
    values = what.get("before") if action in ("delete", "forget") else what.get("after")
    if change.get("deposed") or action == "forget":
        return None  # it isn't the resource that will be there
    values = {sys.intern(name): value for name, value in (values or {}).items()}
    return Resource(
        change["address"], change.get("mode", "managed"), sys.intern(change["type"]), change["name"], values,
        module=change.get("module_address", ""), action=action,
    )  # fmt: skip


# --- what the plan alone knows ----------------------------------------------------------------------------------------


def _own(plan: _Plan) -> Configuration:
    """The plan's resources: known values, and for each unknown one what its expression refers to."""
    written = _Written(plan.configuration)
    references: dict[str, tuple[str, ...]] = {}
    unknown: list[str] = []
    by_address = {each.address: each for each in plan.resources}
    for resource, after_unknown in plan.changes:
        made, holes = _filled(resource, after_unknown, written, references)
        unknown.extend(holes)
        by_address[made.address] = made
    plan.changes.clear()
    resources = tuple(by_address.values())
    providers = {
        key: {name: _constant(each) for name, each in (value.get("expressions") or {}).items()}
        for key, value in (plan.configuration.get("provider_config") or {}).items()
    }
    return Configuration(
        resources, tuple(plan.problems), variables=plan.variables, from_plan=True, references=references,
        providers=_with_variables(providers, plan), moved=plan.moved, unknown_in_plan=frozenset(unknown),
    )  # fmt: skip


def _constant(expression: Any) -> Any:
    """A block or an attribute of the configuration, as far as it is constant."""
    if isinstance(expression, list):
        return [_constant(each) for each in expression]
    if isinstance(expression, Mapping):
        if "constant_value" in expression:
            return expression["constant_value"]
        if "references" in expression:
            named = expression["references"]
            return Unknown(named[0] if named else "")
        return {name: _constant(each) for name, each in expression.items()}
    return expression


def _with_variables(providers: dict[str, Any], plan: _Plan) -> dict[str, Any]:
    def known(value: Any) -> Any:
        if isinstance(value, Unknown) and value.reference.startswith("var."):
            return plan.variables.get(value.reference[4:], value)
        return value

    return {key: {name: known(each) for name, each in values.items()} for key, values in providers.items()}


class _Written:
    """The plan's `configuration`: what each resource's expressions say, found by address without keys."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self.resources: dict[str, Mapping[str, Any]] = {}
        self.calls: dict[str, Mapping[str, Any]] = {}
        self.outputs: dict[str, Mapping[str, Any]] = {}
        self._take(configuration.get("root_module") or {}, "")

    def _take(self, module: Mapping[str, Any], prefix: str) -> None:
        for each in module.get("resources", ()):
            self.resources[prefix + each["address"]] = each
        for name, output in (module.get("outputs") or {}).items():
            self.outputs[f"{prefix}output.{name}"] = output.get("expression") or {}
        for name, call in (module.get("module_calls") or {}).items():
            inner = f"{prefix}module.{name}."
            self.calls[inner] = call.get("expressions") or {}
            self._take(call.get("module") or {}, inner)

    def expressions(self, address: str) -> Mapping[str, Any] | None:
        """Of a resource; None where the configuration doesn't have it (it is deleted)."""
        found = self.resources.get(_KEY.sub("", address))
        return None if found is None else found.get("expressions") or {}

    def referents(self, expression: Any, module: str, depth: int = 0) -> tuple[str, ...]:
        """The resource attributes that an expression names, through module inputs and outputs, each once.

        Args:
            module: address of the module that it stands in, with keys, "" or ending with ".".
        """
        if not isinstance(expression, Mapping) or depth > 20:
            return ()
        if "references" not in expression:
            inner = [each for name, each in expression.items() if name != "constant_value"]
            return tuple(dict.fromkeys(found for each in inner for found in self.referents(each, module, depth)))
        found: dict[str, None] = {}
        named = expression["references"]
        for reference in named:
            if any(other != reference and other.startswith((reference + ".", reference + "[")) for other in named):
                continue  # Terraform lists a.b.c and then a.b
            for each in self._referent(reference, module, depth):
                found[each] = None
        return tuple(found)

    def _referent(self, reference: str, module: str, depth: int) -> Iterator[str]:
        head, _, rest = reference.partition(".")
        bare = _KEY.sub("", module)
        if head == "var":
            name = re.split(r"[.\[]", rest, maxsplit=1)[0]
            outer = re.sub(r'module\.[\w-]+(\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?\.$', "", module)
            yield from self.referents(self.calls.get(bare, {}).get(name), outer, depth + 1)
        elif head == "module":
            called = re.match(r'([\w-]+(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?)(?:\.([\w-]+))?', rest)
            if called and called[2]:
                inner = f"{module}module.{called[1]}."
                yield from self.referents(
                    self.outputs.get(f"{_KEY.sub('', inner)}output.{called[2]}"), inner, depth + 1
                )
        elif head not in ("each", "count", "local", "path", "terraform", "self") or head == "local":
            yield module + reference


def _filled(
    resource: Resource, after_unknown: Any, written: _Written, references: dict[str, tuple[str, ...]]
) -> tuple[Resource, list[str]]:
    """A resource whose unknown attributes became symbols, and where a whole attribute or policy isn't known."""
    if not isinstance(after_unknown, Mapping) or resource.action == "delete":
        return resource, []
    expressions = written.expressions(resource.address)
    module = f"{resource.module}." if resource.module else ""
    values, holes = dict(resource.values), []
    for name, unknown in after_unknown.items():
        if not _any_unknown(unknown):
            continue
        expression = (expressions or {}).get(name)
        if expressions is not None and expression is None and unknown is True:
            continue  # nobody wrote it: the provider makes it
        at = f"{resource.address}.{name}"
        named = written.referents(expression, module) if isinstance(expression, Mapping) else ()
        if named:
            references[at] = named
        if unknown is True:
            holes.append(at)
            values[name] = _stand_in(at, named, expression or {})
        else:
            values[name] = _marked(
                values.get(name), unknown, at, expression, lambda it: written.referents(it, module), holes
            )
    return replace(resource, values=values), holes


IDENTITIES = re.compile(
    r"(?:^|_)(?:arns?|id|ids|role|user|group|bucket|queue_url|key|function_name|users|roles|groups|target|source"
    r"|layers|iam_instance_profile|rule|repository|(?<=role_)name|(?<=group_)name|(?<=user_)name)$"
)
"""Attributes whose whole value is another resource's name, id or ARN: one reference in their expression is their value.
Not told from `"${aws_s3_bucket.a.id}-logs"`, which a plan doesn't show: with the HCL it is."""
_RESOURCE = re.compile(
    rf"(?:module\.[\w-]+(?:{_KEY.pattern})?\.)*(?:data\.)?aws_\w+\.[\w-]+(?:{_KEY.pattern})?(\.[\w.\[\]]+)?"
)
_LEAF = re.compile(r"([\w-]+)(?:\[\d+\])*$")
_OWN_KEY = re.compile(rf"({_KEY.pattern})\.[^\"]*$")


def _stand_in(at: str, named: Sequence[str], expression: Any) -> Any:
    """What an unknown attribute is called: the attribute that it is, where one is all that its expression names."""
    leaf = _LEAF.search(at)
    found = _RESOURCE.fullmatch(named[0]) if len(named) == 1 else None
    if not found or not leaf or not IDENTITIES.search(leaf[1]):
        return symbol(at)
    if found[1]:
        return symbol(named[0])
    keyed = any(each in ("each.key", "count.index") for each in expression.get("references", ()))
    key = _OWN_KEY.search(at) if keyed else None
    return symbol(f"{named[0]}{key[1]}.{'arn' if leaf[1].endswith(('arn', 'arns')) else 'id'}") if key else symbol(at)


def _any_unknown(unknown: Any) -> bool:
    if isinstance(unknown, Mapping):
        return any(map(_any_unknown, unknown.values()))
    if isinstance(unknown, list):
        return any(map(_any_unknown, unknown))
    return bool(unknown)


def _marked(
    value: Any, unknown: Any, at: str, expression: Any, referents: Callable[[Any], tuple[str, ...]], holes: list[str],
) -> Any:  # fmt: skip
    """A value of which parts aren't known, with symbols for those."""
    if unknown is True:
        if POLICY.search(at):
            holes.append(at)
        return _stand_in(at, referents(expression), expression if isinstance(expression, Mapping) else {})
    if isinstance(unknown, Mapping):
        known = dict(value) if isinstance(value, Mapping) else {}
        inner = expression if isinstance(expression, Mapping) and "references" not in expression else {}
        for name, each in unknown.items():
            if name in known or each is True or _any_unknown(each):
                if not _any_unknown(each):
                    continue
                written = inner.get(name)
                if each is True and inner and written is None and known.get(name) is None:
                    continue  # computed inside a block
                known[name] = _marked(known.get(name), each, f"{at}.{name}", written or expression, referents, holes)
        return known
    if isinstance(unknown, list):
        items = list(value) if isinstance(value, list) else []
        items += [None] * (len(unknown) - len(items))
        several = isinstance(expression, list) and len(expression) == len(unknown)
        return [
            _marked(items[number], each, f"{at}[{number}]", expression[number] if several else _only(expression),
                    referents, holes) if _any_unknown(each) else items[number]
            for number, each in enumerate(unknown)
        ] + items[len(unknown) :]  # fmt: skip
    return value


def _only(expression: Any) -> Any:
    """The expression behind each element: that of the list, or of the one block that is written."""
    return expression[0] if isinstance(expression, list) and len(expression) == 1 else expression


# --- the plan joined with its HCL -------------------------------------------------------------------------------------


def _joined(own: Configuration, source: Path) -> Configuration:
    """The plan's instances with what the HCL says of each: where the plan knows a value, the plan's stands."""
    from opsctl.hcl.reading import read_folder

    hcl = read_folder(source, variables=own.variables, known=_known(own))
    exact = {each.address: each for each in hcl.resources}
    kinds = {_without_keys(each.address): each for each in hcl.resources if each.count_unknown}
    joined, missing, unknown = [], [], own.unknown_in_plan
    for resource in own.resources:
        written = exact.get(resource.address) or kinds.get(_without_keys(resource.address))
        if written is not None:
            resource = _with_hcl(resource, written)
        elif resource.mode == "managed" and resource.action != "delete":
            missing.append(resource.address)
        joined.append(resource)
    planned = {each.address for each in own.resources}
    planned |= {_without_keys(address) for address in planned}
    extra = [
        each for each in hcl.resources
        if each.address not in planned and not (each.count_unknown and _without_keys(each.address) in planned)
    ]  # fmt: skip
    joined += [each for each in extra if each.mode == "data"]
    unplanned = [each.address for each in extra if each.mode == "managed" and not each.count_unknown]
    known = {f"{each.address}.{name}" for each in own.resources for name in each.values} - unknown
    return replace(
        hcl, resources=tuple(joined), from_plan=True, variables={**hcl.variables, **own.variables},
        problems=(
            *own.problems, *_mismatches(missing, unplanned, len(planned), source),
            *(each for each in hcl.problems if f"{each.resource}.{each.attribute}" not in known),
        ),
        references=ChainMap({}, cast(Any, hcl.references), cast(Any, own.references)),
        providers={**own.providers, **hcl.providers}, moved={**hcl.moved, **own.moved}, unknown_in_plan=unknown,
    )  # fmt: skip


def _known(own: Configuration) -> dict[str, Mapping[str, Any]]:
    """What a plan knows of each resource and data source, without what it doesn't."""
    return {
        each.address: {name: value for name, value in each.values.items() if not _holds_unknown(value)}
        for each in own.resources
        if each.action != "delete"
    }


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, str):
        return OPEN in value
    if isinstance(value, Mapping):
        return any(map(_holds_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_holds_unknown, value))
    return isinstance(value, Unknown)


def _with_hcl(planned: Resource, written: Resource) -> Resource:
    values = dict(planned.values)
    for name, value in written.values.items():
        if name not in values or (_holds_unknown(values[name]) and not _says_nothing(value)):
            values[name] = value
    return replace(planned, values=values, place=written.place, places=written.places)


def _says_nothing(value: Any) -> bool:
    """Whether an evaluation found no more than that there is a value."""
    return value is None or (isinstance(value, Unknown) and not value.options and not symbols_in(value.reference))


def _mismatches(
    missing: Sequence[str], unplanned: Sequence[str], planned: int, source: Path
) -> Iterator[Problem]:  # fmt: skip
    if missing:
        yield Problem(
            f"{len(missing)} of the plan's resources aren't in {source} ({_some(missing)}): "
            "the plan was made from other HCL, or a module isn't there.",
            Place(str(source)), severe=True,
        )  # fmt: skip
    if unplanned:
        yield Problem(
            f"{len(unplanned)} resources of {source} aren't in the plan ({_some(unplanned)}): "
            "it was made from other HCL, or with -target.",
            Place(str(source)), severe=True,
        )  # fmt: skip


def _some(addresses: Sequence[str]) -> str:
    return ", ".join(sorted(addresses)[:3]) + (", …" if len(addresses) > 3 else "")


def _without_keys(address: str) -> str:
    return _ANY_KEY.sub("", address) if "[" in address else address
