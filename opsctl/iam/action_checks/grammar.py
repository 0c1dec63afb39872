"""What AWS would refuse, or take otherwise than it reads: the grammar, ARNs, principals, Sids, variables, size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl.symbols import SYMBOL, is_symbolic
from opsctl.iam.action_checks.fit import is_foreign, key_type, meant_key
from opsctl.iam.action_checks.subjects import GUIDE, Subject, own
from opsctl.iam.check import Check
from opsctl.iam.estate import Estate
from opsctl.iam.estate import Principal as Holder
from opsctl.iam.policy import Principal, Statement
from opsctl.iam.spelling import nearest
from opsctl.iam.vocabulary import vocabulary

MALFORMED = Rule(
    "policy/malformed",
    "A policy that AWS refuses, or a part of it that can't be read",
    Severity.HIGH,
    "AWS answers MalformedPolicyDocument when it is applied; until then nobody knows what the policy was to allow.",
    "Write it as the grammar of IAM's policy language has it.",
    (f"{GUIDE}/reference_policies_grammar.html",),
)
ARN = Rule(
    "resource/malformed-arn",
    "A resource that is no ARN of AWS",
    Severity.HIGH,
    "No resource has such an ARN: AWS refuses the policy, or the statement applies to nothing.",
    "Write arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, with the parts that the resource type has.",
    (f"{GUIDE}/reference-arns.html",),
)
PRINCIPAL = Rule(
    "principal/invalid",
    "A principal that AWS refuses or that nobody can be",
    Severity.HIGH,
    "AWS answers MalformedPolicyDocument (invalid principal), or the statement lets in nobody.",
    'Name an account ("123456789012"), the whole ARN of a role or user, or a service (lambda.amazonaws.com).',
    (f"{GUIDE}/reference_policies_elements_principal.html",),
)
SID = Rule(
    "policy/sid",
    "A Sid that AWS refuses",
    Severity.HIGH,
    "IAM takes only letters and digits in a Sid, and each once in a policy.",
    "Give each statement its own Sid of letters and digits.",
    (f"{GUIDE}/reference_policies_elements_sid.html",),
)
VARIABLE = Rule(
    "policy/variable",
    "A policy variable that stands for nothing",
    Severity.HIGH,
    "In a policy of version 2008-10-17, which is what AWS assumes where none is written, ${aws:username} is that very "
    "text; a variable that AWS doesn't know never matches.",
    'Write "Version": "2012-10-17" and a condition key that AWS knows.',
    (f"{GUIDE}/reference_policies_variables.html",),
)
VERSION = Rule(
    "policy/version",
    "A policy of the old version",
    Severity.LOW,
    "Without Version AWS takes 2008-10-17, in which policy variables are plain text and newer features are missing.",
    'Write "Version": "2012-10-17".',
    (f"{GUIDE}/reference_policies_elements_version.html",),
)
SIZE = Rule(
    "policy/size",
    "A policy larger than AWS takes",
    Severity.HIGH,
    "AWS counts the characters without white space: 6,144 for a managed policy, and for all inline policies together "
    "2,048 of a user, 5,120 of a group, 10,240 of a role.",
    "Split it, or say the same with fewer words.",
    (f"{GUIDE}/reference_iam-quotas.html",),
)

INLINE: Mapping[str, int] = {"role": 10_240, "user": 2_048, "group": 5_120}
MANAGED = 6_144
LARGEST = max(*INLINE.values(), MANAGED)

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}|global|us-gov|")
ACCOUNT = re.compile(r"\d{12}|aws|aws-marketplace|cloudfront|")
# What a wildcard may stand behind that begins in a part and goes on past it: "arn:aws:s3::b/*" is no account.
BEGINNINGS = {
    3: re.compile(r"[a-z]{0,4}(-[a-z]*){0,3}(-\d{0,2})?|global"),
    4: re.compile(r"\d{0,12}|a|aw|aws(-[a-z]*)?|c|cl[a-z]*"),
}
WILD = re.compile(r"[*?⟦]|\$\{")
SERVICE = re.compile(
    r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov)"
)
ENTITY = re.compile(r"(root|(role|user|assumed-role|federated-user)/.+)", re.DOTALL)
UNIQUE_ID = re.compile(r"A(IDA|ROA|GPA|IPA|NPA|NVA|SCA)[A-Z0-9]{12,}")
VARIABLES = re.compile(r"\$\{([^}]*)\}")
ESCAPES = ("*", "?", "$")


def malformed(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        for number, problem in enumerate(subject.document.problems):
            yield subject.finding(MALFORMED, f"{problem}.", None, f"problem.{number}")
        if subject.kind in ("identity", "boundary"):
            for statement in subject.document.statements:
                if statement.principals or statement.not_principals:
                    message = (
                        f"{statement.name} names a principal, which a policy of a role, user or group doesn't take."
                    )
                    yield subject.finding(MALFORMED, message, statement, "principals")
        if subject.kind == "trust":
            for statement in subject.document.statements:
                if statement.resources or statement.not_resources:
                    message = f"{statement.name} names a resource; a role's trust policy takes none."
                    yield subject.finding(MALFORMED, message, statement, "resources.0")


# --- ARNs -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 16)
def wrong_arn(text: str) -> tuple[str, str]:
    """(what is wrong with a statement's resource, what it may have been meant to be); ("", "") where nothing is."""
    if text == "*" or text.startswith(("⟦", "${")):
        return "", ""
    if not text.startswith("arn:"):
        if set(text) <= {"*", "?"} or text.startswith(("arn*", "a*")):
            return "", ""
        hint = f"arn:aws:s3:::{text}" if re.fullmatch(r"[a-z0-9.-]+(/.*)?", text) and len(text) > 2 else ""
        return f'"{text}" is no ARN', hint
    if "${" in text or is_symbolic(text):
        text = SYMBOL.sub("⟦⟧", VARIABLES.sub("*", text))  # they may hold colons
    parts = text.split(":", 5)
    if len(parts) < 6:
        begun = BEGINNINGS.get(len(parts) - 1)
        if not parts[-1].endswith("*") or (begun and not begun.fullmatch(WILD.split(parts[-1])[0])):
            missing = [""] * (6 - len(parts))
            meant = ":".join([*parts[:-1], *missing, parts[-1]]) if parts[2:3] == ["s3"] else ""
            return f"{text} has {len(parts)} of an ARN's 6 parts", meant
        parts += ["*"] * (6 - len(parts))
    _, partition, service, region, account, name = parts
    if not WILD.search(partition) and partition not in PARTITIONS:
        return f'"{partition}" in {text} is no partition of AWS', _with(parts, 1, nearest(partition, PARTITIONS))
    if not WILD.search(service) and service not in arn_services():
        return f'"{service}" in {text} is no service of AWS', _with(parts, 2, nearest(service, arn_services()))
    if not WILD.search(region) and not REGION.fullmatch(region):
        return f'"{region}" in {text} is no region', ""
    if not WILD.search(account) and not ACCOUNT.fullmatch(account):
        return f'"{account}" in {text} is no account id (12 digits)', ""
    if not name:
        return f"{text} names no resource", f"{text}*"
    return "", ""


def _with(parts: list[str], index: int, meant: str) -> str:
    return ":".join([*parts[:index], meant, *parts[index + 1 :]]) if meant else ""


@lru_cache(maxsize=1)
def arn_services() -> frozenset[str]:
    """What stands in an ARN where the service does: prefixes of actions, and what the resource types' ARNs have."""
    known = vocabulary()
    return known.services | known.arn_services | {"pricing", "health", "trustedadvisor"}


def arns(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        for statement in subject.document.statements:
            for field, texts in (("resources", statement.resources), ("not_resources", statement.not_resources)):
                for number, text in enumerate(texts):
                    wrong, meant = wrong_arn(text)
                    if wrong:
                        hint = f"; is {meant} meant?" if meant else "."
                        fix = f"Write {meant}." if meant else ""
                        yield subject.finding(ARN, f"{wrong}{hint}", statement, f"{field}.{number}", fix=fix)


# --- principals -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 12)
def wrong_principal(principal: Principal) -> tuple[str, Severity]:
    """(what is wrong, how bad); ("", INFO) where nothing is."""
    kind, value = principal.kind, principal.value
    nothing = "", Severity.INFO
    if principal.is_everybody or is_symbolic(value) or "${" in value:
        return nothing
    match kind:
        case "AWS":
            if re.fullmatch(r"\d{12}", value):
                return nothing
            if UNIQUE_ID.fullmatch(value):
                return f"{value} is what AWS writes where the role or user was deleted", Severity.MEDIUM
            if value.endswith(".amazonaws.com"):
                return f'{value} is a service: write "Service", not "AWS"', Severity.HIGH
            parts = value.split(":", 5)
            if len(parts) < 6 or parts[0] != "arn" or parts[2] not in ("iam", "sts"):
                return f'"{value}" is neither an account nor the ARN of a role or user', Severity.HIGH
            if "*" in value or "?" in value:
                return f'{value} has a wildcard; a principal is named whole or "*"', Severity.HIGH
            if not re.fullmatch(r"\d{12}|aws", parts[4]) and not (parts[2] == "iam" and parts[4] == "cloudfront"):
                return f'"{parts[4]}" in {value} is no account id (12 digits)', Severity.HIGH
            if not ENTITY.fullmatch(parts[5]) and not parts[5].startswith("user/CloudFront"):
                return f"{value} can't be a principal (a group or policy can't)", Severity.HIGH
        case "Service":
            if not SERVICE.fullmatch(value.lower()):
                return f'"{value}" is no service (lambda.amazonaws.com is one)', Severity.HIGH
        case "Federated":
            named = ":saml-provider/" in value or ":oidc-provider/" in value
            if value.startswith("arn:") and not named:
                return f"{value} is no identity provider", Severity.HIGH
            if value == "*":
                return "Federated can't be *", Severity.HIGH
    return nothing


def principals(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        for statement in subject.document.statements:
            for principal in (*statement.principals, *statement.not_principals):
                wrong, severity = wrong_principal(principal)
                if wrong:
                    label = "principals" if principal in statement.principals else "not_principals"
                    yield subject.finding(PRINCIPAL, f"{wrong}.", statement, label, severity=severity)


# --- Sids, variables, version, size -----------------------------------------------------------------------------------


def sids(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        strict = subject.kind in ("identity", "boundary", "trust")  # other services take blanks and dashes
        seen: set[str] = set()
        for statement in subject.document.statements:
            sid = statement.sid
            if not sid or is_symbolic(sid):
                continue
            if sid in seen:
                yield subject.finding(SID, f"Sid {sid} is given to two statements.", statement)
            elif strict and not (sid.isascii() and sid.isalnum()):
                yield subject.finding(SID, f'Sid "{sid}" has other characters than letters and digits.', statement)
            seen.add(sid)


def _texts(statement: Statement) -> Iterator[tuple[str, str]]:
    """(label, text) of what may hold policy variables."""
    for number, text in enumerate(statement.resources):
        yield f"resources.{number}", text
    for number, text in enumerate(statement.not_resources):
        yield f"not_resources.{number}", text
    for condition in statement.conditions:
        for text in condition.values:
            yield f"conditions.{condition.operator}.{condition.key}", text


def variables(estate: Estate) -> Iterator[Finding]:
    """Variables that stand for nothing, and the old version where it makes no other difference."""
    for subject in own(estate):
        document = subject.document
        old = document.version == "2008-10-17"
        literal = False
        for statement in document.statements:
            for label, text in _texts(statement):
                if "${" not in text:
                    continue
                names = [name for name in VARIABLES.findall(text) if name not in ESCAPES]
                if old and names and not literal:
                    literal = True
                    message = f"${{{names[0]}}} is plain text here: the policy's version is 2008-10-17."
                    yield subject.finding(VARIABLE, message, statement, label)
                for name in () if old else names:
                    key = name.partition(",")[0].strip()
                    if is_symbolic(key) or is_foreign(key) or key_type(key) is not None:
                        continue
                    meant = meant_key(key) if ":" in key else ""
                    hint = f"; is ${{{meant}}} meant?" if meant else "."
                    message = f"${{{name}}} is no policy variable{hint}"
                    yield subject.finding(VARIABLE, message, statement, label, severity=Severity.MEDIUM)
        if old and not literal and document.statements:
            written = "is" if "version" in document.extra else "has no Version, which means"
            yield subject.finding(VERSION, f"The policy {written} 2008-10-17.")


def inline_limit(subject: Subject, holder: Holder) -> int:
    """Characters that AWS takes for a document as it is attached."""
    kind = subject.address.rpartition("aws_")[2].partition(".")[0]
    if (subject.policy is not None and subject.policy.arn) or kind == "iam_policy":
        return MANAGED
    return INLINE.get(holder.kind, LARGEST)


def sizes(estate: Estate) -> Iterator[Finding]:
    """Policies that are too large for what they are attached as; of a document without a principal, for anything."""
    together: dict[tuple[str, int], int] = {}
    for subject in own(estate):
        size = subject.document.extra.get("size", 0)
        if not size or not subject.holders:
            continue
        holder = subject.holders[0]
        limit = inline_limit(subject, holder)
        if holder.kind == "anonymous":
            if size > LARGEST:
                message = (
                    f"{size:,} characters without white space: AWS takes {MANAGED:,}, of a role inline {LARGEST:,}."
                )
                yield subject.finding(SIZE, message, severity=Severity.MEDIUM)
            continue
        if limit == MANAGED or subject.kind != "identity":
            total = size
        else:
            total = together[holder.arn, limit] = together.get((holder.arn, limit), 0) + size
        if total > limit >= total - size:  # once, where the sum goes over it
            of = f"{holder.kind} {holder.name}'s inline policies together" if total != size else "the policy"
            yield subject.finding(SIZE, f"{of} has {total:,} characters without white space; AWS takes {limit:,}.")


CHECKS = (
    Check(MALFORMED, malformed),
    Check(ARN, arns),
    Check(PRINCIPAL, principals),
    Check(SID, sids),
    Check(VARIABLE, variables),
    Check(VERSION),
    Check(SIZE, sizes),
)
