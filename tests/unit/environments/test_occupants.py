"""Who keeps the local cloud running: read from the states and locks on its disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from opsctl.environments.down import stop_if_empty
from opsctl.environments.occupants import UNKNOWN, Occupant, occupants
from opsctl.environments.ports import Ports
from opsctl.local.kept import Version


def keep(folder: Path, account: str, key: str, body: bytes | None) -> None:
    """As the local cloud keeps an object, or its deletion (None)."""
    place = folder / account / "eu-central-1" / f"shop-state-{account}-eu-central-1" / "objects" / quote(key, safe="")
    place.mkdir(parents=True, exist_ok=True)
    number = len(list(place.iterdir())) + 1
    (place / f"{number:08}").write_bytes(Version({}, body is None, body or b"").encode())


def state(*kinds: str) -> bytes:
    resources = [{"mode": "managed", "type": kind, "name": "x", "instances": [{"attributes": {}}]} for kind in kinds]
    document = {"version": 4, "serial": 1, "lineage": "l", "terraform_version": "1.11.4", "resources": resources}
    return json.dumps(document).encode()


ONE, TWO = "111122223333", "745813098010"


def test_every_account_is_looked_into(tmp_path: Path) -> None:
    keep(tmp_path, ONE, "local/terraform.tfstate", state("aws_vpc", "aws_sqs_queue"))
    keep(tmp_path, TWO, "two/terraform.tfstate", state("aws_vpc"))
    keep(tmp_path, TWO, "two/journal/00000001.json", b"{}")
    assert occupants(tmp_path) == (Occupant("local", ONE, 2, False), Occupant("two", TWO, 1, False))


def test_what_was_taken_down_or_never_was_keeps_nothing_running(tmp_path: Path) -> None:
    keep(tmp_path, ONE, "local/terraform.tfstate", state("aws_vpc"))
    keep(tmp_path, ONE, "local/terraform.tfstate", state())
    keep(tmp_path, TWO, "two/terraform.tfstate", state("aws_vpc"))
    keep(tmp_path, TWO, "two/terraform.tfstate", None)
    keep(tmp_path, TWO, "archive/two-1/terraform.tfstate", state("aws_vpc"))
    assert occupants(tmp_path) == ()
    assert occupants(tmp_path / "nothing") == ()


def test_what_an_earlier_life_of_the_cloud_had_is_gone_already(tmp_path: Path) -> None:
    keep(tmp_path, ONE, "local/terraform.tfstate", state("aws_vpc"))
    keep(tmp_path, ONE, "local/incarnation", b"first")
    assert occupants(tmp_path, incarnation="second") == ()
    assert [found.environment for found in occupants(tmp_path, incarnation="first")] == ["local"]
    assert [found.environment for found in occupants(tmp_path)] == ["local"]


@pytest.mark.parametrize("key", ["locks/two.json", "two/terraform.tfstate.tflock"])
def test_a_command_at_work_keeps_it_running_before_anything_is_made(tmp_path: Path, key: str) -> None:
    keep(tmp_path, TWO, key, b"{}")
    assert occupants(tmp_path, incarnation="first") == (Occupant("two", TWO, 0, True),)
    keep(tmp_path, TWO, key, None)
    assert occupants(tmp_path, incarnation="first") == ()


def test_a_state_that_cannot_be_read_may_be_somebodys(tmp_path: Path) -> None:
    keep(tmp_path, TWO, "two/terraform.tfstate", b"half a st")
    assert occupants(tmp_path) == (Occupant("two", TWO, UNKNOWN, False),)


def test_the_cloud_stops_with_its_last_environment_and_names_those_that_keep_it(tmp_path: Path, ports: Ports) -> None:
    stopped: list[str] = []

    def stop() -> SimpleNamespace:
        stopped.append("cloud")
        return SimpleNamespace(processes=3)

    ports = replace(ports, cloud=SimpleNamespace(state_folder=tmp_path, stop=stop))  # type: ignore[arg-type]
    keep(tmp_path, TWO, "two/terraform.tfstate", state("aws_vpc"))
    assert stop_if_empty(ports) == (0, ("two",))
    assert stopped == []
    keep(tmp_path, TWO, "two/terraform.tfstate", state())
    assert stop_if_empty(ports) == (3, ())
    assert stopped == ["cloud"]
