"""The checks on single documents: each finds what it is for, and not what only looks like it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.iam.aws_managed_policies import aws_managed_policies_data

from opsctl.findings import Finding, Severity
from opsctl.iam import action_checks
from opsctl.iam.action_checks.fit import meet, takes
from opsctl.iam.action_checks.grammar import wrong_arn
from opsctl.iam.documents import read_document, read_documents
from opsctl.iam.estate import Estate, Policy, Principal

OBJECTS, BUCKET = "arn:aws:s3:::b/*", "arn:aws:s3:::b"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"


def allow(action, resource="*", condition=None, **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return statement if condition is None else {**statement, "Condition": condition}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def estate_of(*statements, version="2012-10-17", boundary=None, kind="role", address="", arn=""):
    written = {"Version": version, "Statement": list(statements)}
    document = read_document({key: value for key, value in written.items() if value})
    policy = Policy("p", document, address, arn)
    if any(statement.principals or statement.not_principals for statement in document.statements):
        return Estate(loose=(policy,))
    limit = Policy("limit", read_document({"Version": "2012-10-17", "Statement": boundary})) if boundary else None
    return Estate(principals=(Principal(kind, "r", "arn:aws:iam::123456789012:role/r", "", (policy,), limit),))


def found(*statements, rule="", **how) -> list[Finding]:
    estate = estate_of(*statements, **how)
    everything = [finding for check in action_checks.CHECKS if check.find for finding in check.find(estate)]
    return [finding for finding in everything if finding.rule.startswith(rule)]


def severity_of(*statements, rule, **how) -> str:
    return ", ".join(finding.severity.word for finding in found(*statements, rule=rule, **how))


def test_a_policy_without_mistakes_finds_nothing():
    statements = (
        allow("s3:GetObject", OBJECTS),
        allow(["s3:ListBucket"], [BUCKET], {"StringLike": {"s3:prefix": ["${aws:username}/*"]}}),
        allow(["ecr:GetAuthorizationToken", "xray:PutTraceSegments", "cloudwatch:PutMetricData"]),
        allow(["sqs:Get*", "sqs:SendMessage"], QUEUE, {"Bool": {"aws:SecureTransport": "true"}}),
        deny("*", "*", Condition={"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}),
        {"Effect": "Deny", "NotAction": ["iam:*"], "NotResource": [BUCKET]},
    )
    assert found(*statements) == []


# --- names ---------------------------------------------------------------------------------------------------------


def test_an_unknown_action_is_found_with_the_one_that_was_meant_also_in_a_deny():
    for statement in (allow("s3:GetObjct", OBJECTS), deny("s3:GetObjct", OBJECTS)):
        (finding,) = found(statement, rule="action/unknown")
        assert finding.message == "s3:GetObjct is no action of AWS; is s3:GetObject meant?"
        assert (finding.severity, finding.fix) == (Severity.HIGH, "Write s3:GetObject.")


def test_a_wildcard_that_matches_nothing_is_unknown():
    (finding,) = found(allow("s3:Fetch*", OBJECTS), rule="action/unknown")
    assert finding.message.startswith("s3:Fetch* matches no action of s3")


def test_what_is_not_known_yet_is_not_called_unknown():
    assert found(allow(["⟦var.action⟧", "s3:⟦var.verb⟧Object"], OBJECTS), rule="action/") == []


def test_a_retired_action_is_no_unknown_one():
    (finding,) = found(allow("codestar:CreateProject"), rule="action/")
    assert (finding.rule, finding.severity) == ("action/retired", Severity.LOW)


def test_an_action_that_another_includes_is_redundant():
    (finding,) = found(allow(["s3:Get*", "s3:GetObject"], OBJECTS), rule="action/redundant")
    assert finding.message == "s3:Get* includes s3:GetObject."
    assert found(allow(["s3:Get*", "s3:PutObject"], OBJECTS), rule="action/redundant") == []


# --- resources -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "resource", "fix"),
    [
        ("s3:GetObject", BUCKET, f"Add {OBJECTS}"),
        ("s3:ListBucket", OBJECTS, f"Add {BUCKET},"),
        ("s3:GetObject", "arn:aws:s3:::⟦aws_s3_bucket.b.bucket⟧", "Add arn:aws:s3:::⟦aws_s3_bucket.b.bucket⟧/*"),
        ("sqs:SendMessage", "arn:aws:sns:eu-west-1:123456789012:q", "Add a resource of the form arn:aws:sqs:"),
        ("logs:PutLogEvents", "arn:aws:logs:eu-west-1:123456789012:log-group:/x", "Add arn:aws:logs:eu-west-1:"),
        ("dynamodb:Query", "arn:aws:dynamodb:eu-west-1:123456789012:t", "Add a resource of the form arn:aws:dynamodb"),
    ],
)  # fmt: skip
def test_an_action_that_its_resource_does_not_fit_is_found(action, resource, fix):
    (finding,) = found(allow(action, resource), rule="action/resource-mismatch")
    assert finding.severity is Severity.HIGH
    assert finding.fix.startswith(fix)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::b*"),
        ("s3:*", BUCKET),
        ("s3:Get*", BUCKET),
        (["s3:GetObject", "s3:ListBucket"], [BUCKET, OBJECTS]),
        ("s3:GetObject", "⟦var.resource⟧"),
        ("s3:GetObject", "arn:aws:s3:::⟦var.objects⟧"),
        ("s3:GetObject", "arn:aws:s3:::${aws:PrincipalTag/bucket}/*"),
        ("sqs:SendMessage", "arn:aws:sqs:*"),
        ("sqs:SendMessage", "arn:aws:*:*:*:*"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/a/path/name"),
        ("dynamodb:Query", "arn:aws:dynamodb:*:*:table/t/index/*"),
        ("logs:PutLogEvents", "arn:aws:logs:*:*:log-group:/x:*"),
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:123456789012:function:f:live"),
        ("execute-api:Invoke", "arn:aws:execute-api:eu-west-1:123456789012:abc/*/GET/orders"),
    ],
)
def test_an_action_that_may_fit_is_left_alone(action, resource):
    assert found(allow(action, resource), rule="action/resource-mismatch") == []


def test_an_action_that_takes_only_a_wildcard_can_not_be_limited():
    (finding,) = found(allow(["s3:ListAllMyBuckets"], BUCKET), rule="action/resource-mismatch")
    assert finding.fix == "Move s3:ListAllMyBuckets to a statement with Resource *."


TEXT = st.text(alphabet="ab:/*?", max_size=7)


@given(TEXT, TEXT, st.text(alphabet="ab:/", max_size=7))
@settings(max_examples=300)
def test_two_patterns_meet_where_a_text_is_in_both(one, other, text):
    assert meet(one, other) == meet(other, one)
    if meet(one, text) and meet(other, text):
        assert meet(one, other)


@given(st.text(alphabet="ab/", max_size=5), st.text(alphabet="ab/*", max_size=6))
@settings(max_examples=150)
def test_a_name_fits_a_type_whatever_part_of_it_a_wildcard_stands_for(start, end):
    assert takes(f"arn:aws:sqs:eu-west-1:123456789012:{start}*{end}", "arn:*:sqs:*:*:*")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (QUEUE, ""), ("*", ""), (BUCKET, ""), ("arn:aws:iam::aws:policy/ReadOnlyAccess", ""), ("⟦x.arn⟧/*", ""),
        ("arn:${aws:Partition}:s3:::b", ""), ("arn:aws:s3:::⟦var.b⟧", ""),
        ("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q", ""),
        ("arn:aws:sqs:eu-west-1:12345:q", "no account id"), ("arn:aws:sqz:::q", "no service"),
        ("arn:awss:sqs:::q", "no partition"), ("my-bucket", "no ARN"), ("arn:aws:sqs", "3 of an ARN's 6 parts"),
        ("arn:aws:sqs:Ireland:123456789012:q", "no region"), ("arn:aws:s3:::", "names no resource"),
        ("arn:aws:s3::b/*", "5 of an ARN's 6 parts"), ("arn:aws:s3:b/*", "4 of an ARN's 6 parts"),
        ("arn:aws:sqz:eu-west-1:*", "no service"), ("arn:aws:s3:*", ""), ("arn:aws:iam::1234*", ""),
        ("arn:aws:sqs:eu-*", ""), ("arn:aws:*", ""),
    ],
)  # fmt: skip
def test_an_arn_is_judged_by_its_shape(text, wrong):
    said, _ = wrong_arn(text)
    assert wrong in said
    assert bool(wrong) == bool(said)


def test_an_arn_of_s3_that_is_a_colon_short_gets_it():
    assert wrong_arn("arn:aws:s3::b/*")[1] == "arn:aws:s3:::b/*"


# --- conditions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "rule"),
    [
        ({"StringEquals": {"aws:SourceAcount": "1"}}, "condition/unknown-key"),
        ({"StringLike": {"s3:prefix": "a/*"}}, "condition/key-mismatch"),
        ({"StringEquals": {"aws:SourceIp": "10.0.0.0/8"}}, "condition/operator"),
        ({"NumericEquals": {"aws:SourceAccount": "1"}}, "condition/operator"),
        ({"StringEqual": {"aws:SourceAccount": "1"}}, "condition/operator"),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}, "condition/value"),
        ({"Bool": {"aws:SecureTransport": "yes"}}, "condition/value"),
        ({"StringEquals": {"aws:SourceAccount": []}}, "condition/value"),
        ({"ForAllValues:StringEquals": {"aws:PrincipalAccount": "1"}}, "condition/set-operator"),
    ],
)
def test_a_condition_that_can_not_do_what_it_says_is_found(condition, rule):
    assert [each.rule for each in found(allow("s3:GetObject", OBJECTS, condition), rule="condition/")] == [rule]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"AWS:sourceaccount": "1", "aws:PrincipalTag/team": "a", "s3:ExistingObjectTag/x": "y"}},
        {"StringEquals": {"aws:SourceArn": "arn:aws:s3:::b"}, "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}},
        {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32", "⟦var.office⟧"]}},
        {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}, "Null": {"aws:TokenIssueTime": "true"}},
        {"NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "3600"}},
        {"ForAnyValue:StringLike": {"aws:CalledVia": "cloudformation.amazonaws.com"}},
        {"StringEquals": {"⟦var.key⟧": "a"}},
    ],
)
def test_a_condition_that_does_is_left_alone(condition):
    assert found(allow("s3:GetObject", OBJECTS, condition), rule="condition/") == []


def test_the_keys_of_an_identity_provider_can_not_be_listed():
    condition = {"StringLike": {"oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub": "system:serviceaccount:*"}}
    statement = {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/x"}}
    statement |= {"Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}
    assert found(statement) == []


# --- breadth -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "resource", "severity"),
    [
        ("*", "*", "critical"), ("*:*", "*", "critical"), ("iam:*", "*", "high"), ("s3:*", "*", "high"),
        ("s3:*", "arn:aws:s3:::*", "high"), ("s3:*", [BUCKET, OBJECTS], "medium"), ("states:*", "*", "medium"),
        ("dynamodb:Update*", "*", "medium"), ("sqs:Send*", QUEUE, "low"), ("iam:Put*", "*", "high"),
        ("s3:Get*", "*", ""), ("ec2:Describe*", "*", ""), (["s3:List*", "sqs:Get*"], "*", ""),
        ("s3:PutObject", "*", ""),
    ],
)  # fmt: skip
def test_a_wildcard_is_as_bad_as_what_it_reaches(action, resource, severity):
    assert severity_of(allow(action, resource), rule="policy/wildcard-action") == severity


@pytest.mark.parametrize(
    ("condition", "severity"),
    [
        ({"StringEquals": {"aws:ResourceTag/team": "a"}}, "medium"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}}, "medium"),
        ({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}, "medium"),
        ({"StringLike": {"aws:ResourceTag/team": "*"}}, "critical"),
        ({"StringEqualsIfExists": {"aws:ResourceTag/team": "a"}}, "critical"),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, "critical"),
        ({"StringNotEquals": {"aws:ResourceTag/team": "a"}}, "critical"),
        ({"Bool": {"aws:SecureTransport": "true"}}, "critical"),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, "critical"),
    ],
)
def test_only_a_condition_that_narrows_lowers_a_wildcard(condition, severity):
    assert severity_of(allow("*", "*", condition), rule="policy/wildcard-action") == severity


def test_what_a_deny_or_a_boundary_takes_away_is_not_held_against_a_wildcard():
    rule = "policy/wildcard-action"
    assert severity_of(allow("*"), deny("*"), rule=rule) == ""
    assert severity_of(allow("iam:*"), deny("iam:*"), rule=rule) == ""
    assert severity_of(allow("iam:*"), deny("iam:Get*"), rule=rule) == "high"
    assert (
        severity_of(allow("iam:*"), deny("iam:*", Condition={"Bool": {"aws:SecureTransport": "false"}}), rule=rule)
        == "high"
    )
    assert severity_of(allow("*"), rule=rule, boundary=[allow("s3:GetObject", OBJECTS)]) == "medium"
    assert severity_of(allow("*"), rule=rule, boundary=[allow("*")]) == "critical"


def test_a_wildcard_resource_is_found_for_exactly_the_actions_that_could_be_limited():
    (finding,) = found(
        allow(["sqs:SendMessage", "sqs:ListQueues", "ecr:GetAuthorizationToken"]), rule="policy/wildcard"
    )
    assert finding.message == "sqs:SendMessage could be limited to resources; statement 1 allows it on all of them."
    assert "arn:aws:sqs:${Region}:${Account}:${QueueName}" in finding.fix
    assert "Keep sqs:ListQueues and ecr:GetAuthorizationToken on *" in finding.fix


@pytest.mark.parametrize("action", ["ecr:GetAuthorizationToken", "ec2:DescribeInstances", "cloudwatch:PutMetricData"])
def test_a_wildcard_resource_is_right_where_aws_takes_nothing_else(action):
    assert found(allow(action), rule="policy/wildcard") == []


def test_not_action_and_not_resource_are_found_in_an_allow_and_fine_in_a_deny():
    statement = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert severity_of(statement, rule="policy/not-action-allow") == "high"
    assert found({**statement, "Effect": "Deny"}) == []
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "NotResource": OBJECTS}
    assert severity_of(statement, rule="policy/not-resource-allow") == "high"
    assert found({**statement, "Effect": "Deny"}) == []


def test_a_policy_of_aws_itself_is_judged_only_for_what_it_gives_away():
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    (finding,) = found(allow("*"), arn=arn)
    assert (finding.rule, finding.severity) == ("policy/wildcard-action", Severity.CRITICAL)
    assert found(allow(["s3:GetObjct", "sqs:SendMessage"]), arn=arn) == []


# --- grammar -------------------------------------------------------------------------------------------------------


def test_what_the_reader_could_not_read_is_a_finding():
    (finding,) = found(allow("s3:GetObject", OBJECTS), "text", rule="policy/malformed")
    assert finding.message == "statement 2 is a string, not an object.".capitalize()
    assert finding.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("principal", "severity"),
    [
        ({"AWS": ["123456789012", "arn:aws:iam::123456789012:role/a/b", "⟦aws_iam_role.x.arn⟧"]}, ""),
        ({"AWS": "*"}, ""), ({"Service": ["lambda.amazonaws.com", "logs.eu-west-1.amazonaws.com"]}, ""),
        ({"AWS": "arn:aws:iam::123456789012:role/*"}, "high"), ({"AWS": "12345"}, "high"),
        ({"AWS": "lambda.amazonaws.com"}, "high"), ({"Service": "lambda"}, "high"),
        ({"AWS": "arn:aws:iam::123456789012:group/x"}, "high"), ({"AWS": "AROAEXAMPLEEXAMPLE123"}, "medium"),
    ],
)  # fmt: skip
def test_a_principal_that_aws_refuses_is_found(principal, severity):
    assert severity_of(allow("s3:GetObject", OBJECTS, Principal=principal), rule="principal/invalid") == severity


def test_sids_are_letters_and_digits_and_each_once():
    one, two = allow("sqs:SendMessage", QUEUE, Sid="a-b"), allow("sqs:SendMessage", QUEUE, Sid="a")
    assert [each.message for each in found(one, two, two, rule="policy/sid")] == [
        'Sid "a-b" has other characters than letters and digits.',
        "Sid a is given to two statements.",
    ]


def test_variables_need_the_new_version_and_a_key_that_is_one():
    text = "arn:aws:s3:::b/${aws:username}/*"
    assert [each.rule for each in found(allow("s3:GetObject", text), version=None)] == ["policy/variable"]
    assert found(allow("s3:GetObject", text)) == []
    (finding,) = found(allow("s3:GetObject", text.replace("username", "usrname")))
    assert finding.message == "${aws:usrname} is no policy variable; is ${aws:username} meant?"
    assert [each.rule for each in found(allow("s3:GetObject", OBJECTS), version=None)] == ["policy/version"]


@pytest.mark.parametrize(
    ("address", "kind", "characters", "too_large"),
    [
        ("aws_iam_policy.p", "role", 6000, False), ("aws_iam_policy.p", "role", 6300, True),
        ("aws_iam_role_policy.p", "role", 6300, False), ("aws_iam_user_policy.p", "user", 2100, True),
    ],
)  # fmt: skip
def test_a_policy_that_is_larger_than_its_quota_is_found(address, kind, characters, too_large):
    statement = allow("s3:GetObject", f"{OBJECTS}{'x' * (characters - 120)}")
    assert bool(found(statement, rule="policy/size", address=address, kind=kind)) == too_large


# --- AWS's own policies --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def managed() -> Estate:
    principals = []
    for name, policy in json.loads(aws_managed_policies_data).items():
        document = read_document(policy["Document"], file=f"{name}.json")
        principals.append(Principal("anonymous", name, name, f"{name}.json", (Policy(name, document),)))
    return Estate(principals=tuple(principals))


def test_no_policy_of_aws_names_an_unknown_action_or_breaks_a_check(managed):
    findings = [finding for check in action_checks.CHECKS if check.find for finding in check.find(managed)]
    unknown = {finding.principal or finding.resource for finding in findings if finding.rule == "action/unknown"}
    assert len(managed.principals) > 1500
    assert len(unknown) <= 5
    assert [finding.message for finding in findings if finding.rule == "policy/malformed"] == []


def test_policies_that_only_read_are_not_called_dangerous(managed):
    reading = tuple(
        each for each in managed.principals if each.name in ("ReadOnlyAccess", "ViewOnlyAccess", "SecurityAudit")
    )
    assert len(reading) >= 2
    findings = [each for check in action_checks.CHECKS if check.find for each in check.find(Estate(principals=reading))]
    assert {each.rule for each in findings if each.severity >= Severity.HIGH} <= {"action/resource-mismatch"}


def test_findings_of_a_folder_have_the_line_of_the_action(tmp_path):
    text = json.dumps(
        {"Version": "2012-10-17", "Statement": [allow(["s3:PutObject", "s3:GetObjct"], OBJECTS)]}, indent=2
    )
    (tmp_path / "p.json").write_text(text)
    estate = read_documents(tmp_path)
    (finding,) = (each for check in action_checks.CHECKS if check.find for each in check.find(estate))
    assert finding.place.file == str(tmp_path / "p.json")
    assert text.splitlines()[finding.place.line - 1].strip() == '"s3:GetObjct"'


FIELDS = ["Action", "Resource", "NotAction", "NotResource", "Condition", "Principal", "Sid"]
WORD = st.text(alphabet="as3:*?{}$⟦⟧/.-", max_size=12)
VALUE = WORD | st.lists(WORD, max_size=2) | st.dictionaries(WORD, st.dictionaries(WORD, WORD, max_size=2), max_size=2)


@given(st.dictionaries(st.sampled_from(FIELDS), VALUE), st.sampled_from(["Allow", "Deny"]))
@settings(max_examples=150)
def test_no_statement_breaks_a_check(fields, effect):
    found({**fields, "Effect": effect})
