from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="search/domain",
    title="A search domain is open or unencrypted",
    severity=Severity.HIGH,
    why=(
        "OpenSearch domains hold copies of the most readable data: outside a VPC, on plain disks or over HTTP they "
        "have been found open by the thousands."
    ),
    mend=(
        "Set encrypt_at_rest, node_to_node_encryption, domain_endpoint_options { enforce_https = true, "
        'tls_security_policy = "Policy-Min-TLS-1-2-2019-07" or newer } and vpc_options.'
    ),
    links=("https://docs.aws.amazon.com/opensearch-service/latest/developerguide/security.html",),
    tags=(
        "encryption",
        "TLS",
        "public-access",
    ),
)


ASKED = (
    ("encrypt_at_rest.enabled", "isn't encrypted at rest"),
    ("node_to_node_encryption.enabled", "isn't encrypted between its nodes"),
)


def find(stack: Stack) -> Iterator[Finding]:
    for domain in stack.of_type("aws_opensearch_domain", "aws_elasticsearch_domain"):
        for path, what in ASKED:
            if truth(look(domain, path, False)) is False:
                yield stack.finding(RULE, domain, f"{domain.address} {what}.", at=path.replace(".", "[0]."))
        # Without the block AWS takes HTTP; in the block the provider says true.
        https = is_written(look(domain, "domain_endpoint_options"))
        if truth(look(domain, "domain_endpoint_options.enforce_https", https)) is False:
            yield stack.finding(
                RULE, domain, f"{domain.address} takes HTTP.", at="domain_endpoint_options[0].enforce_https"
            )
        if look(domain, "domain_endpoint_options.tls_security_policy") == "Policy-Min-TLS-1-0-2019-07":
            yield stack.finding(
                RULE,
                domain,
                f"{domain.address} takes TLS 1.0.",
                at="domain_endpoint_options[0].tls_security_policy",
                severity=Severity.MEDIUM,
            )
        if not is_written(look(domain, "vpc_options")):
            yield stack.finding(
                RULE,
                domain,
                f"{domain.address} has its endpoint on the Internet.",
                at="vpc_options",
                severity=Severity.MEDIUM,
            )
