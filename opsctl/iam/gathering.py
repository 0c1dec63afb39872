"""A configuration → everything that decides who may do what: principals, carriers, guarded resources, invocations.

`gather` raises nothing for any configuration: what can't be read is in `Estate.not_analysed`, and an attribute that
looks like a policy and that no table knows is in `Estate.loose`. A policy that nobody here holds, and a policy document
that nothing reads, are those of an anonymous principal. Cost: linear in resources, attachments and statements.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from opsctl.findings import Place
from opsctl.hcl.configuration import Configuration, Resource
from opsctl.hcl.symbols import CLOSE, OPEN, Unknown, symbol, symbols_in
from opsctl.iam import managed
from opsctl.iam.arns import Surroundings, parted, without_keys
from opsctl.iam.code_folders import CodeFolders
from opsctl.iam.estate import Carrier, Estate, Guarded, Invocation, NotAnalysed, Policy, Principal
from opsctl.iam.policy import Condition, Document, Statement
from opsctl.iam.policy import Principal as Named
from opsctl.iam.policy_sources import POLICY_DOCUMENT, Source, Sources, looks_like_a_policy
from opsctl.iam.terraform_types import (
    ALSO_GUARDED,
    CARRIERS,
    FAILURES,
    GUARDS,
    IDENTITY_ELSEWHERE,
    INVOCATIONS,
    JSON_CONTAINERS,
    KEYS,
    NOT_IAM,
    SCHEDULING,
)  # fmt: skip

Kind = Literal["role", "user", "group"]
KINDS: tuple[Kind, ...] = ("role", "user", "group")
INLINE = {f"aws_iam_{kind}_policy": kind for kind in KINDS}
ATTACHED = {
    **{f"aws_iam_{kind}_policy_attachment": (kind, kind, "policy_arn") for kind in KINDS},
    **{f"aws_iam_{kind}_policy_attachments_exclusive": (kind, f"{kind}_name", "policy_arns") for kind in KINDS},
}
POLICY_LIKE = re.compile(r"(?:^|_)(?:policy|policies|policy_document|policy_json|access_policies|resource_policy)$")
MOST_TWINS = 16  # principals or policies of one name that are told apart by nothing
CONTAINERS = (
    "aws_batch_job_definition",
    "aws_ecs_task_definition",
)  # code is the job's; images are pulled as another role
NAMES = (
    "name", "function_name", "bucket", "identifier", "cluster_identifier", "family", "repository_name", "domain_name",
    "alias",
)  # fmt: skip
ONLY_LIMITS = (  # service control policies and session policies: they allow nothing by themselves
    "aws_organizations_policy", "aws_rolesanywhere_profile", "aws_transfer_user", "aws_transfer_access",
)  # fmt: skip
BLOCKED = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def gather(configuration: Configuration) -> Estate:
    """Everything that decides who may do what in a configuration (HCL, a plan, or both)."""
    return _Gathering(configuration).estate()


@dataclass
class _Person:
    """A principal while its policies are being found."""

    kind: Kind
    name: str
    arn: str
    resource: Resource | None
    policies: list[Policy] = field(default_factory=list)
    boundary: Policy | None = None
    trust: Document | None = None
    groups: list[str] = field(default_factory=list)


class _Gathering:
    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.around = Surroundings.of(configuration)
        self.sources = Sources(self.around, configuration.references)
        self.by_type: dict[str, list[Resource]] = {}
        for resource in configuration.resources:
            if resource.mode == "managed" and resource.action != "delete":
                self.by_type.setdefault(resource.type, []).append(resource)
        self.holes: list[NotAnalysed] = []
        self.loose: list[Policy] = []
        self.taken: set[tuple[str, str]] = set()
        self.read: set[str] = set()
        self.torn: set[str] = set()
        self.people: dict[tuple[str, str], list[_Person]] = {}
        self.by_address: dict[str, _Person] = {}
        self.managed_at: dict[str, tuple[Policy, ...]] = {}
        self.managed: dict[str, tuple[Policy, ...]] = {}
        self.attached: set[str] = set()  # addresses of managed policies
        self.nobodys: list[Principal] = []  # who is outside of this configuration, or held by nobody yet

    def of_type(self, *types: str) -> Iterator[Resource]:
        for type_ in types:
            yield from self.by_type.get(type_, ())

    def estate(self) -> Estate:
        self._managed_policies()
        self._principals()
        carriers = tuple(self._carriers())
        guarded = tuple(self._guarded())
        invocations = tuple(self._invocations())
        self._elsewhere()
        self._untaken()
        self._problems()
        made = Estate(
            tuple(_finished(each) for twins in self.people.values() for each in twins), carriers, guarded, invocations,
            tuple(dict.fromkeys(self.holes)), tuple(self.loose),
            self.around.partition, self.around.account, self.around.region, aliases=self._aliases(),
            profiled=frozenset(self._profiles().values()),
        )  # fmt: skip
        made = replace(made, principals=(*made.principals, *self.nobodys, *self._unattached(made)))
        unread = self._unread(made)
        made = replace(
            made, principals=(*made.principals, *(_nobody(each) for each in unread if _is_identity(each))),
            loose=(*made.loose, *(each for each in unread if not _is_identity(each))),
            not_analysed=tuple(dict.fromkeys(self.holes)),
        )  # fmt: skip
        return replace(made, analysed=self._counts(made))

    def _problems(self) -> None:
        """What reading the configuration could not tell, as far as it may hide a policy."""
        noted = {(hole.address, hole.attribute) for hole in self.holes}
        for problem in self.configuration.problems:
            attribute = _top(problem.attribute)
            if (problem.severe or _is_policy_like(attribute)) and (problem.resource, problem.attribute) not in noted:
                self.holes.append(NotAnalysed(problem.what, problem.resource, problem.attribute, problem.place))

    def _counts(self, made: Estate) -> dict[str, int | float | str]:
        documents = [document for _, document in made.documents()]
        unknown = {
            at for at in self.configuration.unknown_in_plan if at in self.read or at in self.torn
        }  # fmt: skip
        return {
            "resources": len(self.configuration.resources),
            "principals": len(made.principals),
            "documents": len(documents),
            "statements": sum(len(document.statements) for document in documents),
            "unknown_in_plan": len(unknown),
            "recovered": len(unknown - self.torn),
            "not_analysed": len(made.not_analysed),
        }

    # --- documents ----------------------------------------------------------------------------------------------------

    def documents(self, resource: Resource, attribute: str, value: Any, name: str, arn: str = "") -> tuple[Policy, ...]:
        """The policies that an attribute holds; what can't be read of them is noted."""
        top = _top(attribute)
        self.taken.add((resource.address, top))
        found = []
        for source in self.sources.read(resource, attribute, value):
            self._note(resource, attribute, source)
            called = f"{name} ({source.condition})" if source.condition else name
            found.append(Policy(called, source.document, resource.address, arn, resource.place_of(attribute)))
        if found:
            self.read |= {f"{resource.address}.{top}", f"{resource.address}.{attribute}"}
        return tuple(found)

    def _note(self, resource: Resource, attribute: str, source: Source) -> None:
        place = resource.place_of(attribute)
        for hole in source.holes:
            self.torn |= {f"{resource.address}.{attribute}", f"{resource.address}.{_top(attribute)}"}
            what = f"{attribute} of {resource.address}: {hole}"
            self.holes.append(NotAnalysed(what, resource.address, attribute, place))

    def text(self, resource: Resource, path: str) -> str:
        """An attribute as one text with shaped ARNs; "" where it isn't there."""
        return next(iter(self.texts(resource, path)), "")

    def texts(self, resource: Resource, path: str) -> list[str]:
        """Every text at a path through nested blocks."""
        return [self.around.expand(text) for text in _texts_at(resource.values, path)]

    # --- principals ---------------------------------------------------------------------------------------------------

    def _managed_policies(self) -> None:
        for resource in self.of_type("aws_iam_policy"):
            arn = self.around.attribute(resource.address, resource.type, "arn")
            name = self.around.attribute(resource.address, resource.type, "name")
            made = self.documents(resource, "policy", resource.get("policy"), name, arn)
            self.managed_at[resource.address] = made
            self.managed[arn] = (
                self.managed.get(arn, ()) + made if len(self.managed.get(arn, ())) < MOST_TWINS else made
            )

    def policies_of_arn(self, arn: str, holder: Resource, attribute: str) -> tuple[Policy, ...]:
        """What an attached ARN stands for: a policy of this configuration, AWS's own, or one that nobody can read."""
        if arn in self.managed:
            return self.managed[arn] or (Policy(arn.rpartition("/")[2], None, holder.address, arn),)
        place = holder.place_of(attribute)
        if managed.is_managed(arn):
            document = managed.document_of(arn)
            if document is not None:
                return (Policy(arn.rpartition("/")[2], document, holder.address, arn, place),)
            what = f"{arn} is AWS's, and is not among the policies that were known on {managed.date()}"
        else:
            what = f"{arn} is attached, and its document is not in this configuration"
        self.holes.append(NotAnalysed(what, holder.address, attribute, place))
        return (Policy(arn.rpartition("/")[2] if OPEN not in arn else arn, None, holder.address, arn, place),)

    def named(self, kind: Kind, name: str) -> list[_Person]:
        """The principals of a name, path or ARN: several where accounts differ; one that isn't here is made up."""
        short = name.rpartition("/")[2] if name.startswith("arn:") else name
        twins = self.people.get((kind, short))
        if twins is None:
            arn = name if name.startswith("arn:") else f"{self._iam}:{kind}/{short}"
            twins = self.people[kind, short] = [_Person(kind, short, arn, None)]
        return twins

    @property
    def _iam(self) -> str:
        return f"arn:{self.around.partition}:iam::{self.around.account}"

    def _principals(self) -> None:
        for kind in KINDS:
            for resource in self.of_type(f"aws_iam_{kind}"):
                self._principal(kind, resource)
        for type_, kind in INLINE.items():
            for resource in self.of_type(type_):
                name = self.text(resource, "name") or resource.name
                policies = self.documents(resource, "policy", resource.get("policy"), name)
                for holder in self._holders(resource, kind, kind):
                    holder.policies += policies
        for type_, (kind, holder_attribute, attribute) in ATTACHED.items():
            for resource in self.of_type(type_):
                self._attached(resource, kind, holder_attribute, attribute)
        for resource in self.of_type("aws_iam_policy_attachment"):
            for kind in KINDS:
                self._attached(resource, kind, f"{kind}s", "policy_arn")
        for resource in self.of_type("aws_iam_user_group_membership"):
            for user in self._holders(resource, "user", "user"):
                user.groups += self.texts(resource, "groups")
        for resource in self.of_type("aws_iam_group_membership"):
            for user in self._holders(resource, "users", "user"):
                user.groups.append(self.text(resource, "group"))
        for member in [each for twins in self.people.values() for each in twins if each.kind == "user"]:
            for name in dict.fromkeys(member.groups):
                member.policies += [policy for group in self.named("group", name) for policy in group.policies]

    def _holders(self, resource: Resource, attribute: str, kind: Kind) -> list[_Person]:
        """The principals that an attribute names: by the resource that it refers to, else by name."""
        found: list[_Person] = []
        for raw in _texts_at(resource.values, attribute):
            named = self.by_address.get(_address_of(raw))
            found += [named] if named else self.named(kind, self.around.expand(raw))[:MOST_TWINS]
        if not found and resource.get(attribute) not in (None, [], ""):
            self._hole(resource, attribute, "whom it is attached to isn't known before an apply")
        return found

    def _hole(self, resource: Resource, attribute: str, what: str) -> None:
        place = resource.place_of(attribute)
        self.holes.append(NotAnalysed(f"{attribute} of {resource.address}: {what}", resource.address, attribute, place))

    def _principal(self, kind: Kind, resource: Resource) -> None:
        name = self.around.attribute(resource.address, resource.type, "name")
        person = _Person(kind, name, self.around.attribute(resource.address, resource.type, "arn"), resource)
        self.people.setdefault((kind, name), []).append(person)
        self.by_address[resource.address] = person
        trusts = self.documents(resource, "assume_role_policy", resource.get("assume_role_policy"), "trust")
        documents = [each.document for each in trusts if each.document is not None]
        if documents:  # of several that it may be, all statements stand
            person.trust = documents[0] if len(documents) == 1 else replace(
                documents[0], statements=tuple(statement for each in documents for statement in each.statements)
            )  # fmt: skip
        person.policies += self._policies(resource, "managed_policy_arns")
        self._inline(resource, person)
        person.boundary = next(iter(self._policies(resource, "permissions_boundary")), None)

    def _inline(self, resource: Resource, person: _Person) -> None:
        blocks = resource.get("inline_policy")
        if isinstance(blocks, Unknown | str) and not getattr(blocks, "options", ()):
            self.taken.add((resource.address, "inline_policy"))
            self.torn.add(f"{resource.address}.inline_policy")
            self._hole(resource, "inline_policy", "its inline policies aren't known before an apply")
            return
        for number, block in enumerate(_items(blocks)):
            at = f"inline_policy[{number}]"
            if isinstance(block, Mapping):
                name = self.around.expand(str(block.get("name") or f"inline {number + 1}"))
                person.policies += self.documents(resource, f"{at}.policy", block.get("policy"), name)
            else:
                self._hole(resource, at, "this inline policy isn't known before an apply")

    def _attached(self, resource: Resource, kind: Kind, holder_attribute: str, attribute: str) -> None:
        holders = self._holders(resource, holder_attribute, kind)
        if not holders:
            return
        policies = self._policies(resource, attribute)
        if not policies and resource.get(attribute) not in (None, []):
            self._hole(resource, attribute, "which policies it attaches isn't known before an apply")
        for holder in holders:
            held = {id(policy) for policy in holder.policies}
            holder.policies += [policy for policy in policies if id(policy) not in held]

    def _policies(self, resource: Resource, attribute: str) -> list[Policy]:
        """The managed policies that an attribute names: by the resource that it refers to, else by ARN."""
        found: list[Policy] = []
        for raw in _texts_at(resource.values, attribute):
            known = self.managed_at.get(_address_of(raw))
            found += known or self.policies_of_arn(self.around.expand(raw), resource, attribute)
        self.attached |= {policy.address for policy in found}
        return found

    # --- carriers -----------------------------------------------------------------------------------------------------

    def _role_arn(self, named: str) -> str:
        """ARN of a role that is named or already an ARN."""
        if named.startswith("arn:") or not named:
            return named
        twins = self.people.get(("role", named))
        return twins[0].arn if twins else f"arn:{self.around.partition}:iam::{self.around.account}:role/{named}"

    def _profiles(self) -> dict[str, str]:
        """Name and ARN of each instance profile → the ARN of its role."""
        found = {}
        for resource in self.of_type("aws_iam_instance_profile"):
            if role := self.text(resource, "role"):
                for attribute in ("name", "arn"):
                    found[self.around.attribute(resource.address, resource.type, attribute)] = self._role_arn(role)
        for resource in self.configuration.resources:
            if resource.mode == "data" and resource.type == "aws_iam_instance_profile":
                for attribute in ("name", "arn"):
                    role = self.around.attribute(resource.address, resource.type, "role_arn")
                    found.setdefault(self.around.attribute(resource.address, resource.type, attribute), role)
        return found

    def _carriers(self) -> Iterator[Carrier]:
        profiles = self._profiles()
        templates: dict[str, str] = {}
        folders = CodeFolders(self.configuration, self.around)
        settings = self._event_destinations()
        for type_, ways in CARRIERS.items():
            for resource in self.of_type(type_):
                seen: set[tuple[str, str]] = set()
                for way in ways:
                    for named in self.texts(resource, way.path):
                        role = profiles.get(named, "") if way.holds == "profile" else self._role_arn(named)
                        if way.holds == "profile" and not role:
                            self._hole(
                                resource, way.path, f"which role the instance profile {named} has isn't known here"
                            )
                            role = symbol(f"{resource.address}.{way.path}.role")
                        if (role, way.service) in seen or not role:
                            continue
                        seen.add((role, way.service))
                        carrier = self._carrier(resource, role, way.service, way.definition, folders, settings)
                        if "execution" in way.path.lower() and type_ in CONTAINERS:
                            carrier = replace(carrier, code="", settings={**carrier.settings, "execution": ""})
                        if type_ in ("aws_launch_template", "aws_launch_configuration"):
                            for attribute in ("id", "name", "arn"):
                                templates[self.around.attribute(resource.address, type_, attribute)] = role
                        yield carrier
        for resource in self.of_type("aws_autoscaling_group", "aws_instance", "aws_ec2_fleet", "aws_eks_node_group"):
            for path in (
                "launch_template.id", "launch_template.name", "launch_configuration",
                "mixed_instances_policy.launch_template.launch_template_specification.launch_template_id",
                "launch_template_config.launch_template_specification.launch_template_id",
            ):  # fmt: skip
                for named in self.texts(resource, path):
                    if named in templates:
                        yield self._carrier(resource, templates[named], "ec2.amazonaws.com", "", folders, settings)

    def _carrier(
        self, resource: Resource, role: str, service: str, definition: str, folders: CodeFolders,
        destinations: Mapping[str, Mapping[str, str]],
    ) -> Carrier:  # fmt: skip
        kind, arn = resource.type.removeprefix("aws_"), self._arn(resource)
        texts = self.texts(resource, definition) if definition else []
        made = Carrier(
            kind, self._name(resource), arn, role, service, resource.address, handler=self.text(resource, "handler"),
            definition=texts[0] if texts else "", environment=self._environment(resource), place=resource.place,
        )  # fmt: skip
        if resource.type in CONTAINERS:
            return replace(made, code=folders.of(resource))
        if kind != "lambda_function":
            return made
        return replace(
            made, code=folders.of(resource), layers=tuple(self._layers(resource, folders)),
            settings={**self._settings(resource), **destinations.get(arn, {})},
        )  # fmt: skip

    def _layers(self, resource: Resource, folders: CodeFolders) -> Iterator[str]:
        for text in _texts_at(resource.values, "layers"):
            for reference in symbols_in(text):
                parts = parted(reference)
                layer = self.around.resource(parts[0]) if parts else None
                if layer and layer.type == "aws_lambda_layer_version" and (folder := folders.of(layer)):
                    yield folder

    def _settings(self, resource: Resource) -> dict[str, str]:
        """What Lambda does as the function's role besides running its code."""
        group = self.text(resource, "logging_config.log_group") or f"/aws/lambda/{self._name(resource)}"
        found = {"log_group": _arn_of_name(self.around, "aws_cloudwatch_log_group", group)}
        for name, path in (
            ("tracing", "tracing_config.mode"), ("dead_letters", "dead_letter_config.target_arn"),
            ("file_system", "file_system_config.arn"), ("image", "image_uri"),
        ):  # fmt: skip
            if text := self.text(resource, path):
                found[name] = text
        if any(isinstance(block, Mapping) and block.get("subnet_ids") for block in _items(resource.get("vpc_config"))):
            found["network"] = ""
        return found

    def _event_destinations(self) -> dict[str, dict[str, str]]:
        """ARN of a function → where the outcomes of its asynchronous calls go."""
        found: dict[str, dict[str, str]] = {}
        for resource in self.of_type("aws_lambda_function_event_invoke_config"):
            arn, _ = _function_of(self._arn_from(self.text(resource, "function_name"), "aws_lambda_function"))
            for outcome in ("on_success", "on_failure"):
                if target := self.text(resource, f"destination_config.{outcome}.destination"):
                    found.setdefault(arn, {})[outcome] = target
        return found

    def _environment(self, resource: Resource) -> dict[str, str]:
        found = {}
        for block in _items(resource.get("environment")):
            for name, value in _items_of_map(block.get("variables") if isinstance(block, Mapping) else None):
                text = (
                    value if isinstance(value, str) else str(value) if isinstance(value, Unknown | int | float) else ""
                )
                found[str(name)] = self.around.expand(text)
        return found

    def _name(self, resource: Resource) -> str:
        own = resource.type.removeprefix("aws_")
        for attribute in (*NAMES, f"{own}_name"):
            if resource.get(attribute):
                return self.around.attribute(resource.address, resource.type, attribute)
        return resource.address

    def _arn(self, resource: Resource) -> str:
        return self.around.attribute(resource.address, resource.type, "arn")

    # --- guarded ------------------------------------------------------------------------------------------------------

    def _guarded(self) -> Iterator[Guarded]:
        """Everything that has, or may have, a policy or a key of its own, each once: its policies are joined."""
        made: dict[str, Guarded] = {}
        own = {
            *KEYS,
            *ALSO_GUARDED,
            *(type_ for type_, row in GUARDS.items() if not row.guarded),
            "aws_lambda_function",
        }
        own -= {"aws_s3_bucket_server_side_encryption_configuration"}
        keys = self._bucket_keys()
        shut = self._shut()
        for type_ in sorted(own & self.by_type.keys()):
            for resource in self.of_type(type_):
                arn = self._arn(resource)
                key = keys.get(arn) or next(
                    (key for path in KEYS.get(type_, ()) for key in self.texts(resource, path)), ""
                )
                at = arn if arn not in made else f"{arn}\0{resource.address}"  # of another account or region
                made[at] = Guarded(
                    type_.removeprefix("aws_"), self._name(resource), arn, resource.address,
                    customer_key="" if _is_awss_own_key(key) else self._key_arn(key), shut=arn in shut,
                    place=resource.place,
                )  # fmt: skip
                if row := GUARDS.get(type_):
                    self._guard(made, at, made[at], resource, row.policy)
        for type_, row in GUARDS.items():
            for resource in self.of_type(type_) if row.guarded else ():
                what = self._what(made, resource, row.guarded, row.kind, shut)
                self._guard(made, what.arn, what, resource, row.policy)
        self._permissions(made)
        yield from made.values()

    def _guard(self, made: dict[str, Guarded], at: str, what: Guarded, resource: Resource, path: str) -> None:
        for attribute, value in _at_path(resource.values, path):
            for policy in self.documents(resource, attribute, value, resource.name):
                current = made.get(at, what)
                made[at] = replace(current, policy=_joined(current.policy, policy))

    def _what(
        self, made: Mapping[str, Guarded], resource: Resource, attribute: str, kind: str, shut: set[str]
    ) -> Guarded:
        """What a policy guards: a resource of this configuration, or one that is only named."""
        named = self.text(resource, attribute)
        arn = self._arn_from(named, f"aws_{kind}")
        if arn in made:
            return made[arn]
        return Guarded(kind, named or resource.address, arn or symbol(f"{resource.address}.{attribute}"),
                       resource.address, shut=arn in shut, place=resource.place)  # fmt: skip

    def _arn_from(self, named: str, type_: str) -> str:
        """ARN from an ARN, an id, a name or a URL of a resource of a type."""
        if named.startswith("arn:") or not named:
            return named
        return self._index(type_).get(named, "") or _arn_of_name(self.around, type_, named)

    def _index(self, type_: str) -> Mapping[str, str]:
        """Id, name and URL of each resource of a type → its ARN."""
        known = self._indices.get(type_)
        if known is None:
            known = self._indices[type_] = {}
            for resource in self.of_type(type_):
                arn = self._arn(resource)
                for attribute in (
                    "id",
                    "name",
                    "url",
                    "bucket",
                    "key_id",
                    "function_name",
                    "domain_name",
                    "repository_name",
                ):
                    known.setdefault(self.around.attribute(resource.address, type_, attribute), arn)
        return known

    @property
    def _indices(self) -> dict[str, dict[str, str]]:
        return self.__dict__.setdefault("_by_name", {})  # type: ignore[no-any-return]

    def _aliases(self) -> dict[str, str]:
        """Of keys ("alias/app") → the key's ARN."""
        return {
            self.around.attribute(resource.address, resource.type, "name"): self._key_arn(
                self.text(resource, "target_key_id")
            )
            for resource in self.of_type("aws_kms_alias")
        }

    def _key_arn(self, named: str) -> str:
        """A key that is named by id, alias or ARN, as ARN."""
        if not named or (named.startswith("arn:") and ":alias/" not in named):
            return named
        alias = named.rpartition(":")[2] if named.startswith("arn:") else named
        if alias.startswith("alias/"):
            for resource in self.of_type("aws_kms_alias"):
                if self.around.attribute(resource.address, resource.type, "name") == alias:
                    return self._key_arn(self.text(resource, "target_key_id"))
            return named if named.startswith("arn:") else _arn_of_name(self.around, "aws_kms_alias", alias)
        return self._arn_from(named, "aws_kms_key")

    def _bucket_keys(self) -> dict[str, str]:
        found = {}
        type_ = "aws_s3_bucket_server_side_encryption_configuration"
        for resource in self.of_type(type_):
            for key in self.texts(resource, KEYS[type_][0]):
                found[self._arn_from(self.text(resource, "bucket"), "aws_s3_bucket")] = key
        return found

    def _shut(self) -> set[str]:
        """ARNs of buckets that all four public access blocks close."""
        found = set()
        for resource in self.of_type("aws_s3_bucket_public_access_block"):
            if all(resource.get(name) is True for name in BLOCKED):
                found.add(self._arn_from(self.text(resource, "bucket"), "aws_s3_bucket"))
        if any(
            all(each.get(name) is True for name in BLOCKED)
            for each in self.of_type("aws_s3_account_public_access_block")
        ):
            found |= {self._arn(resource) for resource in self.of_type("aws_s3_bucket")}
        return found

    def _permissions(self, made: dict[str, Guarded]) -> None:
        """aws_lambda_permission, each a statement of its function's policy."""
        for resource in self.of_type("aws_lambda_permission"):
            arn = self._arn_from(self.text(resource, "function_name"), "aws_lambda_function")
            qualifier = self.text(resource, "qualifier")
            base, alias = _function_of(arn)
            what = made.get(base) or Guarded(
                "lambda_function", base.rpartition(":")[2], base, resource.address, place=resource.place
            )
            statement = self._permission(resource, f"{base}:{qualifier or alias}" if qualifier or alias else base)
            document = Document((statement,), "2012-10-17", resource.place)
            policy = Policy(resource.name, document, resource.address, place=resource.place)
            made[base] = replace(what, policy=_joined(what.policy, policy))
        for resource in self.of_type("aws_lambda_layer_version_permission"):
            self.taken.add((resource.address, "policy"))
            arn = self.text(resource, "layer_name")
            arn = arn if arn.startswith("arn:") else f"{_lambda(self.around)}:layer:{arn}"
            arn = f"{arn}:{self.around.attribute(resource.address, resource.type, 'version_number')}"
            what = made.get(arn) or Guarded("lambda_layer_version", arn.rpartition(":layer:")[2], arn, resource.address)
            document = Document((self._permission(resource, arn),), "2012-10-17", resource.place)
            policy = Policy(resource.name, document, resource.address, place=resource.place)
            made[arn] = replace(what, policy=_joined(what.policy, policy), place=resource.place)

    def _permission(self, resource: Resource, arn: str) -> Statement:
        principal = self.text(resource, "principal") or symbol(f"{resource.address}.principal")
        named = Named("*", "*") if principal == "*" else Named(
            "Service" if re.search(r"\.amazonaws\.com(\.cn)?$", principal) else "AWS",
            f"arn:{self.around.partition}:iam::{principal}:root" if principal.isdecimal() else principal,
        )  # fmt: skip
        conditions = [
            Condition(operator, key, (text,))
            for attribute, operator, key in (
                ("source_arn", "ArnLike", "aws:SourceArn"),
                ("source_account", "StringEquals", "aws:SourceAccount"),
                ("principal_org_id", "StringEquals", "aws:PrincipalOrgID"),
                ("organization_id", "StringEquals", "aws:PrincipalOrgID"),
                ("event_source_token", "StringEquals", "lambda:EventSourceToken"),
                ("function_url_auth_type", "StringEquals", "lambda:FunctionUrlAuthType"),
            )
            if (text := self.text(resource, attribute))
        ]
        action = self.text(resource, "action") or "lambda:InvokeFunction"
        return Statement(
            "Allow", (action,), resources=(arn,), principals=(named,), conditions=tuple(conditions),
            sid=self.text(resource, "statement_id"), place=resource.place,
        )  # fmt: skip

    # --- invocations --------------------------------------------------------------------------------------------------

    def _invocations(self) -> Iterator[Invocation]:
        for type_, row in INVOCATIONS.items():
            kind = type_.removeprefix("aws_")
            for resource in self.of_type(type_):
                role = self._role_arn(self.text(resource, row.role)) if row.role else ""
                source = self.text(resource, row.source) if row.source else self._arn(resource)
                if row.kind_of_source:
                    source = self._arn_from(source, f"aws_{row.kind_of_source}")
                targets = list(self._targets(resource, row.target))
                for target in targets:
                    yield Invocation(kind, source, target, role, resource.address, resource.place)
                for failed in (text for path in FAILURES for text in self.texts(resource, path)):
                    for target in targets:
                        failure = f"{kind}_destination"
                        yield Invocation(failure, target, failed, role, resource.address, resource.place)

    def _targets(self, resource: Resource, path: str) -> Iterator[str]:
        if resource.type == "aws_s3_bucket_notification":
            for path in ("lambda_function.lambda_function_arn", "queue.queue_arn", "topic.topic_arn"):
                yield from self.texts(resource, path)
            return
        for text in self.texts(resource, path):
            invoked = re.search(r":lambda:path/[^/]*/functions/(.+)/invocations$", text)
            if invoked:
                yield invoked[1]
            elif path == "function_name":
                yield self._arn_from(text, "aws_lambda_function")
            else:
                yield text

    # --- whatever else is a policy ------------------------------------------------------------------------------------

    def _elsewhere(self) -> None:
        for type_, attribute in IDENTITY_ELSEWHERE.items():
            for resource in self.of_type(type_):
                for policy in self.documents(resource, attribute, resource.get(attribute), self._name(resource)):
                    if type_ in ONLY_LIMITS:
                        self.nobodys.append(_limited_by(policy))
                    elif _is_identity(policy):
                        self.nobodys.append(_nobody(policy))
                    else:
                        self.loose.append(policy)

    def _untaken(self) -> None:
        """The net under everything: no attribute that is a policy, or should be one, goes unseen."""
        for resources in self.by_type.values():
            for resource in resources:
                if not resource.type.startswith(("aws_", "awscc_")):
                    continue
                for attribute, value in resource.values.items():
                    if (resource.address, attribute) not in self.taken:
                        self._unseen(resource, attribute, value)
        for at in sorted(self.configuration.unknown_in_plan - self.read - self.torn):
            self._unknown(at)

    def _unseen(self, resource: Resource, attribute: str, value: Any) -> None:
        if value is None or isinstance(value, bool | int | float):
            return
        texts = list(looks_like_a_policy(value))
        for text in texts:
            self.loose += self.documents(resource, attribute, text, f"{resource.name} {attribute}")
        if texts or not _is_policy_like(attribute) or resource.type in SCHEDULING:
            return
        unknown = value if isinstance(value, Unknown) else None
        if unknown is not None or (isinstance(value, str) and OPEN in value):
            found = self.documents(resource, attribute, value, f"{resource.name} {attribute}")
            self.loose += [policy for policy in found if policy.document is not None]

    def _unknown(self, at: str) -> None:
        parts = parted(at)
        if parts and _is_policy_like(parts[2]) and parts[1] not in SCHEDULING and parts[1] != POLICY_DOCUMENT:
            resource = self.around.resource(parts[0])
            if resource and resource.type.startswith(("aws_", "awscc_")) and resource.action != "delete":
                value = resource.get(parts[2])
                if value in (None, "", [], {}):
                    self._hole(resource, parts[2], "it isn't known before an apply")
                    self.torn.add(at)

    # --- what nobody here holds ---------------------------------------------------------------------------------------

    def _unattached(self, made: Estate) -> Iterator[Principal]:
        """The managed policies that nobody here holds, each its own anonymous principal's: somebody else may attach it.

        One that a condition asks for as a permissions boundary limits whoever that is, and allows nothing.
        """
        left = [each for at, found in self.managed_at.items() if at not in self.attached for each in found]
        documents = [document for _, document in made.documents()] + [each.document for each in left if each.document]
        boundaries = {
            value
            for document in documents for statement in document.statements for condition in statement.conditions
            if condition.key.lower() == "iam:permissionsboundary" for value in condition.values
        } if left else set()  # fmt: skip
        for policy in left:
            yield _limited_by(policy) if policy.arn in boundaries else _nobody(policy)

    def _unread(self, made: Estate) -> list[Policy]:
        """The data.aws_iam_policy_documents that nothing of AWS and no other document takes in.

        Of a plan, which has texts instead of names: those of which some statement is nowhere else.
        """
        left = [
            each for each in self.configuration.resources
            if each.mode == "data" and each.type == POLICY_DOCUMENT and each.address not in self.sources.read_from
        ]  # fmt: skip
        if not left:
            return []
        taken: set[str] = set()
        for resource in self.configuration.resources:
            if resource.type.startswith(("aws_", "awscc_")) and resource.action != "delete":
                for name, value in resource.values.items():
                    if (resource.type, name) != (POLICY_DOCUMENT, "json"):
                        taken.update(_named_in(value))
        said = {_essence(each) for _, document in made.documents() for each in document.statements}
        found = []
        for data in left:
            if str(data.get("json")) in taken or {data.address, without_keys(data.address)} & taken:
                continue
            for source in self.sources.of_data_source(data):
                document = source.document
                if document and document.statements and said.issuperset(map(_essence, document.statements)):
                    continue
                self._note(data, "json", source)
                found.append(Policy(data.name, document, data.address, f"{self._iam}:policy/{data.name}", data.place))
        return [each for each in found if each.document]


def _finished(person: _Person) -> Principal:
    resource = person.resource
    tags = resource.get("tags") if resource else None
    return Principal(
        person.kind, person.name, person.arn, resource.address if resource else "",
        tuple({id(policy): policy for policy in person.policies}.values()), person.boundary, person.trust,
        tuple(dict.fromkeys(person.groups)),
        {str(name): str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {},
        resource.place if resource else Place(),
    )  # fmt: skip


def _nobody(policy: Policy) -> Principal:
    """Whoever may come to hold a policy."""
    return Principal("anonymous", policy.name, policy.arn, policy.address, (policy,), place=policy.place)


def _limited_by(policy: Policy) -> Principal:
    """Whoever a policy limits that allows nothing by itself."""
    return replace(_nobody(policy), policies=(), boundary=policy)


def _is_identity(policy: Policy) -> bool:
    statements = policy.document.statements if policy.document else ()
    return not any(each.principals or each.not_principals for each in statements)


def _essence(statement: Statement) -> Statement:
    """A statement whatever it is called, wherever it stands, in whichever order it says things."""
    return replace(
        statement, sid="", index=0, place=Place(),
        actions=tuple(sorted(statement.actions)), not_actions=tuple(sorted(statement.not_actions)),
        resources=tuple(sorted(statement.resources)), not_resources=tuple(sorted(statement.not_resources)),
        principals=tuple(sorted(statement.principals, key=repr)),
        not_principals=tuple(sorted(statement.not_principals, key=repr)),
        conditions=tuple(sorted(statement.conditions, key=repr)),
    )  # fmt: skip


def _named_in(value: Any) -> Iterator[str]:
    """Every text in a value that may be a document, and the address of every resource that the value names."""
    if isinstance(value, Unknown):
        for each in (*value.options, str(value)):
            yield from _named_in(each)
    elif isinstance(value, str):
        if value.startswith("{"):
            yield value
        for reference in symbols_in(value) if OPEN in value else ():
            if parts := parted(reference):
                yield parts[0]
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _named_in(each)


def _address_of(text: str) -> str:
    """The resource whose attribute a text is, and nothing else: `⟦aws_iam_role.a.name⟧`; "" for any other."""
    parts = parted(text[1:-1]) if text.startswith(OPEN) and text.endswith(CLOSE) else None
    return parts[0] if parts and parts[2] in ("id", "name", "arn") else ""


def _top(attribute: str) -> str:
    """`inline_policy[0].policy` → `inline_policy`."""
    return attribute.partition("[")[0].partition(".")[0]


def _is_policy_like(attribute: str) -> bool:
    return bool(POLICY_LIKE.search(attribute)) and attribute not in NOT_IAM


def _items(value: Any) -> list[Any]:
    """A list of blocks; each of those that it may be."""
    if isinstance(value, Unknown):
        return [each for option in value.options for each in _items(option)]
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _items_of_map(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Unknown):
        return [pair for option in value.options for pair in _items_of_map(option)]
    return value.items() if isinstance(value, Mapping) else ()


def _texts_at(value: Any, path: str) -> Iterator[str]:
    """Every text at a path through blocks, lists, JSON texts and alternatives."""
    if isinstance(value, list):
        for each in value:
            yield from _texts_at(each, path)
    elif isinstance(value, Unknown):
        if value.options:
            for each in value.options:
                yield from _texts_at(each, path)
        elif value.reference:
            yield str(value) if not path else symbol(f"{value.reference}.{path}")
    elif path:
        head, _, rest = path.partition(".")
        if isinstance(value, Mapping) and head in value:
            inner = value[head]
            if rest and head in JSON_CONTAINERS and isinstance(inner, str):
                inner = _json(inner)
            yield from _texts_at(inner, rest)
    elif isinstance(value, str) and value:
        yield value
    elif isinstance(value, Mapping):  # a target that is a whole block
        yield json.dumps(value, default=str)


def _json(text: str) -> Any:
    from opsctl.iam.policy_sources import whole_json

    try:
        return json.loads(whole_json(text) if OPEN in text else text)
    except (ValueError, RecursionError):
        return None


def _at_path(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """(path with indices, value) of an attribute in nested blocks."""
    head, _, rest = path.partition(".")
    value = values.get(head)
    if not rest:
        yield head, value
        return
    for number, block in enumerate(_items(value)):
        if isinstance(block, Mapping):
            for at, inner in _at_path(block, rest):
                yield f"{head}[{number}].{at}", inner


def _joined(one: Policy | None, other: Policy) -> Policy:
    """Two policies of one resource as one: AWS keeps a single one; several are permissions, or what it may be."""
    if one is None or one.document is None:
        return other
    if other.document is None:
        return one
    statements = (*one.document.statements, *other.document.statements)
    document = replace(one.document, statements=statements, problems=(*one.document.problems, *other.document.problems))
    return replace(one, document=document)


def _function_of(arn: str) -> tuple[str, str]:
    """(ARN of the function, version or alias) of either's ARN."""
    parts = re.split(r":(?![^⟦]*⟧)", arn)
    return (":".join(parts[:7]), ":".join(parts[7:])) if len(parts) > 7 and parts[2] == "lambda" else (arn, "")


def _lambda(around: Surroundings) -> str:
    return f"arn:{around.partition}:lambda:{around.region}:{around.account}"


def _is_awss_own_key(key: str) -> bool:
    return key.startswith("alias/aws/") or ":alias/aws/" in key


def _arn_of_name(around: Surroundings, type_: str, name: str) -> str:
    """The ARN of a resource that is only named, by the shape of its type; "" where the name isn't its only part."""
    from opsctl.iam.arns import DEFAULTS, SHAPES

    if type_ not in SHAPES:
        return ""
    service, scope, rest = SHAPES[type_].split(":", 2)
    parts = [part for part in re.findall(r"{(\w+)}", rest) if part not in DEFAULTS]
    if len(parts) != 1:
        return ""
    filled = re.sub(r"{(\w+)}", lambda found: DEFAULTS.get(found[1], name), rest)
    region, account = around.region if "r" in scope else "", around.account if "a" in scope else ""
    return f"arn:{around.partition}:{service}:{region}:{account}:{filled}"


__all__ = ["gather", "without_keys"]
