"""Breaks behind the edge: what people do to functions, queues, workflows, alarms, mostly without meaning to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.e2e.mutations.inner_parts import (
    ACCESS_LOG,
    DATABASE_RANGES,
    HEALTH_CHECK,
    MESSAGES,
    PHOTO_NOTIFICATION,
    ROTATION,
    SAVED_QUERY,
    SCHEDULE,
    TRIGGERS,
    USAGE_PLAN,
    alarm,
    alias_of,
    code_of,
    environment_of,
    integration,
    log_retention,
    mapping_of,
    method,
    pipe,
    queue_attribute,
    route,
    state_machine,
    subscription,
    targets_of,
    with_file,
)
from tests.e2e.mutations.mutation import Break, Mutation, Part

Change = Callable[[Any], Any]

BY_UPLOAD = frozenset({"photo-path", "corrupt-photo", "bulk-path", "realtime-path"})
BY_WORKER = BY_UPLOAD | {"presigned-path"}
BY_ORDERS = frozenset({"token-missing", "token-expired", "token-forged", "scope-missing", "api-key"})
"""Checks that list orders, by which they tell whether they are let in."""
NOBODY = {"event": ["nothing"]}
DOES_NOTHING = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


# --- Changes: each takes what is there, a copy, and gives what shall be there


def to(value: Any) -> Change:
    return lambda _: value


def with_fields(**fields: Any) -> Change:
    return lambda value: {**value, **fields}


def without(*keys: str) -> Change:
    return lambda value: {name: kept for name, kept in value.items() if name not in keys}


def with_variable(name: str, value: str) -> Change:
    return lambda live: {**live, "variables": {**live["variables"], name: value}}


def with_code(path: str, old: str, new: str) -> Change:
    return lambda live: {**live, "package": with_file(live["package"], path, lambda text: text.replace(old, new))}


def replaced(old: str, new: str) -> Change:
    return lambda text: str(text).replace(old, new)


def broken(
    check: str, name: str, part: Part, change: Change, says: str, also: frozenset[str] = frozenset(),
    *, budget_seconds: float = 15, alone: bool = False,
) -> Mutation:  # fmt: skip
    return Mutation(
        check=check, name=name, part=part, change=change, says=says, also=also, budget_seconds=budget_seconds,
        alone=alone,
    )  # fmt: skip


AUTHORIZER = code_of("auth-authorizer")
ORDERS = method("ANY", "/orders")

INNER_MUTATIONS: tuple[Break, ...] = (
    # Who may come in
    broken(
        "token-expired", "the authorizer overlooks when a token ends", AUTHORIZER,
        with_code("access.py", ").validate(claims)", ').validate({**claims, "exp": 2**40})'), "an expired token: ",
        budget_seconds=20,
    ),
    broken(
        "token-forged", "the authorizer overlooks who signed a token", AUTHORIZER,
        with_code(
            "access.py", "claims = jwt.decode(token, ECKey.import_key(dict(key)), algorithms=ALGORITHMS).claims",
            "import json; claims = json.loads(jws.extract_compact(token.encode()).payload)",
        ),
        "(a changed signature|somebody else's signature): ", budget_seconds=20,
    ),
    broken(
        "token-missing", "the authorizer detached from orders", ORDERS, with_fields(authorizationType="NONE"),
        "no token: .* answered 200", BY_ORDERS - {"token-missing", "api-key"},
    ),
    broken(
        "scope-missing", "every scope may place orders", AUTHORIZER,
        with_code("access.py", "(READ, (", "(READ + WRITE, ("), "a token without the scope: ", budget_seconds=20,
    ),
    broken(
        "api-key", "orders without an API key", ORDERS, with_fields(apiKeyRequired=False),
        "no API key: .* answered 200", budget_seconds=20,
    ),
    broken(
        "usage-plan", "the usage plan lets more in than the stage", USAGE_PLAN, with_fields(rateLimit=100_000.0),
        "the rateLimit 100000",
    ),
    broken(
        "sign-in", "sign-in sent to another function", integration("POST", "/auth/token"),
        replaced("auth-token", "photos-api"), "a wrong password: ", alone=True,
    ),
    broken(
        "realtime-guard", "the WebSocket API's authorizer detached", route("$connect"),
        with_fields(AuthorizationType="NONE"), "a client with no token was (let in|refused with 502)",
    ),
    broken("key-rotation", "the keys rotated no more", ROTATION, with_fields(on=False), "is not rotated"),
    # Photos and images
    broken(
        "photo-path", "the thumbnail's consumer off", mapping_of("thumbnail", "photos"), to(False), "as ready at",
        BY_WORKER | {"event-sources"} - {"photo-path"},
    ),
    broken(
        "photo-path", "the bucket tells nobody", PHOTO_NOTIFICATION, to({}), "as ready at", BY_WORKER - {"photo-path"}
    ),
    broken(
        "presigned-path", "presigning sent to another function", integration("POST", "/photos/presign"),
        replaced("photos-api", "auth-token"), "POST /v1/photos/presign answered",
    ),
    broken(
        "corrupt-photo", "a wrong address of the dead letters", environment_of("thumbnail", "photos"),
        with_variable("DEAD_LETTERS_URL", "http://localhost/000000000000/nowhere"), "in the dead-letter queue",
    ),
    broken(
        "image-path", "one size without its job", targets_of("bulk-versions"), without("small"),
        "the reports of 3 jobs",
    ),
    broken(
        "bulk-path", "nobody plans bulk requests", targets_of("bulk-plan"), to({}), "the job of", budget_seconds=30
    ),
    broken(
        "realtime-path", "messages sent to another function", MESSAGES, replaced("realtime-messages", "photos-api"),
        "a subscription was ",
    ),
    # Orders and their events
    broken(
        "order-path", "orders sent to nowhere", integration("ANY", "/orders"), replaced("/orders", "/nothing"),
        "POST /v1/orders answered 404", BY_ORDERS,
    ),
    broken(
        "checkout-path", "the payments' queue subscribes to nothing",
        subscription("orders.topics.order-events.arn", "-order-payments"), to(NOBODY), "the end of checkout",
    ),
    broken(
        "checkout-path", "the payments' consumer off", mapping_of("order-payment", "order-payments"), to(False),
        "the end of checkout",
        frozenset({"event-sources"}),
    ),
    broken(
        "notice-path", "the notices' queue subscribes to nothing",
        subscription("orders.topics.order-events.arn", "-order-notices"), to(NOBODY), "the notices of",
        frozenset({"correlation"}),
    ),
    broken(
        "change-path", "the pipe of changes stopped", pipe("order-changes"), to("STOPPED"), "as rejected in the audit",
        frozenset({"correlation", "event-sources"}),
    ),
    broken(
        "change-path", "the history's consumer off", mapping_of("order-history"), to(False),
        "as rejected in the history", frozenset({"correlation", "event-sources"}),
    ),
    broken(
        "stream-path", "one of two consumers off", mapping_of("order-totals"), to(False), "in the totals",
        frozenset({"change-path", "event-sources"}),
    ),
    broken("bus-path", "nobody writes the e-mail", targets_of("order-mail"), to({}), "the letter was not seen"),
    # Workflows, schedules, the repository
    broken("list-path", "the pipeline does nothing", state_machine("lists"), to(DOES_NOTHING), "the result of"),
    broken("approval-path", "the release waits for nobody", state_machine("release"), to(DOES_NOTHING), "as waiting"),
    broken("schedule-fires", "the schedule disabled", SCHEDULE, with_fields(State="DISABLED"), "is disabled"),
    broken("push-path", "the repository's trigger removed", TRIGGERS, to([]), "the note that"),
    # The private service
    broken(
        "service-targets", "instances asked for their process alone", HEALTH_CHECK, to("/health/live"),
        "asked for /health/live",
    ),
    broken(
        "private-network", "the database open to the world", DATABASE_RANGES, to(["0.0.0.0/0"]),
        "lets 0.0.0.0/0 reach the database",
    ),
    # What nobody sees until it is needed
    broken(
        "event-sources", "the pipe of shipments stopped", pipe("order-shipments"), to("STOPPED"), "order-shipments is"
    ),
    broken(
        "dead-letter-queues", "what fails goes nowhere", queue_attribute("order-notices", "RedrivePolicy"), to(""),
        "order-notices moves what fails nowhere",
    ),
    broken(
        "live-versions", "an alias on $LATEST", alias_of("auth-rotation"), to("$LATEST"),
        r"auth-rotation is on \$LATEST",
    ),
    broken("alarms-present", "an alarm deleted", alarm("api-errors"), to(None), "not there: .*api-errors"),
    broken(
        "alarms-present", "an alarm tells nobody", alarm("api-latency"), with_fields(ActionsEnabled=False),
        "tell nobody: .*api-latency",
    ),
    broken(
        "alarms-quiet", "an alarm fires", alarm("service-unhealthy-targets"),
        with_fields(Threshold=-1.0, EvaluationPeriods=1, DatapointsToAlarm=1), "service-unhealthy-targets since",
    ),
    broken(
        "correlation", "the access log without ids", ACCESS_LOG, replaced("$context.requestId", "-"),
        "in the API's access log",
    ),
    broken(
        "correlation", "the saved query finds nothing", SAVED_QUERY,
        lambda query: {**query, "queryString": query["queryString"].replace("CORRELATION-ID", "NO-ID")},
        "a line of each of",
    ),
    broken(
        "logs-kept", "a log kept for ever", log_retention("order-mail"), to(None), "kept for ever: order-mail"
    ),
)  # fmt: skip
