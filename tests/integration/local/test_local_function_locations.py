"""GetFunction says where the code of each version lies."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
import uuid
import zipfile

import pytest
from local_clouds import ACCOUNT, Client


def package(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("handler.py"), text)
    return data.getvalue()


def test_the_code_of_each_version_can_be_had_as_it_was_published(client: Client) -> None:
    api, name = client("lambda"), f"located-{uuid.uuid4().hex[:8]}"
    api.create_function(
        FunctionName=name, Runtime="python3.11", Role=f"arn:aws:iam::{ACCOUNT}:role/one", Handler="handler.handler",
        Code={"ZipFile": package("first")}, Publish=True,
    )  # fmt: skip
    api.update_function_code(FunctionName=name, ZipFile=package("second"), Publish=True)
    api.update_function_code(FunctionName=name, ZipFile=package("third"))

    def code(**qualifier: str) -> bytes:
        location = api.get_function(FunctionName=name, **qualifier)["Code"]["Location"]
        with urllib.request.urlopen(location) as answer:
            return bytes(answer.read())

    assert code(Qualifier="1") == package("first")
    assert code(Qualifier="2") == package("second")
    assert code(Qualifier="$LATEST") == code() == package("third")
    gone = api.get_function(FunctionName=name)["Code"]["Location"].replace("%24LATEST", "9")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(gone)
