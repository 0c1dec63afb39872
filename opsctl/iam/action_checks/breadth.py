"""How wide a grant is: wildcards among actions and resources, NotAction, NotResource.

Deny is never judged to be a grant, and what a Deny, a boundary or a strong condition takes away is not held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl.symbols import is_symbolic
from opsctl.iam.action_checks.fit import fits, parts_of, templates
from opsctl.iam.action_checks.names import judged
from opsctl.iam.action_checks.subjects import GUIDE, REFERENCE, Subject, listed, subjects
from opsctl.iam.check import Check
from opsctl.iam.estate import Estate, Principal
from opsctl.iam.policy import Statement
from opsctl.iam.vocabulary import Action, vocabulary

LEAST = f"{GUIDE}/best-practices.html#grant-least-privilege"

WILDCARD_ACTION = Rule(
    "policy/wildcard-action",
    "A wildcard that allows more than reading",
    Severity.MEDIUM,
    "The statement allows every action that matches, and each that AWS adds later: whoever takes over the principal "
    "has them all.",
    "Name the actions that are used.",
    (LEAST, f"{GUIDE}/reference_policies_elements_action.html"),
    ("least-privilege",),
)
WILDCARD_RESOURCE = Rule(
    "policy/wildcard-resource",
    "Resource * for actions that could be limited to some",
    Severity.MEDIUM,
    "One mistake or one stolen credential reaches every resource of the account instead of the one that is needed.",
    "Name the resources. Actions that take only * belong in a statement of their own.",
    (LEAST, REFERENCE),
    ("least-privilege",),
)
NOT_ACTION = Rule(
    "policy/not-action-allow",
    "NotAction with Allow",
    Severity.HIGH,
    "It allows everything but what is listed, with every service that AWS will ever add.",
    "Name the actions that are used with Action; keep NotAction for Deny.",
    (f"{GUIDE}/reference_policies_elements_notaction.html",),
    ("least-privilege",),
)
NOT_RESOURCE = Rule(
    "policy/not-resource-allow",
    "NotResource with Allow",
    Severity.HIGH,
    "It allows the actions on everything but what is listed, with every resource that will ever be made.",
    "Name the resources with Resource; keep NotResource for Deny.",
    (f"{GUIDE}/reference_policies_elements_notresource.html",),
    ("least-privilege",),
)
NOT_PRINCIPAL = Rule(
    "policy/not-principal-allow",
    "NotPrincipal with Allow",
    Severity.HIGH,
    "It lets in everybody but those who are listed, strangers without an account included.",
    "Name who may with Principal.",
    (f"{GUIDE}/reference_policies_elements_notprincipal.html",),
)

MANY = 50  # resources of one statement beyond which it isn't worth telling which of a pattern's actions fit none
WIDE = frozenset({"*", "*:*"})
CHANGING = ("Write", "Tagging", "Permissions management")
ORDER = ("List", "Read", "Tagging", "Write", "Permissions management")
BY_LEVEL = {  # how bad it is that an action reaches every resource
    "List": Severity.INFO, "Read": Severity.LOW, "Tagging": Severity.LOW, "Write": Severity.MEDIUM,
    "Permissions management": Severity.MEDIUM,
}  # fmt: skip
# Services that decide who may do what: all of their actions is all of an account, or of an organization.
CONTROLLING = frozenset({"iam", "organizations", "sso", "sts", "account", "identitystore"})

# Condition keys that tie a grant to certain resources, callers or ways: what is allowed is no longer "everything".
STRONG_KEYS = (
    "aws:principalarn", "aws:principaltag/", "aws:requesttag/", "aws:resourceaccount", "aws:resourcetag/",
    "aws:sourcearn", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:viaawsservice", "aws:tagkeys",
    "aws:userid", "aws:username", "iam:awsservicename", "iam:passedtoservice", "iam:permissionsboundary",
    "iam:policyarn", "kms:viaservice", "kms:callerservice", "kms:grantisforawsresource", "kms:encryptioncontext:",
    "kms:resourcealiases", "lambda:functionarn", "lambda:sourcefunctionarn", "sts:externalid",
)  # fmt: skip
# A service's own keys that say how, not to what.
HOW_KEYS = ("authtype", "signatureversion", "signatureage", "tlsversion", "x-amz-content-sha256")
NARROWING = ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "Bool")


def is_strong(statement: Statement) -> bool:
    """Whether one of a statement's conditions ties the grant to certain resources or ways (cloudsplaining#278).

    Positive, without IfExists and ForAllValues (which hold where the key is missing), and not for any value.
    """
    for condition in statement.conditions:
        several, operator, if_exists = parts_of(condition.operator)
        key = condition.key.lower()
        if is_symbolic(key):
            return True  # nobody knows; the engine says "depends"
        if operator not in NARROWING or if_exists or several == "forallvalues:":
            continue
        if not condition.values or any(not value.strip("*?") for value in condition.values):
            continue
        own = not key.startswith(("aws:", "sts:")) and key.partition(":")[2] not in HOW_KEYS
        if own or key.startswith(STRONG_KEYS):
            return operator != "Bool" or "true" in (value.lower() for value in condition.values)
    return False


def lowered(severity: Severity) -> Severity:
    """Of a grant that something else narrows: two steps down, but not below low."""
    return max(min(Severity.LOW, severity), Severity(severity - 2)) if severity > Severity.LOW else severity


def narrowed_by_boundary(holder: Principal) -> bool:
    """Whether a principal's permissions boundary leaves something out."""
    boundary = holder.boundary
    if boundary is None:
        return False
    if boundary.document is None:
        return True
    allowed = (each for each in boundary.document.statements if each.effect == "Allow" and not each.conditions)
    everything = any(WIDE & set(each.actions) and "*" in each.resources for each in allowed)
    return not everything or any(each.effect == "Deny" for each in boundary.document.statements)


def denied_everywhere(holder: Principal) -> frozenset[str]:
    """Action patterns that a principal's own policies deny on every resource without a condition."""
    return frozenset(
        action
        for policy in holder.policies
        if policy.document is not None
        for each in policy.document.statements
        if each.effect == "Deny" and not each.conditions and "*" in each.resources
        for action in each.actions
    )


@lru_cache(maxsize=1 << 16)
def reached(pattern: str, denied: frozenset[str]) -> tuple[Action, ...]:
    """The actions that a pattern means, without those that are denied."""
    known = vocabulary()
    if not denied:
        return known.actions(pattern)
    gone = _gone(denied)
    return tuple(found for found in known.actions(pattern) if found.name not in gone)


@lru_cache(maxsize=1 << 10)
def _gone(denied: frozenset[str]) -> frozenset[str]:
    return frozenset(name for each in denied for name in vocabulary().expand(each))


def allows(estate: Estate) -> Iterator[tuple[Subject, Statement, frozenset[str], bool]]:
    """Every Allow of an identity policy: (…, patterns denied to all its holders, whether something narrows it)."""
    denied: dict[int, frozenset[str]] = {}
    for subject in subjects(estate):
        if subject.kind != "identity":
            continue
        for holder in subject.holders:
            if id(holder) not in denied:
                denied[id(holder)] = denied_everywhere(holder)
        common = frozenset.intersection(*(denied[id(holder)] for holder in subject.holders))
        bounded = all(map(narrowed_by_boundary, subject.holders))
        for statement in subject.document.statements:
            if statement.effect == "Allow":
                yield subject, statement, common, bounded or is_strong(statement)


def is_wild(action: str) -> bool:
    return ("*" in action or "?" in action) and not is_symbolic(action)


def is_everywhere(statement: Statement) -> bool:
    """Whether a statement reaches every resource of a service: "*", "arn:aws:s3:::*", "arn:aws:sqs:*:*:*", Not…."""
    return bool(statement.not_resources) or any(
        resource == "*" or (resource.startswith("arn:") and not resource.split(":", 5)[-1].strip("*/"))
        for resource in statement.resources
    )


def wildcard_action(estate: Estate) -> Iterator[Finding]:
    for subject, statement, denied, narrowed in allows(estate):
        worst: tuple[Severity, int, str] | None = None
        flagged = []
        for number, pattern in enumerate(statement.actions):
            if not is_wild(pattern) or judged(pattern)[0] != "known":
                continue
            severity, why = judge_pattern(pattern, statement, denied)
            if severity is None:
                continue
            flagged.append(pattern)
            if worst is None or severity > worst[0]:
                worst = (severity, number, why)
        if worst is None:
            continue
        severity, number, why = worst
        severity = lowered(severity) if narrowed else severity
        if subject.is_aws_managed and severity < Severity.HIGH:
            continue
        others = [pattern for pattern in flagged if pattern != statement.actions[number]]
        also = f"; {listed(others)} also" if others else ""
        though = ", though not unconditionally" if narrowed else ""
        message = f"{statement.actions[number]} in {statement.name} allows {why}{though}{also}."
        yield subject.finding(WILDCARD_ACTION, message, statement, f"actions.{number}", severity=severity)


@lru_cache(maxsize=1 << 14)
def _reach(pattern: str, denied: frozenset[str], resources: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """(access levels beyond reading, number of such actions) that a pattern reaches on resources."""
    certain = pattern in WIDE or len(resources) > MANY
    found = [
        action for action in reached(pattern, denied)
        if action.access_level in CHANGING and (certain or fits(action.name, resources))
    ]  # fmt: skip
    return tuple(sorted({action.access_level for action in found})), len(found)


def judge_pattern(pattern: str, statement: Statement, denied: frozenset[str]) -> tuple[Severity | None, str]:
    """(how bad a wildcard among a statement's actions is or None, what it allows)."""
    everywhere = is_everywhere(statement)
    if pattern in WIDE:
        if denied & WIDE:
            return None, ""
        if everywhere and ("*" in statement.resources or statement.not_resources):
            return Severity.CRITICAL, "everything on everything"
        services = {
            each.split(":")[2] for each in statement.resources if each.startswith("arn:") and each.count(":") > 2
        }
        if everywhere:
            return Severity.HIGH, f"every action on every resource of {listed(sorted(services))}"
        return Severity.MEDIUM, "every action on its resources"
    levels, count = _reach(pattern, denied, () if statement.not_resources else statement.resources)
    if not levels:
        return None, ""
    prefix, _, action = pattern.partition(":")
    whole = not action.strip("*")
    where = "on every resource" if everywhere else "on its resources"
    what = "an action that changes something" if count == 1 else f"{count} actions that change something"
    if "Permissions management" in levels:
        what += ", permissions included,"
    severity = Severity.LOW
    if "Permissions management" in levels:
        severity = Severity.HIGH if everywhere and (whole or prefix.lower() in CONTROLLING) else Severity.MEDIUM
    elif everywhere and levels != ("Tagging",):
        severity = Severity.MEDIUM
    return severity, f"{what} {where}"


def wildcard_resource(estate: Estate) -> Iterator[Finding]:
    for subject, statement, denied, narrowed in allows(estate):
        if "*" not in statement.resources or not statement.actions or subject.is_aws_managed:
            continue
        named = tuple(each for each in statement.actions if not is_symbolic(each) and each not in WIDE)
        levels = {name: level for name in named if (level := narrowable(name, denied))}
        # A wildcard that changes something has a finding of its own.
        names = [name for name, level in levels.items() if level != "*" and not (is_wild(name) and level in CHANGING)]
        must = [name for name, level in levels.items() if level == "*"]
        if not names:
            continue
        severity = max(BY_LEVEL[levels[name]] for name in names)
        if narrowed:
            severity = Severity.INFO
        forms = sorted(set(map(form_of, names)) - {""})
        keep = f" Keep {listed(must)} on *: AWS takes nothing else there." if must else ""
        message = (
            f"{listed(names)} could be limited to resources; {statement.name} allows {_them(names)} on all of them."
        )
        yield subject.finding(
            WILDCARD_RESOURCE, message, statement, f"resources.{statement.resources.index('*')}", severity=severity,
            fix=f"Name resources of the form {listed(forms, 3)}.{keep}",
        )  # fmt: skip


@lru_cache(maxsize=1 << 14)
def form_of(pattern: str) -> str:
    """An ARN that an action, or one that a pattern means, takes."""
    return next((form for name in vocabulary().expand(pattern) for form in templates(name)), "")


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


@lru_cache(maxsize=1 << 16)
def narrowable(action: str, denied: frozenset[str] = frozenset()) -> str:
    """The highest access level that an action or pattern reaches and that could be limited to resources.

    "*" where AWS takes nothing but "*" for it (checkov#5134, kics#5714), "" where that can't be told: an action whose
    only resource is optional may be called without one, and is then asked for "*".
    """
    means = reached(action, denied)
    levels = [each.access_level for each in means if _has_resource(each)]
    if levels:
        return max(levels, key=ORDER.index)
    return "*" if means and all(each.takes_only_wildcard for each in means) else ""


def _has_resource(action: Action) -> bool:
    return len(action.resource_types) > 1 or any(use.required for use in action.resource_types)


def negations(estate: Estate) -> Iterator[Finding]:
    """NotAction and NotResource in an Allow, and NotPrincipal in one."""
    for subject, statement, denied, narrowed in allows(estate):
        if denied & WIDE or subject.is_aws_managed:
            continue
        if statement.not_actions:
            reads = not any(each.access_level in CHANGING for each in _allowed_beside(statement, denied))
            everywhere = is_everywhere(statement)
            severity = Severity.HIGH if everywhere else Severity.MEDIUM
            if reads:
                severity = Severity.LOW
            message = f"{statement.name} allows everything but {listed(statement.not_actions)}."
            yield subject.finding(
                NOT_ACTION, message, statement, "not_actions.0", severity=lowered(severity) if narrowed else severity
            )
        if statement.not_resources:
            changing = any(judge_level(action) in CHANGING for action in statement.actions) or statement.not_actions
            severity = Severity.HIGH if changing else Severity.LOW
            message = f"{statement.name} allows its actions on everything but {listed(statement.not_resources)}."
            yield subject.finding(
                NOT_RESOURCE,
                message,
                statement,
                "not_resources.0",
                severity=lowered(severity) if narrowed else severity,
            )
    for subject in subjects(estate):
        if subject.kind in ("trust", "resource", "loose"):
            for statement in subject.document.statements:
                if statement.effect == "Allow" and statement.not_principals:
                    but = listed([each.value for each in statement.not_principals])
                    message = f"{statement.name} lets in everybody but {but}."
                    yield subject.finding(NOT_PRINCIPAL, message, statement, "not_principals")


def judge_level(action: str) -> str:
    """The highest access level that an action or pattern reaches; "" where that can't be told."""
    if action in WIDE:
        return "Permissions management"
    return max((each.access_level for each in reached(action, frozenset())), key=ORDER.index, default="")


def _allowed_beside(statement: Statement, denied: frozenset[str]) -> tuple[Action, ...]:
    return reached("*", denied.union(statement.not_actions))


CHECKS = (
    Check(WILDCARD_ACTION, wildcard_action),
    Check(WILDCARD_RESOURCE, wildcard_resource),
    Check(NOT_ACTION, negations),
    Check(NOT_RESOURCE),
    Check(NOT_PRINCIPAL),
)
