"""The state of a folder before a change: a git ref checked out beside it, or a folder that somebody named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from opsctl.environments.git import ASIDE
from opsctl.errors import UsageError
from opsctl.processes import Completed, run

SECONDS = 120.0


@contextmanager
def at_ref(ref: str, path: Path) -> Iterator[Path]:
    """`path` as it was at a git ref: the repository that it lies in, checked out into a temporary folder.

    The whole repository is taken (modules lie beside a root module); nothing of the checkout itself is touched, and
    no worktree is registered. The folder is gone when the context ends.

    Raises:
        UsageError: `path` is in no repository, or no such ref, or there was nothing at `path` yet.
    """
    folder = path if path.is_dir() else path.parent
    top = Path(_git(folder, "rev-parse", "--show-toplevel").stdout.strip())
    commit = _git(top, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}", about=ref).stdout.strip()
    inside = path.resolve().relative_to(top.resolve())
    with TemporaryDirectory(prefix="opsctl-base-") as temporary:
        archive, tree = Path(temporary) / "tree.tar", Path(temporary) / "tree"
        tree.mkdir()
        _git(top, "archive", "--format=tar", f"--output={archive}", commit)
        import tarfile

        with tarfile.open(archive) as content:
            content.extractall(tree, filter="data")
        archive.unlink()
        yield tree / inside


@contextmanager
def base_of(base: str, path: Path) -> Iterator[Path]:
    """What `--diff BASE` compares `path` with: a folder or plan that exists, else a git ref.

    Raises:
        UsageError: it is neither.
    """
    if Path(base).exists():
        yield Path(base)
    else:
        with at_ref(base, path) as before:
            yield before


def _git(folder: Path, *words: str, about: str = "") -> Completed:
    env = {name: value for name, value in os.environ.items() if name not in ASIDE}
    done = run(["git", "-C", folder, *words], env=env, timeout_seconds=SECONDS)
    if done.status:
        said = (done.stderr.strip().splitlines() or [f"git {words[0]} ended with {done.status}"])[-1]
        raise UsageError(
            f"git can't show what was there before: {said.removeprefix('fatal: ')}.",
            where=f"{about} in {folder}" if about else str(folder),
            next="Name a folder, or a ref that is here (git fetch origin main; then --diff origin/main).",
        )
    return done
