"""The functions' own code, loaded as Lambda loads it: with its folder first on the path and modules of its own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

MODULES = Path(__file__).parents[3] / "terraform/modules"


@contextmanager
def function_modules(function: str, module: str = "photos") -> Iterator[Callable[[str], ModuleType]]:
    """Two functions each have a `handler` and a `store`: none may find the other's."""
    folder = MODULES / module / "functions" / function
    own = {file.stem for file in folder.glob("*.py")}
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(folder))
        for name in own:
            sys.modules.pop(name, None)


@pytest.fixture
def thumbnails() -> Iterator[ModuleType]:
    with function_modules("thumbnail") as load:
        yield load("thumbnails")


@pytest.fixture
def photos() -> Iterator[ModuleType]:
    with function_modules("photos-api") as load:
        yield load("photos")


@pytest.fixture(scope="module")
def tokens() -> Iterator[ModuleType]:
    with function_modules("auth-token", "auth") as load:
        yield load("tokens")


@pytest.fixture(scope="module")
def sign_in() -> Iterator[ModuleType]:
    with function_modules("auth-token", "auth") as load:
        yield load("sign_in")


@pytest.fixture(scope="module")
def access() -> Iterator[ModuleType]:
    with function_modules("auth-authorizer", "auth") as load:
        yield load("access")


@pytest.fixture(scope="module")
def published_keys() -> Iterator[ModuleType]:
    with function_modules("auth-authorizer", "auth") as load:
        yield load("published_keys")


@pytest.fixture(scope="module")
def keys() -> Iterator[ModuleType]:
    with function_modules("auth-rotation", "auth") as load:
        yield load("keys")


@pytest.fixture(scope="module")
def actions() -> Iterator[ModuleType]:
    with function_modules("realtime-messages", "realtime") as load:
        yield load("actions")


@pytest.fixture(scope="module")
def offers() -> Iterator[ModuleType]:
    with function_modules("realtime-authorizer", "realtime") as load:
        yield load("offers")


@pytest.fixture(scope="module")
def announcements() -> Iterator[ModuleType]:
    with function_modules("realtime-announce", "realtime") as load:
        yield load("announcements")


@pytest.fixture(scope="module")
def staleness() -> Iterator[ModuleType]:
    with function_modules("realtime-sweep", "realtime") as load:
        yield load("staleness")


@pytest.fixture(scope="module")
def pushes() -> Iterator[ModuleType]:
    with function_modules("repository-notice", "repository") as load:
        yield load("pushes")
