from __future__ import annotations

from collections.abc import Iterator

from opsctl.builds.function_rules import MOST_LAYERS, number_of_extensions
from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.bundles import bundles
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="functions/layers",
    title="A function has more layers, or extensions, than Lambda takes",
    severity=Severity.HIGH,
    why=(
        "AWS refuses more than five layers, and more than ten extensions in them; each one is code that starts "
        "beside yours."
    ),
    mend="Merge layers, and take out those that the function doesn't import.",
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html",
        "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    ),
    tags=("S12",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for function, bundle in bundles(stack):
        layers = look(function, "layers", [])
        if isinstance(layers, list) and len(layers) > MOST_LAYERS:
            sentence = f"{function.address} has {len(layers)} layers; AWS takes {MOST_LAYERS}."
            yield stack.finding(RULE, function, sentence, at="layers")
        for sentence in number_of_extensions(bundle):
            yield stack.finding(RULE, function, f"{function.address}: {sentence}", at="layers")
