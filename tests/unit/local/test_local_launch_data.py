from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.instances.launch_data import LaunchData, LaunchDataUnclear, launch_data

TEMPLATE = Path(__file__).parents[3] / "terraform" / "modules" / "service" / "user_data.sh.tftpl"
SHA256 = "ab" * 32


def rendered(artifact: str = SHA256, **values: str) -> str:
    """The module's own template, each ${…} replaced by its value or its name; $${…} is Terraform's escape."""
    values = {"artifact": artifact, "artifact_bucket": "artifacts-111122223333", "port": "8080", **values}
    text = re.sub(r"(?<!\$)\$\{([^}]+)\}", lambda match: values.get(match[1], match[1]), TEMPLATE.read_text())
    return text.replace("$${", "${")


def test_the_modules_template_is_understood() -> None:
    data = launch_data(rendered())
    assert data is not None
    assert (data.sha256, data.bucket, data.key) == (SHA256, "artifacts-111122223333", f"service/{SHA256}.jar")
    environment = dict(data.environment)
    assert environment["SERVICE_PORT"] == "8080"
    assert {"AWS_REGION", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "LOG_GROUP"} <= set(environment)
    assert any(option.startswith("-XX:MaxRAMPercentage") for option in data.java_options)


def test_user_data_of_other_instances_is_none_of_ours() -> None:
    assert launch_data("#!/bin/bash\necho hello\n") is None
    assert launch_data("") is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (f"ARTIFACT_SHA256='{SHA256}'", "ARTIFACT_SHA256='latest'", "no SHA-256 digest"),
        ("cat > /etc/service/environment", "cat > /etc/elsewhere", "writes no /etc/service/environment"),
        ("s3://", "https://", "fetches no s3://"),
        ("ExecStart=", "ExecStop=", "no line ExecStart="),
        ("\nDB_PORT=", "\nDB PORT ", "not NAME=value"),
    ],
)
def test_what_is_missing_is_named(before: str, after: str, says: str) -> None:
    text = rendered()
    assert before in text
    with pytest.raises(LaunchDataUnclear, match=says):
        launch_data(text.replace(before, after))


def test_a_wrong_environment_line_does_not_show_its_value() -> None:
    with pytest.raises(LaunchDataUnclear) as caught:
        launch_data(rendered().replace("\nDB_PORT=", "\nPASS-WORD=hunter2\nDB_PORT="))
    assert "hunter2" not in str(caught.value)


names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,12}", fullmatch=True)
values = st.text(string.ascii_letters + string.digits + "=:/._-${}", max_size=20)


@given(st.dictionaries(names, values, min_size=1, max_size=6))
def test_every_variable_arrives_as_it_was_written(variables: dict[str, str]) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    text = (
        f"ARTIFACT_SHA256='{SHA256}'\ncat > /etc/service/environment <<'EOF'\n{lines}EOF\n"
        'aws s3 cp "s3://bucket/$ARTIFACT_SHA256.jar" a.jar\nExecStart=/usr/bin/java -jar a.jar\n'
    )
    assert launch_data(text) == LaunchData(SHA256, "bucket", f"{SHA256}.jar", tuple(variables.items()), ())


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fail_otherwise_than_by_saying_so(text: str) -> None:
    for start in (
        "",
        f"ARTIFACT_SHA256={SHA256}\n",
        f"ARTIFACT_SHA256={SHA256}\ncat > /etc/service/environment <<EOF\n",
    ):
        try:
            launch_data(start + text)
        except LaunchDataUnclear as error:
            assert "user data" in str(error)  # noqa: PT017 - whether it raises depends on the text
