"""WebSocket APIs on the local cloud: handshake, routes, limits, `@connections`, throttling, access log, metrics."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from local_clouds import ACCOUNT, REGION, Client, zipped
from services import wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from opsctl.local import Running

ROLE = f"arn:aws:iam::{ACCOUNT}:role/a-role"
CODE = """
import boto3, json

def handler(event, context):
    asked = event["requestContext"]
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if event.get("type") == "REQUEST":
        offered = headers["sec-websocket-protocol"]
        if "nobody" in offered:
            raise Exception("Unauthorized")
        if "broken" in offered:
            raise Exception("a secret of ours")
        effect = "Deny" if "eve" in offered else "Allow"
        statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        return {"principalId": "ada", "policyDocument": policy, "context": {"n": 1}}
    if asked["eventType"] == "CONNECT":
        if "busy" in headers.get("sec-websocket-protocol", ""):
            return {"statusCode": 418}
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "one"}}
    if asked["eventType"] == "DISCONNECT":
        boto3.client("sqs").send_message(QueueUrl=boto3.client("sqs").get_queue_url(QueueName="ends")["QueueUrl"],
                                         MessageBody=json.dumps(event))
        return {"statusCode": 200}
    if asked["routeKey"] == "fail":
        raise Exception("a secret of ours")
    boto3.client("apigatewaymanagementapi").post_to_connection(
        ConnectionId=asked["connectionId"], Data=json.dumps({"event": event}).encode())
    return {"statusCode": 200, "body": "by the route's answer"}
"""


@dataclass(frozen=True)
class Api:
    """A WebSocket API whose function tells each client what it got."""

    client: Client
    running: Running
    id: str
    open_clients: ExitStack

    @property
    def host(self) -> str:
        return f"{self.id}.execute-api.{REGION}.amazonaws.com"

    def connect(self, *offered: str, stage: str = "live") -> ClientConnection:
        context = ssl.create_default_context(cafile=self.running.authority_file)
        return self.open_clients.enter_context(
            connect(
                f"wss://{self.host}/{stage}", address=("127.0.0.1", self.running.edge_port), ssl=context,
                server_hostname=self.host, subprotocols=["one", *offered], compression=None, proxy=None,
                close_timeout=1,
            )
        )  # fmt: skip

    def refused(self, *offered: str, stage: str = "live") -> int:
        with pytest.raises(InvalidStatus) as refused:
            self.connect(*offered, stage=stage)
        return int(refused.value.response.status_code)

    def callback(self) -> Any:
        return boto3.client(
            "apigatewaymanagementapi", region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="local",
            endpoint_url=f"{self.running.endpoint_url}/_aws/execute-api/{self.id}/live",
        )  # fmt: skip


@pytest.fixture(scope="module")
def build(client: Client, running: Running) -> Iterator[Callable[..., Api]]:
    gateway, functions = client("apigatewayv2"), client("lambda")
    client("sqs").create_queue(QueueName="ends")
    client("logs").create_log_group(logGroupName="/ws/access")

    def api(name: str, *, authorized: bool = False, answers: bool = False, **stage: Any) -> Api:
        made = gateway.create_api(
            Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )["ApiId"]  # fmt: skip
        callback = f"https://{made}.execute-api.{REGION}.amazonaws.com/live"
        arn = functions.create_function(
            FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="handler.handler",
            Code={"ZipFile": zipped(CODE)}, Timeout=10,
            Environment={"Variables": {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": callback}},
        )["FunctionArn"]  # fmt: skip
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
        integration = gateway.create_integration(ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=uri)
        target = f"integrations/{integration['IntegrationId']}"
        for key in ("$connect", "$disconnect", "$default", "tell", "fail"):
            route = gateway.create_route(ApiId=made, RouteKey=key, Target=target)["RouteId"]
            if key == "$connect" and authorized:
                authorizer = gateway.create_authorizer(
                    ApiId=made, Name="a", AuthorizerType="REQUEST", AuthorizerUri=uri,
                    IdentitySource=["route.request.header.Sec-WebSocket-Protocol"],
                )["AuthorizerId"]  # fmt: skip
                gateway.update_route(ApiId=made, RouteId=route, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
            if key == "tell" and answers:
                gateway.create_route_response(ApiId=made, RouteId=route, RouteResponseKey="$default")
        gateway.create_stage(ApiId=made, StageName="live", AutoDeploy=True, **stage)
        return Api(client, running, made, open_clients)

    with ExitStack() as open_clients:
        yield api


@pytest.fixture(scope="module")
def plain(build: Callable[..., Api]) -> Api:
    return build(
        "ws-plain",
        AccessLogSettings={
            "DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ws/access",
            "Format": '{"route":"$context.routeKey","type":"$context.eventType","status":"$context.status",'
            '"connection":"$context.connectionId"}',
        },
    )


def told(client: ClientConnection) -> Any:
    return json.loads(client.recv(timeout=10))


def id_of(client: ClientConnection) -> str:
    client.send("{}")
    return str(told(client)["event"]["requestContext"]["connectionId"])


def test_a_message_goes_where_its_action_says_and_the_answer_comes_by_the_connection_id(plain: Api) -> None:
    client = plain.connect("two")
    assert client.subprotocol == "one"
    for sent, route in (('{"action": "tell"}', "tell"), ('{"action": "dance"}', "$default"), ("hello", "$default"),
                        ('{"action": "$connect"}', "$default")):  # fmt: skip
        client.send(sent)
        event = told(client)["event"]
        asked = event["requestContext"]
        assert (asked["routeKey"], asked["eventType"], asked["messageDirection"]) == (route, "MESSAGE", "IN")
        assert (event["body"], event["isBase64Encoded"]) == (sent, False)
        assert asked["domainName"] == plain.host
        assert asked["stage"] == "live"
        assert asked["connectedAt"] <= asked["requestTimeEpoch"]
    with pytest.raises(TimeoutError):
        client.recv(timeout=0.3)  # the function's own answer has no route response to go by


def test_an_answer_goes_back_where_the_route_has_a_response(build: Callable[..., Api]) -> None:
    client = build("ws-answers", answers=True).connect()
    client.send('{"action": "tell"}')
    seen = {client.recv(timeout=10) for _ in range(2)}
    assert "by the route's answer" in seen


def test_a_function_that_fails_is_not_shown_to_the_client(plain: Api) -> None:
    client = plain.connect()
    client.send('{"action": "fail"}')
    said = told(client)
    assert said["message"] == "Internal server error"
    assert set(said) == {"message", "connectionId", "requestId"}
    assert id_of(client)


def test_frames_of_32_kb_and_messages_of_128_kb_pass_and_larger_ones_end_the_connection(plain: Api) -> None:
    client, frame = plain.connect(), "x" * 32 * 1024
    client.send([frame, frame, frame, "y"])
    assert len(told(client)["event"]["body"]) == 3 * 32 * 1024 + 1
    client.send(frame + "y")
    with pytest.raises(ConnectionClosed) as ended:
        client.recv(timeout=10)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009
    other = plain.connect()
    other.send([frame] * 5)
    with pytest.raises(ConnectionClosed) as ended:
        other.recv(timeout=10)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


def test_a_backend_asks_about_tells_and_closes_a_connection_and_one_that_is_gone_is_410(plain: Api) -> None:
    client, callback = plain.connect(), plain.callback()
    connection_id = id_of(client)
    assert connection_id.endswith("=")
    found = callback.get_connection(ConnectionId=connection_id)
    assert found["Identity"]["SourceIp"] == "127.0.0.1"
    assert found["ConnectedAt"] <= found["LastActiveAt"]
    callback.post_to_connection(ConnectionId=connection_id, Data="grüße".encode())
    assert client.recv(timeout=10) == "grüße"
    with pytest.raises(callback.exceptions.PayloadTooLargeException):
        callback.post_to_connection(ConnectionId=connection_id, Data=b"x" * (128 * 1024 + 1))
    callback.delete_connection(ConnectionId=connection_id)
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=10)
    for call in (callback.get_connection, callback.delete_connection):
        with pytest.raises(callback.exceptions.GoneException):
            call(ConnectionId=connection_id)
    with pytest.raises(callback.exceptions.GoneException):
        callback.post_to_connection(ConnectionId=connection_id, Data=b"anybody?")


def test_the_end_of_a_connection_is_told_with_the_clients_own_code(plain: Api, client: Client) -> None:
    leaving = plain.connect()
    connection_id = id_of(leaving)
    leaving.close(4001, "enough")
    queue, ends = client("sqs").get_queue_url(QueueName="ends")["QueueUrl"], {}

    def is_told() -> bool:
        found = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in found.get("Messages", ()):
            context = json.loads(message["Body"])["requestContext"]
            ends[context["connectionId"]] = context["disconnectStatusCode"], context["disconnectReason"]
        return connection_id in ends

    wait_until(is_told)
    assert ends[connection_id] == (4001, "enough")


@pytest.mark.parametrize(("offered", "status"), [(["nobody"], 401), (["eve"], 403), (["broken"], 500), (["busy"], 418)])
def test_who_is_refused_gets_the_status_that_says_why(
    build: Callable[..., Api], guarded: Api, offered: list[str], status: int
) -> None:
    assert guarded.refused(*offered) == status


@pytest.fixture(scope="module")
def guarded(build: Callable[..., Api]) -> Api:
    return build("ws-guarded", authorized=True)


def test_what_the_authorizer_says_stays_with_the_connection(guarded: Api) -> None:
    client = guarded.connect("ada")
    client.send("{}")
    authorizer = told(client)["event"]["requestContext"]["authorizer"]
    assert (authorizer["principalId"], authorizer["n"]) == ("ada", "1")


def test_an_unknown_stage_is_refused(plain: Api) -> None:
    assert plain.refused(stage="dead") == 403


def test_too_many_messages_are_told_so_and_others_pass_when_time_has_passed(build: Callable[..., Api]) -> None:
    api = build("ws-throttled", DefaultRouteSettings={"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 2})
    client = api.connect()  # one of two
    for _ in range(4):
        client.send("{}")
    said = [told(client) for _ in range(4)]
    assert sum(message.get("message") == "Too Many Requests" for message in said) >= 2

    def passes() -> bool:
        client.send("{}")
        return "event" in told(client)

    wait_until(passes)


def test_each_event_has_a_line_in_the_access_log_and_is_counted(plain: Api, client: Client) -> None:
    talking = plain.connect()
    connection_id = id_of(talking)
    talking.close()

    def lines() -> list[dict[str, str]]:
        events = client("logs").filter_log_events(logGroupName="/ws/access")["events"]
        return [
            line for line in (json.loads(event["message"]) for event in events) if line["connection"] == connection_id
        ]

    wait_until(lambda: len(lines()) == 3)
    assert [(line["type"], line["route"], line["status"]) for line in lines()] == [
        ("CONNECT", "$connect", "200"), ("MESSAGE", "$default", "200"), ("DISCONNECT", "$disconnect", "200"),
    ]  # fmt: skip

    def counted() -> float:
        now = time.time()
        found = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApiGateway", MetricName="ConnectCount", Statistics=["Sum"], Period=60,
            Dimensions=[{"Name": "ApiId", "Value": plain.id}, {"Name": "Stage", "Value": "live"}],
            StartTime=now - 600, EndTime=now + 60,
        )  # fmt: skip
        return float(sum(point["Sum"] for point in found["Datapoints"]))

    wait_until(lambda: counted() >= 1)


def test_the_plain_port_serves_the_api_by_its_host_name(plain: Api, running: Running) -> None:
    with connect(f"ws://{plain.host}/live", address=("127.0.0.1", running.port), proxy=None, close_timeout=1) as client:
        client.send("{}")
        assert told(client)["event"]["requestContext"]["apiId"] == plain.id
