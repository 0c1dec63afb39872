"""What is open to whom: trust, resource policies, what one principal gives away. Each rule: a case and its cure."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.findings import Finding, Place, Severity
from opsctl.iam.documents import read_document
from opsctl.iam.estate import Carrier, Estate, Guarded, Policy, Principal
from opsctl.iam.exposure import CHECKS, is_open_subject

ACCOUNT = "111122223333"
GITHUB = "token.actions.githubusercontent.com"
PROVIDER = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"}


def document(*statements: dict[str, Any]) -> Any:
    return read_document({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | each for each in statements]})


def findings(estate: Estate) -> list[Finding]:
    return [found for check in CHECKS if check.find for found in check.find(estate)]


def rules(estate: Estate) -> set[str]:
    return {found.rule for found in findings(estate)}


def trusting(principal: Any, **more: Any) -> Estate:
    trust = document({"Principal": principal, "Action": "sts:AssumeRole"} | more)
    role = Principal("role", "r", f"arn:aws:iam::{ACCOUNT}:role/r", trust=trust)
    return Estate(principals=(role,), account=ACCOUNT)


def when(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


TRUSTS = [
    ("trust/public", "*", {}, when("StringEquals", "aws:PrincipalOrgID", "o-1")),
    ("trust/public", {"AWS": "*"}, {}, when("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/ci")),
    ("trust/cross-account-without-external-id", {"AWS": "arn:aws:iam::999988887777:root"}, {},
     when("StringEquals", "sts:ExternalId", "agreed")),
    ("trust/service-without-source", {"Service": "scheduler.amazonaws.com"}, {},
     when("StringEquals", "aws:SourceAccount", ACCOUNT)),
    ("trust/oidc-without-subject", PROVIDER, when("StringEquals", f"{GITHUB}:aud", "sts.amazonaws.com"),
     {"Condition": {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": "repo:us/it:ref:x"}}}),
    ("trust/oidc-without-subject", PROVIDER, when("StringLike", f"{GITHUB}:sub", "repo:*"),
     when("StringLike", f"{GITHUB}:sub", "repo:us/*")),
    ("trust/oidc-without-audience", PROVIDER, when("StringLike", f"{GITHUB}:sub", "repo:us/it:*"),
     {"Condition": {"StringLike": {f"{GITHUB}:sub": "repo:us/it:*", f"{GITHUB}:aud": "sts.amazonaws.com"}}}),
    ("trust/saml-without-audience", {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/ours"}, {},
     when("StringEquals", "SAML:aud", "https://signin.aws.amazon.com/saml")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "principal", "open_", "closed"), TRUSTS)
def test_who_may_take_a_role_that_should_not_is_named_until_a_condition_says_who_is_meant(
    rule: str, principal: Any, open_: dict[str, Any], closed: dict[str, Any]
) -> None:
    assert rule in rules(trusting(principal, **open_))
    assert rule not in rules(trusting(principal, **closed))


@pytest.mark.parametrize(
    "condition",
    [
        when("StringNotEquals", "aws:PrincipalOrgID", "o-1"),
        when("StringLike", "aws:PrincipalOrgID", "*"),
        when("StringEqualsIfExists", "aws:PrincipalOrgID", "o-1"),
        when("StringEquals", "aws:Referer", "https://us.example"),
        when("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "0.0.0.0/0"]),
        when("ForAllValues:StringEquals", "aws:PrincipalOrgID", "o-1"),
        when("StringLike", "aws:PrincipalOrgID", "o-*"),
        when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/app"),
        when("ArnLike", "aws:SourceArn", "arn:aws:sns:*:*:*"),
    ],
    ids=[
        "negated",
        "any value",
        "only if it is there",
        "chosen by the caller",
        "every network beside one",
        "holds where there is none",
        "any organisation",
        "a role of any account",
        "any topic",
    ],
)
def test_a_condition_that_leaves_everybody_closes_nothing(condition: dict[str, Any]) -> None:
    assert "trust/public" in rules(trusting("*", **condition))


@pytest.mark.parametrize(
    ("subject", "open_"),
    [
        ("repo:acme/it:ref:refs/heads/main", False), ("repo:acme/*", False), ("repo:acme*", True),
        ("repo:*/it:*", True),
        ("project_path:acme/it:ref_type:branch:ref:main", False), ("project_path:*", True), ("*", True),
        ("system:serviceaccount:shop:web", False), ("system:serviceaccount:*", True), ("104857600", False),
    ],
)  # fmt: skip
def test_a_subject_names_somebody_or_anybody(subject: str, open_: bool) -> None:
    assert is_open_subject(subject) is open_


def test_tokens_for_one_application_need_no_subject() -> None:
    google = {"Federated": "accounts.google.com"}
    assert rules(trusting(google)) == {"trust/oidc-without-subject"}
    assert rules(trusting(google, **when("StringEquals", "accounts.google.com:aud", "12.apps"))) == set()


def test_every_way_to_take_a_role_counts_for_another_account_and_our_own_role_is_no_stranger() -> None:
    assert rules(trusting({"AWS": "999988887777"}, Action="sts:*")) == {"trust/cross-account-without-external-id"}
    trust = document({"Principal": {"AWS": "arn:aws:iam::999988887777:role/ci"}, "Action": "sts:AssumeRole"})
    admin = Principal("role", "admin", "arn:aws:iam::⟦account⟧:role/admin", trust=trust)
    ci = Principal("role", "ci", "arn:aws:iam::⟦account⟧:role/ci")
    assert rules(Estate(principals=(admin, ci))) == set()
    assert rules(Estate(principals=(admin,))) == {"trust/cross-account-without-external-id"}


def test_what_awss_own_policies_grant_lies_on_the_line_of_the_attachment() -> None:
    attached = Policy("PowerUser", document(on("secretsmanager:GetSecretValue")), place=Place("main.tf", 7))
    [found] = findings(Estate(principals=(Principal("role", "r", "arn:aws:iam::1:role/r", policies=(attached,)),)))
    assert found.place == Place("main.tf", 7)


def test_nothing_is_said_of_what_is_usual() -> None:
    assert rules(trusting({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"})) == set()
    assert rules(trusting({"Service": "lambda.amazonaws.com"})) == set()
    assert rules(trusting({"Service": "ec2.amazonaws.com"})) == set()


def guarded(statement: dict[str, Any], kind: str = "sqs_queue", *more: dict[str, Any], shut: bool = False) -> Estate:
    policy = Policy("policy", document({"Action": "sqs:SendMessage", "Resource": "*"} | statement, *more))
    return Estate(
        guarded=(Guarded(kind, "q", "arn:aws:sqs:eu-central-1:1:q", policy=policy, shut=shut),), account=ACCOUNT
    )


def test_a_resource_that_anybody_may_use_is_named_until_it_is_narrowed_or_shut() -> None:
    assert rules(guarded({"Principal": "*"})) == {"resource/public"}
    assert (
        rules(guarded({"Principal": "*"} | when("ArnEquals", "aws:SourceArn", "arn:aws:sns:eu-central-1:1:t"))) == set()
    )
    [shut] = findings(guarded({"Principal": "*", "Action": "s3:GetObject"}, "s3_bucket", shut=True))
    assert shut.severity is Severity.INFO
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    assert rules(guarded({"Principal": "*"}, "sqs_queue", deny)) == set()


def test_what_can_be_changed_by_anybody_is_worse_than_what_can_be_read() -> None:
    [read] = findings(guarded({"Principal": "*", "Action": "s3:GetObject"}, "s3_bucket"))
    [change] = findings(guarded({"Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"]}, "s3_bucket"))
    assert (read.severity, change.severity) == (Severity.HIGH, Severity.CRITICAL)


def test_everybody_but_somebody_is_everybody() -> None:
    assert rules(guarded({"NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})) == {"resource/public"}


def test_a_service_that_acts_for_anybody_is_named_and_one_that_acts_for_us_is_not() -> None:
    service = {"Principal": {"Service": "s3.amazonaws.com"}}
    assert rules(guarded(service)) == {"resource/service-without-source"}
    assert rules(guarded(service | when("StringEquals", "aws:SourceAccount", ACCOUNT))) == set()


def test_another_account_is_named_and_our_own_is_not() -> None:
    assert rules(guarded({"Principal": {"AWS": "999988887777"}})) == {"resource/cross-account"}
    assert rules(guarded({"Principal": {"AWS": ACCOUNT}})) == set()


def test_the_policy_of_a_vpc_endpoint_lets_nobody_in() -> None:
    assert rules(guarded({"Principal": "*", "Action": "s3:GetObject"}, "vpc_endpoint")) == set()


def holding(*statements: dict[str, Any], boundary: Any = None, carriers: tuple[Carrier, ...] = ()) -> Estate:
    role = Principal(
        "role",
        "r",
        f"arn:aws:iam::{ACCOUNT}:role/r",
        policies=(Policy("work", document(*statements)),),
        boundary=boundary,
    )
    return Estate(principals=(role,), account=ACCOUNT, carriers=carriers)


def on(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Action": action, "Resource": resource} | more


@pytest.mark.parametrize(
    ("rule", "action", "named"),
    [
        (
            "exposure/data",
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:db-*",
        ),
        ("exposure/data", "s3:Get*", "arn:aws:s3:::photos/*"),
        (
            "exposure/credentials",
            "redshift:GetClusterCredentials",
            f"arn:aws:redshift:eu-central-1:{ACCOUNT}:dbuser:c/u",
        ),
        ("exposure/sharing", "lambda:AddPermission", f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:f"),
        ("exposure/pass-any-role", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/batch"),
    ],
)
def test_what_one_grant_gives_away_is_named_until_it_names_what_is_meant(rule: str, action: str, named: str) -> None:
    assert rule in rules(holding(on(action)))
    assert rule not in rules(holding(on(action, named)))
    assert rule not in rules(holding(on(action), {"Effect": "Deny", "Action": action, "Resource": "*"}))
    boundary = Policy("limit", document(on("sqs:*")))
    assert rule not in rules(holding(on(action), boundary=boundary))


def test_a_role_passed_to_one_service_alone_is_less_bad_and_a_secret_worse_than_an_object() -> None:
    [passing] = findings(
        holding(on("iam:PassRole", **when("StringEquals", "iam:PassedToService", "ecs.amazonaws.com")))
    )
    assert passing.severity is Severity.LOW
    secret, objects = (findings(holding(on(action)))[0].severity for action in
                       ("secretsmanager:GetSecretValue", "s3:GetObject"))  # fmt: skip
    assert secret > objects


def test_an_administrator_is_one_sentence_and_only_where_a_machine_runs_as_it() -> None:
    assert findings(holding(on("*"))) == []
    machine = Carrier(
        "instance", "web", "arn:aws:ec2:::instance/i", f"arn:aws:iam::{ACCOUNT}:role/r", "ec2.amazonaws.com"
    )
    [found] = findings(holding(on("*"), carriers=(machine,)))
    assert (found.rule, found.severity) == ("exposure/instance-may-do-anything", Severity.HIGH)


def test_a_trust_policy_without_its_role_is_judged_as_one() -> None:
    trust = document({"Principal": "*", "Action": "sts:AssumeRole"})
    assert rules(Estate(loose=(Policy("trust", trust, "trust.json"),))) == {"trust/public"}
