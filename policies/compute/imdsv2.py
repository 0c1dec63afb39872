from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="compute/imdsv2",
    title="An instance's metadata can be read without a session token",
    severity=Severity.HIGH,
    why=(
        "Version 1 of the metadata service answers any GET: a request forged by the application (SSRF) reads the "
        "role's credentials, as at Capital One in 2019."
    ),
    mend='Add metadata_options { http_tokens = "required" }.',
    links=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html",),
    tags=(
        "S8",
        "IMDSv2",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    # What a host doesn't say, the region's defaults do: "required", or something that isn't known.
    defaults = [look(each, "http_tokens") for each in stack.of_type("aws_ec2_instance_metadata_defaults")]
    default = next((each for each in defaults if each not in (None, "optional", "no-preference")), "optional")
    for host in stack.of_type("aws_instance", "aws_launch_template", "aws_launch_configuration"):
        if look(host, "metadata_options.http_endpoint", "enabled") == "disabled":
            continue
        # An instance of a launch template takes the template's options.
        if (
            host.type == "aws_instance"
            and is_written(look(host, "launch_template"))
            and not is_written(look(host, "metadata_options"))
        ):
            continue
        if look(host, "metadata_options.http_tokens", default) == "optional":
            yield stack.finding(
                RULE,
                host,
                f"{host.address} answers the metadata service's version 1.",
                at="metadata_options[0].http_tokens",
            )
