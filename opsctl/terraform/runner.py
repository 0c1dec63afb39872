"""The one place that runs Terraform.

python-terraform makes the command lines (`command_line`); this owns the process: a session of its own, its output in a
file that we follow, signals passed on once. `apply` only ever applies a saved plan.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opsctl import processes
from opsctl.aws.errors import CloudUnreachable, CredentialsExpired, CredentialsMissing
from opsctl.clock import Clock, SystemClock
from opsctl.config import cache_folder
from opsctl.errors import Interrupted, OpsctlError
from opsctl.files import DiskFull, sha256_of, write_atomically
from opsctl.terraform import adoption, configuration
from opsctl.terraform.binary import TerraformBinary
from opsctl.terraform.child import Stop, end_group, follow, requests_from_signals
from opsctl.terraform.command_line import command_line
from opsctl.terraform.events import (
    ApplyComplete,
    ChangeSummary,
    Diagnostic,
    Event,
    Listener,
    Log,
    Note,
    ResourceDrift,
    diagnostic_from,
    ignore,
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
from opsctl.terraform.interruption import interrupted, interrupting
from opsctl.terraform.lock import exclusive, user
from opsctl.terraform.logs import event_of, new_log, private_file, private_folder, rescue_state, seal
from opsctl.terraform.masking import Masker, secrets_in, secrets_in_plan, secrets_in_variables_files
from opsctl.terraform.plan import (
    NOTHING,
    Binding,
    Changes,
    Origin,
    Plan,
    binding_file,
    binding_of,
    plan_from_json,
    state_in,
)
from opsctl.terraform.provider import ProviderChoice
from opsctl.terraform.run_record import Run, forget_run, keep_run, mark_ended, read_run, write_run

OURS = re.compile(r"^TF_(CLI_ARGS|LOG|WORKSPACE|DATA_DIR|INPUT|IN_AUTOMATION)")
"""Settings of the caller that would change what a command does behind our back."""

INIT_WAIT_SECONDS = 900.0
FULL_BYTES = 1_000_000
"""Less free disk than this explains a Terraform that failed without a word."""

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
        meaning_key: what the values in a plan are hashed with (see `opsctl.terraform.meaning`).
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
        meaning_key: bytes = b"",
    ) -> None:
        self._meaning_key = meaning_key
        self.binary, self.provider = binary, provider
        self.stack, self.work = stack.resolve(), work.resolve()
        self.stop = Stop()
        self._clock, self._on_event, self._lock_wait = clock or SystemClock(), on_event, lock_wait_seconds
        self._environment = self._child_environment(environment)
        self._mask = Masker({*secrets, *secrets_in(environment, self.stack)})
        self._learnt_from: list[Path] = []

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
            left = read_run(self.work)  # by a run that died with the state's lock: whoever needs the state releases it
            with exclusive(shared, command="init", wait_seconds=INIT_WAIT_SECONDS, clock=self._clock) as turn:
                self._stream(
                    "init",
                    keeps=(turn,),
                    reconfigure=True,
                    upgrade=True if locked and locked != self.provider.version else None,
                    backend_config=[str(file) for file in files] or None,
                )
            if left:
                keep_run(self.work, left)
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
        origin: Origin = Origin(),  # noqa: B008 (it is frozen)
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
            private_folder(out.parent)
            private_file(out)
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
            self._learn([out])
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
                file_sha256=sha256_of(out),
                origin=origin,
            )
            write_atomically(binding_file(out), binding.to_json(), mode=0o600)
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
            if (run := read_run(self.work)) and run.is_alive:
                end_group(run.pid, signal.SIGINT)
            forget_run(self.work)  # a reader that was killed left nothing to settle, least of all a lock
            private_folder(out.parent)
            private_file(out)
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
            PlanStale: it is not there, was not made by `plan`, or is no longer what `plan` saved.
        """
        file = plan_file.resolve()
        return self._plan(file, binding_of(file), self._changes(file))

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
        self._learn([plan.file])
        name = "destroy" if plan.binding.destroy else "apply"
        with self._locked(name):
            ended = self._stream("apply", str(plan.file), name=name, parallelism=parallelism)
        summary = next((e for e in reversed(ended.events) if isinstance(e, ChangeSummary)), None)
        return Applied(
            added=summary.add if summary else 0,
            changed=summary.change if summary else 0,
            destroyed=summary.remove if summary else 0,
            seconds={e.address: e.elapsed_seconds for e in ended.events if isinstance(e, ApplyComplete)},
            duration_seconds=ended.duration_seconds,
            log=ended.log,
        )

    def masked(self, text: str) -> str:
        """`text` without the secrets that are known by now."""
        return self._mask(text)

    def force_unlock(self, id: str) -> None:
        """Release the state's lock `id` (of `StateLocked`). Whoever held it must be gone.

        Raises:
            TerraformFailed: there is no such lock.
        """
        with self._locked("unlock"):
            self._do("force-unlock", id, force=True)

    # How a command is run

    def _stream(
        self,
        command: str,
        *arguments: str,
        name: str = "",
        statuses: tuple[int, ...] = (0,),
        keeps: tuple[int, ...] = (),
        **options: Any,
    ) -> _Ended:
        """Run a command that changes something or takes long, and deliver its events.

        Args:
            name: what people call it, where that is not `command`.
            keeps: open files that live as long as it does.
        """
        argv = command_line(self.binary, command, *arguments, json=True, input=False, no_color=True, **options)
        name = name or command
        log = new_log(self.work, name, self._clock.now())
        delivery, begun, asked_before = _Delivery(self._on_event), self._clock.monotonic(), self.stop.count
        started_at, ended_well = self._clock.now().isoformat(), False
        learnt_from = tuple(map(str, dict.fromkeys(self._learnt_from)))
        with requests_from_signals(self.stop):
            # Noted before and after: should we be killed in between, it is found by its log.
            write_run(self.work, pid=0, command=name, log=log, started_at=started_at, learnt_from=learnt_from)
            child = processes.start(argv, env=self._environment, cwd=self.stack, output=log, descriptors=keeps)
            try:
                with contextlib.suppress(OpsctlError):  # a full disk must not cut a running Terraform loose
                    write_run(
                        self.work, pid=child.pid, command=name, log=log, started_at=started_at, learnt_from=learnt_from
                    )
                status = follow(
                    child,
                    log,
                    offset=0,
                    on_line=lambda line: delivery(event_of(line, self._mask)),
                    stop=self.stop,
                    on_stop=lambda count: delivery(interrupting(name, count)),
                    clock=self._clock,
                )
                ended_well = status >= 0 and self.stop.count - asked_before < 2
            finally:
                diagnostics = delivery.errors
                if ended_well and not _lock_is_left(diagnostics):
                    forget_run(self.work)
                elif child.poll() is not None:
                    mark_ended(self.work, self._clock.now().isoformat())
        failure = Failure(name, self.stack, log, diagnostics, delivery.tail(), status)
        unsaved = command == "apply" and rescue_state(log, self._errored_state, into=self.unsaved_state)
        seal(log, self._mask)
        if unsaved:
            raise StateNotSaved(self._failed(failure), self.unsaved_state if self.unsaved_state.is_file() else None)
        if self.stop.count > asked_before:
            raise interrupted(name, log, done=status in statuses, in_order=ended_well)
        if status not in statuses:
            raise self._failed(failure)
        if delivery.error:
            raise delivery.error
        return _Ended(status, tuple(delivery.events), log, self._clock.monotonic() - begun)

    def _do(self, command: str, *arguments: str, **options: Any) -> None:
        """Run a short command that takes the state's lock. A signal does not cut it off; it is answered afterwards."""
        argv = command_line(self.binary, command, *arguments, no_color=True, **options)
        log, said = new_log(self.work, command, self._clock.now()), list[str]()
        with requests_from_signals(self.stop):
            child = processes.start(argv, env=self._environment, cwd=self.stack, output=log)
            status = follow(
                child, log, offset=0, on_line=lambda line: said.append(self._mask(line)), stop=Stop(),
                on_stop=lambda count: None, clock=self._clock,
            )  # fmt: skip
        seal(log, self._mask)
        if status:
            raise self._failed(Failure(command, self.stack, log, (), _plain("\n".join(said)), status))

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
        self._learn(files)
        return files

    def _learn(self, files: Iterable[Path]) -> None:
        """Mask from now on what these plans and variables files call sensitive."""
        files = list(files)
        plans = [file for file in files if zipfile.is_zipfile(file)]
        self._mask.add(secrets_in_variables_files(self.stack, [file for file in files if file not in plans]))
        for plan in plans:
            self._mask.add(secrets_in_plan(plan))
        self._learnt_from += files

    @contextlib.contextmanager
    def _locked(self, command: str) -> Iterator[None]:
        with exclusive(
            self.work / "lock", command=f"terraform {command}", wait_seconds=self._lock_wait, clock=self._clock
        ):
            asked_before = self.stop.count
            if (run := read_run(self.work)) and not run.ended_at:
                self._adopt(run)
            if command != "init":  # which may be what the rest needs
                if run := read_run(self.work):
                    self._release_lock_of(run)
                    forget_run(self.work)
                if self.unsaved_state.is_file():
                    self._put_state_back()
            if self.stop.count > asked_before:
                raise Interrupted(f"Interrupted before terraform {command} began.", next="Run the same command again.")
            yield

    def _adopt(self, run: Run) -> None:
        """Take over a run whose opsctl died: follow it to its end, deliver all that it said, keep its state."""
        log, said, delivery = Path(run.log), list[str](), _Delivery(self._on_event)
        asked_before, follows = self.stop.count, run.is_alive
        with contextlib.suppress(OSError, KeyError, ValueError):  # a plan that was cleaned away, or cut off
            self._learn(map(Path, run.learnt_from))

        def on_line(line: str) -> None:
            said.append(self._mask(line))
            delivery(event_of(line, self._mask))

        if follows:
            delivery(Note(adoption.following(run)))
            if run.command == "plan":
                end_group(run.pid, signal.SIGINT)
        if not log.is_file():  # cleaned away, perhaps while it is written
            private_folder(log.parent)
            private_file(log)
        with requests_from_signals(self.stop):
            follow(
                adoption.Orphan(run),
                log,
                offset=0,
                on_line=on_line,
                stop=self.stop,
                on_stop=lambda count: delivery(interrupting(run.command, count)),
                clock=self._clock,
            )
        if run.command in ("apply", "destroy"):
            rescue_state(log, self._errored_state, into=self.unsaved_state)
        seal(log, self._mask)
        outcome = adoption.outcome_of(run.command, said)
        if run.pid:  # else it never began
            delivery(adoption.adopted(run, outcome))
        if delivery.error:
            raise delivery.error
        if outcome.result == "done" and not _lock_is_left(delivery.errors):
            forget_run(self.work)
        else:
            mark_ended(self.work, self._clock.now().isoformat())
        if asked := self.stop.count - asked_before:
            raise interrupted(run.command, log, done=outcome.result == "done", in_order=asked < 2)

    def _release_lock_of(self, run: Run) -> None:
        """Release the state's lock if it is beyond doubt that `run`, which is gone, took it: same user and host, and
        taken while it ran."""
        try:
            # Takes the lock, changes nothing, and needs no provider.
            self._do("untaint", "terraform_data.opsctl_probes_the_lock", allow_missing=True, lock_timeout="0s")
        except StateLocked as lock:
            ended = run.ended_at or self._clock.now().isoformat()
            if lock.who == f"{user()}@{socket.gethostname()}" and run.started_at[:19] <= lock.since_iso <= ended[:19]:
                self._do("force-unlock", lock.id, force=True)
                self._on_event(
                    Note(f"Released the state's lock, which terraform {run.command} (process {run.pid}) left.")
                )
        except (CloudUnreachable, CredentialsMissing, CredentialsExpired):
            raise  # the record is still needed when the backend answers again
        except OpsctlError:
            return  # the command that follows meets the same, and says so

    def _put_state_back(self) -> None:
        """Store what `rescue_state` kept. Terraform refuses it where the state has moved on since."""
        self._do("state push", str(self.unsaved_state))
        self.unsaved_state.unlink()
        self._on_event(Note("Put back the state that could not be saved last time."))

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
    def _errored_state(self) -> Path:
        """Where Terraform keeps a state that it could not store."""
        return self.stack / "errored.tfstate"

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

    def _changes(self, plan_file: Path) -> Changes:
        return plan_from_json(json.loads(self._read("show", str(plan_file), json=True)), self._meaning_key)

    def _plan(self, file: Path, binding: Binding, changes: Changes) -> Plan:
        return Plan(
            file=file,
            sha256=sha256_of(file),
            binding=binding,
            terraform_version=changes.terraform_version or self.binary.version,
            changes=changes.changes,
            drift=changes.drift,
            output_changes=changes.output_changes,
            applyable=changes.applyable,
            errored=changes.errored,
            functions=changes.functions,
            template_logic=changes.template_logic,
            outputs=changes.outputs,
        )

    def _check_belongs(self, plan: Plan) -> None:
        if (plan.binding.work, plan.binding.stack) != (self.work, self.stack):
            raise PlanStale(
                f"The plan was made for {plan.environment}, not for {self.work.name}. Nothing was applied.",
                where=str(plan.file),
                next=f"Plan {self.work.name}.",
            )
        if not plan.file.is_file() or sha256_of(plan.file) != plan.sha256:
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

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(event for event in self.events if isinstance(event, Diagnostic) and event.is_error)

    def tail(self) -> str:
        """The last plain lines, for a command that ended without a diagnostic."""
        return "\n".join([e.message for e in self.events if isinstance(e, Log)][-20:])


def _lock_is_left(diagnostics: Iterable[Diagnostic]) -> bool:
    return any("releasing the state lock" in diagnostic.summary for diagnostic in diagnostics)


def _plain(text: str) -> str:
    """Terraform's boxed error text without the box."""
    return "\n".join(line for line in (re.sub(r"^[╷│╵]\s?", "", line) for line in text.splitlines()) if line.strip())
