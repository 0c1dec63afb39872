"""A function's package and layers are so large that its starts are slow. benchmarks/functions.py measures what a
layer adds to a start."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.builds.function_rules import slow_start, unapproved_extensions
from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.bundles import bundles
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="functions/slow-start",
    title="A function's package and layers are so large that its starts are slow",
    severity=Severity.LOW,
    why=(
        "A cold start loads and unpacks all of it before the first request is answered; above 100 MB that is "
        "seconds, and an extension that nobody chose adds its own."
    ),
    mend=(
        "Import less, split the function, or leave out what Lambda's runtime has already; list wanted extensions in "
        "the setting approved_extensions."
    ),
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-extensions.html",
    ),
    tags=("S12",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for function, bundle in bundles(stack):
        for check in (slow_start, unapproved_extensions):
            for sentence in check(bundle):
                yield stack.finding(RULE, function, f"{function.address}: {sentence}", at="filename")
    for function in stack.of_type("aws_lambda_function"):
        runtime = look(function, "runtime")
        # Memory decides the CPU's share: below 512 MB a JVM or CLR takes seconds to start.
        memory = number(look(function, "memory_size", 128))
        slow = isinstance(runtime, str) and runtime.startswith(("java", "dotnet"))
        if (
            slow
            and memory is not None
            and memory < 512
            and look(function, "snap_start.apply_on") != "PublishedVersions"
        ):
            yield stack.finding(
                RULE,
                function,
                f"{function.address} starts {runtime} with {memory:g} MB and no SnapStart.",
                at="memory_size",
            )
