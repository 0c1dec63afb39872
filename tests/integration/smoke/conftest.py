"""A stand-in for the stack: an edge, a photo pipeline, sign-in and orders of a few lines, on real S3, DynamoDB, SNS and
SQS of the local cloud, whose every part can be broken by name. The real stack is what tests/e2e is for."""

import base64
import contextlib
import io
import json
import re
import threading
import time
import uuid
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from opsctl.aws import Access, Aws
from opsctl.local import LocalCloud
from opsctl.smoke import SmokeTarget
from opsctl.smoke.edge import VIEWER_HEADER
from opsctl.smoke.guards import BLOCKED_VIEWER

ACCOUNT, REGION, HOST, KEY = "111122223333", "eu-central-1", "photos.example.test", "the-key"


@pytest.fixture(scope="package")
def aws(tmp_path_factory):
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"), ACCOUNT, REGION)
    running = cloud.start()
    yield Aws(Access(REGION, ACCOUNT, running.endpoint_url))
    cloud.stop()


@pytest.fixture
def stack(aws):
    """A fresh stack; `stack.broken` names the parts that don't work."""
    made = Stack(aws, f"opsctl-{uuid.uuid4().hex[:8]}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), EdgeHandler)
    server.stack, made.url = made, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


class Stack:
    def __init__(self, aws, prefix):
        self.aws, self.prefix = aws, prefix
        self.broken, self.ready = set(), {}
        self.bucket = f"{prefix}-photos"
        self.aws.call(
            "s3", "create_bucket", Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.aws.call("s3", "put_bucket_versioning", Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.table = f"{prefix}-photos"
        self.aws.call(
            "dynamodb", "create_table", TableName=self.table, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "photo_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "photo_id", "AttributeType": "S"}],
        )  # fmt: skip
        self.users = f"{prefix}-users"
        self.aws.call(
            "dynamodb", "create_table", TableName=self.users, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "username", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "username", "AttributeType": "S"}],
        )  # fmt: skip
        self.tokens, self.orders, self.sign_ins = {}, {}, []
        self.topic = self.aws.call("sns", "create_topic", Name=f"{prefix}-photos")["TopicArn"]
        self.dead_letters = self.aws.call("sqs", "create_queue", QueueName=f"{prefix}-dead")["QueueUrl"]

    def target(self, api_key=KEY):
        outputs = {
            "edge": {"domain_name": HOST},
            "api": {"domain_name": "api.example.test", "stage": "v1"},
            "auth": {"users_table": self.users},
            "site": {"bucket": self.bucket},
            "photos": {
                "bucket": self.bucket,
                "table": self.table,
                "topic_arn": self.topic,
                "dead_letter_queue_url": self.dead_letters,
            },
        }
        return SmokeTarget("test", self.prefix, self.url, HOST, api_key, outputs, {"Environment": "test"}, self.aws)

    def left(self):
        """What exists beside the stack itself: nothing, when everything was cleaned up."""
        return {
            "objects": list(self.aws.pages("s3", "list_object_versions", "Versions[].Key", Bucket=self.bucket)),
            "users": list(self.aws.pages("dynamodb", "scan", "Items[].username.S", TableName=self.users)),
            "orders": list(self.orders),
            "records": list(self.aws.pages("dynamodb", "scan", "Items[].photo_id.S", TableName=self.table)),
            "queues": list(self.aws.pages("sqs", "list_queues", "QueueUrls", QueueNamePrefix=f"{self.prefix}-smoke")),
            "subscriptions": list(
                self.aws.pages(
                    "sns", "list_subscriptions_by_topic", "Subscriptions[].SubscriptionArn", TopicArn=self.topic
                )
            ),
        }

    def receive(self, photo_id, body):
        self.aws.call("s3", "put_object", Bucket=self.bucket, Key=f"uploads/{photo_id}", Body=body)
        threading.Thread(target=self.process, args=(photo_id, body)).start()

    def process(self, photo_id, body):
        try:
            image = Image.open(io.BytesIO(body))
            image.load()
        except (UnidentifiedImageError, OSError) as error:
            if "a corrupt photo stops the others" in self.broken:
                self.stopped = True
            return self.bury(photo_id, str(error))
        if getattr(self, "stopped", False):
            return None
        if "orientation ignored" not in self.broken:
            image = ImageOps.exif_transpose(image)
        width, height = image.size
        if "aspect lost" in self.broken:
            image = image.resize((256, 256))
        image.thumbnail((300, 300) if "too large" in self.broken else (256, 256))
        thumbnail = io.BytesIO()
        image.convert("RGB").save(thumbnail, "PNG" if "another format" in self.broken else "JPEG")
        if "no thumbnail" not in self.broken:
            self.aws.call(
                "s3", "put_object", Bucket=self.bucket, Key=f"thumbnails/{photo_id}.jpg", Body=thumbnail.getvalue()
            )
        if "no record" not in self.broken:
            self.aws.call("dynamodb", "put_item", TableName=self.table, Item={"photo_id": {"S": photo_id}})
        if "never ready" not in self.broken:
            self.ready[photo_id] = {"photo_id": photo_id, "status": "ready", "width": width, "height": height}
        for _ in range(0 if "not announced" in self.broken else 2 if "announced twice" in self.broken else 1):
            message = {"event": "photo.ready", "photo_id": photo_id}
            self.aws.call("sns", "publish", TopicArn=self.topic, Message=json.dumps(message))
        return None

    def bury(self, photo_id, reason):
        if "not buried" in self.broken:
            return
        attributes = {"photo_id": photo_id} | ({} if "no reason" in self.broken else {"reason": reason})
        self.aws.call(
            "sqs", "send_message", QueueUrl=self.dead_letters, MessageBody="{}",
            MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
        )  # fmt: skip


class EdgeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)

    def respond(self):
        stack, body = self.server.stack, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if path.startswith("/put/"):
            return self.put(stack, body)
        if self.headers["Host"] == "api.example.test":
            return self.answer(200 if "the API answers everybody" in stack.broken else 403, {"message": "Forbidden"})
        if self.headers["Host"] != HOST:
            return self.answer(404, {"message": "no such distribution"})
        if self.headers.get(VIEWER_HEADER) == BLOCKED_VIEWER and "every country" not in stack.broken:
            return self.answer(403, b"<h1>blocked</h1>")
        text = unescape(unquote(unquote(self.path))) + unquote(unquote(body.decode("latin-1")))
        if any(attack in text for attack in ATTACKS) and "no firewall" not in stack.broken:
            return self.answer(403, b"<h1>blocked</h1>")
        for pattern, respond in ROUTES.items():
            if found := re.fullmatch(pattern, f"{self.command} {path}"):
                return respond(self, stack, body, *found.groups())
        return self.answer(404, {"message": "not found"})

    def health(self, stack, body):
        self.answer(502 if "unhealthy" in stack.broken else 200, {"status": "ok"})

    def page(self, stack, body):
        self.answer(200, b"<p>hello", "text/html")

    def config(self, stack, body):
        self.answer(404 if "no config" in stack.broken else 200, {"api_key": "open"})

    def thumbnail(self, stack, body):
        with contextlib.suppress(Exception):
            found = stack.aws.call("s3", "get_object", Bucket=stack.bucket, Key=self.path[1:])
            return self.answer(200, found["Body"].read())
        return self.answer(403, {"message": "denied"})

    def photo(self, stack, body, photo_id):
        shown = stack.ready.get(photo_id)
        self.answer(200 if shown else 404, shown or {"message": "not found"})

    def upload(self, stack, body):
        if not self.may(stack, "photos:write"):
            return None
        if "upload refused" in stack.broken:
            return self.answer(413, {"message": "too large"})
        photo_id = str(uuid.uuid4())
        stack.receive(photo_id, body)
        return self.answer(201, {} if "no id" in stack.broken else {"photo_id": photo_id})

    def presign(self, stack, body):
        if self.may(stack, "photos:write"):
            photo_id = str(uuid.uuid4())
            url = f"{stack.url}/put/{photo_id}?signature={'wrong' if 'bad signature' in stack.broken else 'right'}"
            self.answer(201, {"photo_id": photo_id, "url": url, "headers": {"x-put": "1"}, "expires_seconds": 60})

    def put(self, stack, body):
        signed = self.path.endswith("=right") and self.headers["x-put"] == "1"
        # A presigned URL is S3's: neither the edge's host nor the API's key belongs there.
        if not signed or self.headers["Host"] == HOST or "x-api-key" in self.headers:
            return self.answer(403, {"message": "SignatureDoesNotMatch"})
        stack.receive(self.path.split("/")[2].partition("?")[0], body)
        return self.answer(200, b"")

    def sign_in(self, stack, body):
        now = time.monotonic()
        stack.sign_ins = [at for at in stack.sign_ins if at > now - 1] + [now]
        if len(stack.sign_ins) > 20 and "no throttle" not in stack.broken:
            return self.answer(
                429, {"message": "slowly"}, headers={} if "no hint" in stack.broken else {"Retry-After": "1"}
            )
        asked = json.loads(body)
        if "username" not in asked:
            return self.answer(400, {"message": "no user name"})
        user = stack.aws.call("dynamodb", "get_item", TableName=stack.users, Key={"username": {"S": asked["username"]}})
        if "Item" not in user:
            return self.answer(401, {"message": "Wrong user name or password."})
        token = f"{base64.urlsafe_b64encode(b'{}').decode()}.{uuid.uuid4().hex}.{uuid.uuid4().hex}"
        stack.tokens[token] = set(user["Item"]["scopes"]["SS"])
        return self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 900, "scope": ""})

    def may(self, stack, scope):
        """Whether token and key are good; answers when they aren't."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        scopes = stack.tokens.get(token)
        if scopes is None and "any token" in stack.broken:
            scopes = {scope}
        if scopes is None and "any signature" in stack.broken:
            scopes = next((found for known, found in stack.tokens.items() if known[:40] == token[:40]), None)
        wrong_key = self.headers.get("x-api-key") != KEY and "any key" not in stack.broken
        if scopes is None:
            challenge = {} if "no challenge" in stack.broken else {"WWW-Authenticate": "Bearer"}
            self.answer(401, {"message": "Unauthorized"}, headers=challenge)
        elif wrong_key or (scope not in scopes and "any scope" not in stack.broken):
            self.answer(403, {"message": "Forbidden"})
        else:
            return True
        return False

    def place(self, stack, body):
        if self.may(stack, "orders:write"):
            key = self.headers.get("Idempotency-Key")
            if "placed again" not in stack.broken:
                for known in stack.orders.values():
                    if key and known["key"] == key:
                        return self.answer(200, known)
            order = {"items": []} | json.loads(body) | {"order_id": uuid.uuid4().hex, "status": "placed", "key": key}
            if "free of charge" not in stack.broken:
                order["total_cents"] = sum(item["quantity"] * item["unit_price_cents"] for item in order["items"])
            stack.orders[order["order_id"]] = order
            self.answer(504 if "no service" in stack.broken else 201, order)
        return None

    def list_orders(self, stack, body):
        if self.may(stack, "orders:read"):
            self.answer(200, {"orders": list(stack.orders.values())})

    def order(self, stack, body, order_id):
        if not self.may(stack, "orders:read" if self.command == "GET" else "orders:write"):
            return
        known = stack.orders.get(order_id)
        if known is None:
            self.answer(404, {"message": "not found"})
        elif self.command == "GET":
            self.answer(200, known | ({"customer": "somebody else"} if "forgetful" in stack.broken else {}))
        elif self.command == "PUT":
            known.update(json.loads(body))
            self.answer(200, known)
        else:
            if "undying" not in stack.broken:
                del stack.orders[order_id]
            self.answer(204, b"")

    def answer(self, status, content, content_type="application/json", headers=None):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", content_type)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


ATTACKS = ("' OR '", "UNION SELECT", "<script", "onerror=")
ROUTES = {
    r"GET /v1/health": EdgeHandler.health,
    r"GET /": EdgeHandler.page,
    r"GET /site\.json": EdgeHandler.config,
    r"GET /thumbnails/.*": EdgeHandler.thumbnail,
    r"GET /v1/photos": lambda self, stack, body: self.answer(200, {"photos": []}),
    r"GET /v1/photos/([\w-]+)": EdgeHandler.photo,
    r"POST /v1/photos": EdgeHandler.upload,
    r"POST /v1/photos/presign": EdgeHandler.presign,
    r"POST /v1/auth/token": EdgeHandler.sign_in,
    r"GET /v1/orders": EdgeHandler.list_orders,
    r"POST /v1/orders": EdgeHandler.place,
    r"(?:GET|PUT|DELETE) /v1/orders/([\w-]+)": EdgeHandler.order,
}
