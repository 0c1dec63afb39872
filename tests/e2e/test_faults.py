"""What an on-call engineer fears, on the real stack: instances die one after another, and so does the database."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from opsctl.smoke import SmokeTarget, guards, orders
from opsctl.smoke.check import Trial
from opsctl.smoke.edge import Answer, EdgeUnreachable
from tests.e2e.project import Project, healthy, wait_for

LOAD_SECONDS = 60
PAUSE_SECONDS = 0.15
"""Between two requests of one of the four clients: about 20 a second in all."""


def jvms(stack: Project) -> list[int]:
    return [
        pid for pid, words in stack.processes().items() if words.startswith("/usr/bin/java") and "/artifacts/" in words
    ]


def database(stack: Project) -> list[int]:
    return [pid for pid, words in stack.processes().items() if "mariadbd" in words.split()[0]]


@pytest.fixture
def two_healthy(target: SmokeTarget) -> set[str]:
    found: set[str] = wait_for(lambda: len(now := healthy(target)) == 2 and now, what="two healthy instances")
    return found


def viewer(number: int) -> dict[str, str]:
    """One of many viewers (RFC 5737's TEST-NET-1): one alone would soon meet the firewall's rate rule."""
    return {guards.VIEWER_HEADER: f"192.0.2.{number % 100 + 1}"}


class Load:
    """Clients that ask again and again until they are told to stop. One retry each; what fails twice is kept."""

    def __init__(self, ask: Callable[[int], Answer], clients: int = 4) -> None:
        self.asked = self.retried = 0
        self.failed: list[str] = []
        self._ask, self._stop, self._lock = ask, threading.Event(), threading.Lock()
        self._pool = ThreadPoolExecutor(clients)
        self._tasks = [self._pool.submit(self._run, number) for number in range(clients)]

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for task in self._tasks:
            task.result()

    def _run(self, client: int) -> None:
        for number in itertools.count(client * 1_000_000):
            if self._stop.is_set():
                return
            first = self._try(number)
            second = None if first is None else self._try(number)
            with self._lock:
                self.asked += 1
                self.retried += first is not None
                if second is not None:
                    self.failed.append(f"{first}; then {second}")
            self._stop.wait(PAUSE_SECONDS)

    def _try(self, number: int) -> str | None:
        try:
            answer = self._ask(number)
        except EdgeUnreachable as error:
            return str(error)
        return str(answer) if answer.status >= 400 else None


def test_instances_killed_one_after_another_are_replaced_and_no_request_fails_twice(
    stack: Project, target: SmokeTarget, trial: Trial, two_healthy: set[str]
) -> None:
    order_id = orders.place(trial)["order_id"]
    trial.afterwards("the order", lambda: orders.remove(trial, order_id))
    seen, killed, begun = set(two_healthy), 0, time.monotonic()
    with Load(lambda number: trial.get(f"/v1/orders/{order_id}", headers=viewer(number))) as load:
        while time.monotonic() - begun < LOAD_SECONDS:
            os.kill(jvms(stack)[0], signal.SIGKILL)
            killed += 1
            seen |= wait_for(
                lambda before=set(seen): len(now := healthy(target)) == 2 and now - before and now,
                what=f"the replacement of instance {killed}",
            )
    assert load.failed == []
    assert load.asked > 100
    assert killed >= 3
    assert len(seen) == 2 + killed


def test_a_killed_database_loses_no_acknowledged_order_and_the_service_heals_by_itself(
    stack: Project, trial: Trial, two_healthy: set[str]
) -> None:
    acknowledged: list[str] = []
    refused: list[Answer] = []

    def order(number: int) -> Answer:
        wanted = {**orders.SAMPLE, "customer": f"customer {number}"}
        answer = orders.send(trial, "POST", "/v1/orders", wanted, headers=viewer(number))
        if answer.status == 201:
            acknowledged.append(orders.document(answer)["order_id"])
        elif answer.status != 504:  # a request that was under way when the database died may end as a time-out
            refused.append(answer)
        return answer

    with Load(order, clients=3):
        wait_for(lambda: len(acknowledged) > 20, what="orders before the fault")
        before = database(stack)
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: refused, what="an answer that says that the database is away")
        wait_for(lambda: set(database(stack)) - set(before), what="a new database process")
        taken = len(acknowledged)
        wait_for(lambda: len(acknowledged) > taken + 20, what="orders after the fault")
    assert {answer.status for answer in refused} == {503}
    for answer in refused:
        assert answer.headers["retry-after"].isdigit()
        assert "Exception" not in answer.body.decode()
        assert answer.json()["request_id"]
    with ThreadPoolExecutor(4) as pool:
        lost = [answer for answer in pool.map(lambda one: trial.get(f"/v1/orders/{one}"), acknowledged)
                if answer.status != 200]  # fmt: skip
    assert lost == []
    ids: list[Any] = list(acknowledged)
    trial.aws.map(lambda one: orders.remove(trial, one), ids)
