"""What code, state machines and triggers need against what their role is granted, and the policy that is suggested."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from opsctl.findings import Severity
from opsctl.hcl.reading import read_folder
from opsctl.iam.checking import estate_of
from opsctl.iam.code.comparing import findings
from opsctl.iam.code.suggesting import suggest, suggest_code
from opsctl.iam.estate import Carrier, Estate, Guarded, Invocation, Policy, Principal
from opsctl.iam.gathering import gather
from opsctl.iam.policy import Document, Statement
from opsctl.iam.policy import Principal as Named

ROOT = Path(__file__).parents[3]
AROUND = "eu-west-1:111122223333"
ROLE = "arn:aws:iam::111122223333:role/worker"
FUNCTION = f"arn:aws:lambda:{AROUND}:function:worker"
TABLE, OTHER = f"arn:aws:dynamodb:{AROUND}:table/orders", f"arn:aws:dynamodb:{AROUND}:table/stock"
QUEUE, TOPIC = f"arn:aws:sqs:{AROUND}:jobs", f"arn:aws:sns:{AROUND}:done"
KEY = f"arn:aws:kms:{AROUND}:key/1234"
LOGS = f"arn:aws:logs:{AROUND}:log-group:/aws/lambda/worker"
WRITES_LOGS = Statement("Allow", ("logs:CreateLogStream", "logs:PutLogEvents"), resources=(f"{LOGS}:*",), sid="Logs")
PUTS = """
import os
import boto3
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
def handler(event, context):
    table.put_item(Item=event)
"""


def allow(*actions, on=("*",), sid="Work"):
    return Statement("Allow", actions, resources=(on,) if isinstance(on, str) else on, sid=sid)


class World:
    """An estate with one role, which a function carries unless told otherwise."""

    def __init__(self, folder):
        self.folder = folder
        self.carriers, self.guarded, self.invocations = [], [], []
        self.trusted = "lambda.amazonaws.com"

    def function(self, code, *, environment=None, settings=None):
        (self.folder / "app.py").write_text(textwrap.dedent(code))
        self.carriers.append(
            Carrier(
                "lambda_function", "worker", FUNCTION, ROLE, "lambda.amazonaws.com", "aws_lambda_function.worker",
                str(self.folder), "app.handler", environment=environment or {"TABLE": "orders"},
                settings=settings or {},
            )
        )  # fmt: skip
        return self

    def machine(self, *states):
        self.trusted = "states.amazonaws.com"
        body = {
            "StartAt": "S0",
            "States": {f"S{index}": {"Type": "Task", **state} for index, state in enumerate(states)},
        }
        self.carriers.append(
            Carrier("sfn_state_machine", "flow", f"arn:aws:states:{AROUND}:stateMachine:flow", ROLE,
                    "states.amazonaws.com", "aws_sfn_state_machine.flow", definition=json.dumps(body))
        )  # fmt: skip
        return self

    def guards(self, kind, arn, *, key="", address=""):
        self.guarded.append(Guarded(kind, arn.rpartition(":")[2], arn, address or f"aws_{kind}.it", customer_key=key))
        return self

    def invoked(self, kind, source, target, role=""):
        self.invocations.append(Invocation(kind, source, target, role, f"aws_{kind}.it"))
        return self

    def granted(self, *statements, policies=(), trust=()):
        trust = trust or (Statement("Allow", ("sts:AssumeRole",), principals=(Named("Service", self.trusted),)),)
        role = Principal(
            "role", "worker", ROLE, "aws_iam_role.worker", trust=Document(tuple(trust)),
            policies=(Policy("work", Document(tuple(statements)), "aws_iam_role_policy.work"), *policies),
        )  # fmt: skip
        return Estate(
            (role,), tuple(self.carriers), tuple(self.guarded), tuple(self.invocations),
            account="111122223333", region="eu-west-1",
        )  # fmt: skip


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def found(estate, rule):
    return [each for each in findings(estate) if each.rule == f"code/{rule}"]


def lacking(estate):
    return {
        each.message.split(" needs ")[1].split(",")[0].split(" on ")[0] for each in found(estate, "lacks-permission")
    }


def unused(estate):
    return " | ".join(each.message for each in found(estate, "unused-permission"))


def test_a_role_with_just_what_its_code_needs_has_no_findings(world):
    assert not list(findings(world.function(PUTS).granted(allow("dynamodb:PutItem", on=TABLE), WRITES_LOGS)))


def test_a_call_that_the_role_lacks_lands_on_its_line_with_the_statement_to_add(world):
    [finding] = found(world.function(PUTS).granted(WRITES_LOGS), "lacks-permission")
    assert finding.severity is Severity.HIGH
    assert (Path(finding.place.file).name, finding.place.line) == ("app.py", 6)
    assert "dynamodb:PutItem" in finding.message
    assert f'"Resource": ["{TABLE}"]' in finding.fix


def test_a_grant_on_another_table_is_not_enough_and_is_not_used(world):
    estate = world.function(PUTS).granted(allow("dynamodb:PutItem", on=OTHER), WRITES_LOGS)
    [finding] = found(estate, "lacks-permission")
    assert f"granted on {OTHER} only" in finding.message
    assert OTHER in unused(estate)


@pytest.mark.parametrize("pattern", ["*", f"arn:aws:dynamodb:{AROUND}:table/*", "arn:aws:dynamodb:*:*:table/ord*"])
def test_a_wider_resource_is_enough(world, pattern):
    assert not lacking(world.function(PUTS).granted(allow("dynamodb:Put*", on=pattern), WRITES_LOGS))


def test_a_denied_call_is_lacking_whatever_allows_it(world):
    deny = Statement("Deny", ("dynamodb:*",), resources=(TABLE,))
    estate = world.function(PUTS).granted(allow("dynamodb:PutItem", on=TABLE), deny, WRITES_LOGS)
    assert lacking(estate) == {"dynamodb:PutItem"}


def test_what_the_queues_own_policy_lets_in_is_not_lacking(world):
    sends = """
    import boto3
    def handler(event, context):
        queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs"
        boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="")
    """
    assert lacking(world.function(sends).granted(WRITES_LOGS)) == {"sqs:SendMessage"}
    lets = Statement("Allow", ("sqs:SendMessage",), resources=(QUEUE,), principals=(Named("AWS", ROLE),))
    world.guarded.append(Guarded("sqs_queue", "jobs", QUEUE, "aws_sqs_queue.jobs", Policy("p", Document((lets,)))))
    assert not lacking(world.granted(WRITES_LOGS))


def test_an_action_that_nothing_uses_is_named_with_its_statement(world):
    estate = world.function(PUTS).granted(allow("dynamodb:PutItem", "dynamodb:DeleteItem", on=TABLE), WRITES_LOGS)
    [finding] = found(estate, "unused-permission")
    assert finding.severity is Severity.MEDIUM
    assert "dynamodb:DeleteItem" in finding.message
    assert "PutItem" not in finding.message
    assert "Take dynamodb:DeleteItem out of Work" in finding.fix


def test_a_wildcard_is_narrowed_to_what_is_used(world):
    estate = world.function(PUTS).granted(allow("dynamodb:*", on=TABLE), WRITES_LOGS)
    [finding] = found(estate, "unused-permission")
    assert finding.severity is Severity.LOW
    assert '["dynamodb:PutItem"]' in finding.fix


def test_a_resource_that_no_call_is_about_is_named(world):
    estate = world.function(PUTS).granted(allow("dynamodb:PutItem", on=(TABLE, OTHER)), WRITES_LOGS)
    [finding] = found(estate, "unused-permission")
    assert f"Take {OTHER} out" in finding.fix


def test_only_unreachable_code_does_not_use_a_grant_and_is_named(world):
    code = PUTS + "\ndef purge():\n    table.delete_item(Key={})\n"
    estate = world.function(code).granted(allow("dynamodb:PutItem", "dynamodb:DeleteItem", on=TABLE), WRITES_LOGS)
    assert "isn't reachable from the handler" in unused(estate)


def test_a_call_that_can_not_be_resolved_is_never_called_unused(world):
    code = PUTS + "    getattr(boto3.client('s3'), event['x'])(Bucket='b')\n"
    grants = (allow("dynamodb:PutItem", on=TABLE), allow("s3:GetObject"), allow("sqs:SendMessage"), WRITES_LOGS)
    estate = world.function(code).granted(*grants)
    assert "s3:GetObject" not in unused(estate)
    assert "sqs:SendMessage" in unused(estate)
    [hole] = found(estate, "cannot-tell")
    assert hole.severity is Severity.INFO
    assert "s3:*" in hole.message


@pytest.mark.parametrize("code", ["", "nowhere"])
def test_a_function_whose_code_is_not_here_leaves_everything_open(world, code):
    world.carriers.append(Carrier("lambda_function", "worker", FUNCTION, ROLE, "lambda.amazonaws.com", code=code))
    estate = world.granted(allow("s3:GetObject"), WRITES_LOGS)
    assert not unused(estate)
    assert found(estate, "cannot-tell")


def test_a_folder_without_python_is_not_taken_for_code_that_does_nothing(world):
    (world.folder / "index.js").write_text("exports.handler = async () => {}")
    world.carriers.append(
        Carrier("lambda_function", "worker", FUNCTION, ROLE, "lambda.amazonaws.com", code=str(world.folder))
    )
    estate = world.granted(allow("s3:GetObject"), WRITES_LOGS)
    assert not unused(estate)
    assert "holds no Python" in found(estate, "cannot-tell")[0].message


def test_a_role_that_somebody_else_may_assume_is_not_judged_for_what_is_unused(world):
    people = Statement("Allow", ("sts:AssumeRole",), principals=(Named("AWS", "arn:aws:iam::111122223333:root"),))
    estate = world.function(PUTS).granted(allow("dynamodb:*", on=TABLE), WRITES_LOGS, trust=(people,))
    assert not unused(estate)


def test_logs_and_traces_that_the_role_may_not_write_are_lacking_at_medium_severity(world):
    estate = world.function(PUTS, settings={"tracing": "Active"}).granted(allow("dynamodb:PutItem", on=TABLE))
    assert lacking(estate) == {
        "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords",
    }  # fmt: skip
    assert {each.severity for each in found(estate, "lacks-permission")} == {Severity.MEDIUM}


def test_traces_are_unused_where_tracing_is_off(world):
    traces = allow("xray:PutTraceSegments", "xray:PutTelemetryRecords", sid="Traces")
    grants = (allow("dynamodb:PutItem", on=TABLE), traces, WRITES_LOGS)
    assert "Traces" in unused(world.function(PUTS).granted(*grants))
    on = World(world.folder).function(PUTS, settings={"tracing": "Active"}).granted(*grants)
    assert not unused(on)


def test_an_event_source_mapping_needs_its_queue_and_a_vpc_its_interfaces(world):
    world.function("def handler(event, context): ...", settings={"network": ""})
    world.invoked("lambda_event_source_mapping", QUEUE, f"{FUNCTION}:live")
    assert lacking(world.granted(WRITES_LOGS)) == {
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface",
    }  # fmt: skip


def test_a_customers_key_is_needed_only_where_one_guards_what_is_used(world):
    world.function(PUTS).guards("dynamodb_table", TABLE, key=KEY)
    assert lacking(world.granted(allow("dynamodb:PutItem", on=TABLE), WRITES_LOGS)) == {"kms:Decrypt"}
    kms = allow("kms:Decrypt", on=KEY, sid="Key")
    plain = World(world.folder).function(PUTS).guards("dynamodb_table", TABLE).guards("sqs_queue", QUEUE, key=KEY)
    estate = plain.granted(allow("dynamodb:PutItem", on=TABLE), kms, WRITES_LOGS)
    assert not lacking(estate)
    assert "by Key" in unused(estate)


ENCRYPTS = """
import boto3
def handler(event, context):
    boto3.client("kms").encrypt(KeyId="alias/app", Plaintext=b"")
"""


def test_an_alias_in_the_code_stands_for_its_key(world):
    world.guards("kms_key", KEY).function(ENCRYPTS)
    aliased = replace(world.granted(allow("kms:Encrypt", on=KEY), WRITES_LOGS), aliases={"alias/app": KEY})
    assert not list(findings(aliased))
    [suggestion] = suggest(aliased)
    assert {"kms:Encrypt": [KEY]}.items() <= {
        each["Action"][0]: each["Resource"] for each in suggestion.statements
    }.items()
    another = replace(aliased, aliases={"alias/app": f"{KEY}5"})
    assert found(another, "lacks-permission")


def test_a_role_of_terraform_is_suggested_by_its_reference(world):
    other = Principal("role", "other", "arn:aws:iam::111122223333:role/other", "aws_iam_role.other")
    code = """
    import os
    import boto3
    def handler(event, context):
        boto3.client("sts").assume_role(RoleArn=os.environ["OTHER"], RoleSessionName="s")
    """
    estate = world.function(code, environment={"OTHER": "⟦aws_iam_role.other.arn⟧"}).granted()
    [suggestion] = suggest(replace(estate, principals=(*estate.principals, other)))
    assert "Resource = [aws_iam_role.other.arn]" in suggestion.to_hcl()


def test_a_statement_that_a_state_machine_runs_names_its_cluster_and_its_secret(world):
    cluster, secret = f"arn:aws:rds:{AROUND}:cluster:main", f"arn:aws:secretsmanager:{AROUND}:secret:db-a1B2c3"
    task = {
        "Resource": "arn:aws:states:::aws-sdk:rdsdata:executeStatement",
        "Arguments": {"ResourceArn": cluster, "SecretArn": secret, "Sql": "SELECT 1"},
    }
    granted = world.machine(task).granted(
        allow("rds-data:ExecuteStatement", on=f"{cluster}2"), allow("secretsmanager:GetSecretValue", on=secret)
    )
    assert lacking(granted) == {"rds-data:ExecuteStatement"}


def test_an_alias_that_nothing_here_names_may_be_any_key(world):
    assert not list(findings(world.function(ENCRYPTS).granted(allow("kms:Encrypt", on=KEY), WRITES_LOGS)))


def test_terraforms_own_aliases_are_known(tmp_path):
    (tmp_path / "main.tf").write_text(
        """
        resource "aws_kms_key" "it" {}
        resource "aws_kms_alias" "it" {
          name          = "alias/app"
          target_key_id = aws_kms_key.it.key_id
        }
        """
    )
    estate = gather(read_folder(tmp_path))
    [key] = [each.arn for each in estate.guarded if each.kind == "kms_key"]
    assert estate.aliases == {"alias/app": key}


def test_a_role_that_is_handed_over_has_to_be_passed(world):
    code = """
    import boto3
    def handler(event, context):
        boto3.client("scheduler").create_schedule(Name="n", Target={"Arn": "x", "RoleArn": "arn:aws:iam::1:role/r"})
    """
    assert lacking(world.function(code).granted(allow("scheduler:CreateSchedule"), WRITES_LOGS)) == {"iam:PassRole"}


@pytest.mark.parametrize(
    ("state", "needs"),
    [
        ({"Resource": FUNCTION}, {"lambda:InvokeFunction"}),
        (
            {"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": {"FunctionName": FUNCTION}},
            {"lambda:InvokeFunction"},
        ),
        ({"Resource": "arn:aws:states:::sns:publish", "Arguments": {"TopicArn": TOPIC}}, {"sns:Publish"}),
        (
            {"Resource": "arn:aws:states:::dynamodb:updateItem", "Parameters": {"TableName.$": "$.t"}},
            {"dynamodb:UpdateItem"},
        ),
        ({"Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2"}, {"s3:ListBucket"}),
        ({"Resource": "arn:aws:states:::aws-sdk:cognitoidentityprovider:listUsers"}, {"cognito-idp:ListUsers"}),
        (
            {"Resource": "arn:aws:states:::batch:submitJob.sync"},
            {"batch:SubmitJob", "batch:DescribeJobs", "batch:TerminateJob", "events:PutTargets", "events:PutRule",
             "events:DescribeRule"},
        ),
        ({"Resource": "arn:aws:states:::glue:startJobRun.sync"},
         {"glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"}),
        ({"Resource": "arn:aws:states:eu-west-1:111122223333:activity:wait"}, set()),
    ],
)  # fmt: skip
def test_a_task_of_a_state_machine_needs(world, state, needs):
    assert lacking(world.machine(state).granted()) == needs


def test_a_task_that_is_not_known_leaves_the_role_open(world):
    estate = world.machine({"Resource": "arn:aws:states:::newservice:doThing"}).granted(allow("s3:GetObject"))
    assert found(estate, "cannot-tell")
    world.carriers[0] = Carrier("sfn_state_machine", "flow", "", ROLE, "states.amazonaws.com", definition="⟦x⟧")
    assert not unused(world.granted(allow("s3:GetObject")))


def test_a_target_is_called_as_its_role(world):
    world.trusted = "events.amazonaws.com"
    world.invoked("cloudwatch_event_target", "", f"arn:aws:states:{AROUND}:stateMachine:flow", ROLE)
    assert lacking(world.granted()) == {"states:StartExecution"}
    assert not list(findings(world.granted(allow("states:StartSyncExecution"))))


def test_what_a_container_needs_before_it_runs_is_its_execution_roles(world):
    definition = json.dumps([{
        "image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/x:1",
        "secrets": [{"name": "P", "valueFrom": f"arn:aws:secretsmanager:{AROUND}:secret:db-abcdef:password::"}],
    }])  # fmt: skip
    world.trusted = "ecs-tasks.amazonaws.com"
    world.carriers.append(
        Carrier(
            "ecs_task_definition", "web", "", ROLE, world.trusted, definition=definition, settings={"execution": ""}
        )
    )
    assert lacking(world.granted(allow("ecr:*"))) == {"secretsmanager:GetSecretValue"}
    assert {"ecr:BatchGetImage", "ecr:GetAuthorizationToken"} <= lacking(world.granted(allow("secretsmanager:*")))


def test_an_estate_without_carriers_says_nothing():
    assert not list(findings(Estate()))


def test_the_suggested_policy_satisfies_the_check_and_names_terraforms_own_resources(world):
    world.function(PUTS).guards("dynamodb_table", TABLE, address="aws_dynamodb_table.orders")
    [suggestion] = suggest(world.granted())
    statements = [
        Statement("Allow", tuple(each["Action"]), resources=tuple(each["Resource"]), sid=each["Sid"])
        for each in suggestion.document()["Statement"]
    ]
    assert not list(findings(world.granted(*statements)))
    assert "Resource = [aws_dynamodb_table.orders.arn]" in suggestion.to_hcl()
    assert suggest(world.granted(), principal="somebody else") == ()


def test_a_policy_is_suggested_for_bare_code_and_says_what_it_can_not_tell(tmp_path):
    (tmp_path / "job.py").write_text(PUTS + "    getattr(boto3.client('s3'), event['x'])(Bucket='b')\n")
    suggestion = suggest_code(str(tmp_path / "job.py"))
    [statement] = suggestion.document()["Statement"]
    assert statement["Action"] == ["dynamodb:PutItem"]
    assert "var.table" in suggestion.to_hcl()
    assert "cannot tell" in suggestion.to_hcl()
    assert suggestion.to_json()["cannot_tell"][0]["line"] == 7


def test_our_own_roles_lack_nothing_and_every_grant_is_explained(monkeypatch):
    monkeypatch.chdir(ROOT)
    estate = estate_of(Path("terraform/stack"))
    assert sum(bool(carrier.code) for carrier in estate.carriers) >= 34
    assert [each.message for each in found(estate, "lacks-permission")] == []
    assert [each.message for each in found(estate, "unused-permission")] == []
