"""AWS WAF: what a web ACL, read from the API or from a Terraform plan, does with a request."""

from opsctl.waf.evaluation import NotEnforced, Verdict, evaluate
from opsctl.waf.parsing import MalformedWebACL, parse_web_acl
from opsctl.waf.rates import RateCounters
from opsctl.waf.request import Resource, WebRequest
from opsctl.waf.web_acl import WebACL

__all__ = [
    "MalformedWebACL", "NotEnforced", "RateCounters", "Resource", "Verdict", "WebACL", "WebRequest", "evaluate",
    "parse_web_acl",
]  # fmt: skip
