from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, json_in, listed, look, truth

RULE = Rule(
    id="containers/privileged",
    title="A container is privileged",
    severity=Severity.HIGH,
    why="It can do everything on its host: read other containers, their roles' credentials and the disk.",
    mend="Leave privileged off and add single Linux capabilities.",
    links=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html",),
    tags=("containers",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for kind, attribute in (
        ("aws_ecs_task_definition", "container_definitions"),
        ("aws_batch_job_definition", "container_properties"),
    ):
        for owner in stack.of_type(kind):
            for container in listed(json_in(look(owner, attribute))):
                if isinstance(container, Mapping) and truth(container.get("privileged")):
                    yield stack.finding(RULE, owner, f"{owner.address} runs a privileged container.", at=attribute)
