"""Deploy the private service: an artifact into its bucket, a launch template version, an instance refresh, its proof.

artifact → template version → refresh (checkpoints, bake) → parameter and default version   …   or all of it back

Schema first: the service migrates at its start, under Flyway's lock, before it says that it is ready. So the first
instance of a new version brings the schema up to date before it gets a request, and when that fails it never becomes
healthy and the refresh goes back. The older version lives on the newer schema meanwhile, and after a way back: that is
checked before anything begins (`opsctl.deploy.migrations`).

Every stage looks at what is there and does the rest: a process that begins anew adopts what a dead one left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from opsctl.aws.errors import AccessDenied, AwsError, CredentialsExpired, CredentialsMissing, NotFound
from opsctl.builds.service_jar import build_service_jar
from opsctl.config import cache_folder
from opsctl.deploy.artifacts import Artifact, ArtifactGone, Artifacts
from opsctl.deploy.deploying import (
    DONE,
    Approver,
    AtWork,
    Deployed,
    ReturnNeeded,
    begin,
    outputs_of,
    require_agreed,
)
from opsctl.deploy.events import Watched
from opsctl.deploy.launch_template import LaunchTemplate
from opsctl.deploy.migrations import conflicts, objections, read_migrations
from opsctl.deploy.refresh import FORWARD, UNDOING, Instance, Look, Progress, Stage, stages
from opsctl.deploy.refresh_preferences import START_SECONDS, WAY_BACK, RefreshPreferences, unsafe
from opsctl.environments.guards.checking import OverrideRefused
from opsctl.environments.in_flight import Move, short
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.ports import Ports
from opsctl.environments.settling import target_states
from opsctl.errors import OpsctlError, Refused, UsageError
from opsctl.files import sha256_of

SERVICE = "service"
GUARDS = ("alarms", "auto-rollback", "bake", "migrations")
"""What an --override may name for a deploy of the service, beside the environment's own guards."""
BACK_PATIENCE = 6
"""Times the patience of the way forward that the way back has: nothing better is left to be done."""
RESOLVED_AT_LAUNCH = "resolve:ssm:"
INDENT = "\n         "

LASTING = (AccessDenied, CredentialsExpired, CredentialsMissing)
"""What another look can't mend."""

Objections = list[tuple[str, str, str]]
Answer = TypeVar("Answer")


class DeployRefused(Refused):
    """The deploy would be unsafe. `objections` are (guard, what, how to comply)."""

    def __init__(self, environment: str, found: Objections) -> None:
        self.objections = tuple(found)
        names = dict.fromkeys(guard for guard, _, _ in found)
        overrides = " ".join(f'--override {name}="…"' for name in names)
        super().__init__(
            f"{environment} refuses this deploy of its service ({', '.join(names)}); nothing was changed.",
            where=INDENT.join(what for _, what, _ in found),
            next=INDENT.join(
                [*dict.fromkeys(f"{comply}." for _, _, comply in found), f"Or, recorded with your reason: {overrides}"]
            ),
        )


class SchemaConflict(Refused):
    """Flyway would refuse the schema, so that no instance of the version could ever become healthy."""


class OtherRefresh(Refused):
    """Somebody else replaces the instances right now."""

    def __init__(self, group: str, refresh: Mapping[str, Any]) -> None:
        super().__init__(
            f"An instance refresh is under way that is not ours ({refresh['Status']}).",
            where=f"{group}, refresh {refresh['InstanceRefreshId']}, {refresh.get('PercentageComplete', 0)} % done",
            next="Wait until it is over, or cancel it: aws autoscaling cancel-instance-refresh.",
        )


def deploy_service(
    ports: Ports, *, artifact: Path | None = None, preferences: RefreshPreferences | None = None,
    approve: Approver = lambda _: True, intent: Intent = UNSAID,
) -> Deployed:  # fmt: skip
    """Replace the service's instances by ones that run the artifact, or take it all back.

    Args:
        artifact: a jar; None builds the service's sources.
        preferences: None: AWS's, made safe (`RefreshPreferences`).
        intent: its overrides may name `GUARDS`, too.

    Returns:
        What was done; `before` equals `after` when the artifact runs already.

    Raises:
        UsageError, NotTheService, BadPreferences, ServiceBuildFailed: nothing was changed.
        DeployRefused, SchemaConflict, OtherRefresh, NotAgreed, GuardRefused: likewise.
        DeployReturned: it was taken back; the older version runs.
        HalfDone: and that failed; `opsctl deploy resume` goes on.
    """
    preferences = preferences or RefreshPreferences()
    preferences.check()
    outputs = outputs_of(ports)
    mover = ServiceMover()
    before = mover.current(ports, outputs, SERVICE)
    jar = artifact or _build(ports)
    if not jar.is_file():
        raise UsageError("There is no such artifact.", where=str(jar))
    move = Move(SERVICE, SERVICE, before, sha256_of(jar))
    if move.after == before:
        return Deployed(ports.environment.name, "deploy", SERVICE, preferences.strategy, DONE, (move,), (), 0.0,
                        f"the service runs {short(before)} already")  # fmt: skip
    alarms, found = _judge_beforehand(ports, outputs, move, jar, preferences)
    _refuse(ports, found, intent)
    _require_no_other_refresh(ports, outputs)
    require_agreed(approve, (move,))
    return begin(
        ports, mover, (move,), strategy=preferences.strategy, intent=_without_ours(intent),
        settings={"artifact": str(jar), "preferences": asdict(preferences), "alarms": alarms,
                  "overrides": {name: why for name, why in intent.overrides.items() if name in GUARDS}},
    )  # fmt: skip


def earlier_artifacts(ports: Ports) -> list[Artifact]:
    """What the service could run again, the newest first.

    Raises:
        NotUp, UsageError: there is no service.
    """
    return Artifacts(ports.aws, _service(outputs_of(ports))["artifact_bucket"]).all()


def _build(ports: Ports) -> Path:
    source = ports.environment.stack.parent / "modules" / "service" / "app"
    with ports.stage(SERVICE) as result:
        jar = build_service_jar(
            source, into=ports.environment.work / "artifact", cache=cache_folder(), on_event=ports.on_event
        )
        result("ready" if jar.cached else "built")
    return jar.path


def _service(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stack's output of that name.

    Raises:
        UsageError: this stack has no service.
    """
    service: Mapping[str, Any] = outputs.get(SERVICE) or {}
    if "launch_template_id" not in service:
        raise UsageError("This environment has no service to deploy.", where="the stack's outputs: service")
    return service


# --- Before anything is changed.


def _judge_beforehand(
    ports: Ports, outputs: Mapping[str, Any], move: Move, jar: Path, preferences: RefreshPreferences
) -> tuple[list[str], Objections]:
    """The alarms to watch, and what speaks against this deploy."""
    found: Objections = list(unsafe(preferences))
    alarms: list[str] = []
    if preferences.watch_alarms:
        states = _alarm_states(ports, outputs, preferences.alarms)
        alarms = sorted(states)
        replace(preferences, alarms=tuple(alarms)).check()
        found += _about_alarms(states)
    service = _service(outputs)
    image = LaunchTemplate(ports.aws, service["launch_template_id"]).default().image_id
    if preferences.auto_rollback and image.startswith(RESOLVED_AT_LAUNCH):
        what = "AWS rolls no refresh back whose image is found in a parameter at each launch"
        found.append(("auto-rollback", what, "Take the environment up: its launch template names an image now"))
    wanted = read_migrations(jar, str(jar))
    found += _about_migrations(Artifacts(ports.aws, service["artifact_bucket"]), move, wanted)
    return alarms, found


def _about_alarms(states: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    if not states:
        yield "alarms", "No alarm watches the service", "Name one: --alarm NAME"
    for name in (name for name, state in states.items() if state == "ALARM"):
        yield "alarms", f"{name} is in ALARM already, so AWS would fail the refresh at once", "Find out why it rings"


def _about_migrations(artifacts: Artifacts, move: Move, wanted: Any) -> Iterator[tuple[str, str, str]]:
    """Raises:
    SchemaConflict: no override helps.
    """
    comply = "Expand now and contract in a later deploy: docs/deploys.md"
    try:
        running = artifacts.migrations(move.before)
    except NotFound:
        yield "migrations", f"The running artifact {short(move.before)} is not in the bucket to compare with", comply
        return
    if clashes := conflicts(running, wanted):
        raise SchemaConflict(
            f"Flyway would refuse the schema, so {short(move.after)} could never become healthy.",
            where=INDENT.join(clashes), next="Leave what has been applied as it is, and add a migration.",
        )  # fmt: skip
    for objection in objections(running, wanted):
        yield "migrations", str(objection), comply


def _refuse(ports: Ports, found: Objections, intent: Intent) -> None:
    """Raises:
    DeployRefused: what nobody overrode. OverrideRefused: an override that nothing asked for.
    """
    objecting = {guard for guard, _, _ in found}
    if idle := next((name for name in GUARDS if name in intent.overrides and name not in objecting), None):
        raise OverrideRefused(
            f"--override {idle} is not needed: nothing objects.", next="Leave it out: it is recorded as used."
        )
    if left := [one for one in found if one[0] not in intent.overrides]:
        raise DeployRefused(ports.environment.name, left)


def _without_ours(intent: Intent) -> Intent:
    return replace(intent, overrides={name: why for name, why in intent.overrides.items() if name not in GUARDS})


def _alarm_states(ports: Ports, outputs: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """The named alarms, or all that watch the service's target group or group, with their states.

    A target tracking policy's own alarms ring whenever the group is to grow or shrink: they say nothing of a version.

    Raises:
        UsageError: there is no alarm of a given name.
    """
    which: dict[str, Any] = {"AlarmNames": list(names)} if names else {}
    service = _service(outputs)
    watched = {
        ("TargetGroup", service["target_group_arn_suffix"]),
        ("AutoScalingGroupName", service["autoscaling_group"]),
    }
    listed = list(ports.aws.pages("cloudwatch", "describe_alarms", "MetricAlarms[]", **which))
    if names:
        listed += ports.aws.pages(
            "cloudwatch", "describe_alarms", "CompositeAlarms[]", AlarmTypes=["CompositeAlarm"], **which
        )
        if missing := sorted(set(names) - {alarm["AlarmName"] for alarm in listed}):
            raise UsageError(f"There is no alarm {missing[0]}.", where=ports.environment.name)
    return {
        alarm["AlarmName"]: alarm["StateValue"]
        for alarm in listed
        if names
        or (
            watched & {(one["Name"], one["Value"]) for one in alarm.get("Dimensions", ())}
            and not alarm["AlarmName"].startswith("TargetTracking-")
        )
    }


def _refreshes(ports: Ports, group: str) -> list[dict[str, Any]]:
    """The group's instance refreshes, the newest first."""
    answer = ports.aws.call("autoscaling", "describe_instance_refreshes", AutoScalingGroupName=group, MaxRecords=20)
    found: list[dict[str, Any]] = answer["InstanceRefreshes"]
    return found


def _desired_version(refresh: Mapping[str, Any]) -> str:
    return str(refresh.get("DesiredConfiguration", {}).get("LaunchTemplate", {}).get("Version", ""))


def _require_no_other_refresh(ports: Ports, outputs: Mapping[str, Any]) -> None:
    group = _service(outputs)["autoscaling_group"]
    for refresh in _refreshes(ports, group):
        if refresh["Status"] in FORWARD | UNDOING:
            raise OtherRefresh(group, refresh)


class ServiceMover:
    """Moves the service: `opsctl.deploy.deploying.Mover`."""

    def current(self, ports: Ports, outputs: Mapping[str, Any], name: str) -> str:
        """SHA-256 of the artifact that new instances run.

        Raises:
            UsageError: this stack has no service, or `name` is none.
        """
        service = _service(outputs)
        if name != SERVICE:
            raise UsageError(f"The service is called {SERVICE}, not {name}.")
        return LaunchTemplate(ports.aws, service["launch_template_id"]).default().artifact

    def require_version(
        self, ports: Ports, outputs: Mapping[str, Any], name: str, version: str, intent: Intent
    ) -> None:
        """Whether the service can run an earlier artifact again: it lies in the bucket and gets on with the schema.

        Raises:
            UsageError: there is no such artifact. DeployRefused, SchemaConflict: it would not work.
        """
        artifacts = Artifacts(ports.aws, _service(outputs)["artifact_bucket"])
        known = [artifact.sha256 for artifact in artifacts.all()]
        if version not in known:
            raise UsageError(
                f"There is no artifact {short(version)} of the service.", where="an artifact is its whole SHA-256",
                next=f"There are: {', '.join(known)}.",
            )  # fmt: skip
        move = Move(SERVICE, SERVICE, self.current(ports, outputs, name), version)
        if move.before != version:
            _refuse(ports, list(_about_migrations(artifacts, move, artifacts.migrations(version))), intent)

    def forward(self, at_work: AtWork) -> None:
        run = _Run(at_work)
        run.put_artifact()
        run.make_template_version()
        run.start_refresh()
        run.watch()
        run.promote()

    def back(self, at_work: AtWork) -> None:
        run = _Run(at_work)
        if run.begun:
            run.undo_refresh()
            run.undo_promotion()


class _Run:
    """One deploy at work, with its service at hand."""

    def __init__(self, at_work: AtWork) -> None:
        self.at_work, self.ports, self.aws = at_work, at_work.ports, at_work.ports.aws
        self.service = _service(at_work.outputs)
        self.group = self.service["autoscaling_group"]
        self.template = LaunchTemplate(self.aws, self.service["launch_template_id"])
        self.artifacts = Artifacts(self.aws, self.service["artifact_bucket"])
        given = at_work.deploy.settings.get("preferences")
        self.preferences = RefreshPreferences.of(given) if given else WAY_BACK
        self.alarms = tuple(at_work.deploy.settings.get("alarms", ()))
        self._warmup_seconds = self.preferences.warmup_seconds
        within = self.preferences.healthy_within_seconds
        self._start_patience = START_SECONDS[self.ports.environment.is_local] if within is None else within

    @property
    def warmup_seconds(self) -> float:
        """What a new instance waits until it counts, as AWS has it."""
        if self._warmup_seconds is None:
            group = self._surely(self._group, patience=self._start_patience)
            self._warmup_seconds = group.get("DefaultInstanceWarmup", group.get("HealthCheckGracePeriod", 0))
        return self._warmup_seconds

    @property
    def patience(self) -> float:
        """Seconds without a move that are too many."""
        return self._start_patience + self.warmup_seconds / self.at_work.time_scale

    @property
    def move(self) -> Move:
        return self.at_work.deploy.move

    @property
    def begun(self) -> bool:
        """Whether a launch template version may have been made."""
        return "source_version" in self.at_work.deploy.settings

    @property
    def source(self) -> int:
        """Version of the launch template that was the default one."""
        return int(self.at_work.deploy.settings["source_version"])

    @property
    def made(self) -> int | None:
        """Version of the launch template that was made."""
        number = self.at_work.deploy.settings.get("template_version")
        return None if number is None else int(number)

    # --- Forward.

    def put_artifact(self) -> None:
        """Have the artifact in its bucket."""
        if self.artifacts.has(self.move.after):
            return
        file = self.at_work.deploy.settings.get("artifact")
        if not file:
            raise ArtifactGone(f"The artifact {short(self.move.after)} is not in the bucket.")
        self.at_work.step("artifact")
        self.artifacts.put(self.move.after, Path(file))

    def make_template_version(self) -> None:
        """Have a version of the launch template that runs the artifact, and is the default one in all else."""
        if self.made is not None:
            return
        source = self.template.default()
        self.at_work.step("launch template", source_version=source.number)
        twin = self.template.twin(source, self.move.after)
        number = twin.number if twin else self.template.create(source, self.move.after, token=self.at_work.deploy.id)
        self.at_work.step(
            "instance refresh", weights={self.move.before: 100.0, self.move.after: 0.0}, template_version=number
        )

    def start_refresh(self) -> None:
        """Have an instance refresh to that version: one that is there already is ours."""
        made = self._made()
        if not self._refresh_to(made):
            self._start(made, self.preferences, self.alarms)

    def _start(self, number: int, preferences: RefreshPreferences, alarms: tuple[str, ...]) -> str:
        """Start a refresh to a template version; its id."""
        scale = self.at_work.time_scale
        warmup = self.warmup_seconds if scale != 1 else preferences.warmup_seconds
        template = {"LaunchTemplateId": self.template.id, "Version": str(number)}
        try:
            answer = self.aws.call(
                "autoscaling", "start_instance_refresh", AutoScalingGroupName=self.group, Strategy="Rolling",
                DesiredConfiguration={"LaunchTemplate": template},
                Preferences=preferences.to_api(alarms=alarms, warmup_seconds=warmup, scale=scale),
            )  # fmt: skip
            return str(answer["InstanceRefreshId"])
        except AwsError as error:
            # A try whose answer was lost may have started it.
            active = next((one for one in self._refreshes() if one["Status"] in FORWARD | UNDOING), None)
            if active is None:
                raise
            if _desired_version(active) != str(number):
                raise OtherRefresh(self.group, active) from error
            return str(active["InstanceRefreshId"])

    def watch(self) -> None:
        """Judge each stage when its time is over; what was judged before is not judged again."""
        preferences, scale = self.preferences, self.at_work.time_scale
        all_stages = stages(
            preferences.stages, preferences.checkpoint_seconds / scale, preferences.bake_seconds / scale
        )
        judged = sum(decision.verdict in ("advance", "promote") for decision in self.at_work.deploy.decisions)
        for number, stage in enumerate(all_stages[judged:], judged):
            is_last = number == len(all_stages) - 1
            self.at_work.step(stage.name, weights=self._shares(), seconds=stage.seconds)
            self._watch_stage(stage, "promote" if is_last else "advance")

    def _watch_stage(self, stage: Stage, verdict: str) -> None:
        made, clock = self._made(), self.ports.clock
        progress = Progress(stage, made, clock.monotonic())
        while True:
            look, note = self._try_to_look(made)
            now = clock.monotonic()
            judgement = progress.judge(look, note, now=now, patience=self.patience)
            if judgement.verdict == "return":
                self._return(judgement.why, progress.last)
            held = progress.held(now)
            if progress.last is not None:
                self._tell(stage.name, progress.last, max(0.0, stage.seconds - held), judgement.why, note)
            if look is not None and judgement.verdict == "advance":
                self.at_work.decide(verdict, judgement.why, self._evidence(look) | {"held_seconds": round(held, 1)})
                return
            self.at_work.pause()

    def promote(self) -> None:
        """Say in both places that this is what runs: new instances take it up, and Terraform finds it."""
        self.at_work.step("promote", weights={self.move.before: 0.0, self.move.after: 100.0})
        self._say(self._made(), self.move.after)

    def _say(self, number: int, artifact: str) -> None:
        self.template.make_default(number)
        self.aws.call(
            "ssm", "put_parameter", Name=self.service["artifact_parameter"], Value=artifact, Type="String",
            Overwrite=True,
        )  # fmt: skip

    # --- Back.

    def undo_refresh(self) -> None:
        """Have every instance run the older version again."""
        made = self._find_made()
        if made is None:
            return
        while (refresh := self._active_to(made)) is not None:
            if refresh["Status"] in FORWARD:
                self.at_work.step("roll back", weights=self._shares())
                self._surely(self._ask_for_roll_back)
            self._wait_for_end(refresh["InstanceRefreshId"], made)
        if not self._is_all_old(made):
            self.at_work.step("instance refresh back", weights=self._shares())
            active = self._active_to(self.source)
            if active is None:
                begun = self._surely(lambda: self._start(self.source, WAY_BACK, ()))
            self._wait_for_end(active["InstanceRefreshId"] if active else begun, made)
        if not self._is_all_old(made):
            raise OpsctlError("Instances of the new version are left.", where=self.group,
                              next="Its scaling activities say why.")  # fmt: skip

    def _ask_for_roll_back(self) -> None:
        """Ask AWS to roll back, or where it can't to stop: then a refresh of our own goes back."""
        for operation in ("rollback_instance_refresh", "cancel_instance_refresh"):
            try:
                self.aws.call("autoscaling", operation, AutoScalingGroupName=self.group)
                return
            except AwsError as error:
                if not _is_about_state(error):
                    raise

    def _wait_for_end(self, refresh_id: str, made: int) -> None:
        """Until a refresh is over, whichever way."""
        clock, step = self.ports.clock, self.at_work.deploy.step
        progress = Progress(Stage(step, 0, 0.0, 0, frozenset()), made, clock.monotonic())
        while True:
            look, note = self._try_to_look(made, refresh_id)
            now = clock.monotonic()
            if look is not None:
                progress.take(look, now)
                self._tell(step, look, 0.0, look.reason, note)
                if look.status and look.status not in FORWARD | UNDOING:
                    return
            if progress.stalled(now) > BACK_PATIENCE * self.patience:
                raise OpsctlError(
                    f"The way back has not moved for {progress.stalled(now):.0f} s.", where=self.group,
                    next="The group's scaling activities say why.",
                )  # fmt: skip
            self.at_work.pause()

    def undo_promotion(self) -> None:
        """Have both places name the older artifact, and delete the version that was made."""
        made = self._find_made()
        self.at_work.step("tidy", weights={self.move.before: 100.0})
        self._surely(lambda: self._say(self.source, self.move.before))
        if made is not None:
            self._surely(lambda: self.template.delete(made))

    def _find_made(self) -> int | None:
        """The version that was made; also by a process that died before it could write its number down."""
        if self.made is not None:
            return self.made
        source = self.template.version(self.source)
        twin = self.template.twin(source, self.move.after) if source else None
        return twin.number if twin else None

    def _is_all_old(self, made: int) -> bool:
        look = self._surely(lambda: self._look(made))
        return look.group_template != made and not any(one.template == made for one in look.instances)

    # --- Looking.

    def _made(self) -> int:
        assert self.made is not None
        return self.made

    def _refreshes(self) -> list[dict[str, Any]]:
        return _refreshes(self.ports, self.group)

    def _refresh_to(self, number: int) -> dict[str, Any] | None:
        """The newest refresh to a template version."""
        refreshes = self._surely(self._refreshes)
        return next((one for one in refreshes if _desired_version(one) == str(number)), None)

    def _active_to(self, number: int) -> dict[str, Any] | None:
        """That refresh, if it is under way."""
        found = self._refresh_to(number)
        return found if found and found["Status"] in FORWARD | UNDOING else None

    def _group(self) -> dict[str, Any]:
        answer = self.aws.call("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[self.group])
        found: dict[str, Any] = answer["AutoScalingGroups"][0]
        return found

    def _look(self, made: int, refresh_id: str = "") -> Look:
        """All that can be seen; of that refresh, or of the newest to version `made`."""
        wanted = (one for one in self._refreshes() if not refresh_id or one["InstanceRefreshId"] == refresh_id)
        refresh = next((one for one in wanted if refresh_id or _desired_version(one) == str(made)), {})
        group = self._group()
        targets = target_states(self.aws, self.service["target_group_arn"])
        alarms = {} if refresh_id else self._alarm_states()
        instances = tuple(
            Instance(
                one["InstanceId"], int(one.get("LaunchTemplate", {}).get("Version") or 0), one["LifecycleState"],
                targets.get(one["InstanceId"], ""),
            )
            for one in group["Instances"]
        )  # fmt: skip
        version = str(group.get("LaunchTemplate", {}).get("Version", ""))
        return Look(
            refresh.get("Status", ""), refresh.get("StatusReason", ""), int(refresh.get("PercentageComplete", 0)),
            group["DesiredCapacity"], int(version) if version.isdigit() else 0, instances, alarms,
        )  # fmt: skip

    def _alarm_states(self) -> dict[str, str]:
        return _alarm_states(self.ports, self.at_work.outputs, self.alarms) if self.alarms else {}

    def _try_to_look(self, made: int, refresh_id: str = "") -> tuple[Look | None, str]:
        """A look, or why there is none: describing may be throttled or fail, and the refresh goes on (as
        aws-sam-cli#2671 shows, giving up for it is the wrong end). What another look can't mend is raised.
        """
        try:
            return self._look(made, refresh_id), ""
        except LASTING:
            raise
        except AwsError as error:
            return None, error.what

    def _surely(self, read: Callable[[], Answer], *, patience: float | None = None) -> Answer:
        """What `read` gives, as often as it takes within the patience."""
        begun, patience = self.ports.clock.monotonic(), self.patience if patience is None else patience
        while True:
            try:
                return read()
            except LASTING:
                raise
            except AwsError:
                if self.ports.clock.monotonic() - begun > patience:
                    raise
                self.at_work.pause()

    def _shares(self) -> dict[str, float]:
        made = self._find_made()
        look, _ = self._try_to_look(made) if made is not None else (None, "")
        return look.shares(made, self.move.before, self.move.after) if look and made is not None else {}

    def _tell(self, step: str, look: Look, seconds_left: float, waits_for: str, note: str) -> None:
        made = self._find_made() if self.made is None else self.made
        names = (made or 0, self.move.before, self.move.after)
        self.at_work.tell(
            Watched(
                self.move, step, look.shares(*names), look.versions(*names), look.alarms, seconds_left,
                waits_for, note,
            )
        )  # fmt: skip

    def _evidence(self, look: Look) -> dict[str, Any]:
        return look.evidence(self._made(), self.move.before, self.move.after)

    def _return(self, why: str, look: Look | None) -> None:
        self.at_work.decide("return", why, self._evidence(look) if look else {})
        raise ReturnNeeded(why)


def _is_about_state(error: AwsError) -> bool:
    """Whether a call came too late, or for what AWS can't take back."""
    return error.code.removesuffix("Fault") in (
        "ActiveInstanceRefreshNotFound", "IrreversibleInstanceRefresh", "ValidationError",
    )  # fmt: skip
