"""The image functions against moto's S3, DynamoDB and Step Functions: claims, attempts, and what they leave behind."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from PIL import Image

from tests.integration.functions.conftest import CONTEXT, REGION, a_photo

FUNCTIONS = Path(__file__).parents[3] / "terraform/modules/images/functions"
MACHINE = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}


@contextmanager
def function(name: str) -> Iterator[ModuleType]:
    """As Lambda loads it. Each function has a `handler` and a `store`: none may find another's."""
    folder = FUNCTIONS / name
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("handler")
    finally:
        sys.path.remove(str(folder))
        for file in folder.glob("*.py"):
            sys.modules.pop(file.stem, None)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The table of records; the bucket `images` is there as well."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION,
        "BUCKET": "images", "TABLE": "images", "POWERTOOLS_SERVICE_NAME": "images",
        "POWERTOOLS_METRICS_NAMESPACE": "test", "POWERTOOLS_TRACE_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield boto3.resource("dynamodb").create_table(
            TableName="images", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "image_id", "AttributeType": "S"}],
        )  # fmt: skip


def a_request(**changes: Any) -> dict[str, Any]:
    return {
        "origin": "images", "image_id": "images/a.jpg", "bucket": "images", "key": "incoming/a.jpg",
        "correlation_id": "c-1234567", "sequencer": "5", "redrives": 0, **changes,
    }  # fmt: skip


def put(content: bytes) -> None:
    boto3.client("s3").put_object(Bucket="images", Key="incoming/a.jpg", Body=content)


def record(table: Any) -> dict[str, Any] | None:
    item: dict[str, Any] | None = table.get_item(Key={"image_id": "images/a.jpg"}).get("Item")
    return item


def validate(execution: str = "e-1", **changes: Any) -> dict[str, Any]:
    with function("image-validate") as loaded:
        said: dict[str, Any] = loaded.handler({"request": a_request(**changes), "execution": execution}, CONTEXT)
        return said


def test_a_valid_image_is_claimed_and_described(table: Any) -> None:
    put(a_photo((640, 480)))
    assert validate() == {"outcome": "valid", "format": "jpeg", "width": 640, "height": 480, "frames": 1}
    found = record(table)
    assert found is not None
    assert (found["status"], found["execution"], found["correlation_id"]) == ("processing", "e-1", "c-1234567")
    assert [attempt["step"] for attempt in found["attempts"]] == ["validate"]


def test_a_second_attempt_of_the_same_execution_goes_on_and_is_noted(table: Any) -> None:
    put(a_photo())
    assert [validate()["outcome"] for _ in range(2)] == ["valid", "valid"]
    assert [attempt["execution"] for attempt in record(table)["attempts"]] == ["e-1", "e-1"]  # type: ignore[index]


def end_as(table: Any, status: str) -> None:
    table.update_item(
        Key={"image_id": "images/a.jpg"}, UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"}, ExpressionAttributeValues={":s": status},
    )  # fmt: skip


@pytest.mark.parametrize("status", ["ready", "rejected", "failed"])
def test_what_is_done_is_a_duplicate_for_everybody_else(table: Any, status: str) -> None:
    put(a_photo())
    validate()
    end_as(table, status)
    before = record(table)
    assert validate("e-2") == {"outcome": "duplicate"}
    assert validate("e-2", sequencer="4") == {"outcome": "duplicate"}
    assert record(table) == before


def test_what_is_under_way_is_in_other_hands_until_nobody_can_be_at_it_any_more(table: Any) -> None:
    put(a_photo())
    validate()
    assert validate("e-2") == {"outcome": "in_other_hands"}
    table.update_item(
        Key={"image_id": "images/a.jpg"}, UpdateExpression="SET claimed_at = :long_ago",
        ExpressionAttributeValues={":long_ago": int(time.time()) - 301},
    )  # fmt: skip
    assert validate("e-2")["outcome"] == "valid"
    assert record(table)["execution"] == "e-2"  # type: ignore[index]


@pytest.mark.parametrize("later", [{"sequencer": "6"}, {"redrives": 1}])
def test_a_later_upload_and_a_redrive_are_worked_on_again(table: Any, later: dict[str, Any]) -> None:
    put(b"no image")
    assert validate()["outcome"] == "invalid"
    end_as(table, "rejected")
    put(a_photo())
    assert validate("e-2", **later)["outcome"] == "valid"


def test_what_was_removed_meanwhile_leaves_no_record(table: Any) -> None:
    assert validate() == {"outcome": "gone"}
    assert record(table) is None


def test_an_object_that_is_too_large_is_refused_before_it_is_fetched(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pictures.LARGEST_BYTES", 10)
    put(b"eleven byte")
    assert validate() == {"outcome": "invalid", "reason": "the file has 11 bytes; at most 10 are taken"}


def test_every_object_of_an_event_starts_an_execution_of_its_own(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    states = boto3.client("stepfunctions")
    arn = states.create_state_machine(
        name="m", definition=str(MACHINE).replace("'", '"'), roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE_ARN", arn)
    records = [
        {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": f"incoming/image-000{n}.jpg"}}}
        for n in range(3)
    ]
    with function("image-start") as loaded:
        loaded.handler({"Records": records}, CONTEXT)
    assert len(states.list_executions(stateMachineArn=arn)["executions"]) == 3


@contextmanager
def watched_files() -> Iterator[Callable[[], set[str]]]:
    """What is opened for writing meanwhile, or made, and still exists. (An audit hook can't be removed: it is idle.)"""
    seen: set[str] = set()
    watching = True

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event == "open" and isinstance(arguments[0], str) and arguments[2] & 0o3:  # O_WRONLY or O_RDWR
            seen.add(arguments[0])
        elif event in ("os.mkdir", "tempfile.mkstemp", "tempfile.mkdtemp"):
            seen.add(str(arguments[0]))

    sys.addaudithook(note)
    try:
        yield lambda: {file for file in seen if Path(file).exists() and not file.startswith(("/dev/", "/proc/"))}
    finally:
        watching = False


def run_all_steps(functions: dict[str, ModuleType], number: int) -> list[str]:
    image_id, key = f"images/{number}.jpg", "incoming/a.jpg"
    event: dict[str, Any] = {"request": a_request(image_id=image_id, key=key), "execution": f"e-{number}"}
    assert functions["image-validate"].handler(event, CONTEXT)["outcome"] == "valid"
    resized, filtered = (functions[name].handler(event, CONTEXT) for name in ("image-resize", "image-filter"))
    event["versions"] = resized["versions"] + filtered["versions"]
    outputs: list[str] = functions["image-optimise"].handler(event, CONTEXT)["outputs"]
    return outputs


@pytest.fixture
def all_functions(table: Any) -> dict[str, ModuleType]:
    loaded = {}
    for name in ("image-validate", "image-resize", "image-filter", "image-optimise"):
        with function(name) as module:
            loaded[name] = module
    return loaded


def test_after_a_hundred_runs_on_one_warm_worker_no_file_is_left(all_functions: dict[str, ModuleType]) -> None:
    put(a_photo((320, 240)))
    run_all_steps(all_functions, 0)
    with watched_files() as left:
        for number in range(1, 101):
            outputs = run_all_steps(all_functions, number)
        assert left() == set()
    made = {key: boto3.client("s3").get_object(Bucket="images", Key=key)["Body"].read() for key in outputs}
    assert {key.rpartition("/")[2]: Image.open(BytesIO(jpeg)).size for key, jpeg in made.items()} == {
        "resized.jpg": (320, 240),
        "greyscale.jpg": (320, 240),
        "sharpened.jpg": (320, 240),
    }


def test_a_file_that_is_left_would_be_seen(tmp_path: Path) -> None:
    with watched_files() as left:
        (tmp_path / "left").write_bytes(b"x")
        (tmp_path / "cleaned").write_bytes(b"x")
        (tmp_path / "cleaned").unlink()
        assert left() == {str(tmp_path / "left")}
