"""What a role's users need against what it is granted, both ways."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opsctl.findings import Finding, Rule, Severity
from opsctl.iam.check import Check
from opsctl.iam.code.actions import UNKNOWN, Need
from opsctl.iam.code.services import service_of
from opsctl.iam.code.usage import Usage, usages
from opsctl.iam.estate import Estate, Guarded, Policy, Principal
from opsctl.iam.evaluation import Request, decide, grants_of
from opsctl.iam.patterns import compiled, encode, match, overlap
from opsctl.iam.policy import Statement
from opsctl.iam.vocabulary import vocabulary

LACKS = Rule(
    "code/lacks-permission",
    "Code calls what its role may not do",
    Severity.HIGH,
    "The call is refused with AccessDenied when it is first made, which is often in production: it compiles, its unit"
    " tests pass, and nothing in a plan shows it. Calls in Python (clients, resources, paginators, waiters, transfers,"
    " Powertools), tasks of state machines, event source mappings, destinations, traces, logs and customers' KMS keys"
    " are held against what the role is granted.",
    "Grant the action on just that resource, or drop the call.",
    (
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
        "https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html",
    ),
    ("code",),
)
UNUSED = Rule(
    "code/unused-permission",
    "A role is granted what nothing that carries it does",
    Severity.MEDIUM,
    "Whoever gets hold of the function (a bug, a poisoned dependency) gets the permission too. It is named only where"
    " everything that could use it was read: a call that can't be resolved is never taken for one that isn't made.",
    "Cut the action, the resource or the statement; `opsctl iam suggest` writes the policy that is needed.",
    ("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",),
    ("code",),
)  # fmt: skip
CANNOT_TELL = Rule(
    "code/cannot-tell",
    "What a role is used for could not be read wholly",
    Severity.INFO,
    "A client or an operation that is chosen while the code runs, a library that calls AWS in its own ways, requests"
    " signed by hand, code that isn't on this machine or isn't Python: what it could need is not called unused.",
    "Name the operation in the code, or check this role with `opsctl iam check --live` (last-used data).",
    (),
    ("code",),
)
MOST_SHOWN = 6


def findings(estate: Estate) -> Iterator[Finding]:
    """Of every role that something carries. Cost: linear in calls, statements and the actions that they name."""
    open_to: dict[str, list[Guarded]] = defaultdict(list)
    for guarded in estate.guarded:
        if guarded.policy is not None:
            open_to[service_of(guarded.arn)].append(guarded)
    for usage in usages(estate):
        yield from lacking(usage, estate, open_to)
        yield from unused(usage)
        yield from untold(usage)


# — lacking —


def lacking(usage: Usage, estate: Estate, open_to: Mapping[str, Sequence[Guarded]]) -> Iterator[Finding]:
    """Needs that nothing grants. `open_to`: by service the resources that have a policy of their own."""
    grants = grants_of(usage.role, estate)
    if grants.unread:
        return
    seen: dict[tuple[str, str], list[Need]] = defaultdict(list)
    for need in usage.needs:
        if not need.optional:
            seen[need.action.lower(), need.resource].append(need)
    for (action, resource), needs in seen.items():
        found = tuple(grant for name in (action, *needs[0].instead) for grant in grants.can(name))
        if found and (not resource or resource == "*" or any(each.on(resource) != "no" for each in found)):
            continue
        if resource and not found and _let_in(usage.role, action, resource, estate):
            continue
        if resource and found and decide(Request(usage.role, action, resource), estate).allowed != "no":
            continue
        if not resource and not found and _anything_lets_in(usage.role, action, estate, open_to):
            continue
        yield _lacks(usage, needs, elsewhere=tuple(dict.fromkeys(each.resource for each in found)))


def _let_in(role: Principal, action: str, resource: str, estate: Estate) -> bool:
    return decide(Request(role, action, resource), estate).allowed != "no"


def _anything_lets_in(role: Principal, action: str, estate: Estate, open_to: Mapping[str, Sequence[Guarded]]) -> bool:
    """Whether the policy of any resource of that service lets the role in."""
    return any(_let_in(role, action, each.arn, estate) for each in open_to.get(action.partition(":")[0], ()))


def _lacks(usage: Usage, needs: Sequence[Need], elsewhere: Sequence[str]) -> Finding:
    need = needs[0]
    on = "" if need.resource in ("", "*") else f" on {need.resource}"
    but = f"; it is granted on {_list(elsewhere)} only" if elsewhere else ""
    more = f" (and {len(needs) - 1} more)" if len(needs) > 1 else ""
    where = f" at {need.place}" if need.place.file else ""
    statement = {"Effect": "Allow", "Action": [need.action], "Resource": [pattern_of(need.resource)]}
    return Finding(
        LACKS.id,
        Severity.MEDIUM if need.action.startswith(("logs:", "xray:")) else LACKS.severity,
        f"{_list(usage.carriers)}: {need.why}{where}{more} needs {need.action}{on}, which {usage.role.name}"
        f" lacks{but}.",
        principal=usage.role.arn,
        resource=usage.role.address,
        place=need.place,
        fix=f"Add to the policy of {usage.role.name}: {json.dumps(statement, ensure_ascii=False)}",
        identity=f"{usage.role.address or usage.role.name} {need.action} {need.resource}",
    )


def pattern_of(resource: str) -> str:
    """A need's resource as a policy names it."""
    if ":secret:" in resource:
        resource = resource.replace(f"-{UNKNOWN}", "-??????")  # what Secrets Manager adds to the name
    return resource.replace(UNKNOWN, "*") or "*"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# — unused —


@dataclass(frozen=True)
class Use:
    """One action of a statement: whether it is used, perhaps used, or not."""

    action: str
    answer: str  # "used", "perhaps", "unused"


def others_may_act_as(usage: Usage) -> str:
    """Why somebody outside of what was read may use the role; "" where nobody may."""
    services = usage.services
    if usage.role.trust is None:
        return "who may assume it isn't known" if not services else ""
    for statement in usage.role.trust.statements:
        for principal in statement.principals if statement.effect == "Allow" else ():
            if principal.kind != "Service":
                return f"{principal.value} may assume it, too"
            if services and principal.value not in services and not _same_service(principal.value, services):
                return f"{principal.value} may assume it, and nothing of that service was found"
    return ""


def _same_service(value: str, services: Iterable[str]) -> bool:
    return any(value.split(".")[0] == each.split(".")[0] for each in services) or value.startswith("edgelambda.")


def unused(usage: Usage) -> Iterator[Finding]:
    """Granted, and never used by anything that carries the role."""
    if others_may_act_as(usage):
        return
    may = [pattern.lower() for each in usage.cannot_tell for pattern in each.may]
    if "*" in may:
        return
    by_action: dict[str, list[Need]] = defaultdict(list)
    for need in usage.needs:
        for action in (need.action, *need.instead):
            by_action[action.lower()].append(need)
    for policy in usage.role.policies:
        for statement in policy.document.statements if policy.document else ():
            if statement.effect == "Allow" and statement.actions:
                yield from _of_statement(usage, policy, statement, by_action, may)


def _of_statement(
    usage: Usage, policy: Policy, statement: Statement, by_action: dict[str, list[Need]], may: Sequence[str]
) -> Iterator[Finding]:
    known = vocabulary()
    managed = ":iam::aws:policy/" in policy.arn
    idle: list[str] = []
    narrowed: dict[str, list[str]] = {}
    touching: list[Need] = []
    blurred = False
    for pattern in statement.actions:
        if "⟦" in pattern:
            blurred = True
            continue
        wild = "*" in pattern or "?" in pattern
        names = known.expand(pattern) if wild else (pattern,)
        used = []
        for name in names:
            needs = [need for need in by_action.get(name.lower(), ()) if _touches(need, statement)]
            touching += needs
            if needs:
                used.append(name)
        perhaps = any(overlap(pattern.lower(), each, "glob") is not None for each in may)
        blurred |= perhaps
        if used and wild and not perhaps and len(used) < len(names):
            narrowed[pattern] = used
        elif not used and not perhaps:
            idle.append(pattern)
    if idle:
        whole = len(idle) == len(statement.actions)
        yield _finding(
            usage,
            policy,
            statement,
            Severity.LOW if managed else UNUSED.severity,
            f"{_shown(idle)} on {_shown(statement.resources)}",
            _cut_all(policy, statement, managed)
            if whole
            else f"Take {_shown(idle)} out of {statement.name} of {policy.name}.",
            f"unused {' '.join(sorted(idle))}",
        )
    for pattern, used in narrowed.items():
        yield _finding(
            usage, policy, statement, Severity.LOW,
            f"all but {_shown(used)} of {pattern}",
            f"Write {json.dumps(used)} in place of {json.dumps(pattern)} in {statement.name} of {policy.name}.",
            f"narrow {pattern}",
        )  # fmt: skip
    if not blurred and len(statement.resources) > 1 and touching and not managed:
        spare = [
            each
            for each in statement.resources
            if each != "*" and not any(_may_be(need.resource, each) for need in touching)
        ]
        if spare:
            yield _finding(
                usage,
                policy,
                statement,
                Severity.LOW,
                f"{_shown([action for action in statement.actions if action not in idle])} on {_shown(spare)}",
                f"Take {_shown(spare)} out of the resources of {statement.name} of {policy.name}.",
                f"spare {' '.join(sorted(spare))}",
            )


def _cut_all(policy: Policy, statement: Statement, managed: bool) -> str:
    if managed:
        return (
            f"Attach a policy of your own with what is needed in place of {policy.name} (opsctl iam suggest writes it)."
        )
    return f"Remove {statement.name} from {policy.name}."


def _finding(
    usage: Usage, policy: Policy, statement: Statement, severity: Severity, what: str, fix: str, identity: str
) -> Finding:
    return Finding(
        UNUSED.id, severity,
        f"{usage.role.name} is granted {what} by {statement.name} of {policy.name}; {_list(usage.carriers)}"
        f" never {'use' if len(usage.carriers) > 1 else 'uses'} it.{_only_unreachable(usage, what)}",
        principal=usage.role.arn, resource=policy.address or usage.role.address,
        place=statement.place if statement.place.file else policy.place, fix=fix,
        identity=f"{usage.role.address or usage.role.name} {policy.name} {statement.name} {identity}",
    )  # fmt: skip


def _only_unreachable(usage: Usage, what: str) -> str:
    """A hint where only code that nothing leads to would use it."""
    for call in usage.unreachable:
        if f":{call.operation}".lower() in what.lower():
            return f" ({call.operation} at {call.place} isn't reachable from the handler.)"
    return ""


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_SHOWN]) + (f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else "")


def _touches(need: Need, statement: Statement) -> bool:
    """Whether a need may be about what a statement is about."""
    if statement.not_resources:
        return True
    return not statement.resources or any(_may_be(need.resource, each) for each in statement.resources)


def _may_be(resource: str, pattern: str) -> bool:
    if not resource or resource == "*" or pattern == "*":
        return True
    if match(compiled(pattern, "resource"), encode(resource)) != "no":
        return True
    return "?" in pattern and match(compiled(pattern.replace("?", "*"), "resource"), encode(resource)) != "no"


# — cannot tell —


def untold(usage: Usage) -> Iterator[Finding]:
    """Each hole, once for each place."""
    for each in usage.cannot_tell:
        yield Finding(
            CANNOT_TELL.id, CANNOT_TELL.severity,
            f"{_list(usage.carriers)}: {each.why}; it may need {_may(each.may)}.",
            principal=usage.role.arn, resource=usage.role.address, place=each.place, fix=CANNOT_TELL.mend,
        )  # fmt: skip


def _may(patterns: Sequence[str]) -> str:
    return "anything" if "*" in patterns else _shown(patterns)


CHECKS = (Check(LACKS, findings), Check(UNUSED), Check(CANNOT_TELL))
