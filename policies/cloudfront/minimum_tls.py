from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, look, truth

RULE = Rule(
    id="cloudfront/minimum-tls",
    title="A distribution takes old TLS",
    severity=Severity.HIGH,
    why="TLS 1.0 and 1.1 are broken. With CloudFront's own certificate TLS 1.0 can't be switched off at all.",
    mend='Use an ACM certificate of your domain and minimum_protocol_version = "TLSv1.2_2021".',
    links=(
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html",
    ),
    tags=(
        "TLS",
        "S8",
    ),
)


OLD = frozenset({"SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016"})


def find(stack: Stack) -> Iterator[Finding]:
    for distribution in stack.of_type("aws_cloudfront_distribution"):
        for certificate in blocks(distribution, "viewer_certificate"):
            own = truth(look(certificate, "cloudfront_default_certificate", False))
            version = look(certificate, "minimum_protocol_version", "TLSv1")
            which = "cloudfront_default_certificate" if own else "minimum_protocol_version"
            if own or version in OLD:
                yield stack.finding(
                    RULE,
                    distribution,
                    f"{distribution.address} takes {'TLSv1 (its own certificate does)' if own else version}.",
                    at=f"viewer_certificate[0].{which}",
                    severity=Severity.MEDIUM if own else None,
                )
