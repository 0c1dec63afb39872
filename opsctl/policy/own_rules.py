"""Rules that users bring along: a folder of Python and Rego files, run in a worker that can be stopped.

A rule that crashes, or takes longer than its limit, is a finding `policy/rule-failed`; the worker is started again for
those after it. One worker serves a whole run: it loads the configuration and the Rego modules once.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from opsctl.errors import UsageError
from opsctl.findings import Finding, Place, Rule, Severity
from opsctl.hcl import Configuration
from opsctl.policy import rego, rego_input
from opsctl.policy.loading import Failure, python_files
from opsctl.policy.worker import TOO_LARGE
from opsctl.processes import start

SECONDS = 10.0
"""A rule's limit: the slowest of ours takes 0.1 s on 5,000 resources."""
SECONDS_TO_PREPARE = 60.0
MEMORY_BYTES = 2_000_000_000


class Ended(Exception):
    """The worker is gone: it was too slow, or died of what it did. The text says which."""


@dataclass
class Worker(AbstractContextManager["Worker"]):
    """The process behind users' rules; started when it is first asked, and again after it was stopped."""

    folder: Path
    memory_bytes: int = MEMORY_BYTES
    _process: subprocess.Popen[bytes] | None = None
    _requests: int = -1
    _answers: int = -1

    def ask(self, seconds: float, **request: Any) -> dict[str, Any]:
        """Raises: Ended where no answer came in time; the process is gone then."""
        if self._process is None:
            self._start()
        try:
            _write(self._requests, json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(self._read(seconds))
        except (Ended, BrokenPipeError, ValueError) as error:
            why = str(error) if isinstance(error, Ended) else "its process ended"
            self.stop()
            raise Ended(why) from error
        return answer

    def forget(self) -> None:
        """Have a process that runs let go of the configuration that it may hold."""
        if self._process:
            with suppress(Ended):
                self.ask(SECONDS, ask="forget")

    def _start(self) -> None:
        theirs, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        try:
            self._process = start(
                [sys.executable, "-m", "opsctl.policy.worker", str(theirs), str(answers), self.folder,
                 str(self.memory_bytes)],
                env=None, cwd=None, output=self.folder / "log", descriptors=(theirs, answers),
            )  # fmt: skip
        finally:
            os.close(theirs)
            os.close(answers)

    def _read(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        line = bytearray()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise Ended(f"it took longer than {seconds:g} s and was stopped")
            part = os.read(self._answers, 1 << 20)
            if not part:
                raise Ended(self._how_it_died())
            line += part
        return bytes(line)

    def _how_it_died(self) -> str:
        status = self._process.wait(5) if self._process else 0
        if status == TOO_LARGE:
            return f"it took more than {self.memory_bytes // 1_000_000} MB of memory and was stopped"
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"it ended the process that it ran in ({name})"

    def stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        os.close(self._requests)
        os.close(self._answers)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@dataclass(frozen=True)
class PythonFile:
    file: Path
    rules: tuple[Rule, ...]


@dataclass
class OwnRules(AbstractContextManager["OwnRules"]):
    """The rules of some folders, ready to run over configurations.

    Attributes:
        failures: of loading them.
    """

    python: list[PythonFile] = field(default_factory=list)
    modules: list[rego.RegoFile] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = SECONDS
    memory_bytes: int = MEMORY_BYTES

    def __post_init__(self) -> None:
        self._temporary = TemporaryDirectory(prefix="opsctl-rules-")
        self._worker = Worker(Path(self._temporary.name), self.memory_bytes)

    def __exit__(self, *_: object) -> None:
        self._worker.stop()
        self._temporary.cleanup()

    @property
    def rules(self) -> Iterator[Rule]:
        for file in self.python:
            yield from file.rules
        for module in self.modules:
            for entry in module.entries:
                yield entry.rule

    def load(self, folders: Iterable[Path]) -> OwnRules:
        """Read all rules of some folders (or single files).

        Raises:
            UsageError: a folder isn't there or holds no rules.
        """
        for folder in folders:
            files = own_files(folder)
            for file in files:
                if file.suffix == ".py":
                    self._load_python(file)
                else:
                    self._load_rego(file, folder if folder.is_dir() else folder.parent)
            if not any(True for _ in self.rules) and not self.failures:
                self.failures.append(Failure(folder, f"{folder.name} has no rule named deny, violation or warn"))
        return self

    def _load_python(self, file: Path) -> None:
        try:
            answer = self._worker.ask(self.seconds, ask="load", file=str(file))
        except Ended as error:
            answer = {"failed": str(error)}
        if "failed" in answer:
            self.failures.append(Failure(file, f"{file.name} can't be loaded: {answer['failed']}"))
        else:
            self.python.append(PythonFile(file, tuple(map(_rule, answer["rules"]))))

    def _load_rego(self, file: Path, folder: Path) -> None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.failures.append(Failure(file, f"{file.name} can't be read: {error}"))
            return
        self.modules.append(rego.parse(file, text, number=len(self.modules), name=rego.rule_name(file, folder)))

    def findings(
        self, configuration: Configuration, wanted: frozenset[str], *, settings: Mapping[str, Any], plan: Path | None
    ) -> Iterator[Finding | Failure]:
        """What the rules say of one configuration.

        Args:
            wanted: ids.
            plan: the plan that it was read from: Rego rules read it as it is.
        """
        yield from self.failures
        self._worker.forget()
        python = [file for file in self.python if any(rule.id in wanted for rule in file.rules)]
        if python:
            try:
                with open(self._worker.folder / "configuration", "wb") as out:
                    pickle.dump((configuration, dict(settings)), out, protocol=pickle.HIGHEST_PROTOCOL)
            except RecursionError:
                why = "can't be run: a value of the configuration is nested too deeply"
                yield from (Failure(each.file, f"{each.file.name} {why}") for each in python)
                python = []
        for file in python:
            yield from self._run_python(file)
        entries = [each for module in self.modules for each in module.entries if each.rule.id in wanted]
        if entries:
            yield from self._run_rego(entries, configuration, plan)

    def _run_python(self, file: PythonFile) -> Iterator[Finding | Failure]:
        name = " and ".join(rule.id for rule in file.rules)
        try:
            answer = self._worker.ask(self.seconds, ask="find", file=str(file.file))
        except Ended as error:
            yield Failure(file.file, f"{name} did not finish: {error}")
            return
        yield from map(_finding, answer.get("findings", ()))
        if "failed" in answer:
            yield Failure(file.file, f"{name} crashed: {answer['failed']}")

    def _run_rego(
        self, entries: Sequence[rego.Entry], configuration: Configuration, plan: Path | None
    ) -> Iterator[Finding | Failure]:
        if plan:
            texts = [plan.read_text(encoding="utf-8")]
        else:
            texts = [
                json.dumps(each, ensure_ascii=False)
                for each in rego_input.inputs(configuration, rego.names_read(self.modules))
            ]
        for number, text in enumerate(texts):
            (self._worker.folder / f"input-{number}.json").write_text(text, encoding="utf-8")
        session = _Session(self._worker, self.modules, len(texts), self.seconds)
        yield from session.prepare()
        placing = rego.Placing(configuration)
        for entry in entries:
            if entry.path not in session.entries:
                continue
            said, failure = session.said(entry)
            excepted = session.exceptions(entry.package)
            if entry.excepted_as not in excepted:
                yield from (rego.finding_of(entry, each, placing) for each in said)
            if failure:
                yield Failure(Path(entry.place.file), f"{entry.rule.id} {failure}", entry.place.line)


@dataclass
class _Session:
    """Rego modules in a worker, prepared again after each kill."""

    worker: Worker
    modules: Sequence[rego.RegoFile]
    inputs: int
    seconds: float
    ready: bool = False
    entries: set[str] = field(default_factory=set)
    _exceptions: dict[str, frozenset[str]] = field(default_factory=dict)

    def prepare(self) -> Iterator[Failure]:
        """Give the worker the modules, less those that can't be read; each of these is a failure."""
        good = list(self.modules)
        while True:
            try:
                broken = self._prepare(good).get("broken", {})
            except Ended as error:
                yield from (Failure(each.file, f"{each.file.name} can't be loaded: {error}") for each in good)
                return
            if not broken:
                break
            for each in good:
                if why := broken.get(str(each.file)):
                    yield Failure(each.file, f"{each.file.name} can't be loaded: {why}")
            if len(left := [each for each in good if str(each.file) not in broken]) == len(good):
                yield Failure(good[0].file, f"Rego refuses the rules together: {next(iter(broken.values()))}")
                return
            good = left
        self.modules = good

    def _prepare(self, modules: Sequence[rego.RegoFile]) -> dict[str, Any]:
        self.entries = {entry.path for each in modules for entry in each.entries}
        self.entries |= {f"{each.package.replace('.', '/')}/exception" for each in modules if each.has_exceptions}
        texts = [[str(each.file), each.text] for each in modules]
        texts += [[f"joined:{package}", text] for package, text in rego.joined(modules)]
        answer = self.worker.ask(
            SECONDS_TO_PREPARE, ask="prepare", modules=texts, entries=sorted(self.entries), inputs=self.inputs
        )
        if "failed" in answer:
            raise Ended(answer["failed"])
        self.ready = True
        return answer

    def said(self, entry: rego.Entry) -> tuple[list[Any], str]:
        """(what a rule says, how it failed: "" where it didn't)."""
        return self._ask(entry.path)

    def _ask(self, path: str) -> tuple[list[Any], str]:
        try:
            if not self.ready:
                self._prepare(self.modules)
            answer = self.worker.ask(self.seconds, ask="query", entry=path)
        except Ended as error:
            self.ready = False
            return [], f"did not finish: {error}"
        return answer.get("said", []), f"crashed: {answer['failed']}" if "failed" in answer else ""

    def exceptions(self, package: str) -> frozenset[str]:
        """Names of rules that the package's `exception` sets free (conftest: lists of names without deny_)."""
        path = f"{package.replace('.', '/')}/exception"
        if path not in self.entries:
            return frozenset()
        if package not in self._exceptions:
            said, _ = self._ask(path)
            names = (name for each in said for name in (each if isinstance(each, list) else [each]))
            self._exceptions[package] = frozenset(map(str, names))
        return self._exceptions[package]


def own_files(folder: Path) -> list[Path]:
    """Python and Rego files of rules; Rego's tests are left out.

    Raises:
        UsageError: nothing is there, or none of them.
    """
    if folder.is_file() and folder.suffix in (".py", ".rego"):
        return [folder]
    files = [] if not folder.is_dir() else [
        *python_files(folder), *(file for file in sorted(folder.rglob("*.rego")) if not file.stem.endswith("_test"))
    ]  # fmt: skip
    if not files:
        what = "holds no rules (*.py, *.rego)" if folder.is_dir() else "is not there"
        raise UsageError(f"The folder of rules {what}.", where=str(folder), next="opsctl policy lint --help")
    return files


def _rule(said: Mapping[str, Any]) -> Rule:
    return Rule(
        **{**said, "severity": Severity(said["severity"]), "links": tuple(said["links"]), "tags": tuple(said["tags"])}
    )


def _finding(said: Mapping[str, Any]) -> Finding:
    return Finding(
        **{**said, "severity": Severity(said["severity"]), "path": tuple(said["path"]), "place": Place(**said["place"])}
    )
