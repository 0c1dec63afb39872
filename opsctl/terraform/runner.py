"""The one place that runs Terraform.

python-terraform makes the command lines (`command_line`); this owns the process: a session of its own, its output in a
file that we follow, signals passed on once. `apply` only ever applies a saved plan.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from opsctl import processes
from opsctl.clock import Clock, SystemClock
from opsctl.config import cache_folder
from opsctl.errors import Interrupted, Locked, OpsctlError
from opsctl.files import DiskFull, disk_errors, write_atomically
from opsctl.terraform import configuration
from opsctl.terraform.binary import TerraformBinary
from opsctl.terraform.child import Stop, follow, requests_from_signals
from opsctl.terraform.command_line import command_line
from opsctl.terraform.events import (
    ApplyComplete,
    ChangeSummary,
    Diagnostic,
    Event,
    Interrupting,
    Listener,
    Log,
    ResourceDrift,
    diagnostic_from,
    ignore,
    parse_event,
)
from opsctl.terraform.failures import (
    NEEDS_INIT,
    ConfigurationInvalid,
    Failure,
    PlanStale,
    StateLocked,
    StateNotSaved,
    TerraformFailed,
    explain,
)
from opsctl.terraform.lock import exclusive, user
from opsctl.terraform.masking import Masker, secrets_in
from opsctl.terraform.plan import NOTHING, Binding, Changes, Plan, file_sha256, plan_from_json, state_in
from opsctl.terraform.provider import ProviderChoice
from opsctl.terraform.run_record import Run, forget_run, mark_ended, read_run, write_run

OURS = re.compile(r"^TF_(CLI_ARGS|LOG|WORKSPACE|DATA_DIR|INPUT|IN_AUTOMATION)")
"""Settings of the caller that would change what a command does behind our back."""

INIT_WAIT_SECONDS = 900.0
FULL_BYTES = 1_000_000
"""Less free disk than this explains a Terraform that failed without a word."""

EMERGENCY = "Emergency state dump"
"""Begins the line in which Terraform prints a state that it could write nowhere."""

UNSAVED_STATE = "unsaved.tfstate"
"""File in the work folder: a state that could not be stored."""


@dataclass(frozen=True)
class Applied:
    """What an apply did.

    Attributes:
        seconds: resource address → how long it took, for each resource that was finished.
    """

    added: int
    changed: int
    destroyed: int
    seconds: Mapping[str, float]
    duration_seconds: float
    log: Path


@dataclass(frozen=True)
class Resource:
    """One resource in the state. `values` is empty unless they were asked for."""

    address: str
    module: str
    type: str
    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """The state, without values. `lineage` is "" where there is none yet."""

    resources: tuple[Resource, ...]
    serial: int
    lineage: str

    @property
    def is_empty(self) -> bool:
        return not self.resources


@dataclass(frozen=True)
class _Ended:
    """A streamed command that ended well."""

    status: int
    events: tuple[Event, ...]
    log: Path
    duration_seconds: float


class Terraform:
    """Terraform for one environment.

    Args:
        stack: the root module.
        work: the environment's own folder: Terraform's data, plans, logs.
        environment: the whole environment of the child, TF_VAR_* secrets included.
        secrets: further values to mask; those of sensitive TF_VAR_* and of *_SECRET_*, *_TOKEN … are known anyway.
        on_event: hears everything that Terraform reports, masked, in order. If it fails, Terraform goes on, unheard,
            and the failure is raised at the end.
    """

    def __init__(
        self,
        *,
        binary: TerraformBinary,
        provider: ProviderChoice,
        stack: Path,
        work: Path,
        environment: Mapping[str, str],
        clock: Clock | None = None,
        on_event: Listener = ignore,
        secrets: Iterable[str] = (),
        lock_wait_seconds: float = 0,
    ) -> None:
        self.binary, self.provider = binary, provider
        self.stack, self.work = stack.resolve(), work.resolve()
        self.stop = Stop()
        self._clock, self._on_event, self._lock_wait = clock or SystemClock(), on_event, lock_wait_seconds
        self._environment = self._child_environment(environment)
        self._mask = Masker({*secrets, *secrets_in(environment, self.stack)})

    # Commands

    def init(self, *, backend_file: Path | None = None, backend_settings: Mapping[str, str] | None = None) -> bool:
        """Make the work folder ready. Returns False where nothing that matters has changed since the last time.

        Args:
            backend_file: partial backend configuration; None with no settings keeps state beside the stack.
            backend_settings: more of it (bucket, key, region …), not secret.

        Raises:
            ProviderUnavailable, ConfigurationInvalid, LockHeld, Interrupted, TerraformFailed.
            CredentialsMissing, CredentialsExpired, CloudUnreachable: the backend's state can't be reached.
        """
        settings = "".join(
            f"{name} = {json.dumps(value)}\n" for name, value in sorted((backend_settings or {}).items())
        )
        if backend_file is not None and not backend_file.is_file():
            raise ConfigurationInvalid("The backend's settings are missing.", where=str(backend_file))
        with self._locked("init"):
            fingerprint = self._init_fingerprint(backend_file, settings)
            if self._stamp.is_file() and self._stamp.read_text() == fingerprint and self._provider_is_there():
                return False
            self._stamp.unlink(missing_ok=True)
            files = [backend_file] if backend_file else []
            if settings:
                files.append(self.work / "backend.tfbackend")
                write_atomically(files[-1], settings, mode=0o600)
            locked = configuration.locked_version(self.stack)
            # The plugin cache and the lock file are shared by all environments, and Terraform doesn't lock either.
            shared = Path(self._environment.get("TF_PLUGIN_CACHE_DIR") or cache_folder()) / "terraform-init.lock"
            with exclusive(shared, command="init", wait_seconds=INIT_WAIT_SECONDS, clock=self._clock):
                self._stream(
                    "init",
                    reconfigure=True,
                    upgrade=True if locked and locked != self.provider.version else None,
                    backend_config=[str(file) for file in files] or None,
                )
            write_atomically(self._stamp, self._init_fingerprint(backend_file, settings))
            return True

    def validate(self) -> list[Diagnostic]:
        """What is wrong with the configuration, without asking the cloud. Needs `init`."""
        document = json.loads(self._read("validate", json=True, statuses=(0, 1)))
        return [diagnostic_from(diagnostic) for diagnostic in document["diagnostics"]]

    def plan(
        self,
        *,
        variables_file: Path | None = None,
        variables: Mapping[str, Any] | None = None,
        out: Path,
        destroy: bool = False,
        refresh_only: bool = False,
        parallelism: int = 30,
    ) -> Plan:
        """Plan, save it to `out` (mode 0600) with its binding beside it, and read it as data.

        Args:
            variables: not secret (secrets go as TF_VAR_* in the environment); any JSON value.

        Raises:
            ConfigurationInvalid, StateLocked, LockHeld, DiskFull, Interrupted, TerraformFailed.
            CredentialsMissing, CredentialsExpired, CloudUnreachable.
        """
        out = out.resolve()
        with self._locked("destroy" if destroy else "plan"):
            _private_folder(out.parent)
            _private_file(out)
            binding_file(out).unlink(missing_ok=True)
            files = self._variables(variables_file, variables)
            ended = self._stream(
                "plan",
                detailed_exitcode=True,
                var_file=[str(file) for file in files],
                out=str(out),
                destroy=destroy or None,
                refresh_only=refresh_only or None,
                parallelism=parallelism,
                statuses=(0, 2),
            )
            out.chmod(0o600)
            lineage, serial = state_in(out)
            binding = Binding(
                environment=self.work.name,
                stack=self.stack,
                work=self.work,
                configuration_sha256=configuration.configuration_sha256(self.stack, files),
                terraform_version=self.binary.version,
                provider_version=self.provider.version,
                state_lineage=lineage,
                state_serial=serial,
                destroy=destroy,
            )
            write_atomically(binding_file(out), json.dumps(asdict(binding), default=str, indent=2), mode=0o600)
            # Reading a plan loads every provider's schema (seconds): nothing to read where nothing changes.
            drifted = any(isinstance(event, ResourceDrift) for event in ended.events)
            changes = self._changes(out) if ended.status == 2 or drifted else NOTHING
            return replace(self._plan(out, binding, changes), duration_seconds=ended.duration_seconds)

    def refresh(
        self,
        *,
        variables_file: Path | None = None,
        variables: Mapping[str, Any] | None = None,
        out: Path,
        parallelism: int = 30,
    ) -> None:
        """Save to `out` (mode 0600) a plan that only says what was changed outside of Terraform.

        It stores no state and takes no lock on it: nobody waits for a reader, and who reads has to see for himself
        whether somebody was writing. For a work folder of its own, or `apply`'s record of its run is lost.

        Raises:
            As `plan`, without StateLocked.
        """
        out = out.resolve()
        with exclusive(self.work / "lock", command="drift", wait_seconds=self._lock_wait, clock=self._clock):
            forget_run(self.work)  # a reader that was killed left nothing to settle, least of all a lock
            _private_folder(out.parent)
            _private_file(out)
            self._stream(
                "plan",
                var_file=[str(file) for file in self._variables(variables_file, variables)],
                out=str(out),
                refresh_only=True,
                lock=False,
                parallelism=parallelism,
            )

    def show(self, plan_file: Path) -> Plan:
        """A plan that was saved earlier, as data.

        Raises:
            PlanStale: it is not there, or was not made by `plan`.
        """
        file = plan_file.resolve()
        try:
            document = json.loads(binding_file(file).read_text())
            binding = Binding(**document | {"stack": Path(document["stack"]), "work": Path(document["work"])})
            return self._plan(file, binding, self._changes(file))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PlanStale(
                f"{file.name} is not a plan that opsctl saved.", where=str(file), next="Plan again."
            ) from error

    def apply(self, plan: Plan, *, parallelism: int = 30) -> Applied:
        """Apply a saved plan, exactly as it was saved.

        Raises:
            PlanStale: the file changed, belongs to another environment, or the state moved on. Nothing was applied.
            StateLocked, LockHeld: nothing was applied.
            CredentialsMissing, CredentialsExpired, CloudUnreachable, DiskFull, TerraformFailed: what was done before is
                in the state.
            Interrupted: it stopped in order; the state is kept.
        """
        self._check_belongs(plan)
        with self._locked("destroy" if plan.binding.destroy else "apply"):
            ended = self._stream("apply", str(plan.file), parallelism=parallelism)
        summary = next((e for e in reversed(ended.events) if isinstance(e, ChangeSummary)), None)
        return Applied(
            added=summary.add if summary else 0,
            changed=summary.change if summary else 0,
            destroyed=summary.remove if summary else 0,
            seconds={e.address: e.elapsed_seconds for e in ended.events if isinstance(e, ApplyComplete)},
            duration_seconds=ended.duration_seconds,
            log=ended.log,
        )

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs by name, sensitive ones included: mind where you show them."""
        return {name: output["value"] for name, output in json.loads(self._read("output", json=True)).items()}

    def state(self, *, values: bool = False) -> State:
        """What Terraform knows. `values` keeps every attribute, secrets included."""
        text = self._read("state pull")
        document = json.loads(text) if text.strip() else {}
        return State(
            tuple(_resources(document, values)), int(document.get("serial", 0)), str(document.get("lineage", ""))
        )

    def force_unlock(self, id: str) -> None:
        """Release the state's lock `id` (of `StateLocked`). Whoever held it must be gone.

        Raises:
            TerraformFailed: there is no such lock.
        """
        with self._locked("unlock"):
            self._read("force-unlock", id, force=True)

    # How a command is run

    def _stream(self, command: str, *arguments: str, statuses: tuple[int, ...] = (0,), **options: Any) -> _Ended:
        """Run a command that changes something or takes long, and deliver its events."""
        argv = command_line(self.binary, command, *arguments, json=True, input=False, no_color=True, **options)
        log = self._new_log(command)
        delivery, begun, asked_before = _Delivery(self._on_event), self._clock.monotonic(), self.stop.count
        ended_well = False

        def on_line(line: str) -> None:
            # The line holds the whole state, secrets included.
            emergency = EMERGENCY in line[:200]
            delivery(
                Log("Terraform could not store its state.", "error") if emergency else parse_event(self._mask(line))
            )

        with requests_from_signals(self.stop):
            child = processes.start(argv, env=self._environment, cwd=self.stack, output=log)
            try:
                with contextlib.suppress(OpsctlError):  # a full disk must not cut a running Terraform loose
                    write_run(
                        self.work, pid=child.pid, command=command, log=log, started_at=self._clock.now().isoformat()
                    )
                status = follow(
                    child,
                    log,
                    offset=0,
                    on_line=on_line,
                    stop=self.stop,
                    on_stop=lambda count: delivery(_interrupting(command, count)),
                    clock=self._clock,
                )
                ended_well = status >= 0 and self.stop.count - asked_before < 2
            finally:
                diagnostics = tuple(e for e in delivery.events if isinstance(e, Diagnostic) and e.is_error)
                lock_is_left = any("releasing the state lock" in d.summary for d in diagnostics)
                if ended_well and not lock_is_left:
                    forget_run(self.work)
                elif child.poll() is not None:
                    mark_ended(self.work, self._clock.now().isoformat())
        failure = Failure(command, self.stack, log, diagnostics, delivery.tail(), status)
        unsaved = command == "apply" and self._rescue_state(log)
        self._seal(log)
        if unsaved:
            raise StateNotSaved(self._failed(failure), self.unsaved_state if self.unsaved_state.is_file() else None)
        if self.stop.count > asked_before:
            raise _interrupted(command, status, log)
        if status not in statuses:
            raise self._failed(failure)
        if delivery.error:
            raise delivery.error
        return _Ended(status, tuple(delivery.events), log, self._clock.monotonic() - begun)

    def _read(self, command: str, *arguments: str, statuses: tuple[int, ...] = (0,), **options: Any) -> str:
        """Run a short command that only reads; its output may hold secrets and is kept nowhere."""
        argv = command_line(self.binary, command, *arguments, no_color=True, **options)
        done = processes.run(argv, env=self._environment, cwd=self.stack)
        if done.status not in statuses:
            said = self._mask(f"{done.stderr}\n{done.stdout if command == 'validate' else ''}".strip())
            raise self._failed(Failure(command, self.stack, self.work / "logs", (), _plain(said), done.status))
        return done.stdout

    def _failed(self, failure: Failure) -> OpsctlError:
        if not failure.diagnostics and shutil.disk_usage(self.work).free < FULL_BYTES:
            return DiskFull(failure.log)
        if NEEDS_INIT.search(failure.text):
            self._stamp.unlink(missing_ok=True)
            return TerraformFailed(failure, next="Run the command again: opsctl sets Terraform up afresh.")
        return explain(failure)

    def _variables(self, variables_file: Path | None, variables: Mapping[str, Any] | None) -> list[Path]:
        """The variables files of a plan, absolute."""
        if variables_file is not None and not variables_file.is_file():
            raise ConfigurationInvalid(
                f"The variables file {variables_file.name} is missing.",
                where=str(variables_file),
                next="Copy that of another environment and change what differs.",
            )
        files = [variables_file.resolve()] if variables_file else []
        if variables:
            files.append(self.work / "variables.tfvars.json")
            write_atomically(files[-1], json.dumps(dict(variables), indent=2), mode=0o600)
        return files

    @contextlib.contextmanager
    def _locked(self, command: str) -> Iterator[None]:
        with exclusive(
            self.work / "lock", command=f"terraform {command}", wait_seconds=self._lock_wait, clock=self._clock
        ):
            run = read_run(self.work)
            if run and run.is_alive:
                raise Locked(
                    f"A terraform {run.command} of an opsctl that died still runs since {run.started_at[11:16]} UTC.",
                    where=f"process {run.pid}, log {run.log}",
                    next="It ends by itself: wait for it, then run the command again.",
                )
            if command != "init":  # which may be what the rest needs
                if run:
                    self._settle(run)
                if self.unsaved_state.is_file():
                    self._put_state_back()
            yield

    def _settle(self, run: Run) -> None:
        """Adopt what an earlier run left: its log, its state, and its lock on the state."""
        log = Path(run.log)
        if log.is_file():
            if run.command == "apply":
                self._rescue_state(log)
            self._seal(log)
        self._on_event(Log(f"An earlier terraform {run.command} ended without its opsctl. Its log: {run.log}"))
        self._release_lock_of(run)
        forget_run(self.work)

    def _release_lock_of(self, run: Run) -> None:
        """Release the state's lock if it is beyond doubt that `run`, which is gone, took it: same user and host, and
        taken while it ran."""
        try:
            # Takes the lock, changes nothing, and needs no provider.
            self._read("untaint", "terraform_data.opsctl_probes_the_lock", allow_missing=True, lock_timeout="0s")
        except StateLocked as lock:
            ended = run.ended_at or self._clock.now().isoformat()
            if lock.who == f"{user()}@{socket.gethostname()}" and run.started_at[:19] <= lock.since_iso <= ended[:19]:
                self._read("force-unlock", lock.id, force=True)
                self._on_event(
                    Log(f"Released the state's lock, which terraform {run.command} (process {run.pid}) left.")
                )
        except OpsctlError:
            return  # the command that follows meets the same, and says so

    def _rescue_state(self, log: Path) -> bool:
        """Keep a state that Terraform could not store: it wrote errored.tfstate, or else printed it. True if so."""
        errored, texts = self.stack / "errored.tfstate", []
        if errored.is_file():
            texts.append(errored.read_text(errors="replace"))
        texts += [line for line in log.read_text(errors="replace").splitlines() if EMERGENCY in line[:200]]
        for text in texts:
            with contextlib.suppress(ValueError, DiskFull):
                document = json.loads(text)
                write_atomically(self.unsaved_state, json.dumps(document.get("state", document)), mode=0o600)
                break
        errored.unlink(missing_ok=True)
        return bool(texts)

    def _put_state_back(self) -> None:
        """Store what `_rescue_state` kept. Terraform refuses it where the state has moved on since."""
        self._read("state push", str(self.unsaved_state))
        self.unsaved_state.unlink()
        self._on_event(Log("Put back the state that could not be saved last time."))

    # What belongs to it

    def _child_environment(self, given: Mapping[str, str]) -> dict[str, str]:
        environment = {name: value for name, value in given.items() if not OURS.match(name)}
        if self.provider.cli_config is not None:
            environment["TF_CLI_CONFIG_FILE"] = str(self.provider.cli_config)
        elif (named := environment.get("TF_CLI_CONFIG_FILE")) and not Path(named).is_file():
            del environment["TF_CLI_CONFIG_FILE"]
        return environment | {
            "TF_DATA_DIR": str(self.work / "terraform"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }

    @property
    def unsaved_state(self) -> Path:
        """A state that could not be stored; the next plan or apply puts it back. Remove it to start afresh."""
        return self.work / UNSAVED_STATE

    @property
    def _stamp(self) -> Path:
        return self.work / "terraform" / "opsctl-init"

    def _init_fingerprint(self, backend_file: Path | None, settings: str) -> str:
        return configuration.init_sha256(
            self.stack,
            str(self.stack),
            backend_file.read_text() if backend_file else "",
            settings,
            self.binary.version,
            self.provider.version,
            str(self.provider.cli_config),
        )

    def _provider_is_there(self) -> bool:
        """Data folders link to the provider's own place, which may have been cleaned away."""
        folder = self.work / "terraform" / "providers"
        return not folder.exists() or all(path.exists() for path in folder.glob("*/*/*/*/*"))

    def _new_log(self, command: str) -> Path:
        stamp = self._clock.now().strftime("%Y%m%dT%H%M%S.%f")
        log = self.work / "logs" / f"{stamp}-{command.replace(' ', '-')}.log"
        _private_folder(log.parent)
        _private_file(log)
        return log

    def _seal(self, log: Path) -> None:
        """Mask secrets in a log that nobody writes to any more."""
        text = log.read_text(errors="replace")
        masked = re.sub(rf"^.*{EMERGENCY}.*$", f"{EMERGENCY} (kept apart)", self._mask(text), flags=re.MULTILINE)
        if masked != text:
            write_atomically(log, masked, mode=0o600)

    def _changes(self, plan_file: Path) -> Changes:
        return plan_from_json(json.loads(self._read("show", str(plan_file), json=True)))

    def _plan(self, file: Path, binding: Binding, changes: Changes) -> Plan:
        return Plan(
            file=file,
            sha256=file_sha256(file),
            binding=binding,
            terraform_version=changes.terraform_version or self.binary.version,
            changes=changes.changes,
            drift=changes.drift,
            output_changes=changes.output_changes,
            applyable=changes.applyable,
            errored=changes.errored,
            functions=changes.functions,
        )

    def _check_belongs(self, plan: Plan) -> None:
        if (plan.binding.work, plan.binding.stack) != (self.work, self.stack):
            raise PlanStale(
                f"The plan was made for {plan.environment}, not for {self.work.name}. Nothing was applied.",
                where=str(plan.file),
                next=f"Plan {self.work.name}.",
            )
        if not plan.file.is_file() or file_sha256(plan.file) != plan.sha256:
            raise PlanStale(
                "The plan's file is not the one that was shown. Nothing was applied.",
                where=str(plan.file),
                next="Plan again.",
            )


class _Delivery:
    """Hands events to the listener and keeps those that matter later. A listener that fails hears no more."""

    def __init__(self, listener: Listener) -> None:
        self.events: list[Event] = []
        self.error: Exception | None = None
        self._listener = listener

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if self.error is None:
            try:
                self._listener(event)
            except Exception as error:  # the screen is gone; Terraform is not
                self.error = error

    def tail(self) -> str:
        """The last plain lines, for a command that ended without a diagnostic."""
        return "\n".join([e.message for e in self.events if isinstance(e, Log)][-20:])


def binding_file(plan_file: Path) -> Path:
    """Where the binding of a saved plan lies."""
    return plan_file.with_name(f"{plan_file.name}.json")


def _interrupting(command: str, count: int) -> Interrupting:
    if count == 1:
        ends = "finishes the resources it is working on" if command == "apply" else "stops"
        loss = "what is half made is then missing from the state, and " if command == "apply" else ""
        return Interrupting(
            f"Stopping: Terraform {ends}. Once more ends it at once: {loss}the state's lock stays behind.", count=1
        )
    return Interrupting("Ending Terraform at once. The state's lock may stay behind: opsctl unlock ENV.", count=count)


def _interrupted(command: str, status: int, log: Path) -> Interrupted:
    if status == 0:
        what = f"Interrupted: terraform {command} was done before it could stop."
    elif status > 0:
        what = f"Interrupted: terraform {command} stopped in order; the state is kept."
    else:
        what = f"Interrupted: terraform {command} was ended at once. The state may lack what was half made."
    return Interrupted(what, where=str(log), next="Run the same command again: it goes on from there.")


def _resources(document: Mapping[str, Any], values: bool) -> Iterator[Resource]:
    """Of state format 4 (`terraform state pull`). Data sources are left out."""
    for resource in document.get("resources", ()):
        if resource["mode"] != "managed":
            continue
        module = resource.get("module", "")
        for instance in resource["instances"]:
            key = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
            attributes = instance.get("attributes") or {}
            address = f"{module}.{resource['type']}.{resource['name']}{key}".lstrip(".")
            yield Resource(
                address,
                ".".join(part for part in module.split(".") if part != "module"),
                resource["type"],
                str(attributes.get("id", "")),
                attributes if values else {},
            )


def _plain(text: str) -> str:
    """Terraform's boxed error text without the box."""
    return "\n".join(line for line in (re.sub(r"^[╷│╵]\s?", "", line) for line in text.splitlines()) if line.strip())


def _private_folder(folder: Path) -> None:
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _private_file(file: Path) -> None:
    with disk_errors(file):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        file.chmod(0o600)
