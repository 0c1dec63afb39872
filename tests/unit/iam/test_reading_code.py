"""Which calls to AWS a function's code makes: 44 handlers and our own 35 functions, labelled by hand."""

from __future__ import annotations

import re
import textwrap
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.iam.code.actions import Need, Where
from opsctl.iam.code.reading import read_code
from opsctl.iam.code.usage import needs_of_code

ROOT = Path(__file__).parents[3]
HANDLERS = ROOT / "tests" / "data" / "iam_code"
MODULES = ROOT / "terraform" / "modules"
LAYER = str(MODULES / "function_layer" / "layers" / "shared")
REMEMBERS = "dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem"

# By reading each function's code, not its policy.
OURS = {
    "auth-authorizer": "ssm:GetParameter",
    "auth-rotation": "secretsmanager:DescribeSecret secretsmanager:GetSecretValue secretsmanager:PutSecretValue"
    " secretsmanager:UpdateSecretVersionStage ssm:PutParameter ssm:GetParameter",
    "auth-token": "dynamodb:BatchGetItem dynamodb:UpdateItem dynamodb:DeleteItem secretsmanager:GetSecretValue"
    " ssm:GetParameter",
    "bulk-follow-up": "batch:ListJobs batch:DescribeJobs sqs:SendMessage sns:Publish s3:PutObject s3:GetObject"
    " events:PutEvents",
    "bulk-plan": "s3:ListBucket s3:GetObject s3:PutObject batch:ListJobs batch:SubmitJob sqs:SendMessage",
    "database-user": "secretsmanager:GetSecretValue secretsmanager:PutSecretValue",
    "order-mail": f"{REMEMBERS} ses:SendEmail sqs:SendMessage",
    "image-filter": "dynamodb:UpdateItem s3:GetObject s3:PutObject",
    "image-optimise": "dynamodb:UpdateItem s3:GetObject s3:PutObject",
    "image-resize": "dynamodb:UpdateItem s3:GetObject s3:PutObject",
    "image-start": "states:StartExecution",
    "image-validate": "dynamodb:UpdateItem dynamodb:GetItem dynamodb:DeleteItem s3:GetObject",
    "order-charge": "secretsmanager:GetSecretValue dynamodb:GetItem dynamodb:UpdateItem dynamodb:PutItem",
    "order-intake": f"{REMEMBERS} sns:Publish",
    "order-inventory": "dynamodb:PutItem dynamodb:UpdateItem dynamodb:GetItem sns:Publish",
    "order-notice": f"{REMEMBERS} sns:Publish sqs:SendMessage",
    "order-payment": "sqs:SendMessage states:StartExecution",
    "order-payment-sandbox": "dynamodb:UpdateItem dynamodb:PutItem dynamodb:GetItem",
    "order-settle": "dynamodb:GetItem dynamodb:UpdateItem",
    "photos-api": "dynamodb:GetItem dynamodb:Query s3:PutObject",
    "thumbnail": "dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem s3:GetObject s3:PutObject sns:Publish"
    " sqs:SendMessage",
    "realtime-announce": f"{REMEMBERS} dynamodb:Query execute-api:ManageConnections",
    "realtime-authorizer": "ssm:GetParameter",
    "realtime-connect": "dynamodb:PutItem dynamodb:DeleteItem",
    "realtime-messages": f"{REMEMBERS} dynamodb:Query execute-api:ManageConnections",
    "realtime-sweep": "dynamodb:Query dynamodb:DeleteItem execute-api:ManageConnections",
    "repository-notice": "dynamodb:PutItem",
    "order-audit": "dynamodb:PutItem",
    "order-history": "dynamodb:PutItem",
    "order-totals": "dynamodb:PutItem dynamodb:UpdateItem",
    "approval-answer": "dynamodb:GetItem dynamodb:UpdateItem states:SendTaskSuccess states:SendTaskFailure",
    "approval-check": "",
    "list-notify": f"{REMEMBERS} sns:Publish",
    "list-transform": "s3:GetObject s3:PutObject",
    "list-validate": "s3:GetObject",
}
HOLES = {"order-charge": {"lambda:*"}}  # it signs requests to a function URL by hand


def read(code, handler="", **more):
    reading = read_code(str(code), handler, **more)
    found = needs_of_code(reading, Where())
    needs = [each for each in found if isinstance(each, Need)]
    holes = [each for each in found if not isinstance(each, Need)]
    return reading, needs, holes


def written(tmp_path, text, handler="main.handler", name="main.py", **more):
    (tmp_path / name).write_text(textwrap.dedent(text))
    return read(tmp_path, handler, **more)


def actions(needs):
    return {need.action for need in needs if not need.optional}


def on(needs, action):
    return {need.resource for need in needs if need.action == action}


class Label:
    """What somebody wrote at a handler's top: `# needs: s3:GetObject`; a question mark: may be said or not."""

    def __init__(self, file):
        self.file, self.text = file, file.read_text()
        self.needs = {each for each in self._said("needs") if not each.endswith("?")}
        self.optional = self._said("optional") | {each[:-1] for each in self._said("needs") if each.endswith("?")}
        self.cannot_tell, self.unreachable = self._said("cannot-tell"), self._said("unreachable")
        self.layers = [str(HANDLERS / each) for each in self._said("layers")]

    def _said(self, what):
        return set(" ".join(re.findall(rf"^# {what}:(.*)$", self.text, re.MULTILINE)).split())

    def read(self):
        code = self.file.parent if self.file.parent != HANDLERS else self.file
        name = "handler" if "def handler" in self.text else "lambda_handler"
        return read(code, f"{self.file.stem}.{name}", layers=self.layers)


LABELLED = [Label(file) for file in sorted([*HANDLERS.glob("*.py"), *HANDLERS.glob("package/app.py")])]


@pytest.mark.parametrize("label", LABELLED, ids=lambda label: label.file.stem)
def test_a_labelled_handler_needs_what_somebody_read_in_it(label):
    reading, needs, holes = label.read()
    assert actions(needs) - label.optional == label.needs
    assert {may for hole in holes for may in hole.may} == label.cannot_tell
    assert {call.operation for call in reading.unreachable} == {each.partition(":")[2] for each in label.unreachable}


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_own_function_needs_what_somebody_read_in_it(name):
    [folder] = MODULES.glob(f"*/functions/{name}")
    _, needs, holes = read(folder, "handler.handler", layers=[LAYER])
    assert actions(needs) == set(OURS[name].split())
    assert {may for hole in holes for may in hole.may} == HOLES.get(name, set())


def test_every_one_of_our_functions_is_labelled():
    assert {folder.name for folder in MODULES.glob("*/functions/*")} == set(OURS)


def test_precision_and_recall_over_all_labels_are_at_least_95_percent():
    right = said = labelled = 0
    for wanted, optional, needs in [
        *((label.needs, label.optional, label.read()[1]) for label in LABELLED),
        *(
            (set(OURS[folder.name].split()), set(), read(folder, "handler.handler", layers=[LAYER])[1])
            for folder in MODULES.glob("*/functions/*")
        ),
    ]:
        found = actions(needs)
        right, said, labelled = right + len(found & wanted), said + len(found - optional), labelled + len(wanted)
    assert len(LABELLED) >= 30
    assert right / said >= 0.95
    assert right / labelled >= 0.95


def test_the_resource_of_a_call_is_followed_from_the_environment_through_a_helper(tmp_path):
    _, needs, _ = written(
        tmp_path,
        """
        import os
        import boto3
        TABLE = os.environ["TABLE"]
        def save(table, item): table.put_item(Item=item)
        def handler(event, context):
            save(boto3.resource("dynamodb").Table(f"{TABLE}-orders"), event)
            boto3.client("s3").get_object(Bucket=os.getenv("BUCKET", "none"), Key="in/" + event["key"])
        """,
        environment={"TABLE": "local", "BUCKET": "photos"},
    )
    assert on(needs, "dynamodb:PutItem") == {"arn:aws:dynamodb:⟦region⟧:⟦account⟧:table/local-orders"}
    assert on(needs, "s3:GetObject") == {"arn:aws:s3:::photos/in/⟦?⟧"}


def test_an_argument_that_comes_from_an_event_leaves_the_resource_open(tmp_path):
    _, needs, _ = written(
        tmp_path,
        """
        import boto3
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl=event["queue"], MessageBody="")
        """,
    )
    assert on(needs, "sqs:SendMessage") == {""}


AROUND = "⟦region⟧:⟦account⟧"
ROLE = "arn:aws:iam::222222222222:role/x"
CLUSTER = "arn:aws:rds:eu-west-1:111111111111:cluster:c"
SECRET = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:s-abcdef"
MODEL = "arn:aws:bedrock:⟦?⟧::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"
PROFILE = "inference-profile/eu.anthropic.claude-3-haiku-20240307-v1:0"
OF_TEAM = "arn:aws:bedrock:eu-west-1:111111111111:application-inference-profile/team"
OTHERS = "https://sqs.eu-west-1.amazonaws.com/222222222222/other"


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        (f'sts.assume_role(RoleArn="{ROLE}", RoleSessionName="s")', {("sts:AssumeRole", ROLE)}),
        (
            f'sts.assume_role(RoleArn="{ROLE}", RoleSessionName="s", Tags=[{{"Key": "k", "Value": "v"}}])',
            {("sts:AssumeRole", ROLE), ("sts:TagSession", ROLE)},
        ),
        (
            f'rds.execute_statement(resourceArn="{CLUSTER}", secretArn="{SECRET}", sql="SELECT 1")',
            {("rds-data:ExecuteStatement", CLUSTER), ("secretsmanager:GetSecretValue", SECRET)},
        ),
        (
            "rds.begin_transaction(**event)",
            {("rds-data:BeginTransaction", ""), ("secretsmanager:GetSecretValue", "")},
        ),
        (
            'bedrock.invoke_model(modelId="anthropic.claude-3-haiku-20240307-v1:0", body="")',
            {("bedrock:InvokeModel", MODEL)},
        ),
        (
            'bedrock.converse_stream(modelId="eu.anthropic.claude-3-haiku-20240307-v1:0")',
            {
                ("bedrock:InvokeModelWithResponseStream", f"arn:aws:bedrock:⟦?⟧:⟦account⟧:{PROFILE}"),
                ("bedrock:InvokeModelWithResponseStream", MODEL),
            },
        ),
        (
            f'bedrock.converse(modelId="arn:aws:bedrock:eu-west-1:111111111111:{PROFILE}")',
            {
                ("bedrock:InvokeModel", f"arn:aws:bedrock:eu-west-1:111111111111:{PROFILE}"),
                ("bedrock:InvokeModel", MODEL),
            },
        ),
        (
            f'bedrock.converse(modelId="{OF_TEAM}")',
            {("bedrock:InvokeModel", OF_TEAM), ("bedrock:InvokeModel", "arn:aws:bedrock:⟦?⟧::foundation-model/⟦?⟧")},
        ),
        (
            'bedrock.converse(modelId="global.amazon.nova-lite-v1:0")',
            {
                ("bedrock:InvokeModel", f"arn:aws:bedrock:{around}amazon.nova-lite-v1:0")
                for around in (
                    "⟦?⟧:⟦account⟧:inference-profile/global.",
                    "⟦?⟧::foundation-model/",
                    "::foundation-model/",
                )
            },
        ),
        ('bedrock.converse(modelId=os.environ["MODEL"])', {("bedrock:InvokeModel", "")}),
        (
            f'sqs.send_message(QueueUrl="{OTHERS}", MessageBody="")',
            {("sqs:SendMessage", "arn:aws:sqs:eu-west-1:222222222222:other")},
        ),
        (
            'sqs.send_message(QueueUrl="http://localhost:4566/000000000000/jobs", MessageBody="")',
            {("sqs:SendMessage", f"arn:aws:sqs:{AROUND}:jobs")},
        ),
        (
            'sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="jobs")["QueueUrl"], MessageBody="")',
            {(f"sqs:{action}", f"arn:aws:sqs:{AROUND}:jobs") for action in ("GetQueueUrl", "SendMessage")},
        ),
        (
            'boto3.resource("sqs").get_queue_by_name(QueueName="jobs", QueueOwnerAWSAccountId="222222222222").purge()',
            {(f"sqs:{action}", "arn:aws:sqs:⟦region⟧:222222222222:jobs") for action in ("GetQueueUrl", "PurgeQueue")},
        ),
        (
            'boto3.resource("ec2").Instance("i-1").stop()',
            {("ec2:StopInstances", f"arn:aws:ec2:{AROUND}:instance/i-1")},
        ),
        (
            'boto3.client("ec2").reboot_instances(InstanceIds=[os.environ["HOST"]])',
            {("ec2:RebootInstances", f"arn:aws:ec2:{AROUND}:instance/⟦env.HOST⟧")},
        ),
        (
            'boto3.client("ec2").start_instances(InstanceIds=["i-1", event["id"]])',
            {("ec2:StartInstances", f"arn:aws:ec2:{AROUND}:instance/i-1"), ("ec2:StartInstances", "")},
        ),
        (
            'boto3.client("iot-data").publish(topic=f"devices/{event}/do", payload=b"")',
            {("iot:Publish", f"arn:aws:iot:{AROUND}:topic/devices/⟦?⟧/do")},
        ),
        ('kms.encrypt(KeyId="alias/app", Plaintext=b"")', {("kms:Encrypt", f"arn:aws:kms:{AROUND}:key/⟦?⟧")}),
        (
            'kms.decrypt(KeyId="arn:aws:kms:eu-west-1:222222222222:alias/app", CiphertextBlob=b"")',
            {("kms:Decrypt", "arn:aws:kms:eu-west-1:222222222222:key/⟦?⟧")},
        ),
        ('kms.encrypt(KeyId="1234", Plaintext=b"")', {("kms:Encrypt", f"arn:aws:kms:{AROUND}:key/1234")}),
    ],
)
def test_what_a_call_is_about_is_named_where_its_arguments_say_it(tmp_path, line, needs):
    text = f"""
        import os, boto3
        sts, rds, kms, sqs = boto3.client("sts"), boto3.client("rds-data"), boto3.client("kms"), boto3.client("sqs")
        bedrock = boto3.client("bedrock-runtime")
        def handler(event, context):
            {line}
        """
    assert {(need.action, need.resource) for need in written(tmp_path, text)[1]} == needs


def test_roles_that_only_a_task_definition_names_are_said_to_be_perhaps_passed(tmp_path):
    text = """
        import boto3
        def handler(event, context): boto3.client("ecs").run_task(taskDefinition="job")
        """
    _, needs, [hole] = written(tmp_path, text)
    assert actions(needs) == {"ecs:RunTask"}
    assert hole.may == ("iam:PassRole",)
    assert "RunTask" in hole.why


def test_each_of_two_clients_in_one_attribute_is_told_by_where_it_was_made(tmp_path):
    _, needs, holes = written(
        tmp_path,
        """
        import boto3
        class Sender:
            def __init__(self, client): self.client = client
            def send(self, **given): return self.client.publish(**given)
        def handler(event, context):
            Sender(boto3.client("sns")).send(TopicArn="arn:aws:sns:eu-west-1:111122223333:a", Message="")
            Sender(boto3.client("iot-data")).send(topic="t")
        """,
    )
    assert actions(needs) == {"sns:Publish", "iot:Publish"}
    assert on(needs, "sns:Publish") == {"arn:aws:sns:eu-west-1:111122223333:a"}
    assert not holes


def test_clients_are_followed_through_the_ways_that_python_keeps_things(tmp_path):
    _, needs, holes = written(
        tmp_path,
        """
        import boto3, threading
        from collections import defaultdict
        from contextlib import ExitStack
        from dataclasses import dataclass, field
        from functools import cached_property
        from typing import Any

        by_topic = defaultdict(lambda: boto3.client("sns"))

        class One:
            _it = None
            def __new__(cls):
                if cls._it is None:
                    cls._it = super().__new__(cls)
                    cls._it.kms = boto3.client("kms")
                return cls._it
        class Base:
            def __init__(self, client=None): self.client = client or boto3.client("ssm")
        class Child(Base):
            def __init__(self, **more): super().__init__(**more)
            def run(self): self.client.get_parameter(Name="x")
        @dataclass
        class Needed:
            events: Any = field(default_factory=lambda: boto3.client("events"))
        class Clients:
            @cached_property
            def s3(self): return boto3.client("s3")
        class Plugin:
            found = []
            def __init_subclass__(cls, **more): cls.found.append(cls)
        class Batch(Plugin):
            def go(self): boto3.client("batch").list_jobs(jobQueue="q")
        class Other(Plugin):
            def also(self): boto3.client("acm").list_certificates()
        class Worker(threading.Thread):
            def run(self): boto3.client("kinesis").put_record(StreamName="s")
        def remove(bucket, clients): clients.s3.delete_object(Bucket=bucket, Key="k")

        def handler(event, context):
            by_topic["x"].publish(TopicArn="t")
            One().kms.encrypt(KeyId="k")
            Child().run()
            Needed().events.put_events(Entries=[])
            Worker().start()
            for plugin in Plugin.found: plugin().go()
            for plugin in Plugin.__subclasses__(): plugin().also()
            threading.Thread(target=remove, args=("b", Clients())).start()
            with ExitStack() as stack:
                stack.enter_context(boto3.client("cloudwatch")).put_metric_data(Namespace="n")
            for service, operation in [("ecr", "describe_repositories"), ("eks", "list_clusters")]:
                getattr(boto3.client(service), operation)()
        """,
    )
    assert not holes
    assert actions(needs) == {
        "sns:Publish", "kms:Encrypt", "ssm:GetParameter", "events:PutEvents", "kinesis:PutRecord", "s3:DeleteObject",
        "cloudwatch:PutMetricData", "ecr:DescribeRepositories", "eks:ListClusters",
        "batch:ListJobs", "acm:ListCertificates",
    }  # fmt: skip


def test_code_that_nothing_leads_to_is_not_taken_for_used(tmp_path):
    reading, needs, _ = written(
        tmp_path,
        """
        import boto3
        s3 = boto3.client("s3")
        def purge(): s3.delete_bucket(Bucket="x")
        def handler(event, context): s3.put_object(Bucket="x", Key="k")
        """,
    )
    assert actions(needs) == {"s3:PutObject"}
    assert [call.operation for call in reading.unreachable] == ["DeleteBucket"]


@pytest.mark.parametrize("script", ['__name__ == "__main__"', "'__main__' == __name__", '__name__ == "__main__" and 1'])
def test_what_a_file_does_when_run_as_a_program_is_not_what_its_handler_does(tmp_path, script):
    text = f"""
        import boto3
        s3 = boto3.client("s3")
        def trial(): s3.delete_bucket(Bucket="x")
        def handler(event, context): s3.put_object(Bucket="x", Key="k")
        if {script}:
            s3.create_bucket(Bucket="x")
            trial()
        else:
            s3.get_bucket_policy(Bucket="x")
        """
    assert actions(written(tmp_path, text)[1]) == {"s3:PutObject", "s3:GetBucketPolicy"}
    opposite = text.replace(script, '__name__ != "__main__"').replace("create_bucket", "list_objects_v2")
    assert actions(written(tmp_path, opposite)[1]) == {"s3:PutObject", "s3:ListBucket", "s3:DeleteBucket"}


def test_a_loose_script_does_what_it_does_when_run(tmp_path):
    text = """
        import boto3
        if __name__ == "__main__":
            boto3.client("s3").create_bucket(Bucket="x")
        """
    assert actions(written(tmp_path, text, handler="")[1]) == {"s3:CreateBucket"}


def test_a_function_that_is_chosen_by_name_counts_as_called(tmp_path):
    _, needs, _ = written(
        tmp_path,
        """
        import boto3
        s3 = boto3.client("s3")
        class Jobs:
            def on_create(self): s3.put_object(Bucket="x", Key="k")
            def on_delete(self): s3.delete_object(Bucket="x", Key="k")
            def other(self): s3.delete_bucket(Bucket="x")
        def drop(): s3.list_buckets()
        def handler(event, context):
            getattr(Jobs(), f"on_{event['kind']}")()
            globals()[event["function"]]()
        """,
    )
    assert {"s3:PutObject", "s3:DeleteObject", "s3:ListAllMyBuckets"} <= actions(needs)
    assert "s3:DeleteBucket" not in actions(needs)


@pytest.mark.parametrize(
    ("line", "may"),
    [
        ("unknown.put_item(Item={})", "dynamodb:PutItem"),
        ("getattr(boto3.client('s3'), event['what'])(Bucket='b')", "s3:*"),
        ("boto3.client(event['service']).send_message(QueueUrl='q', MessageBody='m')", "sqs:SendMessage"),
        ("boto3.client('s3').get_paginator(event['what'])", "s3:*"),
        ("exec(event['code'])", "*"),
        ("__import__(event['module'])", "*"),
        ("subprocess.run(event['command'])", "*"),
        ("os.system('aws s3 ls')", "*"),
        ("boto3.client('s3').a_new_operation(Bucket='b')", "s3:*"),
        ("unknown.Anything(boto3.client('kms'))", "kms:*"),
        ("import our_own_layer", "*"),
        ("boto3.client('s3', aws_access_key_id=event['key']).list_buckets()", "s3:*"),
    ],
)
def test_what_can_not_be_told_is_said_with_what_it_may_need(tmp_path, line, may):
    text = f"import os, subprocess\nimport boto3\nimport yaml as unknown\ndef handler(event, context):\n    {line}\n"
    _, _, holes = written(tmp_path, text)
    assert any(may in hole.may for hole in holes), holes
    assert all(hole.place.line == 5 for hole in holes)


def test_calls_on_ordinary_things_are_not_suspected(tmp_path):
    _, needs, holes = written(
        tmp_path,
        """
        import logging, smtplib, requests
        log = logging.getLogger()
        def handler(event, context):
            log.info("x", extra={"a": 1})
            event.get("x"); event.update(a=1)
            requests.get("https://example.com", timeout=3).json().get("y")
            smtplib.SMTP("h").send_message(event["mail"])
            return sorted(event["items"], key=lambda item: item["n"])
        """,
    )
    assert not needs
    assert not holes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def handler(:\n", "doesn't parse"),
        ("x = " + "(" * 5000 + ")" * 5000, "doesn't parse"),
        ("", "isn't in"),
        ("def other(event, context): ...", "isn't in"),
    ],
)
def test_code_that_can_not_be_read_is_said_to_be_unread(tmp_path, text, says):
    _, _, holes = written(tmp_path, text)
    assert any(says in hole.why and hole.may == ("*",) for hole in holes), holes


def test_a_folder_that_is_not_there_is_said(tmp_path):
    reading = read_code(str(tmp_path / "missing.zip"), "a.b")
    assert "can't be read" in reading.cannot_tell[0].why


def test_a_zip_is_read_like_its_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("app.py", "from lib.s import s3\ndef handler(e, c): s3.list_buckets()\n")
        archive.writestr("lib/__init__.py", "")
        archive.writestr("lib/s.py", "import boto3\ns3 = boto3.client('s3')\n")
    _, needs, holes = read(tmp_path / "code.zip", "app.handler")
    assert actions(needs) == {"s3:ListAllMyBuckets"}
    assert not holes


def test_functions_that_call_each_other_for_ever_and_grow_their_arguments_end(tmp_path):
    _, needs, _ = written(
        tmp_path,
        """
        import boto3
        s3 = boto3.client("s3")
        def one(path, found): return two(path + "/x", [*found, path])
        def two(path, found): return one(path + "/y", {"found": found}) if path else s3.list_buckets()
        def handler(event, context): one("a", [])
        """,
    )
    assert actions(needs) == {"s3:ListAllMyBuckets"}


NAMES = st.sampled_from(["a", "b", "boto3", "client", "s3", "event", "self"])
EXPRESSIONS = st.recursive(
    st.one_of(NAMES, st.just("'s3'"), st.just("None"), st.integers(0, 9).map(str)),
    lambda inner: st.one_of(
        st.tuples(inner, NAMES).map(lambda each: f"{each[0]}.{each[1]}" if not each[0][0].isdigit() else each[0]),
        st.tuples(inner, inner).map(lambda each: f"({each[0]})({each[1]})"),
        st.tuples(inner, inner).map(lambda each: f"({each[0]})[{each[1]}]"),
        st.tuples(inner, inner).map(lambda each: f"{{{each[0]}: {each[1]}, **a}}"),
        st.tuples(inner, NAMES, inner).map(lambda each: f"[{each[0]} for {each[1]} in {each[2]}]"),
        st.tuples(NAMES, inner).map(lambda each: f"(lambda {each[0]}, *b, **c: {each[1]})"),
        st.tuples(inner, inner).map(lambda each: f"({each[0]} if {each[1]} else a)"),
    ),
    max_leaves=8,
)
STATEMENTS = st.lists(
    st.one_of(
        st.tuples(NAMES, EXPRESSIONS).map(lambda each: f"{each[0]} = {each[1]}"),
        st.tuples(NAMES, EXPRESSIONS).map(lambda each: f"def {each[0]}(a, *, b=None): return {each[1]}"),
        st.tuples(NAMES, EXPRESSIONS).map(lambda each: f"class {each[0]}(a): x = {each[1]}"),
        st.tuples(NAMES, EXPRESSIONS).map(lambda each: f"for {each[0]} in {each[1]}: {each[0]} += a"),
        EXPRESSIONS,
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(STATEMENTS)
def test_no_code_makes_the_reading_fail(tmp_path_factory, statements):
    folder = tmp_path_factory.mktemp("code")
    body = "".join(f"    {statement}\n" for statement in statements)
    (folder / "m.py").write_text("import boto3\n" + f"def handler(event, context):\n{body}    return a\n")
    read_code(str(folder), "m.handler")
