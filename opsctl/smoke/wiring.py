"""What no single request shows: that failures will be kept, that consumers are on, that aliases are whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opsctl.smoke.check import Trial, expect


def dead_letter_queues(trial: Trial) -> Mapping[str, Any]:
    """Every work queue moves what fails too often into its dead-letter queue."""
    queues = trial.target.output("queues")

    def fault(item: tuple[str, Mapping[str, str]]) -> str:
        name, queue = item
        attributes = trial.aws.call(
            "sqs", "get_queue_attributes", QueueUrl=queue["url"], AttributeNames=["RedrivePolicy"]
        ).get("Attributes", {})  # fmt: skip
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        to = str(policy.get("deadLetterTargetArn", "")).rpartition(":")[2]
        if to == queue["dead_letter_name"] and int(policy.get("maxReceiveCount", 0)) > 0:
            return ""
        return f"{name} moves what fails {f'into {to}' if to else 'nowhere'}"

    faults = [found for found in trial.aws.map(fault, queues.items()) if found]
    expect(not faults, "; ".join(faults))
    return {"queues": sorted(queues)}


def event_sources(trial: Trial) -> Mapping[str, Any]:
    """Every consumer of a queue or a stream is on, and so is every pipe and every rule of our buses."""
    ours = {function["function_name"] for function in trial.target.output("functions").values()}
    mappings = [
        mapping
        for mapping in trial.aws.pages("lambda", "list_event_source_mappings", "EventSourceMappings[]")
        if mapping["FunctionArn"].split(":")[6] in ours
    ]
    off = [f"{one['FunctionArn'].split(':')[6]} is {one['State']}" for one in mappings
           if one["State"] not in ("Enabled", "Enabling", "Updating", "Creating")]  # fmt: skip
    pipes = list(trial.aws.pages("pipes", "list_pipes", "Pipes[]", NamePrefix=f"{trial.target.prefix}-"))
    off += [f"pipe {pipe['Name']} is {pipe['CurrentState']}" for pipe in pipes
            if pipe["DesiredState"] != "RUNNING" or pipe["CurrentState"].endswith("_FAILED")]  # fmt: skip
    rules = [
        rule
        for bus in ("default", trial.target.output("events.bus.name"))
        for rule in trial.aws.pages(
            "events", "list_rules", "Rules[]", EventBusName=bus, NamePrefix=f"{trial.target.prefix}-"
        )
    ]
    off += [f"rule {rule['Name']} is {rule['State']}" for rule in rules if rule["State"] == "DISABLED"]
    expect(mappings and pipes and rules, "there are no consumers, pipes or rules at all")
    expect(not off, "; ".join(sorted(off)))
    return {"mappings": len(mappings), "pipes": len(pipes), "rules": len(rules)}


def live_versions(trial: Trial) -> Mapping[str, Any]:
    """Every function's alias is on a published version. One that is split has a canary: `opsctl status` tells of it."""

    def fault(item: tuple[str, Mapping[str, str]]) -> str:
        name, function = item
        alias = trial.aws.call(
            "lambda", "get_alias", FunctionName=function["function_name"], Name=function["alias"]
        )  # fmt: skip
        return f"{name} is on $LATEST" if alias["FunctionVersion"] == "$LATEST" else ""

    functions = trial.target.output("functions")
    faults = [found for found in trial.aws.map(fault, functions.items()) if found]
    expect(not faults, "; ".join(faults))
    return {"functions": len(functions)}
