"""The checks, as data. Adding one is writing a function and adding a line.

The slowest come first: what runs longest should not begin last.
"""

from __future__ import annotations

from opsctl.smoke import (
    bulk,
    checkouts,
    observability,
    orders,
    photo_checks,
    private_path,
    pushes,
    realtime,
    schedules,
    signing_in,
    streams,
    wiring,
    workflows,
)
from opsctl.smoke.check import Check
from opsctl.smoke.edge_checks import EDGE_CHECKS

INNER_CHECKS: tuple[Check, ...] = (
    Check(
        "bulk-path", "An array job makes photos anew, a slice for each child, and its end is followed up.",
        bulk.bulk_path, 240, frozenset({"bulk", "systems"}), "bulk-job-failed",
    ),
    Check(
        "image-path", "An image gets versions, a Batch job for each size and one message; a corrupt one is rejected.",
        photo_checks.image_path, 240, frozenset({"images", "bulk", "systems"}), "workflow-failures",
    ),
    Check(
        "photo-path", "A photo sent through the edge gets its thumbnail, its record and exactly one announcement.",
        photo_checks.photo_path, 60, frozenset({"photos", "api"}), "photo-not-ready",
    ),
    Check(
        "presigned-path", "A photo put to a presigned URL gets its thumbnail and its record.",
        photo_checks.presigned_path, 60, frozenset({"photos", "api"}), "photo-not-ready",
    ),
    Check(
        "corrupt-photo", "A corrupt photo ends in the dead-letter queue with its reason; a good one goes on.",
        photo_checks.corrupt_photo, 60, frozenset({"photos"}), "dead-letter-queue",
    ),
    Check(
        "checkout-path", "A checkout sent three times is reserved and paid once; a declined card gives the stock back.",
        checkouts.checkout_path, 60, frozenset({"orders", "api"}), "checkout-stuck",
    ),
    Check(
        "realtime-path", "A signed-in client hears of a photo by WebSocket, once.",
        realtime.realtime_path, 60, frozenset({"realtime", "photos"}), "realtime-not-told",
    ),
    Check(
        "correlation", "One id joins an order's lines in the access log and five functions' logs, each with a trace.",
        observability.correlation, 90, frozenset({"observability", "orders"}), "correlation-lost",
    ),
    Check(
        "list-path", "A list is transformed and announced; a wrong one is refused with its reason, and has no result.",
        workflows.list_path, 60, frozenset({"workflows"}), "workflow-failures",
    ),
    Check(
        "approval-path", "A release waits for an approval, which counts once, and then goes on.",
        workflows.approval_path, 60, frozenset({"workflows", "api"}), "workflow-failures",
    ),
    Check(
        "change-path", "A checkout's changes come out of its table, by a pipe, into history, audit and totals.",
        checkouts.change_path, 60, frozenset({"orders", "streams"}), "stream-backlog",
    ),
    Check(
        "notice-path", "A customer is told once that an order was taken, and once that it can't be had.",
        checkouts.notice_path, 60, frozenset({"orders"}), "queue-backlog",
    ),
    Check(
        "schedule-fires", "The sweep's schedule is on, and its group reaches its function at a given second.",
        schedules.schedule_fires, 120, frozenset({"schedules", "realtime"}), "schedule-failures",
    ),
    Check(
        "order-path", "An order travels the whole way to MySQL and back: placed once, read, changed, deleted.",
        orders.order_path, 60, frozenset({"orders", "api"}), "service-unhealthy-targets",
    ),
    Check(
        "push-path", "A branch that is made and deleted is noted, with its commit.",
        pushes.push_path, 60, frozenset({"repository"}), "function-errors",
    ),
    Check(
        "stream-path", "An order's changes, put twice, reach both consumers of the stream once and in order.",
        streams.stream_path, 60, frozenset({"streams", "orders"}), "stream-backlog",
    ),
    Check(
        "bus-path", "One event reaches every consumer of the bus; one of them writes an e-mail.",
        streams.bus_path, 60, frozenset({"events", "orders"}), "rule-failures",
    ),
    Check(
        "sign-in", "A wrong password gets 401; the key of a token that a right one got is published.",
        signing_in.sign_in, 30, frozenset({"auth", "api"}), "sign-in-fails",
    ),
    Check(
        "scope-missing", "A token without the scope gets 403 where it is needed, and is let in elsewhere.",
        signing_in.missing_scope, 30, frozenset({"auth", "api", "guards"}), "authorizer-open",
    ),
    Check(
        "token-missing", "Without a token there is 401, with WWW-Authenticate; with one 200.",
        signing_in.no_token, 30, frozenset({"auth", "api", "guards"}), "authorizer-open",
    ),
    Check(
        "token-expired", "A token gets 401 once its time is over, and not before.",
        signing_in.expired_token, 30, frozenset({"auth", "api", "guards"}), "authorizer-open",
    ),
    Check(
        "token-forged", "A changed signature, none at all, and somebody else's get 401.",
        signing_in.forged_token, 30, frozenset({"auth", "api", "guards"}), "authorizer-open",
    ),
    Check(
        "api-key", "Without an API key, or with a wrong one, there is 403.",
        signing_in.api_key, 30, frozenset({"api", "guards"}), "api-keys",
    ),
    Check(
        "usage-plan", "The API key's plan limits its rate, its bursts and its day, by no more than the stage.",
        signing_in.usage_plan, 30, frozenset({"api", "guards"}), "api-keys",
    ),
    Check(
        "realtime-guard", "Without a token, or with a forged one, nobody connects to the WebSocket API.",
        realtime.realtime_guard, 30, frozenset({"auth", "realtime", "guards"}), "authorizer-open",
    ),
    Check(
        "key-rotation", "The keys that sign tokens are rotated, and the last time is not too long ago.",
        schedules.key_rotation, 30, frozenset({"auth", "schedules"}), "key-rotation-overdue",
    ),
    Check(
        "service-targets", "As many instances as are wanted are healthy, each with its database.",
        private_path.service_targets, 60, frozenset({"service"}), "service-unhealthy-targets",
    ),
    Check(
        "private-network", "Load balancer, instances and database can be reached by nobody outside.",
        private_path.private_network, 30, frozenset({"service", "guards"}), "private-network-open",
    ),
    Check(
        "event-sources", "Every consumer of a queue or stream, every pipe and every rule is on.",
        wiring.event_sources, 30, frozenset({"events", "streams"}), "consumer-off",
    ),
    Check(
        "dead-letter-queues", "Every work queue moves what fails too often into its dead-letter queue.",
        wiring.dead_letter_queues, 30, frozenset({"queues"}), "dead-letter-queue",
    ),
    Check(
        "live-versions", "Every function's alias is on a published version.",
        wiring.live_versions, 30, frozenset({"functions"}), "deploy-unfinished",
    ),
    Check(
        "alarms-present", "Every alarm that the stack promises is there and tells the alert topic.",
        observability.alarms_present, 30, frozenset({"observability", "alarms"}), "alarm-missing",
    ),
    Check(
        "alarms-quiet", "No alarm is firing.",
        observability.alarms_quiet, 60, frozenset({"observability", "alarms"}), "alarm-firing",
    ),
    Check(
        "logs-kept", "Every function has a log group with an end, and the API notes every request.",
        observability.logs_kept, 30, frozenset({"observability"}), "log-group-missing",
    ),
)  # fmt: skip

CHECKS: tuple[Check, ...] = (*INNER_CHECKS, *EDGE_CHECKS)
