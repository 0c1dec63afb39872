"""The functions' own code, loaded as Lambda loads it: with its folder first on the path and modules of its own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

FUNCTIONS = Path(__file__).parents[3] / "terraform/modules/photos/functions"


@contextmanager
def function_modules(function: str) -> Iterator[Callable[[str], ModuleType]]:
    """Two functions each have a `handler` and a `store`: none may find the other's."""
    own = {file.stem for file in (FUNCTIONS / function).glob("*.py")}
    sys.path.insert(0, str(FUNCTIONS / function))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(FUNCTIONS / function))
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
