from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, json_in, listed, look
from opsctl.policy.secrets import secret_in

RULE = Rule(
    id="containers/task-secrets",
    title="A container's environment carries a secret",
    severity=Severity.HIGH,
    why="It is shown by DescribeTaskDefinition for every revision, for ever, and stands in Terraform's state.",
    mend="Use the container's secrets with valueFrom (Secrets Manager, Parameter Store).",
    links=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html",),
    tags=(
        "secrets",
        "containers",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for task in stack.of_type("aws_ecs_task_definition"):
        containers = json_in(look(task, "container_definitions"))
        yield from _judge(stack, task, listed(containers), "container_definitions")
    for job in stack.of_type("aws_batch_job_definition"):
        yield from _judge(stack, job, [json_in(look(job, "container_properties"))], "container_properties")


def _judge(stack: Stack, owner: Resource, containers: list[Any], at: str) -> Iterator[Finding]:
    for container in containers:
        if not isinstance(container, Mapping):
            continue
        for variable in listed(container.get("environment")):
            if isinstance(variable, Mapping) and (what := secret_in(str(variable.get("name")), variable.get("value"))):
                yield stack.finding(
                    RULE, owner, f"{owner.address} has {what} in its variable {variable.get('name')}.", at=at
                )
