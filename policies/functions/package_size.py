from __future__ import annotations

from collections.abc import Iterator

from opsctl.builds.function_rules import unzipped_size, zipped_size
from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.bundles import bundles
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="functions/package-size",
    title="A function's package and layers are larger than Lambda takes",
    severity=Severity.HIGH,
    why=(
        "AWS refuses a function that has more than 250 MB unzipped with its layers, or 50 MB zipped when it is "
        "handed over as a file."
    ),
    mend="Leave out what isn't imported, move data to S3, or build a container image.",
    links=("https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",),
    tags=(
        "S5",
        "S12",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for function, bundle in bundles(stack):
        for check in (unzipped_size, zipped_size):
            for sentence in check(bundle):
                yield stack.finding(RULE, function, f"{function.address}: {sentence}", at="filename")
    for function in stack.of_type("aws_lambda_function"):
        storage = number(look(function, "ephemeral_storage.size", 512))
        if storage is not None and not 512 <= storage <= 10240:
            yield stack.finding(
                RULE,
                function,
                f"{function.address} asks for {storage:g} MB of /tmp; AWS gives 512 to 10,240.",
                at="ephemeral_storage[0].size",
            )
