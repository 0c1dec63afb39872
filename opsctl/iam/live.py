"""What only an account can say: what roles really used, who outside has access, what AWS's own checks say.

Each source that can't be asked is a finding of its own (`live/not-asked`): what is missing is said, never guessed.
Cost: four calls for each role that exists, one for each document without unknown values, at most 8 at once; IAM makes
the report of a role's use in seconds. Source: IAM API reference (GenerateServiceLastAccessedDetails,
SimulatePrincipalPolicy); IAM Access Analyzer API reference (ListFindingsV2, ValidatePolicy).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError, NotFound
from opsctl.clock import Clock
from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import is_symbolic
from opsctl.iam.estate import Estate, Principal
from opsctl.iam.policy import Document, Statement

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws

UNUSED_AFTER = timedelta(days=90)
"""What Access Analyzer calls unused by default ("Unused access analyzer", IAM user guide); IAM remembers 400 days."""
POLL_SECONDS, POLLS = 1.0, 60

GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide"
UNUSED_SERVICE = Rule(
    "live/unused-service",
    "A role did not use a service for 90 days",
    Severity.MEDIUM,
    "What nobody misses can be taken away; until then it serves whoever gets hold of the role.",
    "Take its actions out of the role's policies.",
    (f"{GUIDE}/access_policies_last-accessed.html",),
)
EXTERNAL_ACCESS = Rule(
    "live/external-access",
    "Somebody outside of the account has access",
    Severity.HIGH,
    "IAM Access Analyzer found it in the account as it is now, and nobody has archived it.",
    "Narrow the policy of the resource, or archive the finding with a reason.",
    (f"{GUIDE}/access-analyzer-findings.html",),
    ("public",),
)
VALIDATION = Rule(
    "live/policy-validation",
    "AWS's own check objects to a policy",
    Severity.MEDIUM,
    "IAM Access Analyzer validates policies against the grammar and AWS's practices; errors are high, warnings low.",
    "Do what the finding's page says.",
    (f"{GUIDE}/access-analyzer-reference-policy-checks.html",),
)
NOT_ASKED = Rule(
    "live/not-asked",
    "A source in the account that could not be asked",
    Severity.INFO,
    "What it would have said is missing from the report.",
    "Allow the call, or make an analyzer (accessanalyzer:CreateAnalyzer).",
)
RULES = (UNUSED_SERVICE, EXTERNAL_ACCESS, VALIDATION, NOT_ASKED)
SEVERITY = {
    "ERROR": Severity.HIGH, "SECURITY_WARNING": Severity.MEDIUM, "WARNING": Severity.LOW, "SUGGESTION": Severity.INFO,
}  # fmt: skip
POLICY_TYPES: Mapping[str, Mapping[str, str]] = {
    "identity": {"policyType": "IDENTITY_POLICY"},
    "boundary": {"policyType": "IDENTITY_POLICY"},
    "trust": {"policyType": "RESOURCE_POLICY", "validatePolicyResourceType": "AWS::IAM::AssumeRolePolicyDocument"},
    "resource": {"policyType": "RESOURCE_POLICY"},
}


@dataclass(frozen=True)
class Simulated:
    """What AWS's policy simulator says.

    Attributes:
        decision: "allowed", "explicitDeny" or "implicitDeny".
        statements: ids of the policies that decided.
        missing: condition keys whose values it would need.
    """

    decision: str
    statements: tuple[str, ...]
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"decision": self.decision, "statements": list(self.statements), "missing": list(self.missing)}


def simulate(
    aws: Aws, principal: str, action: str, resource: str, context: Mapping[str, Sequence[str]] | None = None
) -> Simulated:
    """AWS's own answer to one request, by identity policies and boundary alone.

    Raises:
        AwsError: no such principal, or the simulator may not be asked.
    """
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": "stringList"}
        for key, values in (context or {}).items()
    ]
    answer = aws.call(
        "iam", "simulate_principal_policy", PolicySourceArn=principal, ActionNames=[action], ResourceArns=[resource],
        ContextEntries=entries,
    )["EvaluationResults"][0]  # fmt: skip
    return Simulated(
        answer["EvalDecision"],
        tuple(one.get("SourcePolicyId", "") for one in answer.get("MatchedStatements", ())),
        tuple(answer.get("MissingContextValues", ())),
    )


def live_findings(estate: Estate, aws: Aws, clock: Clock) -> Iterator[Finding]:
    """What the account adds to an estate. Roles that aren't there yet are passed over."""
    yield from unused_services(estate.principals, aws, clock)
    yield from external_access(aws)
    yield from validations(estate, aws)


def unused_services(principals: Iterable[Principal], aws: Aws, clock: Clock) -> Iterator[Finding]:
    known = [each for each in principals if each.kind == "role" and not is_symbolic(each.name)]
    for told in aws.map(lambda role: list(_unused_by(role, aws, clock)), known):
        yield from told


def _unused_by(role: Principal, aws: Aws, clock: Clock) -> Iterator[Finding]:
    try:
        there = aws.call("iam", "get_role", RoleName=role.name)["Role"]
        if clock.now() - there["CreateDate"] < UNUSED_AFTER:
            return  # too young to have left anything unused
        for service, used in last_used(aws, there["Arn"], clock).items():
            if used is None or clock.now() - used >= UNUSED_AFTER:
                since = "never" if used is None else f"not since {used.date().isoformat()}"
                yield Finding(
                    UNUSED_SERVICE.id, UNUSED_SERVICE.severity, f"{role.name} used {service} {since}.",
                    principal=there["Arn"], resource=role.address, place=role.place, fix=UNUSED_SERVICE.mend,
                )  # fmt: skip
    except NotFound:
        return
    except AwsError as error:
        yield not_asked(f"What {role.name} used can't be told: {error.what}")


def last_used(aws: Aws, arn: str, clock: Clock) -> dict[str, datetime | None]:
    """Service prefix → when a principal last used it, for all that its policies grant; None: never in 400 days.

    Raises:
        AwsError: it may not be asked, or the report was not made within a minute.
    """
    job = aws.call("iam", "generate_service_last_accessed_details", Arn=arn)["JobId"]
    for _ in range(POLLS):
        answer = aws.call("iam", "get_service_last_accessed_details", JobId=job)
        if answer["JobStatus"] != "IN_PROGRESS":
            break
        clock.sleep(POLL_SECONDS)
    if answer["JobStatus"] != "COMPLETED":
        raise AwsError(f"IAM's report is {answer['JobStatus'].lower()}.", where=arn)
    services = list(answer.get("ServicesLastAccessed", ()))
    while answer.get("IsTruncated"):
        answer = aws.call("iam", "get_service_last_accessed_details", JobId=job, Marker=answer["Marker"])
        services += answer.get("ServicesLastAccessed", ())
    return {each["ServiceNamespace"]: each.get("LastAuthenticated") for each in services}


def external_access(aws: Aws) -> Iterator[Finding]:
    """Active findings of the account's analyzers of external access."""
    try:
        analyzers = [
            each["arn"]
            for each in aws.pages("accessanalyzer", "list_analyzers", "analyzers[]")
            if each["type"] in ("ACCOUNT", "ORGANIZATION") and each["status"] == "ACTIVE"
        ]
        if not analyzers:
            yield not_asked("The account has no analyzer of external access.")
        for analyzer in analyzers:
            active = {"status": {"eq": ["ACTIVE"]}}
            for each in aws.pages(
                "accessanalyzer", "list_findings_v2", "findings[]", analyzerArn=analyzer, filter=active
            ):
                kind = each.get("findingType", "ExternalAccess")
                yield Finding(
                    EXTERNAL_ACCESS.id, EXTERNAL_ACCESS.severity,
                    f"{each['resourceType']} {each['resource']}: {kind} since {each['createdAt'].date().isoformat()}.",
                    resource=each["resource"], fix=EXTERNAL_ACCESS.mend, identity=each["id"],
                )  # fmt: skip
    except AwsError as error:
        yield not_asked(f"Access Analyzer can't be asked: {error.what}")


def validations(estate: Estate, aws: Aws) -> Iterator[Finding]:
    """What ValidatePolicy says of every document without unknown values."""
    asked = [
        (POLICY_TYPES[kind], document, text)
        for kind, document in estate.documents()
        if kind in POLICY_TYPES and not is_symbolic(text := json.dumps(as_policy(document)))
    ]

    def validate(one: tuple[Mapping[str, str], Document, str]) -> dict[str, Any]:
        return aws.call("accessanalyzer", "validate_policy", policyDocument=one[2], **one[0])

    try:
        told = aws.map(validate, asked)
    except AwsError as error:
        yield not_asked(f"Policies can't be validated by AWS: {error.what}")
        return
    for (_, document, _), answer in zip(asked, told, strict=True):
        for each in answer["findings"]:
            yield Finding(
                VALIDATION.id, SEVERITY.get(each["findingType"], VALIDATION.severity),
                f"{each['issueCode']}: {each['findingDetails']}", place=document.place, fix=each["learnMoreLink"],
            )  # fmt: skip


def not_asked(what: str) -> Finding:
    return Finding(NOT_ASKED.id, NOT_ASKED.severity, what, fix=NOT_ASKED.mend)


def as_policy(document: Document) -> dict[str, Any]:
    """A document as AWS takes it."""
    return {"Version": document.version, "Statement": [_as_statement(each) for each in document.statements]}


def _as_statement(statement: Statement) -> dict[str, Any]:
    conditions: dict[str, dict[str, list[str]]] = {}
    for each in statement.conditions:
        conditions.setdefault(each.operator, {})[each.key] = list(each.values)

    def named(principals: Iterable[Any]) -> Any:
        by_kind: dict[str, list[str]] = {}
        for each in principals:
            by_kind.setdefault(each.kind, []).append(each.value)
        return "*" if "*" in by_kind else by_kind

    fields = {
        "Sid": statement.sid, "Effect": statement.effect, "Principal": named(statement.principals),
        "NotPrincipal": named(statement.not_principals), "Action": list(statement.actions),
        "NotAction": list(statement.not_actions), "Resource": list(statement.resources),
        "NotResource": list(statement.not_resources), "Condition": conditions,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}
