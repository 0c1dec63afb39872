"""One local cloud for all tests of this folder; each test makes its own resources in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_clouds import ACCOUNT, REGION, Client, client_of

from opsctl.local import LocalCloud, Running


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"), ACCOUNT, REGION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPSCTL_LOCAL_PORT", "0")
        started = cloud.start()
    try:
        yield started
    finally:
        cloud.stop()


@pytest.fixture(scope="session")
def client(running: Running) -> Client:
    return lambda service, **settings: client_of(running, service, **settings)
