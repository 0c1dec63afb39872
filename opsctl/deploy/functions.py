"""Move functions to new code: build → publish → pre-traffic → shift `live` step by step, watched → promote, or back.

Terraform owns a function's settings and its alias, the deploy its code and where the alias points to
(terraform/modules/function ignores both), so `opsctl plan` shows no change afterwards. `$LATEST` always holds the code
that `live` runs once a deploy is over: Terraform publishes changed settings with whatever code is there.
No version is ever deleted: each can be gone back to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from opsctl.aws.errors import AccessDenied, AwsError, Conflict, CredentialsExpired, CredentialsMissing, NotFound
from opsctl.builds.function_rules import built_bundles, judge, refuse
from opsctl.builds.packages import FunctionSource, Package, build_packages, find_functions
from opsctl.config import cache_folder
from opsctl.deploy.deploying import (
    DEPLOY,
    DONE,
    ROLLBACK,
    Approver,
    AtWork,
    Deployed,
    ReturnNeeded,
    begin,
    outputs_of,
    require_agreed,
)
from opsctl.deploy.exercise import Exercise, Runner, require_checks, run_smoke_checks
from opsctl.deploy.function_health import alarm_states, alarms_of, alone, samples
from opsctl.deploy.function_versions import (
    LIVE,
    AliasMoved,
    Function,
    UnknownFunction,
    UnknownVersion,
    Version,
    function_of,
)
from opsctl.deploy.function_watch import ALARM, PRE_TRAFFIC, Watching, watch, with_own_limit
from opsctl.deploy.judgement import LIMITS, OF_TIMEOUT, Limits, Sample
from opsctl.deploy.strategy import BAKE_SECONDS, Step, parse_strategy
from opsctl.deploy.traffic_checks import DeployRules, Probe, in_order, read_rules
from opsctl.environments.events import Notice
from opsctl.environments.in_flight import Move
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.planning import function_architecture, function_runtime
from opsctl.environments.ports import Ports
from opsctl.errors import Refused, UsageError, did_you_mean

KIND = "function"
PUBLISH = "publish"
BASELINE_SECONDS = 3600.0
BASELINE_LOOKS = 3
STAYS = (AccessDenied, Conflict, CredentialsExpired, CredentialsMissing, NotFound)
STAYING_CODES = ("Invalid", "Validation", "CodeStorageExceeded", "ParamValidation")
"""Refusals that no waiting mends."""
PROBES_IN_A_ROUND, PROBES_AT_ONCE = 20, 4


class AlarmBefore(Refused):
    """An alarm that would watch the deploy fires already: it could not tell a bad version."""

    def __init__(self, alarms: Sequence[str]) -> None:
        super().__init__(
            f"In ALARM before anything was changed: {', '.join(alarms)}.",
            next="See to it first, or leave it out of this deploy: "
            + " ".join(f"--ignore-alarm {name}" for name in alarms),
        )


class UnknownAlarm(UsageError):
    """There is no alarm of that name."""


@dataclass(frozen=True)
class _Built:
    """A function, and what it is to run."""

    function: Function
    rules: DeployRules
    package: Package
    live: Version
    latest: Version

    @property
    def runs_already(self) -> bool:
        """Code and settings: Terraform publishes changed settings, and leaves it to the next deploy to bring them."""
        return self.package.sha256 == self.live.code and self.latest.settings == self.live.settings


def deploy_functions(
    ports: Ports, names: Sequence[str], *, strategy: str = "canary:10%:5m", bake_seconds: float = BAKE_SECONDS,
    limits: Limits = LIMITS, alarms: Sequence[str] = (), ignore_alarms: Sequence[str] = (),
    checks: Sequence[str] = (), exercise: Sequence[str] = (), approve: Approver = lambda _: True,
    intent: Intent = UNSAID,
) -> Deployed:  # fmt: skip
    """Build functions and move `live` of each to the new code, or all of them back.

    Args:
        names: short names; moved in the order of their deploy.toml's `after`, then as given.
        strategy: as `strategy.parse_strategy`; bake_seconds: how long the last step is watched.
        alarms: watched beside those that have a metric of one of the functions.
        ignore_alarms: not watched, whatever they say.
        checks: smoke checks that must pass, beside those of deploy.toml; again and again while a step is watched.
        exercise: smoke checks that are repeated just for their traffic; "pre-traffic": the questions of deploy.toml,
            asked through `live`.

    Returns:
        With no moves, and `why`, where `live` runs all of it already: then nothing was changed or recorded.

    Raises:
        UnknownFunction, UnknownAlarm, UnknownCheck, BadStrategy, BadDeployRules, FunctionsRefused, AlarmBefore, NotUp,
        BadFunction, DependenciesFailed, NotAgreed: nothing was changed.
        Otherwise as `deploying.begin`.
    """
    steps = parse_strategy(strategy, bake_seconds=bake_seconds)
    outputs_of(ports)
    sources = _sources(ports, names)
    rules = {name: read_rules(source.folder) for name, source in sources.items()}
    ordered = in_order(names, {name: found.after for name, found in rules.items()})
    _require_questions(rules, exercise)
    named = [name for name in exercise if name != PRE_TRAFFIC]
    require_checks(ports, [*checks, *named, *(check for found in rules.values() for check in found.checks)])
    built = [item for item in _build(ports, ordered, sources, rules) if not item.runs_already]
    for name in ordered:
        if name not in [item.function.name for item in built]:
            ports.on_event(Notice(f"{name} runs this code already."))
    if not built:
        why = f"{', '.join(ordered)}: this code runs already"
        return Deployed(ports.environment.name, DEPLOY, KIND, strategy, DONE, (), (), 0.0, why)
    watched = _alarms(ports, [item.function for item in built], alarms, ignore_alarms)
    moves = tuple(Move(KIND, item.function.name, item.live.number) for item in built)
    require_agreed(approve, moves)
    for item in built:
        ports.bucket.write(_key(ports, item.function.name, item.package.sha256), item.package.file.read_bytes())
    settings = {
        "packages": {item.function.name: item.package.sha256 for item in built},
        "rules": {item.function.name: item.rules.to_json() for item in built},
        "steps": [asdict(step) for step in steps], "limits": asdict(limits), "alarms": watched,
        "checks": list(checks), "exercise": list(exercise), "stage": 0,
    }  # fmt: skip
    return begin(ports, FunctionMover(), moves, strategy=strategy, settings=settings, intent=intent)


def earlier_versions(ports: Ports, name: str) -> tuple[str, ...]:
    """Numbers of all versions that a function has, the newest first.

    Raises:
        UnknownFunction
    """
    return tuple(version.number for version in function_of(ports, name).versions())


class FunctionMover:
    """Moves `live` of functions, one after the other.

    Args:
        run_checks: runs smoke checks once.
    """

    def __init__(self, run_checks: Runner = run_smoke_checks) -> None:
        self._run_checks = run_checks
        self._exercises: list[Exercise] = []

    def current(self, ports: Ports, outputs: Mapping[str, Any], name: str) -> str:
        """The version that `live` points to; with a second one beside it, still the first."""
        return function_of(ports, name).live().version

    def require_version(
        self, ports: Ports, outputs: Mapping[str, Any], name: str, version: str, intent: Intent
    ) -> None:
        """Raises:
        UnknownVersion: names those that there are.
        """
        known = earlier_versions(ports, name)
        if version not in known:
            raise UnknownVersion(name, version, known)

    def forward(self, at_work: AtWork) -> None:
        """Each function in turn, or the way to an earlier version."""
        if at_work.deploy.command == ROLLBACK:
            _to_earlier_versions(at_work)
            return
        for position in range(at_work.deploy.position, len(at_work.deploy.moves)):
            self._move(at_work, position)
        self._let_exercises_end()

    def back(self, at_work: AtWork) -> None:
        """First everybody gets the old version, then `$LATEST` gets its code."""
        ports, begun = at_work.ports, list(enumerate(at_work.deploy.moves))[: at_work.deploy.reached + 1]
        for position, move in reversed(begun):
            function = _function(at_work, move.name)
            at_work.step(f"back to {move.before}", position=position, weights={move.before: 100.0})
            # Whoever moved it elsewhere meanwhile meant it.
            if _is_ours(function, move):
                function.send({move.before: 100.0})
        for position, move in reversed(begun):
            function = _function(at_work, move.name)
            at_work.step("$LATEST", position=position)
            _hold(ports, function, function.version(function.live().version))
        self._let_exercises_end()

    def _let_exercises_end(self) -> None:
        """At the very end, so that nobody waits for the way back."""
        for exercise in self._exercises:
            exercise.wait()

    def _move(self, at_work: AtWork, position: int) -> None:
        resumed = at_work.deploy.position == position and at_work.deploy.step
        stage = at_work.deploy.settings["stage"] if resumed else 0
        function = _function(at_work, at_work.deploy.moves[position].name)
        if stage == 0:
            self._prepare(at_work, position, function)
        steps = [Step(**step) for step in at_work.deploy.settings["steps"]]
        for number, step in list(enumerate(steps, 1))[max(0, stage - 1) :]:
            move = at_work.deploy.moves[position]
            weights = {move.before: 100 - step.percent, move.after: step.percent}
            at_work.step(
                str(step), position=position, weights=weights, seconds=step.seconds / at_work.time_scale,
                stage=number, percent=step.percent,
            )  # fmt: skip
            if not _is_ours(function, move):
                raise AliasMoved(f"Somebody else moved {function.full_name}:live to version {function.live().version}.")
            function.send({version: share for version, share in weights.items() if share})
            self._judge(at_work, function, step, weights, is_last=number == len(steps))

    def _prepare(self, at_work: AtWork, position: int, function: Function) -> None:
        """A version, asked directly whether it answers as it should, and what the one before does."""
        ports, move = at_work.ports, at_work.deploy.moves[position]
        at_work.step(PUBLISH, position=position, stage=0)
        # The way back is made sure of before the way forward is begun.
        _keep(ports, function, function.version(move.before))
        code = at_work.deploy.settings["packages"][move.name]
        function.put_code(code, bucket=ports.bucket.name, key=_key(ports, move.name, code))
        version = function.publish(f"opsctl deploy {at_work.deploy.id[:12]}")
        at_work.step(
            PRE_TRAFFIC, position=position, after=version.number, stage=0, timeout_ms=version.timeout_ms,
            baseline=_to_json(_baseline(at_work, function)),
        )  # fmt: skip
        for number, probe in enumerate(self._rules(at_work).probes, 1):
            answer, error = function.invoke(version.number, probe.event)
            if why := probe.what_is_wrong(answer, error):
                self._return(at_work, f"asked directly (pre_traffic {number}), {why}", {"probe": number})

    def _judge(
        self, at_work: AtWork, function: Function, step: Step, weights: Mapping[str, float], *, is_last: bool
    ) -> None:
        settings = at_work.deploy.settings
        limits = with_own_limit(Limits(**settings["limits"]), OF_TIMEOUT * settings["timeout_ms"])
        watching = Watching(
            limits, _from_json(settings["baseline"]), settings["alarms"],
            list(dict.fromkeys([*settings["checks"], *self._rules(at_work).checks])), settings["exercise"],
        )  # fmt: skip
        exercise = Exercise(
            lambda names: self._round(at_work, function, names), [*watching.checks, *watching.exercise],
            at_work.poll_seconds,
        )  # fmt: skip
        self._exercises.append(exercise)
        verdict = watch(at_work, function, step, weights, watching, exercise)
        if verdict.why:
            self._return(at_work, verdict.why, verdict.evidence)
        new = verdict.evidence["new"]
        at_work.decide(
            "promote" if is_last else "advance",
            f"{new['requests']} requests, {new['errors']} failed; nothing says that it is worse", verdict.evidence,
        )  # fmt: skip

    def _round(self, at_work: AtWork, function: Function, names: Sequence[str]) -> Mapping[str, str]:
        """Every check once. The function's own questions, where they are wished for, go through `live`."""
        own = Function(at_work.ports, function.name)
        probes = _harmless(self._rules(at_work)) if PRE_TRAFFIC in names else ()
        wanted = [probe for probe in probes for _ in range(PROBES_IN_A_ROUND)]
        wrong = at_work.ports.aws.map(
            lambda probe: probe.what_is_wrong(*own.invoke(LIVE, probe.event)), wanted, concurrency=PROBES_AT_ONCE
        )
        asked = {PRE_TRAFFIC: next(filter(None, wrong), "")} if probes else {}
        others = [name for name in names if name != PRE_TRAFFIC]
        return asked | (dict(self._run_checks(at_work.ports, at_work.outputs, others)) if others else {})

    def _rules(self, at_work: AtWork) -> DeployRules:
        return DeployRules.from_json(at_work.deploy.settings["rules"][at_work.deploy.move.name])

    def _return(self, at_work: AtWork, why: str, evidence: Mapping[str, Any]) -> None:
        move = at_work.deploy.move
        at_work.decide("return", why, evidence)
        raise ReturnNeeded(f"{move.name} {move.after} at {at_work.deploy.step}: {why}.")


def _to_earlier_versions(at_work: AtWork) -> None:
    """At once: whoever goes back knows why. First everybody gets the version, then `$LATEST` its code."""
    ports, moves = at_work.ports, list(enumerate(at_work.deploy.moves))
    for position, move in moves:
        at_work.step("100 %", position=position, weights={move.after: 100.0})
        function = _function(at_work, move.name)
        function.send({move.after: 100.0})
        at_work.decide("promote", f"somebody asked for version {move.after}")
    for position, move in moves:
        at_work.step("$LATEST", position=position)
        function = _function(at_work, move.name)
        _hold(ports, function, function.version(move.after))


def _function(at_work: AtWork, name: str) -> Function:
    """A function whose calls are made again, at each look, while AWS is throttled or out of order: neither says
    anything about a version, and nothing must be left half-way for it. All of them may be made twice.
    """
    limits = at_work.deploy.settings.get("limits", {"patience_seconds": LIMITS.patience_seconds})
    clock, patience = at_work.ports.clock, limits["patience_seconds"] / at_work.time_scale

    def insist(call: Callable[[], Any]) -> Any:
        end = clock.monotonic() + patience
        while True:
            try:
                return call()
            except AwsError as error:
                stays = isinstance(error, STAYS) or error.code.startswith(STAYING_CODES)
                if stays or clock.monotonic() >= end:
                    raise
            at_work.pause()

    return Function(at_work.ports, name, insist=insist)


def _sources(ports: Ports, names: Sequence[str]) -> dict[str, FunctionSource]:
    found = {source.name: source for source in find_functions(ports.environment.stack.parent / "modules")}
    for name in names:
        if name not in found:
            raise UnknownFunction(name, sorted(found))
    return {name: found[name] for name in names}


def _harmless(rules: DeployRules) -> list[Probe]:
    """Questions that can be asked through `live`: one that is answered with an error counts as one of the version's."""
    return [probe for probe in rules.probes if not probe.error]


def _require_questions(rules: Mapping[str, DeployRules], exercise: Sequence[str]) -> None:
    for name, found in rules.items():
        if PRE_TRAFFIC in exercise and not _harmless(found):
            raise UsageError(
                f"{name} has nothing to be exercised with.", next="Give its deploy.toml a [[pre_traffic]]."
            )


def _build(
    ports: Ports, names: Sequence[str], sources: Mapping[str, FunctionSource], rules: Mapping[str, DeployRules]
) -> list[_Built]:
    environment = ports.environment
    functions = {name: function_of(ports, name) for name in names}
    with ports.stage("function packages") as result:
        packages = build_packages(
            [sources[name] for name in names], into=ports.packages, cache=cache_folder(),
            runtime=function_runtime(environment), architecture=function_architecture(environment),
            on_event=ports.on_event,
        )  # fmt: skip
        result(f"{len(packages)} ready")
    refuse(judge(built_bundles(names, (), packages=ports.packages, cache=cache_folder())))
    return [
        _Built(
            function, rules[name], package, live=function.version(function.live().version), latest=function.version()
        )
        for (name, function), package in zip(functions.items(), packages, strict=True)
    ]


def _alarms(
    ports: Ports, functions: Sequence[Function], named: Sequence[str], ignored: Sequence[str]
) -> list[str]:  # fmt: skip
    """Names of the alarms that watch.

    Raises:
        UnknownAlarm, AlarmBefore
    """
    own = alarms_of(ports.aws, [function.full_name for function in functions])
    states = own | alarm_states(ports.aws, [*named, *ignored])
    for name in (*named, *ignored):
        if name not in states:
            raise UnknownAlarm(f"There is no alarm {name!r}.{did_you_mean(name, own)}")
    watching = {name: state for name, state in states.items() if name not in ignored}
    if firing := sorted(name for name, state in watching.items() if state == ALARM):
        raise AlarmBefore(firing)
    return sorted(watching)


def _baseline(at_work: AtWork, function: Function) -> Sample:
    """What the version before did in the last hour; nothing when it can't be seen: then only the limits are compared
    where it has no traffic beside the new one.
    """
    move, clock = at_work.deploy.move, at_work.ports.clock
    for _ in range(BASELINE_LOOKS):
        try:
            now = clock.now()
            _, old, everything = samples(
                at_work.ports.aws, function.full_name, ("none", move.before, ""),
                since=now.fromtimestamp(now.timestamp() - BASELINE_SECONDS, now.tzinfo), now=now,
            )  # fmt: skip
            return alone(old, everything)
        except AwsError:
            at_work.pause()
    return Sample()


def _is_ours(function: Function, move: Move) -> bool:
    """Whether `live` sends to versions of this move only, or to the new one at all."""
    alias = function.live()
    sends_to = {alias.version, *alias.others}
    return sends_to <= {move.before, move.after} or move.after in sends_to


def _keep(ports: Ports, function: Function, version: Version) -> str:
    """Have a version's package in the state bucket, where Lambda can take it from; its key."""
    key = _key(ports, function.name, version.code)
    if ports.bucket.find(key) is None:
        ports.bucket.write(key, function.code_of(version))
    return key


def _hold(ports: Ports, function: Function, version: Version) -> None:
    """Have `$LATEST` hold a version's code."""
    if function.version().code != version.code:
        function.put_code(version.code, bucket=ports.bucket.name, key=_keep(ports, function, version))


def _key(ports: Ports, name: str, code: str) -> str:
    return f"{ports.environment.package_prefix}/{name}-{code[:16]}.zip"


def _to_json(sample: Sample) -> dict[str, Any]:
    return asdict(sample) | {"durations_ms": {str(quantile): ms for quantile, ms in sample.durations_ms.items()}}


def _from_json(document: Mapping[str, Any]) -> Sample:
    durations = {float(quantile): ms for quantile, ms in document["durations_ms"].items()}
    return replace(Sample(**document), durations_ms=durations)
