"""A document that names nobody is judged as if its own principal held it, and what its permissions need were there."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from opsctl.findings import Finding, Severity
from opsctl.iam import managed
from opsctl.iam.documents import read_document
from opsctl.iam.escalation import CHECKS, find
from opsctl.iam.escalation.techniques import TECHNIQUES
from opsctl.iam.estate import Estate, Policy, Principal
from opsctl.iam.policy import Document
from opsctl.iam.vocabulary import vocabulary

ROOT = Path(__file__).parents[3]
GIVEN = {
    path["id"]: tuple(each["permission"] for each in path["permissions"]["required"])
    for path in json.loads((ROOT.parent / "shared/data/escalation-paths/paths.json").read_text())
}
OURS = {
    line: tuple(line.split(" + "))
    for line in (ROOT / "tests/data/iam/escalation_paths.txt").read_text().splitlines()
    if not line.startswith("#")
}
ALL = GIVEN | OURS
ACCOUNT = "111122223333"


def judged(document: Document) -> list[Finding]:
    policy = Policy("document", document, "document.json")
    return list(find(Estate((Principal("anonymous", "document", "", "document.json", (policy,)),))))


def findings(*statements: dict[str, object]) -> list[Finding]:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return judged(read_document(text, file="document.json"))


def allow(action: str | Sequence[str], resource: str | Sequence[str] = "*", **more: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | Sequence[str], resource: str | Sequence[str] = "*", **more: object) -> dict[str, object]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def plausible_arns(action: str) -> list[str]:
    """ARNs of one thing of each kind that the action is done to, as a careful person would name them."""
    known = vocabulary().action(action)
    if known is None or not known.resource_types:
        return ["*"]
    found = []
    for use in known.resource_types:
        (arn, *_) = vocabulary().resource_arns(known.service, use.name)
        parts = arn.split(":", 5)
        region, account = ("eu-west-1" if parts[3] == "*" else parts[3]), (ACCOUNT if parts[4] == "*" else parts[4])
        name = "AWS-RunShellScript" if use.name == "document" else "app-1"
        found.append(":".join(["arn", "aws", parts[2], region, account, parts[5].replace("*", name)]))
    return found


@pytest.mark.parametrize("actions", ALL.values(), ids=ALL)
def test_a_path_is_flagged_so_that_ci_fails(actions):
    found = findings(allow(actions))
    assert found
    assert all(each.rule.startswith("escalation/") and each.severity >= Severity.HIGH for each in found)
    assert all(each.path and each.fix and each.place.line for each in found)


@pytest.mark.parametrize("actions", ALL.values(), ids=ALL)
def test_a_path_is_flagged_where_each_permission_is_on_one_resource_only(actions):
    assert findings(*(allow(action, plausible_arns(action)) for action in actions))


@pytest.mark.parametrize("actions", [actions for actions in ALL.values() if len(actions) > 1],
                         ids=[name for name, actions in ALL.items() if len(actions) > 1])  # fmt: skip
def test_without_one_of_its_permissions_a_path_is_not_flagged(actions):
    """What is left may be a path by itself: then that is what is flagged."""
    paths = [set(path) for path in ALL.values()]
    for missing in actions:
        rest = [action for action in actions if action != missing]
        if not any(path <= set(rest) for path in paths):
            assert not findings(allow(rest)), f"flagged without {missing}"
            assert not findings(allow(rest), deny(missing))


def test_at_least_40_paths_are_known_besides_the_given_ones():
    assert len(set(map(frozenset, OURS.values())) - set(map(frozenset, GIVEN.values()))) >= 40


def test_case_and_wildcards_of_actions_do_not_hide_a_path():
    assert findings(allow(["IAM:passrole", "Lambda:Create*", "lambda:INVOKE*"]))
    assert findings(allow("iam:Put?olePolicy"))


def test_a_statement_with_not_action_grants_all_others():
    assert findings({"Effect": "Allow", "NotAction": ["s3:*", "ec2:*"], "Resource": "*"})
    named = {f"{action.split(':')[0]}:*" for technique in TECHNIQUES for need in technique.needs for action in need}
    assert not findings({"Effect": "Allow", "NotAction": sorted(named), "Resource": "*"})


def test_an_administrator_has_nothing_to_escalate_to():
    assert not findings(allow("*"))
    assert not findings(allow("*:*"), deny("s3:DeleteBucket"))


def test_everything_but_iam_is_no_administrator():
    rules = {each.rule for each in findings(allow("*"), deny("iam:*"))}
    assert "escalation/function-code" in rules
    assert "escalation/put-policy" not in rules


def test_keys_of_the_own_user_are_no_escalation():
    assert not findings(allow("iam:CreateAccessKey", "arn:aws:iam::*:user/${aws:username}"))
    assert findings(allow("iam:PutUserPolicy", "arn:aws:iam::*:user/${aws:username}")), "its own policy is one"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:PutRolePolicy", "arn:aws:iam::*:user/*"),
        ("iam:CreateAccessKey", "arn:aws:s3:::bucket"),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:user/ann"),
        ("iam:CreatePolicyVersion", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ("lambda:UpdateFunctionCode", "arn:aws:sqs:*:*:queue"),
    ],
)
def test_a_permission_on_what_it_cannot_be_done_to_gives_nothing(action, resource):
    assert not findings(allow(action, resource))


def test_a_role_that_may_be_passed_to_one_service_is_passed_to_no_other():
    only = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    passing = allow("iam:PassRole", Condition=only)
    assert not findings(passing, allow("ec2:RunInstances"))
    assert findings(passing, allow(["lambda:CreateFunction", "lambda:InvokeFunction"]))
    but = deny("iam:PassRole", Condition={"StringNotEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})
    assert not findings(allow(["iam:PassRole", "ec2:RunInstances"]), but)
    assert findings(allow(["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"]), but)


def test_a_condition_that_the_principal_may_meet_does_not_cut():
    assert findings(allow("iam:PutRolePolicy", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))


def test_what_must_have_a_boundary_is_no_way_to_more():
    bound = {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/limit"}}
    creating = ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"]
    assert not findings(allow(creating, Condition=bound))


def test_attaching_only_harmless_policies_is_no_escalation():
    harmless = {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}}
    assert not findings(allow("iam:AttachRolePolicy", Condition=harmless))
    assert findings(allow("iam:AttachRolePolicy", Condition={"ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:*"}}))


AWS_POLICY = "arn:aws:iam::aws:policy/"


def policies_like(*patterns: str) -> dict[str, object]:
    return {"ArnLike": {"iam:PolicyARN": list(patterns)}}


@pytest.mark.parametrize(
    "statements",
    [
        [allow("iam:AttachRolePolicy"),
         deny("iam:Attach*", Condition=policies_like(AWS_POLICY + "AdministratorAccess"))],
        [allow("iam:AttachRolePolicy", Condition=policies_like(AWS_POLICY + "IAM*"))],
        [allow("iam:AttachRolePolicy", Condition=policies_like(f"arn:aws:iam::{ACCOUNT}:policy/*")),
         allow("iam:CreatePolicy")],
        [allow(["iam:AttachRolePolicy", "iam:CreatePolicy"]),
         deny("iam:Attach*", Condition=policies_like(AWS_POLICY + "*"))],
        [allow("iam:AttachRolePolicy", Condition=policies_like("arn:aws:iam::*:policy/app-*")),
         allow("iam:CreatePolicy", f"arn:aws:iam::{ACCOUNT}:policy/app-*")],
    ],
    ids=["another policy of AWS", "IAMFullAccess only", "its own", "none of AWS's", "its own by name"],
)  # fmt: skip
def test_attaching_any_policy_that_leads_to_everything_is_an_escalation(statements):
    assert {each.rule for each in findings(*statements)} == {"escalation/attach-policy"}


@pytest.mark.parametrize(
    "statements",
    [
        [allow("iam:AttachRolePolicy", Condition=policies_like(f"arn:aws:iam::{ACCOUNT}:policy/*"))],
        [allow("iam:AttachRolePolicy", Condition=policies_like(f"arn:aws:iam::{ACCOUNT}:policy/app-*")),
         allow("iam:CreatePolicy", f"arn:aws:iam::{ACCOUNT}:policy/web-*")],
        [allow(["iam:AttachRolePolicy", "iam:CreatePolicy"], Condition=policies_like(AWS_POLICY + "service-role/*"))],
    ],
    ids=["those that are there", "not those that it writes", "only AWS's"],
)  # fmt: skip
def test_attaching_policies_that_others_wrote_is_no_escalation(statements):
    assert not findings(*statements)


def test_commands_that_only_patch_are_no_shell():
    instances = "arn:aws:ec2:*:*:instance/*"
    assert not findings(allow("ssm:SendCommand", [instances, "arn:aws:ssm:*:*:document/AWS-RunPatchBaseline"]))
    assert not findings(allow("ssm:SendCommand", "arn:aws:ssm:*:*:document/AWS-RunShellScript")), "on no instance"
    assert findings(allow("ssm:SendCommand", [instances, "arn:aws:ssm:*:*:document/AWS-RunShellScript"]))
    assert findings(allow("ssm:SendCommand", [instances, "arn:aws:ssm:*:*:document/*"]))


@pytest.mark.parametrize(
    ("makes", "runs"),
    [
        (allow("ec2:ModifyInstanceAttribute", "arn:aws:ec2:*:*:instance/i-1"),
         allow(["ec2:StopInstances", "ec2:StartInstances"], "arn:aws:ec2:*:*:instance/i-2")),
        (allow("cloudformation:CreateChangeSet", "arn:aws:cloudformation:*:*:stack/a/*"),
         allow("cloudformation:ExecuteChangeSet", "arn:aws:cloudformation:*:*:stack/b/*")),
        (allow(["iam:PassRole", "lambda:CreateFunction"], ["arn:aws:iam::*:role/x", "arn:aws:lambda:*:*:function:a"]),
         allow("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:b")),
    ],
    ids=["instance", "change set", "function"],
)  # fmt: skip
def test_what_is_changed_has_to_be_what_is_started(makes, runs):
    assert not findings(makes, runs)
    started = runs | {"Resource": makes["Resource"]}
    assert findings(makes, started)


def test_a_version_of_a_function_is_the_function():
    made = allow(["iam:PassRole", "lambda:CreateFunction"], ["arn:aws:iam::*:role/x", "arn:aws:lambda:*:*:function:a"])
    assert findings(made, allow("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:a:*"))


def test_a_session_that_may_only_forward_ports_is_no_shell():
    checked = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}

    def session(document: str, **more: object) -> list[Finding]:
        resources = ["arn:aws:ec2:*:*:instance/*", f"arn:aws:ssm:*:*:document/{document}"]
        return findings(allow("ssm:StartSession", resources, **more))

    assert not session("AWS-StartPortForwardingSession", Condition=checked)
    assert session("SSM-SessionManagerRunShell", Condition=checked)
    assert session("AWS-StartPortForwardingSession"), "without the condition the default document needs no permission"


def test_what_aws_calls_reading_is_no_escalation():
    reading = [name for name in managed.names() if "readonly" in name.lower() or "viewonly" in name.lower()]
    documents = {name: managed.document_of(managed.arn_named(name)) for name in reading}
    assert len(reading) > 100
    assert {name: found for name, document in documents.items() if document and (found := judged(document))} == {}


def test_a_finding_lies_on_the_line_of_the_permission_that_cuts_most():
    text = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
        "ec2:RunInstances",
        "lambda:CreateFunction", "lambda:InvokeFunction",
        "iam:PassRole"
    ]}]}"""
    found = judged(read_document(text, file="document.json"))
    assert {each.rule for each in found} == {"escalation/pass-role-ec2", "escalation/pass-role-lambda"}
    assert {(each.place.file, each.place.line) for each in found} == {("document.json", 4)}
    assert all("iam:PassRole" in each.fix and "1 other way" in each.fix for each in found)


def test_techniques_name_actions_that_aws_has():
    named = {action for technique in TECHNIQUES for need in technique.needs for action in need}
    gone = {action for action in named if vocabulary().action(action) is None}
    assert all(vocabulary().is_retired(action) for action in gone), gone
    assert {action.split(":")[0] for action in gone} <= {"codestar"}


def without_code() -> set[str]:
    lines = (ROOT / "tests/data/iam/roles_without_code.txt").read_text().splitlines()
    return {name for line in lines if line.startswith(" ") for name in line.split()}


def test_every_service_that_takes_a_role_runs_code_as_it_or_is_said_not_to():
    passed = {action.split(":")[0] for technique in TECHNIQUES for need in technique.needs if "iam:PassRole" in need
              for action in need} - {"iam"}  # fmt: skip
    assert len(passed) > 50
    assert not passed & without_code()


def test_every_rule_says_what_why_and_where_to_read():
    ids = [check.rule.id for check in CHECKS]
    assert len(ids) == len(set(ids))
    for check in CHECKS:
        rule = check.rule
        assert rule.id.startswith("escalation/")
        assert all((rule.title, rule.why, rule.mend)), rule.id
        assert any(link.startswith("https://docs.aws.amazon.com/") for link in rule.links), rule.id
