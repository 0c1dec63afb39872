"""What everything that acts as a role does with it: code, definitions, event sources, the service itself.

Estate → `Usage` for each role that something carries. Code is read once for each folder and environment.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from opsctl.hcl.symbols import OPEN, symbols_in
from opsctl.iam.arns import parted, without_keys
from opsctl.iam.code import keys, services
from opsctl.iam.code.actions import Need, Where, needs_of
from opsctl.iam.code.calls import Call, CannotTell, Reading
from opsctl.iam.code.reading import read_code
from opsctl.iam.estate import Carrier, Estate, Guarded, Invocation, Principal

MISSING_SAYS = "S3 says that an object is missing, rather than refused, only to who may list the bucket"


@dataclass(frozen=True)
class Usage:
    """Of one role.

    Attributes:
        carriers: their names, for people.
        needs: with resources as the estate's ARNs where it has them.
        unreachable: calls in the code that nothing leads to from its handler.
        services: that the carriers belong to ("lambda.amazonaws.com").
    """

    role: Principal
    carriers: tuple[str, ...]
    needs: tuple[Need, ...]
    cannot_tell: tuple[CannotTell, ...]
    unreachable: tuple[Call, ...] = ()
    services: frozenset[str] = frozenset()


def usages(estate: Estate) -> tuple[Usage, ...]:
    """Of every role that something carries or is invoked as, in the estate's order."""
    roles = {principal.arn: principal for principal in estate.principals if principal.kind == "role"}
    carriers: dict[str, list[Carrier]] = defaultdict(list)
    for carrier in estate.carriers:
        carriers[carrier.role].append(carrier)
    own: dict[str, list[Invocation]] = defaultdict(list)
    fed: dict[str, list[Invocation]] = defaultdict(list)
    for invocation in estate.invocations:
        if invocation.role:
            own[invocation.role].append(invocation)
        if invocation.kind == "lambda_event_source_mapping":
            fed[_function(invocation.target)].append(invocation)
        elif invocation.kind.startswith("lambda_") and invocation.kind.endswith("destination"):
            fed[_function(invocation.source)].append(invocation)
    catalogue = Catalogue.of(estate)
    found = []
    for arn, role in roles.items():
        if carriers[arn] or own[arn]:
            found.append(_usage(role, carriers[arn], own[arn], fed, estate, catalogue))
    return tuple(found)


def _function(arn: str) -> str:
    """Without a version or alias: arn:aws:lambda:r:a:function:name:live → …:name."""
    return ":".join(arn.split(":")[:7])


def _usage(
    role: Principal,
    carriers: Sequence[Carrier],
    invocations: Sequence[Invocation],
    fed: Mapping[str, list[Invocation]],
    estate: Estate,
    catalogue: Catalogue,
) -> Usage:
    where = Where(estate.partition, estate.region, estate.account, estate.aliases)
    found: list[Need | CannotTell] = []
    unreachable: list[Call] = []
    names: list[str] = []
    invoked = {invocation.address for invocation in invocations}
    for carrier in carriers:
        names.append(carrier.name)
        if carrier.kind == "sfn_state_machine":
            found += services.machine_needs(carrier, where)
            continue
        if carrier.address in invoked:
            continue  # a schedule, a pipe, a target: what it does is the invocation's
        if "execution" in carrier.settings:
            found += services.execution_needs(carrier)
            continue
        if carrier.kind in services.SERVICES_OWN:
            found += services.service_needs(carrier)
            continue
        if carrier.kind == "lambda_function":
            found += services.function_needs(carrier, estate, catalogue.log_groups)
            for invocation in fed.get(_function(carrier.arn), ()):
                found += services.invocation_needs(invocation, as_function=True)
        needs, calls = _code(carrier, where)
        found += needs
        unreachable += calls
    for invocation in invocations:
        names.append(invocation.address or invocation.kind)
        found += services.invocation_needs(invocation, as_function=False)
    placed = [replace(each, resource=catalogue.resource(each.resource)) for each in found if isinstance(each, Need)]
    placed += [extra for each in placed for extra in catalogue.key_needs(each)]
    cannot = {each for each in found if isinstance(each, CannotTell)}
    return Usage(
        role, tuple(dict.fromkeys(names)), tuple(dict.fromkeys(placed)), tuple(sorted(cannot)), tuple(unreachable),
        frozenset(carrier.service for carrier in carriers),
    )  # fmt: skip


def _code(carrier: Carrier, where: Where) -> tuple[list[Need | CannotTell], tuple[Call, ...]]:
    if not carrier.code:
        kind = carrier.kind.replace("_", " ")
        what = "its code isn't on this machine" if kind == "lambda function" else f"{kind}: what it runs isn't read"
        return [CannotTell(f"{carrier.name}: {what}", carrier.place)], ()
    if not _has_python(carrier.code):
        return [CannotTell(f"{carrier.name}: {carrier.code} holds no Python", carrier.place)], ()
    reading = read_code(carrier.code, carrier.handler, layers=carrier.layers, environment=carrier.environment or None)
    return needs_of_code(reading, where), reading.unreachable


def needs_of_code(reading: Reading, where: Where) -> list[Need | CannotTell]:
    """What the reachable calls of some code need."""
    found: list[Need | CannotTell] = list(reading.cannot_tell)
    for call in reading.calls:
        needs, cannot = needs_of(call, where)
        found += [*needs, *cannot]
        if reading.expects_missing and call.service == "s3" and call.operation in ("GetObject", "HeadObject"):
            for need in needs:
                bucket = (
                    ":".join(need.resource.split(":")[:5]) + ":" + need.resource.split(":", 5)[-1].partition("/")[0]
                    if need.resource
                    else ""
                )
                found.append(Need("s3:ListBucket", bucket, MISSING_SAYS, call.place, optional=True))
    return found


def _has_python(code: str) -> bool:
    if code.endswith((".py", ".zip")):
        return True
    for _, folders, files in os.walk(code):
        folders[:] = [each for each in folders if not each.startswith(".") and each != "node_modules"]
        if any(each.endswith(".py") for each in files):
            return True
    return False


@dataclass(frozen=True)
class Catalogue:
    """The estate's resources by address and by ARN: whose name, URL or ARN a value is."""

    by_address: Mapping[str, Guarded] = field(default_factory=dict)
    by_arn: Mapping[str, Guarded] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    log_groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, estate: Estate) -> Catalogue:
        roles = (each for each in estate.principals if each.kind == "role" and each.address)
        things = (*estate.guarded, *(Guarded("iam_role", each.name, each.arn, each.address) for each in roles))
        by_address: dict[str, Guarded] = {}
        for guarded in things:
            by_address[guarded.address] = guarded
            by_address.setdefault(without_keys(guarded.address), guarded)
        keyed = tuple(dict.fromkeys(guarded.customer_key for guarded in estate.guarded if guarded.customer_key))
        groups = (each.arn.removesuffix(":*") for each in estate.guarded if each.kind == "cloudwatch_log_group")
        return cls(by_address, {guarded.arn: guarded for guarded in things}, keyed, frozenset(groups))

    def resource(self, text: str) -> str:
        """A need's resource, with the estate's ARN in place of a symbol for one of its own; "" if it isn't known."""
        if OPEN not in text or text in self.by_arn:
            return text
        for reference in symbols_in(text):
            parts = parted(reference)
            owner = self.by_address.get(parts[0]) or self.by_address.get(without_keys(parts[0])) if parts else None
            if owner is None or not parts or (text.startswith("arn:") and owner.kind != "s3_bucket"):
                continue
            symbol = f"{OPEN}{reference}⟧"
            after = text.partition(symbol)[2]
            return owner.arn + (after if after.startswith("/") else "")
        if text.startswith(OPEN):
            return ""
        return text

    def guarded(self, resource: str) -> Guarded | None:
        return (
            self.by_arn.get(resource)
            or self.by_arn.get(resource.partition("/")[0])
            or self.by_arn.get(resource.partition("/index/")[0])
        )

    def key_needs(self, need: Need) -> Iterator[Need]:
        """KMS actions that come with a need: on the key of what it is about; where that isn't known, perhaps on any."""
        required, besides = keys.REQUIRED.get(need.action, ()), keys.BESIDES.get(need.action, ())
        if not required or not self.keys:
            return
        guarded = self.guarded(need.resource) if need.resource else None
        if guarded is not None and not guarded.customer_key:
            return
        key = guarded.customer_key if guarded else ""
        for action in required:
            yield Need(
                action, key, f"{need.why}, whose data a customer's key encrypts", need.place, need.optional or not key
            )
        for action in besides:
            yield Need(action, key, need.why, need.place, optional=True)
