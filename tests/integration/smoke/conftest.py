"""A stand-in for the stack: an edge and a photo pipeline of a few lines, on real S3, DynamoDB, SNS and SQS of the
local cloud, whose every part can be broken by name. The real stack is what tests/e2e is for."""

import contextlib
import io
import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from opsctl.aws import Access, Aws
from opsctl.local import LocalCloud
from opsctl.smoke import SmokeTarget

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
        self.topic = self.aws.call("sns", "create_topic", Name=f"{prefix}-photos")["TopicArn"]
        self.dead_letters = self.aws.call("sqs", "create_queue", QueueName=f"{prefix}-dead")["QueueUrl"]

    def target(self, api_key=KEY):
        outputs = {
            "edge": {"domain_name": HOST},
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

    def do_GET(self):
        stack, photo = self.server.stack, re.fullmatch(r"/v1/photos/([\w-]+)", self.path)
        if self.headers["Host"] != HOST:
            return self.answer(404, {"message": "no such distribution"})
        if self.path == "/v1/health":
            return self.answer(502 if "unhealthy" in stack.broken else 200, {"status": "ok"})
        if self.path.startswith("/thumbnails/"):
            with contextlib.suppress(Exception):
                found = stack.aws.call("s3", "get_object", Bucket=stack.bucket, Key=self.path[1:])
                return self.answer(200, found["Body"].read())
            return self.answer(403, {"message": "denied"})
        if photo and (shown := stack.ready.get(photo[1])):
            return self.answer(200, shown)
        return self.answer(404, {"message": "not found"})

    def do_POST(self):
        stack, body = self.server.stack, self.body()
        if self.headers["Host"] != HOST or self.headers["x-api-key"] != KEY:
            return self.answer(403, {"message": "Forbidden"})
        photo_id = str(uuid.uuid4())
        if self.path == "/v1/photos/presign":
            url = f"{stack.url}/put/{photo_id}?signature={'wrong' if 'bad signature' in stack.broken else 'right'}"
            return self.answer(
                201, {"photo_id": photo_id, "url": url, "headers": {"x-put": "1"}, "expires_seconds": 60}
            )
        if "upload refused" in stack.broken:
            return self.answer(413, {"message": "too large"})
        stack.receive(photo_id, body)
        return self.answer(201, {} if "no id" in stack.broken else {"photo_id": photo_id})

    def do_PUT(self):
        body = self.body()
        signed = self.path.endswith("=right") and self.headers["x-put"] == "1"
        # A presigned URL is S3's: neither the edge's host nor the API's key belongs there.
        if not signed or self.headers["Host"] == HOST or "x-api-key" in self.headers:
            return self.answer(403, {"message": "SignatureDoesNotMatch"})
        self.server.stack.receive(self.path.split("/")[2].partition("?")[0], body)
        return self.answer(200, b"")

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, content):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass
