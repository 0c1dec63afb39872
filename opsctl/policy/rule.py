"""The form of a built-in rule. A rule is one file in `policies/<area>/<name>.py`, beside its two fixtures:

    policies/queues/dead_letter_queue.py
        RULE = Rule(id="queues/dead-letter-queue", title=…, severity=…, why=…, mend=…, links=…, tags=("S7",))

        def find(stack: Stack) -> Iterator[Finding]:
            for queue in stack.of_type("aws_sqs_queue"):
                if not queue.get("redrive_policy"):
                    yield stack.finding(RULE, queue, "no dead-letter queue", at="redrive_policy")

    policies/queues/dead_letter_queue.passing.tf      finds nothing there
    policies/queues/dead_letter_queue.failing.tf      a line with `# finds: ID` is where it finds

(names of files use "_" where ids use "-").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Configuration, Resource, Unknown, symbols_in


@dataclass(frozen=True)
class Stack:
    """What a rule reads: the configuration, and the questions that every rule asks of it. Cheap to ask often."""

    configuration: Configuration
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[Resource]]:
        by_type: dict[str, list[Resource]] = {}
        for resource in self.configuration.resources:
            if resource.mode == "managed" and resource.action != "delete":
                by_type.setdefault(resource.type, []).append(resource)
        return by_type

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Managed resources of these types that will be there after the apply."""
        for name in types:
            yield from self._by_type.get(name, ())

    @cached_property
    def _by_address(self) -> Mapping[str, Resource]:
        return {resource.address: resource for resource in self.configuration.resources}

    def referenced(self, value: Any) -> Iterator[Resource]:
        """The resources whose symbols a value holds: which queue a mapping reads, which bucket a block is for."""
        for text in texts_in(value):
            for reference in symbols_in(text):
                address = reference.rpartition(".")[0]
                if resource := self._by_address.get(address):
                    yield resource

    def finding(
        self, rule: Rule, resource: Resource, message: str, *, at: str = "", fix: str = "",
        severity: Severity | None = None,
    ) -> Finding:  # fmt: skip
        """A finding on the line of an attribute, or of the block where the attribute isn't written."""
        return Finding(
            rule.id, rule.severity if severity is None else severity, message, resource=resource.address,
            place=resource.place_of(at), fix=fix or rule.mend,
        )  # fmt: skip


def texts_in(value: Any) -> Iterator[str]:
    """Every string in a value, an `Unknown` as its symbol."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Unknown):
        yield str(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from texts_in(each)
