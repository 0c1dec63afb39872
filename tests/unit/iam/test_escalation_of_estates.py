"""Principals of a Terraform folder: who can come to act as whom, step by step, and what cuts it."""

import json

import pytest

from opsctl.findings import Finding, Severity
from opsctl.hcl.reading import read_folder
from opsctl.iam.documents import read_document
from opsctl.iam.escalation import find
from opsctl.iam.estate import Estate, Policy, Principal
from opsctl.iam.gathering import gather

ADMINISTRATOR = {"Effect": "Allow", "Action": "*", "Resource": "*"}
READS_ORDERS = {
    "Effect": "Allow",
    "Action": "dynamodb:*",
    "Resource": "arn:aws:dynamodb:eu-west-1:111122223333:table/o",
}


def role(name: str, trusted: str, *statements: dict[str, object], boundary: str = "") -> str:
    """Terraform of a role; `trusted` is a service's name, "account", or a resource's address."""
    principal = (
        f'Service = "{trusted}"' if trusted.endswith(".com")
        else 'AWS = "arn:aws:iam::111122223333:root"' if trusted == "account"
        else f"AWS = {trusted}.arn"
    )  # fmt: skip
    limit = f"permissions_boundary = {boundary}" if boundary else ""
    return f"""
        resource "aws_iam_role" "{name}" {{
          name = "{name}"
          {limit}
          assume_role_policy = jsonencode({{ Version = "2012-10-17", Statement = [
            {{ Effect = "Allow", Action = "sts:AssumeRole", Principal = {{ {principal} }} }}] }})
        }}
        resource "aws_iam_role_policy" "{name}" {{
          role   = aws_iam_role.{name}.id
          policy = jsonencode({{ Version = "2012-10-17", Statement = {expression(list(statements))} }})
        }}"""


def expression(value: object) -> str:
    """JSON as HCL; a text that begins with "aws_" is an expression."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {expression(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(expression, value)) + "]"
    return value if isinstance(value, str) and value.startswith("aws_") else json.dumps(value)


def allow(action: object, resource: object = "*", **more: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def function(name: str, of: str) -> str:
    return f"""
        resource "aws_lambda_function" "{name}" {{
          function_name = "{name}"
          role          = aws_iam_role.{of}.arn
          handler       = "app.handler"
          runtime       = "python3.12"
          filename      = "app.zip"
        }}"""


@pytest.fixture
def ways(tmp_path):
    """Terraform → findings of one principal, by rule without its area."""

    def judge(*parts: str, of: str = "") -> dict[str, Finding]:
        (tmp_path / "main.tf").write_text("\n".join(parts))
        found = [each for each in find(gather(read_folder(tmp_path))) if each.principal.endswith(f"/{of}")]
        assert len({each.rule for each in found}) == len(found)
        return {each.rule.removeprefix("escalation/"): each for each in found}

    return judge


def deployer(*statements: dict[str, object], **more: str) -> str:
    return role("deployer", "account", *statements, **more)


def test_code_into_a_function_of_an_administrator_is_a_way_to_everything(ways):
    found = ways(
        deployer(allow("lambda:UpdateFunctionCode", "aws_lambda_function.cleaner.arn")),
        role("powerful", "lambda.amazonaws.com", ADMINISTRATOR), function("cleaner", "powerful"), of="deployer",
    )["function-code"]  # fmt: skip
    assert found.severity == Severity.CRITICAL
    assert found.path == ("deployer puts its code into cleaner (which runs as powerful) (lambda:UpdateFunctionCode).",)
    assert found.place.file.endswith("main.tf")
    assert found.place.line


def test_code_into_a_function_with_more_is_high_and_with_less_is_nothing(ways):
    parts = (role("worker", "lambda.amazonaws.com", READS_ORDERS), function("cleaner", "worker"))
    code = allow("lambda:UpdateFunctionCode", "aws_lambda_function.cleaner.arn")
    assert ways(deployer(code), *parts, of="deployer")["function-code"].severity == Severity.HIGH
    assert not ways(deployer(code, READS_ORDERS), *parts, of="deployer")


def test_code_into_ones_own_function_brings_nothing(ways):
    assert not ways(
        role("worker", "lambda.amazonaws.com", allow("lambda:UpdateFunctionCode", "arn:aws:lambda:*:*:function:self")),
        function("self", "worker"), of="worker",
    )  # fmt: skip


def test_a_target_that_the_plan_does_not_show_makes_the_same_rule_conditional(ways):
    code = deployer(allow("lambda:UpdateFunctionCode"))
    without = ways(code, of="deployer")["function-code"]
    shown = ways(
        code, role("powerful", "lambda.amazonaws.com", ADMINISTRATOR), function("f", "powerful"), of="deployer"
    )
    assert without.rule == shown["function-code"].rule
    assert without.severity == Severity.MEDIUM < shown["function-code"].severity
    assert "doesn't show" in without.message


def test_only_a_role_that_trusts_the_service_can_be_passed_to_it(ways):
    statements = (allow(["lambda:CreateFunction", "lambda:InvokeFunction"]),
                  allow("iam:PassRole", "arn:aws:iam::111122223333:role/powerful"))  # fmt: skip
    for service, severities in (("lambda.amazonaws.com", [Severity.CRITICAL]), ("ec2.amazonaws.com", [])):
        found = ways(deployer(*statements), role("powerful", service, ADMINISTRATOR), of="deployer")
        assert [each.severity for each in found.values()] == severities


def test_a_role_that_may_be_passed_to_one_service_only_is_no_way_through_another(ways):
    passing = allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})
    found = ways(deployer(passing, allow("ec2:RunInstances")), role("powerful", "ec2.amazonaws.com", ADMINISTRATOR),
                 of="deployer")  # fmt: skip
    assert not found


@pytest.mark.parametrize(
    "wall",
    [
        {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"},
        {"Effect": "Deny", "Action": "lambda:CreateFunction", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::*:role/*"},
        {"Effect": "Deny", "NotAction": ["s3:*"], "Resource": "*"},
    ],
    ids=["of passing", "of creating", "of all of IAM", "of all but S3"],
)
def test_a_deny_of_one_required_action_cuts(ways, wall):
    grants = (allow("iam:PassRole"), allow(["lambda:CreateFunction", "lambda:InvokeFunction"]))
    powerful = role("powerful", "lambda.amazonaws.com", ADMINISTRATOR)
    assert ways(deployer(*grants), powerful, of="deployer")
    assert not ways(deployer(*grants, wall), powerful, of="deployer")


def test_a_deny_of_the_one_target_leaves_the_others(ways):
    grants = (allow("iam:PassRole"), allow(["lambda:CreateFunction", "lambda:InvokeFunction"]),
              {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/powerful"})  # fmt: skip
    parts = (
        role("powerful", "lambda.amazonaws.com", ADMINISTRATOR),
        role("worker", "lambda.amazonaws.com", READS_ORDERS),
    )
    found = ways(deployer(*grants), *parts, of="deployer")["pass-role-lambda"]
    assert found.severity == Severity.HIGH
    assert "worker" in found.path[0]


def boundary(*statements: dict[str, object]) -> str:
    return f"""
        resource "aws_iam_policy" "limit" {{
          name   = "limit"
          policy = jsonencode({{ Version = "2012-10-17", Statement = {expression(list(statements))} }})
        }}"""


def test_a_boundary_that_lacks_a_required_action_cuts(ways):
    grants = (allow("iam:PassRole"), allow(["lambda:CreateFunction", "lambda:InvokeFunction"]))
    powerful = role("powerful", "lambda.amazonaws.com", ADMINISTRATOR)
    bounded = deployer(*grants, boundary="aws_iam_policy.limit.arn")
    assert not ways(bounded, boundary(allow("lambda:*")), powerful, of="deployer")
    assert ways(bounded, boundary(allow(["lambda:*", "iam:PassRole"])), powerful, of="deployer")


def test_a_boundary_that_its_holder_may_take_away_is_none(ways):
    bounded = deployer(ADMINISTRATOR, boundary="aws_iam_policy.limit.arn")
    assert not ways(bounded, boundary(allow(["s3:*", "lambda:InvokeFunction"])), of="deployer")
    found = ways(bounded, boundary(allow(["s3:*", "iam:DeleteRolePermissionsBoundary"])), of="deployer")
    assert found["lift-limits"].severity == Severity.CRITICAL


def test_a_deny_that_its_holder_may_take_away_is_none(ways):
    wall = {"Effect": "Deny", "Action": "iam:PutRolePolicy", "Resource": "*"}
    grants = (allow("iam:PutRolePolicy"), allow("iam:DeleteRolePolicy", "arn:aws:iam::*:role/deployer"))
    assert "lift-limits" in ways(deployer(*grants, wall), of="deployer")
    assert not ways(deployer(grants[0], wall), of="deployer")


def test_a_chain_of_three_roles_is_named_step_by_step(ways):
    found = ways(
        deployer(allow("sts:AssumeRole", "arn:aws:iam::111122223333:role/builder")),
        role("builder", "account", allow("sts:AssumeRole", "arn:aws:iam::111122223333:role/releaser")),
        role("releaser", "account", allow("lambda:UpdateFunctionCode")),
        role("powerful", "lambda.amazonaws.com", ADMINISTRATOR), function("cleaner", "powerful"), of="deployer",
    )  # fmt: skip
    assert list(found) == ["assume-role"]
    assert found["assume-role"].severity == Severity.CRITICAL
    assert [step.split()[0] for step in found["assume-role"].path] == ["deployer", "builder", "releaser"]


def test_cycles_of_roles_end(ways):
    parts = [role(name, "account", allow("sts:AssumeRole", f"arn:aws:iam::111122223333:role/{to}"))
             for name, to in (("a", "b"), ("b", "c"), ("c", "a"))]  # fmt: skip
    assert all(each.severity < Severity.CRITICAL for each in ways(*parts, of="a").values())
    parts.append(role("d", "account", allow("sts:AssumeRole", "arn:aws:iam::111122223333:role/a")))
    parts[2] = role("c", "account", allow("sts:AssumeRole", ["arn:aws:iam::111122223333:role/a",
                                                             "arn:aws:iam::111122223333:role/top"]))  # fmt: skip
    parts.append(role("top", "account", ADMINISTRATOR))
    assert len(ways(*parts, of="d")["assume-role"].path) == 4


def test_a_role_that_trusts_others_only_cannot_be_assumed(ways):
    assuming = allow("sts:AssumeRole", "arn:aws:iam::111122223333:role/top")
    top = role("top", "aws_iam_role.somebody", ADMINISTRATOR)
    somebody = role("somebody", "ec2.amazonaws.com", allow("s3:GetObject"))
    assert not ways(deployer(assuming), top, somebody, of="deployer")
    found = ways(deployer(assuming), top, somebody, of="somebody")["assume-role"]
    assert found.severity == Severity.CRITICAL, "who is named needs no permission in its own account"
    assert "top" in found.fix
    assert "trust policy" in found.fix


def test_a_role_that_trusts_by_name_and_gives_little_more_is_what_somebody_meant(ways):
    found = ways(deployer(allow("s3:GetObject")), role("reader", "aws_iam_role.deployer", READS_ORDERS), of="deployer")
    assert found["assume-role"].severity == Severity.MEDIUM


def test_policies_of_the_own_role_are_a_way_to_everything_and_of_others_are_conditional(ways):
    own = ways(deployer(allow("iam:PutRolePolicy", "arn:aws:iam::*:role/deployer")), of="deployer")["put-policy"]
    other = ways(deployer(allow("iam:PutRolePolicy", "arn:aws:iam::*:role/other")), of="deployer")["put-policy"]
    assert (own.severity, other.severity) == (Severity.CRITICAL, Severity.MEDIUM)


def test_policies_of_a_role_that_it_can_act_as_are_a_way_to_everything(ways):
    found = ways(
        deployer(allow("iam:PutRolePolicy", "arn:aws:iam::*:role/reader"), READS_ORDERS),
        role("reader", "aws_iam_role.deployer", READS_ORDERS), of="deployer",
    )["put-policy"]  # fmt: skip
    assert found.severity == Severity.CRITICAL
    assert len(found.path) == 2
    assert "assumes reader" in found.path[1]


def test_keys_of_a_user_with_more_are_a_way_and_of_oneself_are_none(ways):
    user = """
        resource "aws_iam_user" "ann" { name = "ann" }
        resource "aws_iam_user_policy" "ann" {
          user   = aws_iam_user.ann.name
          policy = jsonencode({ Version = "2012-10-17", Statement = [STATEMENTS] })
        }"""
    admin = user.replace("STATEMENTS", expression(ADMINISTRATOR))
    assert ways(deployer(allow("iam:CreateAccessKey", "aws_iam_user.ann.arn")), admin,
                of="deployer")["access-key"].severity == Severity.CRITICAL  # fmt: skip
    own = user.replace("STATEMENTS", expression(allow("iam:CreateAccessKey", "arn:aws:iam::*:user/ann")))
    assert not ways(own, of="ann")


def test_an_instance_whose_role_has_more_is_a_way_through_its_shell(ways):
    instance = """
        resource "aws_iam_instance_profile" "web" {
          name = "web"
          role = aws_iam_role.web.name
        }
        resource "aws_instance" "web" {
          ami                  = "ami-1"
          instance_type        = "t3.micro"
          iam_instance_profile = aws_iam_instance_profile.web.name
        }"""
    found = ways(deployer(allow("ssm:StartSession")), role("web", "ec2.amazonaws.com", ADMINISTRATOR), instance,
                 of="deployer")["instance-shell"]  # fmt: skip
    assert found.severity == Severity.CRITICAL
    assert "which runs as web" in found.path[0]


def test_submitting_jobs_counts_only_where_a_job_with_more_is_shown(ways):
    definition = """
        resource "aws_batch_job_definition" "job" {
          name                 = "job"
          type                 = "container"
          container_properties = jsonencode({ image = "i", jobRoleArn = aws_iam_role.job.arn })
        }"""
    submitting = deployer(allow("batch:SubmitJob"))
    assert not ways(submitting, of="deployer")
    found = ways(submitting, definition, role("job", "ecs-tasks.amazonaws.com", READS_ORDERS), of="deployer")
    assert found["batch-override"].severity == Severity.MEDIUM


PROFILE = """
        resource "aws_iam_instance_profile" "powerful" {
          name = "powerful"
          role = aws_iam_role.powerful.name
        }"""


def test_a_role_as_which_only_a_service_of_aws_acts_is_nobodys_way(ways):
    statements = (allow(["iam:PassRole", "ec2:RunInstances"]),)
    powerful = role("powerful", "ec2.amazonaws.com", ADMINISTRATOR) + PROFILE
    assert (
        ways(role("it", "batch.amazonaws.com", *statements), powerful, of="it")["pass-role-ec2"].severity
        == Severity.LOW
    )
    assert (
        ways(role("it", "ec2.amazonaws.com", *statements), powerful, of="it")["pass-role-ec2"].severity > Severity.HIGH
    )


def test_an_administrator_is_no_finding(ways):
    assert not ways(deployer(ADMINISTRATOR), role("powerful", "lambda.amazonaws.com", ADMINISTRATOR), of="deployer")


def statement_of(actions: object, resource: object = "*") -> Policy:
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow(actions, resource)]})
    return Policy("work", read_document(text, file="f.json"), "f.json")


def test_groups_and_users_are_judged_together():
    group = Principal("group", "staff", "arn:aws:iam::1:group/staff", policies=(statement_of("s3:GetObject"),))
    joined = statement_of("iam:PutGroupPolicy", "arn:aws:iam::1:group/staff")
    user = Principal("user", "ann", "arn:aws:iam::1:user/ann", policies=(joined,), groups=("staff",))
    (found,) = find(Estate((group, user), account="1"))
    assert (found.principal, found.severity) == (user.arn, Severity.CRITICAL)


def test_joining_a_group_of_administrators_is_a_way_to_everything():
    group = Principal("group", "admins", "arn:aws:iam::1:group/admins", policies=(statement_of("*"),))
    user = Principal("user", "ann", "arn:aws:iam::1:user/ann", policies=(statement_of("iam:AddUserToGroup"),))
    (found,) = find(Estate((group, user), account="1"))
    assert (found.rule, found.severity) == ("escalation/join-group", Severity.CRITICAL)


def test_a_policy_that_nobody_could_read_raises_nothing():
    lost = Policy("lost", None, "aws_iam_policy.lost")
    principals = (Principal("role", "r", "arn:aws:iam::1:role/r", policies=(lost,), boundary=lost),
                  Principal("account", "1", "arn:aws:iam::1:root"))  # fmt: skip
    assert list(find(Estate(principals, loose=(lost,)))) == []


def test_a_thousand_roles_that_may_pass_a_thousand_roles_are_no_million_edges():
    """The work is counted, not timed: pairs that were looked at."""
    from opsctl.iam.escalation.graph import World

    service = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust = read_document(json.dumps({"Version": "2012-10-17", "Statement": [service]}))
    actions = ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"]
    roles = tuple(
        Principal("role", f"r{at}", f"arn:aws:iam::1:role/r{at}", policies=(statement_of(actions),), trust=trust)
        for at in range(1000)
    )
    world = World(Estate(roles, account="1"))
    hubs = {id(edge.hub): edge.hub for edges in world.edges.values() for edge in edges if edge.hub is not None}
    assert len(hubs) == 1
    assert sum(map(len, world.edges.values())) == len(roles)


def trusting(name: str, *trust: dict[str, object]) -> str:
    """Terraform of an administrator's role with a trust policy of these statements; "${…}" in them is Terraform's."""
    statements = [{"Effect": "Allow", "Action": "sts:AssumeRole"} | each for each in trust]
    plain = role(name, "account", ADMINISTRATOR)
    before, _, rest = plain.partition("Statement = [\n")
    return f"{before}Statement = {expression(statements)} }})" + rest.partition("] })")[2]


ACCOUNT = 'variable "account_id" {}\ndata "aws_caller_identity" "me" {}'
ROOT = {"Principal": {"AWS": "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root"}}
ASSUMES_ALL = allow("sts:AssumeRole")


@pytest.mark.parametrize(
    "named",
    [
        "arn:aws:iam::${var.account_id}:root", "${var.account_id}", "arn:aws:iam::${var.account_id}:role/deployer",
        "arn:aws:iam::111122223333:role/deployer", "arn:aws:iam::111122223333:root",
        "${aws_iam_role.deployer.arn}",
    ],
)  # fmt: skip
def test_an_account_that_is_not_known_may_be_the_own_one(ways, named):
    assuming = deployer(allow("sts:AssumeRole", "aws_iam_role.top.arn"))
    found = ways(ACCOUNT, assuming, trusting("top", {"Principal": {"AWS": named}}), of="deployer")
    assert found["assume-role"].severity == Severity.CRITICAL


@pytest.mark.parametrize("named", ["arn:aws:iam::${var.account_id}:role/other", "${var.role_arn}"])
def test_a_name_that_is_not_the_own_one_lets_nobody_in(ways, named):
    variable = 'variable "role_arn" {}'
    assuming = deployer(allow("sts:AssumeRole", "aws_iam_role.top.arn"))
    assert not ways(ACCOUNT, variable, assuming, trusting("top", {"Principal": {"AWS": named}}), of="deployer")


OWN_DENY = {"Effect": "Deny", "Principal": {"AWS": "aws_iam_role.deployer.arn"}}


@pytest.mark.parametrize(
    "trust",
    [
        [ROOT | {"Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/breakglass"}}}],
        [ROOT, OWN_DENY],
        [ROOT | {"Action": "sts:TagSession"}],
        [{"Principal": {"AWS": "aws_iam_role.deployer.arn"}}, OWN_DENY],
    ],
    ids=["condition", "deny", "another action", "named and denied"],
)
def test_whom_a_trust_policy_keeps_out_does_not_come_in(ways, trust):
    found = ways(ACCOUNT, deployer(ASSUMES_ALL), trusting("top", *trust), of="deployer")
    assert all(each.severity == Severity.MEDIUM for each in found.values()), "only what the plan doesn't show"
    let_in = ways(ACCOUNT, deployer(ASSUMES_ALL), trusting("top", *trust), trusting("open", ROOT), of="deployer")
    assert "open" in let_in["assume-role"].path[0]
    assert let_in["assume-role"].severity == Severity.CRITICAL


def test_a_condition_of_a_trust_policy_that_the_principal_meets_lets_it_in(ways):
    mine = ROOT | {"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy*"}}}
    mfa = ROOT | {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    for trust in (mine, mfa):
        found = ways(ACCOUNT, deployer(ASSUMES_ALL), trusting("top", trust), of="deployer")
        assert found["assume-role"].severity == Severity.CRITICAL


def test_a_finding_lies_in_the_own_policy_even_where_another_one_is_to_be_changed(ways):
    code = allow("lambda:UpdateFunctionCode", "aws_lambda_function.cleaner.arn")
    worker = role("worker", "lambda.amazonaws.com", allow("iam:PutRolePolicy"))
    parts = (deployer(code), role("second", "account", code), worker, function("cleaner", "worker"))
    lines = "\n".join(parts).splitlines()
    (found,) = ways(*parts, of="deployer").values()
    assert "worker" in found.fix, "one change there cuts both"
    assert found.resource == "aws_iam_role_policy.deployer"
    assert "UpdateFunctionCode" in lines[found.place.line - 1]
    assert found.place.line < lines.index(next(line for line in lines if '"second"' in line))


def attached(of: str, *names: str) -> str:
    return "\n".join(
        f"""
        resource "aws_iam_role_policy_attachment" "{of}-{name}" {{
          role       = aws_iam_role.{of}.name
          policy_arn = "arn:aws:iam::aws:policy/{name}"
        }}""" for name in names
    )  # fmt: skip


def test_a_policy_of_aws_is_to_be_detached_not_edited(ways):
    found = ways(deployer(allow("s3:GetObject")), attached("deployer", "IAMFullAccess"), of="deployer")["attach-policy"]
    assert found.fix.startswith("Detach IAMFullAccess (aws_iam_role_policy_attachment.deployer-IAMFullAccess ")
    assert "iam:AttachRolePolicy" in found.fix, "the permission that the path uses"
    assert "AttachUserPolicy" not in found.fix
    assert found.place.line


READS_AND_SENDS = allow(["s3:GetObject", "sqs:SendMessage"], ["arn:aws:s3:::x/*", "arn:aws:sqs:*:*:q"])
CODE = allow("lambda:UpdateFunctionCode", "aws_lambda_function.cleaner.arn")
WORKER = (role("worker", "lambda.amazonaws.com", READS_AND_SENDS), function("cleaner", "worker"))


def denies(action: object, resource: object = "*") -> dict[str, object]:
    return allow(action, resource) | {"Effect": "Deny"}


@pytest.mark.parametrize(
    "own",
    [
        [allow("s3:*"), allow("sqs:*")],
        [allow("s3:*"), allow("sqs:*"), denies("s3:DeleteBucket")],
        [allow("s3:*"), allow("sqs:*"), denies(["s3:*", "sqs:*"], "arn:aws:s3:::y/*")],
        [{"Effect": "Allow", "NotAction": ["iam:*", "lambda:*"], "Resource": "*"}],
        [allow(["*GetObject", "sqs:SendMessage"])],
    ],
    ids=["two statements", "a Deny of something else", "a Deny elsewhere", "all but others", "a wildcard in front"],
)
def test_who_has_it_all_in_several_statements_gains_nothing(ways, own):
    assert "function-code" not in ways(deployer(CODE, *own), *WORKER, of="deployer")


@pytest.mark.parametrize(
    "own",
    [
        [allow("s3:*")],
        [allow("s3:*"), allow("sqs:*", "arn:aws:sqs:*:*:other")],
        [allow("s3:*"), allow("sqs:*"), denies("s3:Get*", "arn:aws:s3:::x/secret/*")],
        [allow("s3:*"), allow("sqs:*"), {"Effect": "Deny", "NotAction": ["s3:*", "lambda:*"], "Resource": "*"}],
        [{"Effect": "Allow", "NotAction": ["sqs:Send*", "lambda:*"], "Resource": "*"}],
    ],
    ids=["one of both", "another queue", "a Deny of some", "a Deny of all but", "all but this"],
)
def test_who_lacks_some_of_it_gains_that(ways, own):
    assert ways(deployer(CODE, *own), *WORKER, of="deployer")["function-code"].severity == Severity.HIGH


def test_a_role_is_passed_only_to_what_can_also_be_started(ways):
    made = allow(["iam:PassRole", "lambda:CreateFunction"], ["aws_iam_role.powerful.arn",
                                                           "arn:aws:lambda:*:*:function:a"])  # fmt: skip
    powerful = role("powerful", "lambda.amazonaws.com", ADMINISTRATOR)
    for name, severities in (("a", [Severity.CRITICAL]), ("b", [])):
        starts = allow("lambda:InvokeFunction", f"arn:aws:lambda:*:*:function:{name}")
        assert [each.severity for each in ways(deployer(made, starts), powerful, of="deployer").values()] == severities


def test_a_role_without_an_instance_profile_is_on_no_instance_yet(ways):
    passing = ["iam:PassRole", "ec2:RunInstances"]
    powerful = role("powerful", "ec2.amazonaws.com", ADMINISTRATOR)
    without = ways(deployer(allow(passing)), powerful, of="deployer")["pass-role-ec2"]
    assert without.severity == Severity.MEDIUM
    assert "instance profile" in without.message
    for parts in (
        (deployer(allow(passing)), powerful, PROFILE),
        (deployer(allow([*passing, "iam:AddRoleToInstanceProfile"])), powerful),
    ):
        assert ways(*parts, of="deployer")["pass-role-ec2"].severity == Severity.CRITICAL


INSTANCE = (
    PROFILE
    + """
        resource "aws_instance" "web" {
          ami                  = "ami-1"
          instance_type        = "t3.micro"
          iam_instance_profile = aws_iam_instance_profile.powerful.name
          tags                 = { team = "ops" }
        }"""
)


@pytest.mark.parametrize("key", ["ssm:resourceTag/team", "aws:ResourceTag/team"])
def test_a_way_that_tags_decide_is_conditional(ways, key):
    shell = allow("ssm:StartSession", Condition={"StringEquals": {key: "dev"}})
    powerful = role("powerful", "ec2.amazonaws.com", ADMINISTRATOR) + INSTANCE
    found = ways(deployer(shell), powerful, of="deployer")["instance-shell"]
    assert found.severity == Severity.MEDIUM
    assert "tags" in found.message
    besides = ways(deployer(shell, allow("ssm:SendCommand")), powerful, of="deployer")["instance-shell"]
    assert besides.severity == Severity.CRITICAL
    assert "ssm:SendCommand" in besides.path[0]


def test_a_firm_way_is_shown_rather_than_a_shorter_one_that_tags_decide(ways):
    dev = {"StringEquals": {"aws:ResourceTag/team": "dev"}}
    middle = "arn:aws:iam::*:role/middle"
    found = ways(
        deployer(allow("sts:AssumeRole", Condition=dev), allow("sts:AssumeRole", middle)),
        role("middle", "account", allow("sts:AssumeRole", "aws_iam_role.top.arn")),
        role("top", "account", ADMINISTRATOR), of="deployer",
    )["assume-role"]  # fmt: skip
    assert found.severity == Severity.CRITICAL
    assert [step.split()[0] for step in found.path] == ["deployer", "middle"]


def test_what_is_made_may_be_tagged_as_its_maker_likes(ways):
    mine = {"StringEquals": {"aws:ResourceTag/owner": "me"}}
    found = ways(
        deployer(allow(["iam:PassRole", "lambda:CreateFunction"]), allow("lambda:InvokeFunction", Condition=mine)),
        role("powerful", "lambda.amazonaws.com", ADMINISTRATOR), of="deployer",
    )  # fmt: skip
    assert found["pass-role-lambda"].severity == Severity.CRITICAL


def test_keys_of_oneself_by_variable_are_no_way_to_others(ways):
    user = """
        resource "aws_iam_user" "ann" {
          name = "ann"
          path = "/team/"
        }
        resource "aws_iam_user_policy" "ann" {
          user   = aws_iam_user.ann.name
          policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "iam:CreateAccessKey",
            Resource = ["arn:aws:iam::*:user/$${aws:username}", "arn:aws:iam::*:user/*/$${aws:username}"] }] })
        }"""
    assert not ways(user, of="team/ann")
    assert ways(user.replace("user/*/$${aws:username}", "user/*"), of="team/ann")


def test_a_thousand_roles_that_each_trust_one_by_condition_are_asked_of_that_one():
    """The work is counted, not timed: targets of all edges."""
    from opsctl.iam.escalation.graph import World

    def trusted(name: str) -> dict[str, object]:
        only = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::111122223333:role/{name}"}}
        return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}, "Condition": only}

    roles = tuple(
        Principal("role", f"r{at}", f"arn:aws:iam::111122223333:role/r{at}", policies=(statement_of("sts:AssumeRole"),),
                  trust=read_document(json.dumps({"Version": "2012-10-17", "Statement": [trusted(f"r{at + 1}")]})))
        for at in range(1000)
    )  # fmt: skip
    world = World(Estate(roles, account="111122223333"))
    targets = {at: [edge.hub.targets for edge in edges if edge.hub and edge.hub.targets]
               for at, edges in world.edges.items()}  # fmt: skip
    assert targets[0] == []
    assert all(targets[at] == [((at - 1, None),)] for at in range(1, 1000))
    assert len({id(edge.hub) for edges in world.edges.values() for edge in edges}) <= len(roles)


def test_many_statements_are_held_only_to_those_that_begin_alike():
    """The work is counted, not timed: statements that are looked at for one."""
    from opsctl.iam.escalation.graph import Parts

    document = read_document(json.dumps({"Version": "2012-10-17", "Statement": [
        allow("s3:GetObject", [f"arn:aws:s3:::bucket-{at}/*", f"arn:aws:s3:::other-{at}/*"]) for at in range(1000)
    ]}))  # fmt: skip
    parts = Parts(document.statements)
    assert len(parts.statements) == 2000
    one = parts.statements[77]
    assert list(parts.that_may_cover(one)) == list(parts.that_may_touch(one)) == [one]
