"""What an account adds: services never used, access from outside, AWS's own checks; and what can't be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsctl.aws.errors import AccessDenied, NotFound
from opsctl.findings import Severity
from opsctl.iam.documents import read_document
from opsctl.iam.estate import Estate, Policy, Principal
from opsctl.iam.live import UNUSED_AFTER, as_policy, last_used, live_findings, simulate

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OLD = NOW - timedelta(days=400)
ARN = "arn:aws:iam::111122223333:role/worker"


class Clock:
    slept = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class Account:
    """AWS's answers by operation; an exception is raised, a function is asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "get_role": {"Role": {"Arn": ARN, "CreateDate": OLD}},
            "generate_service_last_accessed_details": {"JobId": "j"},
            "get_service_last_accessed_details": {"JobStatus": "COMPLETED", "ServicesLastAccessed": []},
            "list_analyzers": [{"arn": "a", "type": "ACCOUNT", "status": "ACTIVE"}],
            "list_findings_v2": [],
            "validate_policy": {"findings": []},
        } | answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        self.asked.append((operation, parameters))
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer(**parameters) if callable(answer) else answer

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        yield from self.call(service, operation, **parameters)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any], **_: Any) -> list[Any]:
        return [function(item) for item in items]


def estate(name: str = "worker") -> Estate:
    document = read_document({"Version": "2012-10-17", "Statement": [
        {"Sid": "Send", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*",
         "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}},
    ]})  # fmt: skip
    return Estate(principals=(Principal("role", name, ARN, policies=(Policy("work", document),)),))


def rules(account: Account, of: Estate | None = None) -> list[tuple[str, str]]:
    found = live_findings(of or estate(), account, Clock())  # type: ignore[arg-type]
    return [(each.rule, each.message) for each in found]


def used(**services: datetime | None) -> dict[str, Any]:
    listed = [{"ServiceNamespace": name} | ({"LastAuthenticated": at} if at else {}) for name, at in services.items()]
    return {"JobStatus": "COMPLETED", "ServicesLastAccessed": listed}


def test_a_service_that_a_role_has_not_used_for_90_days_is_named_and_one_that_it_uses_is_not() -> None:
    answer = used(sqs=NOW - timedelta(days=1), s3=NOW - UNUSED_AFTER, kms=None)
    assert rules(Account(get_service_last_accessed_details=answer)) == [
        ("live/unused-service", "worker used s3 not since 2026-08-24."),
        ("live/unused-service", "worker used kms never."),
    ]


def test_a_role_that_is_young_or_not_there_yet_has_left_nothing_unused() -> None:
    answer = used(kms=None)
    young = {"Role": {"Arn": ARN, "CreateDate": NOW - timedelta(days=2)}}
    assert rules(Account(get_service_last_accessed_details=answer, get_role=young)) == []
    assert rules(Account(get_role=NotFound("No such role."))) == []
    assert rules(Account(), estate("⟦var.name⟧-worker")) == []


def test_the_report_of_a_roles_use_is_waited_for_and_read_to_its_last_page() -> None:
    answers = iter([
        {"JobStatus": "IN_PROGRESS"},
        used(sqs=NOW) | {"IsTruncated": True, "Marker": "m"},
        used(s3=OLD),
    ])  # fmt: skip
    clock = Clock()
    account = Account(get_service_last_accessed_details=lambda **_: next(answers))
    assert last_used(account, ARN, clock) == {"sqs": NOW, "s3": OLD}  # type: ignore[arg-type]
    assert clock.slept == 1


def test_access_from_outside_that_the_analyzer_found_is_told() -> None:
    found = {"id": "f", "resource": "arn:aws:s3:::b", "resourceType": "AWS::S3::Bucket", "createdAt": OLD}
    assert rules(Account(list_findings_v2=[found])) == [
        ("live/external-access", "AWS::S3::Bucket arn:aws:s3:::b: ExternalAccess since 2025-10-18.")
    ]
    assert rules(Account(list_analyzers=[])) == [("live/not-asked", "The account has no analyzer of external access.")]


def test_what_awss_own_check_says_of_a_policy_keeps_its_severity_and_its_page() -> None:
    said = {"findingType": "ERROR", "issueCode": "INVALID_ACTION", "findingDetails": "No such action.",
            "learnMoreLink": "https://docs"}  # fmt: skip
    account = Account(validate_policy={"findings": [said]})
    [finding] = live_findings(estate(), account, Clock())  # type: ignore[arg-type]
    assert (finding.severity, finding.fix) == (Severity.HIGH, "https://docs")
    [(_, asked)] = [each for each in account.asked if each[0] == "validate_policy"]
    assert asked["policyType"] == "IDENTITY_POLICY"


@pytest.mark.parametrize("denied", ["get_role", "list_analyzers", "validate_policy"])
def test_a_source_that_may_not_be_asked_is_named_and_the_others_are_asked(denied: str) -> None:
    account = Account(**{denied: AccessDenied("AWS denies it.")})
    [(rule, message)] = rules(account)
    assert rule == "live/not-asked"
    assert "AWS denies it." in message
    assert {operation for operation, _ in account.asked} >= {"get_role", "list_analyzers", "validate_policy"}


def test_a_document_is_sent_as_it_was_written() -> None:
    written = {"Version": "2012-10-17", "Statement": [
        {"Sid": "A", "Effect": "Deny", "NotPrincipal": {"AWS": ["111122223333"]}, "NotAction": ["s3:Get*"],
         "NotResource": ["arn:aws:s3:::b"], "Condition": {"Bool": {"aws:SecureTransport": ["false"]}}},
    ]}  # fmt: skip
    assert as_policy(read_document(written)) == written


def test_the_simulators_answer_comes_with_what_it_lacks() -> None:
    answer = {"EvaluationResults": [{"EvalDecision": "explicitDeny", "MissingContextValues": ["aws:SourceIp"],
                                     "MatchedStatements": [{"SourcePolicyId": "work"}]}]}  # fmt: skip
    account = Account(simulate_principal_policy=answer)
    said = simulate(account, ARN, "s3:GetObject", "*", {"aws:SourceVpce": ("v",)})  # type: ignore[arg-type]
    assert said.to_json() == {"decision": "explicitDeny", "statements": ["work"], "missing": ["aws:SourceIp"]}
    assert account.asked[0][1]["ContextEntries"][0]["ContextKeyName"] == "aws:SourceVpce"
