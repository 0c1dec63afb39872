"""A function's versions and its alias `live`, as Lambda has them.

Nothing deletes a version: each one that was ever published can be gone back to (Lambda keeps them until somebody
deletes them; a region's functions and layers may take 75 GB together).
Source: AWS Lambda developer guide, "Manage Lambda function versions", "Implement Lambda canary deployments using a
weighted alias", "Using the Lambda function state to track and control processing".
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from opsctl.aws.errors import Conflict, NotFound
from opsctl.environments.ports import Ports
from opsctl.errors import OpsctlError, UsageError, did_you_mean

LIVE = "live"
LATEST = "$LATEST"
READY_WITHIN_SECONDS = 300.0
"""An update is ready in seconds; a version in a VPC may wait some minutes for its network interfaces."""
READY_POLL_SECONDS = {True: 0.1, False: 1.0}
MOVES_OF_OTHERS = 5
"""So often may somebody else change the alias between our look and our change, until we say so."""
SETTINGS = (
    "Runtime", "Role", "Handler", "Timeout", "MemorySize", "Environment", "VpcConfig", "TracingConfig", "Layers",
    "Architectures", "EphemeralStorage", "DeadLetterConfig", "FileSystemConfigs", "KMSKeyArn", "SnapStart",
)  # fmt: skip
"""What else than its code makes a version: Terraform's; a changed one goes live with the next deploy."""


class UnknownFunction(UsageError):
    """The environment has no such function."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"There is no function {name!r} here.{did_you_mean(name, known)}", next=f"Known: {', '.join(known)}."
        )


class UnknownVersion(UsageError):
    """The function has no such version."""

    def __init__(self, name: str, version: str, known: tuple[str, ...]) -> None:
        super().__init__(f"{name} has no version {version!r}.", next=f"There are: {', '.join(known)}." if known else "")


class FunctionNotReady(OpsctlError):
    """Lambda did not get it ready."""


class CodeLost(OpsctlError):
    """Lambda did not give a version's code back as it was published."""


class AliasMoved(OpsctlError):
    """Somebody else moves the same alias."""


@dataclass(frozen=True)
class Version:
    """One version's configuration.

    Attributes:
        number: "7", or "$LATEST".
        code: SHA-256 of the package, hex.
        settings: what else makes it (SETTINGS).
    """

    number: str
    code: str
    settings: Mapping[str, Any]

    @property
    def timeout_ms(self) -> float:
        return 1000.0 * float(self.settings.get("Timeout") or 3)

    def is_like(self, other: Version) -> bool:
        """Whether publishing this one would give the other."""
        return (self.code, self.settings) == (other.code, other.settings)


@dataclass(frozen=True)
class Alias:
    """Whom `live` sends to.

    Attributes:
        version: the one that gets what the others don't.
        others: version → percent.
        revision: names this state of the alias.
    """

    version: str
    others: Mapping[str, float]
    revision: str

    def sends(self, weights: Mapping[str, float]) -> bool:
        """Whether it sends like this (version → percent, together 100)."""
        own = {self.version: 100 - sum(self.others.values())} | dict(self.others)
        return {v: round(p, 3) for v, p in own.items() if p} == {v: round(p, 3) for v, p in weights.items() if p}


class Function:
    """One function of an environment, by its short name.

    Args:
        insist: makes a call, and may make it again when it fails.
    """

    def __init__(
        self, ports: Ports, name: str, *, insist: Callable[[Callable[[], Any]], Any] = lambda call: call()
    ) -> None:
        self.name, self.full_name = name, f"{ports.environment.prefix}-{name}"
        self._aws, self._clock, self._insist = ports.aws, ports.clock, insist
        self._poll_seconds = READY_POLL_SECONDS[ports.environment.is_local]

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._insist(
            lambda: self._aws.call("lambda", operation, FunctionName=self.full_name, **parameters)
        )
        return answer

    def version(self, number: str = LATEST) -> Version:
        """Raises NotFound where there is none."""
        return _version(self._call("get_function_configuration", Qualifier=number))

    def versions(self) -> tuple[Version, ...]:
        """All that are published, the newest first."""
        listing = "list_versions_by_function", "Versions[]"
        found = self._insist(lambda: list(self._aws.pages("lambda", *listing, FunctionName=self.full_name)))
        published = [_version(item) for item in found if item["Version"] != LATEST]
        return tuple(sorted(published, key=lambda version: -int(version.number)))

    def live(self) -> Alias:
        """The alias as it is."""
        answer = self._call("get_alias", Name=LIVE)
        routing = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        others = {version: round(100 * share, 3) for version, share in routing.items()}
        return Alias(answer["FunctionVersion"], others, answer["RevisionId"])

    def send(self, weights: Mapping[str, float]) -> None:
        """Have `live` send like this: one or two versions → percent, together 100. The first one is the main one.

        Raises:
            AliasMoved: somebody else changes it again and again.
        """
        main, *others = weights
        for _ in range(MOVES_OF_OTHERS):
            alias = self.live()
            # After a lost answer our own change is met here, too.
            if alias.sends(weights):
                return
            try:
                self._call(
                    "update_alias", Name=LIVE, FunctionVersion=main, RevisionId=alias.revision,
                    RoutingConfig={"AdditionalVersionWeights": {other: weights[other] / 100 for other in others}},
                )  # fmt: skip
            except Conflict:
                continue
            return
        raise AliasMoved(f"Somebody else moves {self.full_name}:{LIVE} at the same time.")

    def put_code(self, code: str, *, bucket: str, key: str) -> None:
        """Have `$LATEST` hold this package, and wait until it does.

        Args:
            code: SHA-256 of the package, hex.

        Raises:
            FunctionNotReady
        """
        self._wait(LATEST)
        if self.version().code == code:
            return
        self._call("update_function_code", S3Bucket=bucket, S3Key=key)
        self._wait(LATEST)
        if self.version().code != code:
            raise FunctionNotReady(
                f"{self.full_name} holds other code than it was given.", where=f"s3://{bucket}/{key}"
            )

    def publish(self, description: str) -> Version:
        """A version of what `$LATEST` holds: the newest one if it is like it, as Lambda does it, too.

        Raises:
            FunctionNotReady
        """
        newest, latest = next(iter(self.versions()), None), self.version()
        if newest is None or not latest.is_like(newest):
            newest = _version(self._call("publish_version", Description=description))
        self._wait(newest.number)
        return newest

    def code_of(self, version: Version) -> bytes:
        """A version's package, as it was published.

        Raises:
            CodeLost: it can't be had, or is another one.
        """
        where = f"{self.full_name}:{version.number}"
        address = self._call("get_function", Qualifier=version.number)["Code"]["Location"]
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - Lambda named it
                body: bytes = answer.read()
        except (urllib.error.URLError, OSError) as error:
            raise CodeLost(f"The code of {where} can't be read: {type(error).__name__}.", where=where) from None
        if sha256(body).hexdigest() != version.code:
            raise CodeLost("Lambda gives other code than was published.", where=where)
        return body

    def invoke(self, number: str, event: Any) -> tuple[Any, str]:
        """Ask one version directly: (its answer, its error's type or "")."""
        answer = self._call("invoke", Qualifier=number, Payload=json.dumps(event).encode())
        text = answer["Payload"].read()
        try:
            payload = json.loads(text) if text else None
        except ValueError:
            payload = text.decode(errors="replace")
        error = answer.get("FunctionError", "")
        if error and isinstance(payload, Mapping):
            error = str(payload.get("errorType") or error)
        return payload, error

    def _wait(self, number: str) -> None:
        end = self._clock.monotonic() + READY_WITHIN_SECONDS
        while True:
            now = self._call("get_function_configuration", Qualifier=number)
            state, update = now.get("State", "Active"), now.get("LastUpdateStatus", "Successful")
            if state in ("Active", "Inactive") and update == "Successful":
                return
            if "Failed" in (state, update) or self._clock.monotonic() > end:
                why = now.get("LastUpdateStatusReason") or now.get("StateReason") or f"it is {state}, {update}"
                raise FunctionNotReady(f"{self.full_name}:{number} does not get ready: {why}")
            self._clock.sleep(self._poll_seconds)


def function_of(ports: Ports, name: str) -> Function:
    """The function of that short name.

    Raises:
        UnknownFunction
    """
    function = Function(ports, name)
    try:
        function.live()
    except NotFound:
        raise UnknownFunction(name, function_names(ports)) from None
    return function


def function_names(ports: Ports) -> list[str]:
    """Short names of the environment's functions."""
    prefix = f"{ports.environment.prefix}-"
    found = ports.aws.pages("lambda", "list_functions", "Functions[].FunctionName")
    return sorted(name.removeprefix(prefix) for name in found if name.startswith(prefix))


def _version(answer: Mapping[str, Any]) -> Version:
    settings = {name: answer[name] for name in SETTINGS if answer.get(name)}
    if layers := settings.get("Layers"):
        settings["Layers"] = [layer["Arn"] for layer in layers]
    return Version(answer["Version"], base64.b64decode(answer["CodeSha256"]).hex(), settings)
