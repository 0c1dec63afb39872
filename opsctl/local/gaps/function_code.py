"""Lambda: code and layers are unpacked once for all workers, and a function's own code comes before its layers'.

On AWS /var/task and /opt are mounted. MiniStack unpacks every zip anew for each worker, and each worker then compiles
the modules for itself; and it puts layers first on sys.path, so that a layer's `events` would hide a function's own.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from opsctl.files import sha256_of
from opsctl.local.gaps.gap import Gap

PATH_IS_COMPLETE = "    _ms_install_invoke_depth()\n"
OWN_CODE_FIRST = "    sys.path.remove(code_dir)\n    sys.path.insert(0, code_dir)\n"


class FunctionCode(Gap):
    async def install(self) -> None:
        from ministack.core import lambda_runtime

        script: str = lambda_runtime._PYTHON_WORKER_SCRIPT
        if script.count(PATH_IS_COMPLETE) != 1:
            raise RuntimeError("MiniStack's worker completes sys.path in another way: see to this gap.")
        lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(PATH_IS_COMPLETE, OWN_CODE_FIRST + PATH_IS_COMPLETE)

        trees = Trees(Path(tempfile.gettempdir()) / "function-code")

        class Mounted(zipfile.ZipFile):
            def extractall(self, path: Any = None, *_: Any, **__: Any) -> None:
                mount = Path(path)
                mount.rmdir()
                mount.symlink_to(trees.of(Path(str(self.filename))), target_is_directory=True)

        lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": Mounted})


class Trees:
    """Unpacked zips, one folder for each content, gone with the cloud's temporary folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def of(self, archive: Path) -> Path:
        tree = self._folder / sha256_of(archive)
        with self._lock:
            if not tree.is_dir():
                unfinished = tree.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                with zipfile.ZipFile(archive) as content:
                    content.extractall(unfinished)
                unfinished.rename(tree)
        return tree
