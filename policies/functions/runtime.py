"""A function's runtime is no longer supported. The dates are those of AWS's page, "Lambda runtimes", as of early
2026. The setting `today` (an ISO date) says which of them have passed; without it, those that had when the list
was made."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="functions/runtime",
    title="A function's runtime is no longer supported",
    severity=Severity.HIGH,
    why=(
        "A deprecated runtime gets no security patches, and after a while AWS refuses to create and then to update "
        "functions on it."
    ),
    mend="Move to a supported runtime of the same language.",
    links=("https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html",),
    tags=("lifecycle",),
)


LIST_MADE = "2026-05-01"
DEPRECATED = {
    "nodejs": "2016-10-31",
    "nodejs4.3": "2020-03-05",
    "nodejs4.3-edge": "2020-03-05",
    "nodejs6.10": "2019-08-12",
    "nodejs8.10": "2020-03-06",
    "nodejs10.x": "2021-07-30",
    "nodejs12.x": "2023-03-31",
    "nodejs14.x": "2023-12-04",
    "nodejs16.x": "2024-06-12",
    "nodejs18.x": "2025-09-01",
    "nodejs20.x": "2026-04-30",
    "nodejs22.x": "2027-04-30",
    "python2.7": "2021-07-15",
    "python3.6": "2022-07-18",
    "python3.7": "2023-12-04",
    "python3.8": "2024-10-14",
    "python3.9": "2025-12-15",
    "python3.10": "2026-10-31",
    "python3.11": "2027-06-30",
    "java8": "2024-01-08",
    "go1.x": "2024-01-08",
    "provided": "2024-01-08",
    "dotnetcore1.0": "2019-06-27",
    "dotnetcore2.0": "2019-05-30",
    "dotnetcore2.1": "2022-01-05",
    "dotnetcore3.1": "2023-04-03",
    "dotnet5.0": "2022-05-10",
    "dotnet6": "2024-12-20",
    "dotnet7": "2024-05-14",
    "dotnet8": "2026-11-10",
    "ruby2.5": "2021-07-30",
    "ruby2.7": "2023-12-07",
    "ruby3.2": "2026-03-31",
    "ruby3.3": "2027-03-31",
}


def find(stack: Stack) -> Iterator[Finding]:
    today = str(stack.settings.get("today") or LIST_MADE)
    for function in stack.of_type("aws_lambda_function"):
        runtime = look(function, "runtime")
        ended = DEPRECATED.get(runtime) if isinstance(runtime, str) else None
        if ended and ended <= today:
            yield stack.finding(
                RULE, function, f"{function.address} runs on {runtime}, deprecated {ended}.", at="runtime"
            )
