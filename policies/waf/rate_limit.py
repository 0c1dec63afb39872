from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, is_written, look

RULE = Rule(
    id="waf/rate-limit",
    title="A web application firewall lets one address ask without limit",
    severity=Severity.LOW,
    why=(
        "Floods and password guessing from one address look like ordinary requests one by one; only a rate-based "
        "rule counts them."
    ),
    mend='Add a rule with rate_based_statement { limit = …, aggregate_key_type = "IP" } and the action block.',
    links=("https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html",),
    tags=(
        "S8",
        "WAF",
        "throttling",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for acl in stack.of_type("aws_wafv2_web_acl"):
        rules = look(acl, "rule", [])
        if is_written(look(acl, "rule_json")) or not isinstance(rules, list):
            continue
        groups = blocks(acl, "rule.statement.rule_group_reference_statement")
        limited = blocks(acl, "rule.statement.rate_based_statement")
        if not limited and not groups:
            yield stack.finding(RULE, acl, f"{acl.address} has no limit of requests by address.")
