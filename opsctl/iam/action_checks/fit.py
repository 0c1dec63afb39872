"""Whether a statement's parts fit each other: actions and resources, conditions and actions, operators and values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl.symbols import SYMBOL, is_symbolic
from opsctl.iam.action_checks.names import judged
from opsctl.iam.action_checks.subjects import GUIDE, REFERENCE, Subject, listed, own
from opsctl.iam.check import Check
from opsctl.iam.conditions import operator_of
from opsctl.iam.estate import Estate
from opsctl.iam.policy import Condition, Statement
from opsctl.iam.spelling import nearest
from opsctl.iam.vocabulary import GLOBAL_KEYS, Action, key_is_one_of, vocabulary

RESOURCE_FIT = Rule(
    "action/resource-mismatch",
    "An action that can't be done to any resource of its statement",
    Severity.MEDIUM,
    "Such an action is never allowed by this statement: s3:GetObject takes objects (arn:aws:s3:::bucket/*), not "
    "buckets, and some actions take only *.",
    "Name a resource of a type that the action takes, or move the action to a statement whose resources it fits.",
    (REFERENCE, f"{GUIDE}/reference_policies_elements_resource.html"),
)
KEY_UNKNOWN = Rule(
    "condition/unknown-key",
    "A condition key that AWS doesn't know",
    Severity.HIGH,
    "No request carries it: an Allow never applies, or, with a negated or IfExists operator, always; a Deny the other "
    "way round.",
    "Write the key as the service authorization reference has it.",
    (REFERENCE, f"{GUIDE}/reference_policies_condition-keys.html"),
)
KEY_FIT = Rule(
    "condition/key-mismatch",
    "A condition key that the statement's actions don't have",
    Severity.MEDIUM,
    "Requests for these actions don't carry the key, so that the condition is never met (or, negated, always).",
    "Use a key of these actions, or split the statement.",
    (REFERENCE,),
)
OPERATOR = Rule(
    "condition/operator",
    "A condition operator that AWS doesn't know or that doesn't suit the key",
    Severity.MEDIUM,
    "AWS refuses an operator that it doesn't know; one that doesn't suit the key's type never matches.",
    "Use an operator for the key's type: IpAddress for addresses, ArnLike for ARNs, Bool, NumericEquals, DateLessThan.",
    (f"{GUIDE}/reference_policies_elements_condition_operators.html",),
)
VALUE = Rule(
    "condition/value",
    "A condition's value that can never match",
    Severity.MEDIUM,
    "The condition is never met, or, negated, always.",
    "Write the value in the form that the operator compares.",
    (f"{GUIDE}/reference_policies_elements_condition_operators.html",),
)
SET_OPERATOR = Rule(
    "condition/set-operator",
    "ForAllValues or ForAnyValue where it doesn't do what it seems to",
    Severity.MEDIUM,
    "ForAllValues is true where the request doesn't carry the key: in an Allow, leaving the key out lets everybody in.",
    "Leave the set operator away for a key with a single value; beside ForAllValues require the key: Null = false.",
    (f"{GUIDE}/reference_policies_condition-single-vs-multi-valued-context-keys.html",),
)

# --- actions and resources --------------------------------------------------------------------------------------------

MOST = 1_280  # actions, resources or conditions of one statement: no policy that AWS takes has more (`policy/size`)
UNTOLD = "*"  # what a symbol in an ARN may be
NAME = "\ue000"  # a name that isn't known and holds no slash: a bucket's


@lru_cache(maxsize=1 << 16)
def shaped(resource: str) -> str | None:
    """A statement's resource as a pattern, with `NAME` for an unknown bucket and "*" for what else isn't known.

    None where its very form isn't known, so that nothing can be said.
    """
    if not is_symbolic(resource) and "${" not in resource:
        return resource
    text = re.sub(r"\$\{[^}]*\}", UNTOLD, resource)
    text = SYMBOL.sub(lambda symbol: NAME if "aws_s3_bucket." in symbol[1] else UNTOLD, text)
    return text if text.startswith("arn:") else None


def _glob(text: str) -> str:
    return "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)


@lru_cache(maxsize=1 << 16)
def meet(one: str, other: str) -> bool:
    """Whether some text is in both patterns ("*", "?"). Cost: the product of their lengths."""
    if "*" not in one and "?" not in one:
        return re.fullmatch(_glob(other), one, re.DOTALL) is not None if other.count("*") < 4 else _walk(one, other)
    return _walk(one, other)


def _walk(one: str, other: str) -> bool:
    heads = one.partition("*")[0].partition("?")[0], other.partition("*")[0].partition("?")[0]
    if not heads[0].startswith(heads[1]) and not heads[1].startswith(heads[0]):
        return False
    reached = {0}
    for char in (*one, ""):
        closed = set(reached)
        for at in reached:  # stars of `other` may stand for nothing
            while at < len(other) and other[at] == "*":
                at += 1
                closed.add(at)
        if not char:
            return len(other) in closed
        if char == "*":
            reached = set(range(min(closed), len(other) + 1)) if closed else set()
        else:
            reached = {
                at if other[at] == "*" else at + 1
                for at in closed
                if at < len(other) and (other[at] in ("*", "?", char) or char == "?")
            }
        if not reached:
            return False
    return False


@lru_cache(maxsize=1 << 16)
def takes(resource: str, template: str) -> bool:
    """Whether a statement's resource (`shaped`) may name something of a resource type (its ARN pattern)."""
    if resource == "*":
        return True
    mine, theirs = resource.split(":", 5), template.split(":", 5)
    if len(mine) == 6 and mine[2].isalnum() and theirs[2].isalnum() and mine[2] != theirs[2]:
        return False  # what most pairs are
    if len(mine) < 6 or len(theirs) < 6:
        return meet(resource, template)
    if not all(meet(ours, other) for ours, other in zip(mine[:5], theirs[:5], strict=True)):
        # "arn:aws:s3*" and "arn:aws:sqs:*": a wildcard at the end of a segment goes on past the colons.
        return any(part.endswith("*") for part in mine[:5]) and meet(resource, template)
    if template == "arn:*:s3:::*":  # a bucket: its name holds no slash
        return "/" not in mine[5]
    return meet(mine[5], theirs[5])


@lru_cache(maxsize=1 << 14)
def type_patterns(action: str) -> tuple[str, ...]:
    """ARN patterns of what an action takes."""
    known = vocabulary()
    found = known.action(action)
    if found is None:
        return ()
    return tuple(arn for use in found.resource_types for arn in known.resource_arns(found.service, use.name))


@lru_cache(maxsize=1 << 16)
def fits(action: str, resources: tuple[str, ...]) -> bool:
    """Whether an action (or one that a pattern means) can be done to any of a statement's resources; True in doubt."""
    if "*" in resources or len(resources) > MOST:
        return True
    patterns = [shaped(resource) for resource in resources]
    if None in patterns or judged(action)[0] != "known" or action in ("*", "*:*") or is_symbolic(action):
        return True
    theirs = patterns_taken(action)
    return theirs is None or any(takes(mine, arn) for arn in theirs for mine in patterns if mine)


@lru_cache(maxsize=1 << 14)
def patterns_taken(action: str) -> tuple[str, ...] | None:
    """ARN patterns of what an action, or any that a pattern means, takes; None where that can't be told."""
    found = vocabulary().actions(action)
    if not all(each.documented for each in found):
        return None
    return tuple(dict.fromkeys(arn for each in found for arn in type_patterns(each.name)))


def resource_mismatch(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        if subject.kind == "trust":
            continue
        for statement in subject.document.statements:
            if not statement.resources or "*" in statement.resources:
                continue
            misfits = [action for action in statement.actions if not fits(action, statement.resources)]
            if misfits:
                yield from _misfit_findings(subject, statement, misfits)


def _misfit_findings(subject: Subject, statement: Statement, misfits: list[str]) -> Iterator[Finding]:
    known = vocabulary()
    whole = len(misfits) == len(statement.actions)
    by_wish: dict[tuple[str, ...], list[str]] = {}
    for action in misfits:
        forms = sorted({arn for name in known.expand(action) for arn in templates(name)})
        by_wish.setdefault(tuple(forms), []).append(action)
    for wishes, actions in by_wish.items():
        wish = sorted(wishes, key=lambda arn: -max(_alike(arn, each) for each in statement.resources))
        label = f"actions.{statement.actions.index(actions[0])}"
        of = "the resource" if len(statement.resources) == 1 else "any resource"
        named = f"{of} of {statement.name}" + (f" ({statement.resources[0]})" if len(statement.resources) == 1 else "")
        if wish:
            # The reference is right about what an action takes; that one takes only "*" it says now and then wrongly.
            severity = Severity.HIGH if whole and statement.effect == "Allow" else RESOURCE_FIT.severity
            verb = "takes" if len(actions) == 1 else "take"
            message = f"{listed(actions)} can't be done to {named}: {verb} {listed(wish, 2)}."
            better = next((text for text in _neighbours(statement) if all(fits(each, (text,)) for each in actions)), "")
            fix = f"Add {better or 'a resource of the form ' + wish[0]}, or take {listed(actions)} out."
        else:
            severity = RESOURCE_FIT.severity
            message = f"{listed(actions)} can't be limited to a resource, and {statement.name} doesn't name *."
            fix = f"Move {listed(actions)} to a statement with Resource *."
        yield subject.finding(RESOURCE_FIT, message, statement, label, severity=severity, fix=fix)


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((at for at, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs), len(one))


def _neighbours(statement: Statement) -> Iterator[str]:
    """What a resource is often meant to be: the objects in a bucket, the bucket, a log group's streams."""
    for resource in statement.resources:
        yield from (f"{resource}/*", f"{resource}:*", resource.removesuffix("/*"), resource.removesuffix(":*"))


@lru_cache(maxsize=1 << 14)
def templates(action: str) -> tuple[str, ...]:
    """What an action takes, for people: ("arn:aws:s3:::${BucketName}/${ObjectName}",)."""
    known = vocabulary()
    found = known.action(action)
    service = known.service(found.service) if found else None
    if found is None or service is None:
        return ()
    types = [service.resource_types[use.name] for use in sorted(found.resource_types, key=lambda use: not use.required)]
    return tuple(kind.arn.replace("${Partition}", "aws") for kind in types)


# --- conditions -------------------------------------------------------------------------------------------------------

# Keys with a service's prefix that other services' requests carry (IAM user guide, "AWS global condition context keys",
# cross-service keys), in lower case.
CROSS_SERVICE = frozenset({
    "codebuild:buildarn", "codebuild:projectarn", "ec2:roledelivery", "ec2:sourceinstancearn",
    "glue:credentialissuingservice", "glue:roleassumedby", "identitystore:groupid", "identitystore:userid",
    "lambda:sourcefunctionarn", "ssm:sourceinstancearn",
})  # fmt: skip
BASES: Mapping[str, tuple[str, ...]] = {  # operator's family → types that it compares
    "String": ("String", "ARN", "Bool"),
    "Numeric": ("Numeric", "Date"),
    "Date": ("Date",),
    "Bool": ("Bool",),
    "Binary": ("Binary", "String"),
    "Ip": ("IPAddress",),
    "Arn": ("ARN",),
}
OPERATORS: Mapping[str, str] = {
    "StringEquals": "String", "StringNotEquals": "String", "StringEqualsIgnoreCase": "String",
    "StringNotEqualsIgnoreCase": "String", "StringLike": "String", "StringNotLike": "String",
    "NumericEquals": "Numeric", "NumericNotEquals": "Numeric", "NumericLessThan": "Numeric",
    "NumericLessThanEquals": "Numeric", "NumericGreaterThan": "Numeric", "NumericGreaterThanEquals": "Numeric",
    "DateEquals": "Date", "DateNotEquals": "Date", "DateLessThan": "Date", "DateLessThanEquals": "Date",
    "DateGreaterThan": "Date", "DateGreaterThanEquals": "Date", "Bool": "Bool", "BinaryEquals": "Binary",
    "IpAddress": "Ip", "NotIpAddress": "Ip", "ArnEquals": "Arn", "ArnLike": "Arn", "ArnNotEquals": "Arn",
    "ArnNotLike": "Arn", "Null": "Null",
}  # fmt: skip
_BY_LOWER = {name.lower(): name for name in OPERATORS}
SETS = ("foranyvalue:", "forallvalues:")


@lru_cache(maxsize=1 << 10)
def parts_of(operator: str) -> tuple[str, str, bool]:
    """("forallvalues:" or "", the operator as AWS writes it or "", IfExists)."""
    lower = operator.lower()
    prefix = next((each for each in SETS if lower.startswith(each)), "")
    lower = lower.removeprefix(prefix)
    if_exists = lower.endswith("ifexists")
    return prefix, _BY_LOWER.get(lower.removesuffix("ifexists"), ""), if_exists


def is_negated(name: str) -> bool:
    return "Not" in name


def is_foreign(key: str) -> bool:
    """A key of an identity provider ("token.actions.githubusercontent.com:sub"): nobody can list them all."""
    prefix = key.partition(":")[0]
    return "." in prefix or "/" in prefix or prefix.lower() == "saml"


@lru_cache(maxsize=1 << 14)
def key_type(key: str) -> str | None:
    """A key's type, wherever it belongs; "String" for an identity provider's; None: there is no such key."""
    if is_foreign(key):
        return "String"
    return vocabulary().condition_key_type(key)


@lru_cache(maxsize=1 << 14)
def meant_key(key: str) -> str:
    known = vocabulary()
    service = known.service(key.partition(":")[0])
    stem, slash, tag = key.partition("/")
    keys = (*GLOBAL_KEYS, *(service.condition_keys if service else ()))
    meant = nearest(stem, dict.fromkeys(name.partition("/${")[0] for name in keys))
    return f"{meant}{slash}{tag}" if meant else ""


@lru_cache(maxsize=1 << 15)
def carries(action: str, key: str) -> bool:
    """Whether requests for an action (or one that a pattern means) may carry a key; True in doubt."""
    lower = key.lower()
    if action in ("*", "*:*") or is_symbolic(action) or judged(action)[0] != "known":
        return True
    if lower.startswith("aws:") or lower in CROSS_SERVICE or is_foreign(key):
        return True
    known = vocabulary()
    prefix = lower.partition(":")[0]
    for found in known.actions(action):
        if not found.documented or _carries(found, key):
            return True
        if prefix == found.service and not any(True for _ in known.condition_keys(found)):
            return True  # the reference lists no keys for it at all: a hole rather than a fact
    return False


def _carries(action: Action, key: str) -> bool:
    return key_is_one_of(key, vocabulary().condition_keys(action))


def conditions(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        for statement in subject.document.statements:
            for condition in statement.conditions[:MOST]:
                if is_symbolic(condition.key) or is_symbolic(condition.operator):
                    continue
                yield from _operator_findings(subject, statement, condition)
                yield from _key_findings(subject, statement, condition)


def _label(condition: Condition) -> str:
    return f"conditions.{condition.operator}.{condition.key}"


def _operator_findings(subject: Subject, statement: Statement, condition: Condition) -> Iterator[Finding]:
    several, operator, _ = parts_of(condition.operator)
    label = _label(condition)
    if not operator:
        meant = nearest(condition.operator.rpartition(":")[2].removesuffix("IfExists"), OPERATORS)
        hint = f"; is {meant} meant?" if meant else ""
        yield subject.finding(
            OPERATOR, f"{condition.operator} is no condition operator{hint}" + ("" if hint else "."), statement, label,
            severity=Severity.HIGH, fix=f"Write {meant}." if meant else "",
        )  # fmt: skip
        return
    if not condition.values and not operator_of(condition.operator).negated:
        message = f"{condition.operator} on {condition.key} compares with an empty list, which nothing matches."
        fix = "Write the values that are meant, or take the condition out."
        yield subject.finding(VALUE, message, statement, label, fix=fix)
    kind = key_type(condition.key)
    family = OPERATORS[operator]
    if kind is None:
        return
    single = kind.removeprefix("ArrayOf")
    if family != "Null" and single not in BASES[family] and not _is_arn_after_all(family, condition):
        message = f"{condition.operator} compares {_comparing(family)}, and {condition.key} is {_described(single)}."
        yield subject.finding(OPERATOR, message, statement, label)
        return
    if (test := FORMS.get(family)) and (wrong := [value for value in condition.values if _is_wrong(test, value)]):
        message = f"{condition.operator} on {condition.key} can't match {listed(wrong)}: not {_described(family)}."
        yield subject.finding(VALUE, message, statement, label)
    if several == "forallvalues:" and statement.effect == "Allow" and not _requires(statement, condition.key):
        array = kind.startswith("ArrayOf") or is_foreign(condition.key)
        yield subject.finding(
            SET_OPERATOR,
            f"{condition.operator} on {condition.key} is met by every request without that key.",
            statement, label, severity=Severity.INFO if array else SET_OPERATOR.severity,
            fix=f'Add "Null": {{"{condition.key}": "false"}}.' if array else f"Write {operator}.",
        )  # fmt: skip
    elif several and not kind.startswith("ArrayOf") and not is_foreign(condition.key) and "/" not in condition.key:
        message = f"{condition.key} has one value; {condition.operator.partition(':')[0]} is for keys with several."
        yield subject.finding(SET_OPERATOR, message, statement, label, severity=Severity.LOW, fix=f"Write {operator}.")


def _requires(statement: Statement, key: str) -> bool:
    return any(
        parts_of(each.operator)[1] == "Null" and each.key.lower() == key.lower() and "false" in each.values
        for each in statement.conditions
    )


def _is_arn_after_all(family: str, condition: Condition) -> bool:
    """ARN operators on keys that the reference calls strings and that hold ARNs."""
    return family == "Arn" and (
        "arn" in condition.key.lower() or all(value.startswith(("arn:", "⟦", "*", "${")) for value in condition.values)
    )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_address(value: str) -> bool:
    from ipaddress import ip_network

    try:
        ip_network(value, strict=False)
    except ValueError:
        return False
    return True


FORMS: Mapping[str, Callable[[str], bool]] = {
    "Bool": lambda value: value.lower() in ("true", "false"),
    "Null": lambda value: value.lower() in ("true", "false"),
    "Numeric": _is_number,
    "Ip": _is_address,
    "Date": lambda value: re.match(r"\d{4}(-\d\d){0,2}(T|$)|\d+$", value) is not None,
    "Arn": lambda value: value in ("*", "") or value.startswith(("arn:", "*", "arn*")),
}
DESCRIBED = {
    "Ip": "an address range", "IPAddress": "an IP address", "Bool": "true or false", "Null": "true or false",
    "Numeric": "a number", "Date": "a date", "Arn": "an ARN", "ARN": "an ARN", "String": "a string",
}  # fmt: skip
COMPARING = {
    "Ip": "IP addresses", "Bool": "true and false", "Numeric": "numbers", "Date": "dates", "Arn": "ARNs",
    "String": "strings", "Binary": "binary values",
}  # fmt: skip


def _is_wrong(test: Callable[[str], bool], value: str) -> bool:
    return not is_symbolic(value) and "${" not in value and not test(value)


def _described(kind: str) -> str:
    return DESCRIBED.get(kind, kind)


def _comparing(family: str) -> str:
    return COMPARING[family]


def _key_findings(subject: Subject, statement: Statement, condition: Condition) -> Iterator[Finding]:
    key, label = condition.key, _label(condition)
    known = vocabulary()
    if key_type(key) is None:
        if known.retirement(f"{key.partition(':')[0]}:*"):
            return
        if any(is_one(action, key) for action in statement.actions[:MOST]):
            return
        meant = meant_key(key)
        hint = f"; is {meant} meant?" if meant else "."
        fix = f"Write {meant}." if meant else ""
        severity = KEY_UNKNOWN.severity if meant else Severity.MEDIUM
        yield subject.finding(
            KEY_UNKNOWN, f"AWS has no condition key {key}{hint}", statement, label, severity=severity, fix=fix
        )
        return
    lacking = [action for action in statement.actions[:MOST] if not carries(action, key)]
    if not lacking:
        return
    message = f"{listed(lacking)} never {'carries' if len(lacking) == 1 else 'carry'} {key}"
    _, operator, if_exists = parts_of(condition.operator)
    if len(lacking) == len(statement.actions[:MOST]):
        yield subject.finding(KEY_FIT, f"{message}.", statement, label)
    elif statement.effect == "Allow" and operator and not if_exists and not is_negated(operator) and operator != "Null":
        what = "it" if len(lacking) == 1 else "them"
        message = f"{message}: {statement.name} doesn't allow {what}."
        yield subject.finding(KEY_FIT, message, statement, label, severity=Severity.LOW)


def is_one(action: str, key: str) -> bool:
    """Whether a key that its own service doesn't list belongs to an action of another."""
    return action not in ("*", "*:*") and any(_carries(found, key) for found in vocabulary().actions(action))


CHECKS = (
    Check(RESOURCE_FIT, resource_mismatch),
    Check(KEY_UNKNOWN, conditions),
    Check(KEY_FIT),
    Check(OPERATOR),
    Check(VALUE),
    Check(SET_OPERATOR),
)
