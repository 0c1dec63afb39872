"""How a function finds its code, its own and its layers', and how its logs are asked by saved queries."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

import pytest
from local_clouds import ACCOUNT, Client

HANDLER = """
import pathlib, os
import greetings, words

def handler(event, context):
    return {"greeting": greetings.GREETING, "word": words.WORD,
            "code": os.path.realpath(__file__), "layer": os.path.realpath(words.__file__)}
"""


def package(**files: str) -> bytes:
    """A package of these files: the same bytes each time (`writestr` of a name alone would note the second)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


@pytest.fixture(scope="module")
def layer(client: Client) -> str:
    """A layer with two modules, of which functions bring one themselves."""
    files = {"python/words.py": "WORD = 'layer'", "python/greetings.py": "GREETING = 'layer'"}
    published = client("lambda").publish_layer_version(
        LayerName="shared", Content={"ZipFile": package(**files)}, CompatibleRuntimes=["python3.11"]
    )
    return str(published["LayerVersionArn"])


def ask(client: Client, layer: str, handler: str = HANDLER) -> dict[str, Any]:
    """What a new function answers: its first worker."""
    name = f"layered-{uuid.uuid4().hex[:6]}"
    files = {"handler.py": handler, "greetings.py": "GREETING = 'own'"}
    client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Role=f"arn:aws:iam::{ACCOUNT}:role/a-function", Layers=[layer],
        Handler="handler.handler", Code={"ZipFile": package(**files)}, Timeout=10,
    )  # fmt: skip
    answer: dict[str, Any] = json.load(client("lambda").invoke(FunctionName=name)["Payload"])
    return answer


def test_a_function_finds_what_its_layer_brings_and_its_own_modules_first(client: Client, layer: str) -> None:
    answer = ask(client, layer)
    assert (answer["word"], answer["greeting"]) == ("layer", "own")


def test_workers_share_what_is_unpacked(client: Client, layer: str) -> None:
    one, two, changed = ask(client, layer), ask(client, layer), ask(client, layer, HANDLER + "# changed")
    assert one["code"] == two["code"] != changed["code"]
    assert one["layer"] == two["layer"] == changed["layer"]


def test_a_saved_query_is_kept_changed_found_by_its_name_and_gone_when_it_is_deleted(client: Client) -> None:
    logs = client("logs")

    def saved() -> list[dict[str, Any]]:
        found = logs.describe_query_definitions(queryDefinitionNamePrefix="shop/")["queryDefinitions"]
        return [{name: query[name] for name in ("name", "queryString", "logGroupNames")} for query in found]

    query = {"name": "shop/follow", "queryString": "fields @message", "logGroupNames": ["a", "b"]}
    made = logs.put_query_definition(**query)["queryDefinitionId"]
    logs.put_query_definition(name="other", queryString="fields @log")
    assert saved() == [query]
    logs.put_query_definition(queryDefinitionId=made, **query | {"queryString": "fields @log"})
    assert saved() == [query | {"queryString": "fields @log"}]
    assert logs.delete_query_definition(queryDefinitionId=made)["success"]
    assert saved() == []
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.delete_query_definition(queryDefinitionId=made)
