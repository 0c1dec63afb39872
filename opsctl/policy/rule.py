"""The form of a built-in rule. A rule is one file in `policies/<area>/<name>.py`, beside its two fixtures:

    policies/queues/dead_letter_queue.py
        RULE = Rule(id="queues/dead-letter-queue", title=…, severity=…, why=…, mend=…, links=…, tags=("S7",))

        def find(stack: Stack) -> Iterator[Finding]:
            for queue in stack.of_type("aws_sqs_queue"):
                if not look(queue, "redrive_policy"):
                    yield stack.finding(RULE, queue, "no dead-letter queue", at="redrive_policy")

    policies/queues/dead_letter_queue.passing.tf      finds nothing there
    policies/queues/dead_letter_queue.failing.tf      a line with `# finds: ID` is where it finds

(names of files use "_" where ids use "-").

What a rule says must be so whatever else is in the configuration: a value that isn't known is neither missing nor wrong
(`look` gives it back, `truth` and `number` make None of it), and a companion (a bucket's versioning) is missing only
where no other one of its type is for something that nobody can tell (`Stack.lacks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Configuration, Resource, Unknown, is_symbolic, symbol, symbols_in

IDENTITIES = (
    "arn",
    "id",
    "name",
    "url",
    "identifier",
    "qualified_arn",
    "stream_arn",
    "arn_suffix",
    "state_machine_arn",
)
"""Attributes by which other resources name one, once they are known."""
OWN_NAMES = {
    "aws_s3_bucket": ("bucket", "bucket_domain_name", "bucket_regional_domain_name"),
    "aws_lambda_function": ("function_name", "invoke_arn", "qualified_invoke_arn"),
    "aws_lambda_alias": ("invoke_arn",),
    "aws_kms_key": ("key_id",),
    "aws_rds_cluster": ("cluster_identifier",),
    "aws_api_gateway_stage": ("stage_name",),
    "aws_opensearch_domain": ("domain_name",),
}
"""What some types are called by, which elsewhere is somebody else's name."""

PRODUCTION = re.compile(r"(^|[^a-z])(prod|production|prd|live)([^a-z]|$)", re.IGNORECASE)
MOST_NAMESAKES = 16
"""Of one name (in several regions or accounts): which of them is meant can't be told, and asking costs."""


@dataclass(frozen=True)
class Stack:
    """What a rule reads: the configuration, and the questions that every rule asks of it. Cheap to ask often.

    Indexes are made once and cost in step with the resources; each question then costs what it answers.

    Attributes:
        settings: "environment" ("prod"), "required_tags", and whatever else a rule's docstring names.
    """

    configuration: Configuration
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _resources(self) -> Sequence[Resource]:
        """What will be there after the apply."""
        there = [each for each in self.configuration.resources if each.action != "delete"]
        return [self._with_references(each) for each in there] if self.configuration.from_plan else there

    def _with_references(self, resource: Resource) -> Resource:
        """What a plan alone doesn't know as symbols of what its expression names, rather than as one of itself."""
        changed: dict[str, Any] = {}
        for name, value in resource.values.items():
            own = f"{resource.address}.{name}"
            text = str(value) if isinstance(value, Unknown) else value
            if isinstance(text, str) and _is_one_symbol(text) and symbols_in(text)[0] == own:
                named = self.configuration.references.get(own, ())
                changed[name] = " ".join(map(symbol, named)) or Unknown("", "only the apply says")
        return replace(resource, values={**resource.values, **changed}) if changed else resource

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[Resource]]:
        by_type: dict[str, list[Resource]] = {}
        for resource in self._resources:
            if resource.mode == "managed":
                by_type.setdefault(resource.type, []).append(resource)
        return by_type

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Managed resources of these types that will be there after the apply."""
        for name in types:
            yield from self._by_type.get(name, ())

    @cached_property
    def managed(self) -> Sequence[Resource]:
        """All managed resources that will be there after the apply."""
        return [resource for resource in self._resources if resource.mode == "managed"]

    @cached_property
    def _by_address(self) -> Mapping[str, Resource]:
        return {resource.address: resource for resource in self._resources}

    @cached_property
    def _by_identity(self) -> Mapping[str, Sequence[Resource]]:
        by_identity: dict[str, list[Resource]] = {}
        for resource in self.managed:
            for attribute in (*IDENTITIES, *OWN_NAMES.get(resource.type, ())):
                known = resource.values.get(attribute)
                if isinstance(known, str) and known and not _is_one_symbol(known):
                    named = by_identity.setdefault(known, [])
                    if len(named) < MOST_NAMESAKES and (not named or named[-1] is not resource):
                        named.append(resource)
        return by_identity

    def at(self, reference: str) -> Resource | None:
        """The resource that a reference ("module.a.aws_sqs_queue.b[0].redrive.arn") is of, None for another thing."""
        address = reference
        while address:
            # One that stands for all of an unknown number has the address this[*].
            for name in (address, f"{address.rpartition('[')[0]}[*]") if address.endswith("]") else (address,):
                if resource := self._by_address.get(name):
                    return resource
            address = address.rpartition(".")[0]
        return None

    def referenced(self, value: Any) -> Iterator[Resource]:
        """The resources whose symbols a value holds: which queue a mapping reads, which bucket a block is for."""
        for text in texts_in(value):
            for reference in symbols_in(text):
                if resource := self.at(reference):
                    yield resource

    def named(self, value: Any, *types: str) -> Iterator[Resource]:
        """The managed resources that a value names: by symbol, or by the ARN, URL, id or name that is known of them.

        Args:
            value: a string, or lists and mappings of them.
            types: only resources of these types; none given: of any.
        """
        for text in texts_in(value):
            for resource in self._named_by(text):
                if not types or resource.type in types:
                    yield resource

    def _named_by(self, text: str) -> Iterator[Resource]:
        if found := self._by_identity.get(text):
            yield from found
            return
        found_one = False
        for reference in symbols_in(text):
            resource = self.at(reference)
            if resource is not None and resource.mode == "managed":
                found_one = True
                yield resource
        if not found_one and (text.startswith("arn:") or "://" in text):
            tail = re.split(r"[:/]", text)[-1]
            yield from self._by_identity.get(tail, ()) if tail else ()

    @cached_property
    def _companions(self) -> dict[tuple[str, str], tuple[Mapping[str, Sequence[Resource]], bool]]:
        return {}

    def _naming(self, type: str, attribute: str) -> tuple[Mapping[str, Sequence[Resource]], bool]:
        """Address → resources of a type whose attribute names it; and whether one names what nobody can tell."""
        if (type, attribute) not in self._companions:
            naming: dict[str, list[Resource]] = {}
            untold = False
            for resource in self.of_type(type):
                value = look(resource, attribute)
                targets = {each.address for each in self.named(value)} | {
                    other
                    for other in self.configuration.references.get(f"{resource.address}.{attribute}", ())
                    if other in self._by_address
                }
                for address in targets:
                    naming.setdefault(address, []).append(resource)
                untold = untold or (not targets and not is_known(value))
            self._companions[type, attribute] = (naming, untold)
        return self._companions[type, attribute]

    def naming(self, resource: Resource, type: str, attribute: str) -> Sequence[Resource]:
        """What belongs to a resource: `naming(bucket, "aws_s3_bucket_versioning", "bucket")`."""
        return self._naming(type, attribute)[0].get(resource.address, ())

    def lacks(self, resource: Resource, type: str, attribute: str) -> bool:
        """Nothing of a type names the resource, and nothing of it names what can't be told."""
        naming, untold = self._naming(type, attribute)
        return not untold and resource.address not in naming

    def functions(self, value: Any) -> Iterator[Resource]:
        """The functions that a value names, also by an alias of theirs."""
        for named in self.named(value, "aws_lambda_function", "aws_lambda_alias"):
            if named.type == "aws_lambda_alias":
                yield from self.named(look(named, "function_name"), "aws_lambda_function")
            else:
                yield named

    @cached_property
    def _alarms(self) -> tuple[Mapping[tuple[str, str], set[str]], set[str]]:
        """(address, dimension) → metrics that have an alarm; dimensions of alarms on what can't be told."""
        watched: dict[tuple[str, str], set[str]] = {}
        untold: set[str] = set()
        for alarm in self.of_type("aws_cloudwatch_metric_alarm"):
            metrics = blocks(alarm, "metric_query.metric") or [alarm.values]
            for metric in metrics:
                dimensions = metric.get("dimensions")
                if isinstance(dimensions, Unknown | str):
                    untold.add("*")
                for dimension, value in dimensions.items() if isinstance(dimensions, Mapping) else ():
                    found = [each.address for each in self.named(value)]
                    for address in found:
                        watched.setdefault((address, dimension), set()).add(str(metric.get("metric_name")))
                    if not found and not is_known(value):
                        untold.add(dimension)
            for query in blocks(alarm, "metric_query"):
                # Metrics Insights and SEARCH watch whatever there is.
                untold |= set(re.findall(r"\w+", str(query.get("expression") or "")))
        return watched, untold

    def lacks_alarm(self, resource: Resource, dimension: str, metrics: Collection[str] = ()) -> bool:
        """No alarm is on one of the metrics (none given: on any) of a resource, nor on what can't be told.

        Args:
            dimension: what the metric calls the resource: "QueueName", "FunctionName".
        """
        watched, untold = self._alarms
        on = watched.get((resource.address, dimension), set())
        return not (on & set(metrics) if metrics else on) and not untold & {dimension, "*"}

    @cached_property
    def _policies_of(self) -> Mapping[str, Sequence[Any]]:
        """Address of a role → its policies' documents, as they are written."""
        of: dict[str, list[Any]] = {}
        for policy in self.of_type("aws_iam_role_policy"):
            for role in self.named(look(policy, "role"), "aws_iam_role"):
                of.setdefault(role.address, []).append(look(policy, "policy"))
        for role in self.of_type("aws_iam_role"):
            of.setdefault(role.address, []).extend(each.get("policy") for each in blocks(role, "inline_policy"))
        for kind, roles in (("aws_iam_role_policy_attachment", "role"), ("aws_iam_policy_attachment", "roles")):
            for attachment in self.of_type(kind):
                for role in self.named(look(attachment, roles), "aws_iam_role"):
                    for policy in self.named(look(attachment, "policy_arn"), "aws_iam_policy"):
                        of.setdefault(role.address, []).append(look(policy, "policy"))
        return of

    def role_statements(self, role: Resource) -> list[Mapping[str, Any]]:
        """The statements of a role's policies, inline and attached, as far as they can be read."""
        return [each for document in self._policies_of.get(role.address, ()) for each in statements(document) or ()]

    @cached_property
    def environment(self) -> str:
        """What it is for: a setting, else the root module's variable; "" where neither says."""
        said = self.settings.get("environment")
        for name in ("environment", "env", "stage"):
            said = said or self.configuration.variables.get(name)
        return said if isinstance(said, str) and not is_symbolic(said) else ""

    @property
    def is_production(self) -> bool:
        """Whether data and minutes count here; what nobody calls something else is taken for production."""
        return not self.environment or bool(PRODUCTION.search(self.environment))

    def finding(
        self, rule: Rule, resource: Resource, message: str, *, at: str = "", fix: str = "",
        severity: Severity | None = None,
    ) -> Finding:  # fmt: skip
        """A finding on the line of an attribute, or of the block where the attribute isn't written."""
        return Finding(
            rule.id, rule.severity if severity is None else severity, message, resource=resource.address,
            place=resource.place_of(at), fix=fix or rule.mend,
        )  # fmt: skip


def ignores_changes(resource: Resource, attribute: str) -> bool:
    """Whether Terraform leaves an attribute alone once it is made: what is written is only there to begin with."""
    ignored = look(resource, "lifecycle.ignore_changes", [])
    return ignored == "all" or (isinstance(ignored, list) and attribute in ignored)


def look(values: Resource | Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value at a path of attributes and blocks ("versioning_configuration.status"), the first of several blocks.

    Returns `default` where it isn't written (missing or null), an `Unknown` or a string with symbols where it is and
    isn't known.
    """
    found: Any = values.values if isinstance(values, Resource) else values
    for name in path.split("."):
        if isinstance(found, list):
            found = found[0] if found else None
        if isinstance(found, Unknown):
            return found
        if not isinstance(found, Mapping):
            return default
        found = found.get(name)
    return default if found is None else found


def blocks(values: Resource | Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    """All blocks of a name, those that are known ("origin", "origin.custom_origin_config")."""
    found: list[Any] = [values.values if isinstance(values, Resource) else values]
    for name in path.split("."):
        below: list[Any] = []
        for each in found:
            if isinstance(each, Mapping):
                value = each.get(name)
                below += value if isinstance(value, list) else [value]
        found = below
    return [each for each in found if isinstance(each, Mapping)]


def is_known(value: Any) -> bool:
    """Whether all of a value is: no `Unknown` and no symbol in it."""
    if isinstance(value, Unknown):
        return False
    return not any(is_symbolic(text) for text in texts_in(value))


def is_written(value: Any) -> bool:
    """Whether a value says something: not null, "", [] or {}; what isn't known does."""
    return value is not None and value != "" and value != [] and value != {}


def truth(value: Any) -> bool | None:
    """True, False, or None where it can't be told. HCL takes "true" for true."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """A number, also where it is written as a string; None where it can't be told."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def listed(value: Any) -> list[Any]:
    """A list as it is, a single value as a list of it, nothing as []."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def json_in(value: Any) -> Any:
    """A JSON text (`jsonencode`, a file) or mapping as data; None where it isn't known or isn't JSON."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or _is_one_symbol(value):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def statements(value: Any) -> list[Mapping[str, Any]] | None:
    """The statements of a policy document; None where it can't be read."""
    document = json_in(value)
    if not isinstance(document, Mapping):
        return None
    found = listed(document.get("Statement"))
    return [each for each in found if isinstance(each, Mapping)] if all(map(is_mapping, found)) else None


def is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def texts_in(value: Any) -> Iterator[str]:
    """Every string in a value, an `Unknown` as its symbol."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Unknown):
        yield str(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from texts_in(each)


def written_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a value with the path of the attribute that holds it: ("environment[0].variables.KEY", "…")."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from written_in(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from written_in(each, f"{path}[{index}]")


def _is_one_symbol(text: str) -> bool:
    return len(found := symbols_in(text)) == 1 and len(text) == len(found[0]) + 2
