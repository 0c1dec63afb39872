"""A project with one function, somebody who invokes it all the time, and versions of it that turn bad when told to."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from opsctl.aws.clients import Aws
from opsctl.aws.errors import AwsError
from opsctl.deploy.events import StepBegun

NAME, FUNCTION, ALARM, CHECK = "answer", "opsctl-local-answer", "opsctl-local-answer-errors", "answers-right"
RIGHT = 42
STACK = """
module "answer" {
  source          = "../modules/function"
  name_prefix     = "${var.project}-${var.environment}"
  name            = "answer"
  description     = "Answers the question."
  memory_mb       = 128
  timeout_seconds = 5
  defaults = {
    package_dir        = var.package_dir
    runtime            = var.function_runtime
    layer_arns         = []
    log_retention_days = 7
  }
}

# Watches, and is calm: these tests are about what is seen without it.
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.project}-${var.environment}-answer-errors"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = "${var.project}-${var.environment}-answer" }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 1000000
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
}

resource "aws_api_gateway_api_key" "this" {
  name = "${var.project}-${var.environment}"
}

output "api" {
  value = { api_key_id = aws_api_gateway_api_key.this.id }
}
"""
HANDLER = '''"""Answers the question; version {number}."""

import time

OWN_TROUBLE, HEEDS = {trouble!r}, {heeds}


def handler(event: dict, context: object) -> dict:
    print("asked", {number})
    trouble = OWN_TROUBLE or (event.get("trouble") if HEEDS else "")
    if trouble == "errors":
        raise RuntimeError("a bad version")
    if trouble == "slow":
        time.sleep(0.6)
    if trouble == "memory":
        held = bytearray(150 * 2**20)
        held[::4096] = b"x" * len(held[::4096])
    return {{"answer": 41 if trouble == "wrong" else {right}}}
'''
RULES = f"""
[[pre_traffic]]
event = {{ question = "?" }}
expect = {{ answer = {RIGHT} }}
"""
_numbers = itertools.count(1)


def write_function(terraform: Path, *, trouble: str = "", heeds: bool = False) -> None:
    """New code, no two alike.

    Args:
        trouble: what it is bad at from the beginning: errors, slow, memory, wrong.
        heeds: whether it turns bad as the event says.
    """
    folder = terraform / "modules" / "answers" / "functions" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    code = HANDLER.format(number=next(_numbers), trouble=trouble, heeds=heeds, right=RIGHT)
    (folder / "handler.py").write_text(code)
    (folder / "requirements.txt").touch()
    (folder / "deploy.toml").write_text(RULES)


@dataclass(frozen=True)
class Call:
    """One request as its caller saw it.

    Attributes:
        begun, ended: monotonic seconds.
        version: that answered; empty when none did.
        is_lost: it failed, its answer was wrong, or it took as long as only a bad version does.
    """

    begun: float
    ended: float
    version: str
    is_lost: bool


@dataclass
class Callers:
    """Threads that invoke `live` one request after the other, from `with` to its end.

    Attributes:
        trouble: what versions that heed it are told to be bad at.
    """

    aws: Aws
    number: int = 4
    pause_seconds: float = 0.02
    trouble: str = ""
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> Callers:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call_on, daemon=True) for _ in range(self.number)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def ask(self) -> Call:
        """One request, as each of the threads sends it."""
        begun, trouble = time.monotonic(), self.trouble
        try:
            answer = self.aws.call(
                "lambda", "invoke", FunctionName=FUNCTION, Qualifier="live",
                Payload=json.dumps({"question": "?", "trouble": trouble}).encode(),
            )  # fmt: skip
            said = json.load(answer["Payload"])
        except AwsError:
            return Call(begun, time.monotonic(), "", True)
        ended = time.monotonic()
        is_slow = trouble == "slow" and ended - begun > 0.6
        lost = "FunctionError" in answer or said != {"answer": RIGHT} or is_slow
        return Call(begun, ended, answer["ExecutedVersion"], lost)

    def _call_on(self) -> None:
        while not self._stop.is_set():
            self.calls.append(self.ask())
            self._stop.wait(self.pause_seconds)


@dataclass
class Shares:
    """Listener of a deploy: what share of the traffic the new version had, and when."""

    turn_bad_at: str = ""
    callers: Callers | None = None
    trouble: str = ""
    since: list[tuple[float, float]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    bad_at: float = -math.inf
    back_at: float = math.inf

    def __call__(self, event: Any) -> None:
        if not isinstance(event, StepBegun):
            return
        self.steps.append(event.step)
        if event.step == self.turn_bad_at and self.callers:
            self.bad_at, self.callers.trouble = time.monotonic(), self.trouble
        new = event.move.after
        if event.step == "$LATEST":  # the alias is moved by now
            self.back_at = min(self.back_at, time.monotonic())
            self.since.append((time.monotonic(), 0.0))
        elif event.weights.get(new):
            self.since.append((time.monotonic(), event.weights[new] / 100))

    def of(self, call: Call) -> float:
        """The largest share that was in force while a call was under way."""
        at_begin = [share for at, share in self.since if at <= call.begun][-1:]
        return max(at_begin + [share for at, share in self.since if call.begun < at <= call.ended], default=0.0)

    def bound(self, calls: list[Call]) -> float:
        """More of these come to the new version once in a million deploys, if each goes there by its share."""
        shares = [self.of(call) for call in calls]
        return sum(shares) + 5 * math.sqrt(sum(share * (1 - share) for share in shares)) + 1e-9


@dataclass
class Faults:
    """Answers some calls in the cloud's place, as AWS does when it throttles or fails. Aws's own retries are real.

    Attributes:
        pattern: by operation: which of its calls in a row are answered so; it repeats.
    """

    aws: Aws
    status: int
    code: str
    pattern: Mapping[tuple[str, str], tuple[bool, ...]]
    hit: int = 0

    @contextlib.contextmanager
    def on(self) -> Iterator[Faults]:
        registered = []
        for (service, operation), pattern in self.pattern.items():
            events, name = self.aws.client(service).meta.events, f"before-send.{service}.{operation}"
            handler = self._handler(itertools.cycle(pattern))
            events.register_first(name, handler)
            registered.append((events, name, handler))
        try:
            yield self
        finally:
            for events, name, handler in registered:
                events.unregister(name, handler)

    def _handler(self, pattern: Iterator[bool]) -> Any:
        from botocore.awsrequest import AWSResponse, HeadersDict

        body = json.dumps({"__type": self.code, "message": "injected"}).encode()
        headers: Any = HeadersDict({"x-amzn-errortype": self.code})

        def answer(request: Any, **_: Any) -> Any:
            if not next(pattern):
                return None
            self.hit += 1
            return AWSResponse(request.url, self.status, headers, SimpleNamespace(stream=lambda: iter([body])))

        return answer
