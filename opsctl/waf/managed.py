"""What stands in for AWS's managed rule groups, whose rules are not public.

AWS documents the names of a group's rules, what each looks at and what it looks for ("AWS Managed Rules rule groups
list"). Where that text is the whole rule (a size, a method) we do the same; where it only describes attacks, rules of
the OWASP core rule set (paranoia level 1) stand in, asked of the detector. Neither is AWS's rule: a verdict by one says
that it is by a stand-in, and what has none is reported as not enforced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opsctl.waf.request import WebRequest


@dataclass(frozen=True)
class Finding:
    """A rule of the core rule set that matched, and Coraza's names of the variables that it matched in."""

    rule: int
    variables: frozenset[str]


@dataclass(frozen=True)
class StandIn:
    """One rule of a managed group.

    Attributes:
        label: what AWS's rule adds, behind the group's prefix.
        check: decides by the request alone; None where the core rule set does.
        core_rules: ids of its rules, as ranges; `variables`: where they must have matched.
    """

    name: str
    label: str
    check: Callable[[WebRequest], bool] | None = None
    core_rules: tuple[range, ...] = ()
    variables: frozenset[str] = frozenset()

    def matches(self, request: WebRequest, findings: Iterable[Finding]) -> bool:
        if self.check is not None:
            return self.check(request)
        return any(
            found.variables & self.variables and any(found.rule in rules for rules in self.core_rules)
            for found in findings
        )


@dataclass(frozen=True)
class Group:
    """A managed group: prefix of its labels, stand-ins in order, and those of its rules that have none."""

    prefix: str
    stand_ins: tuple[StandIn, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str = ""


BODY = frozenset({"ARGS_POST", "ARGS_POST_NAMES", "REQUEST_BODY", "FILES", "FILES_NAMES", "XML"})
QUERY = frozenset({"ARGS_GET", "ARGS_GET_NAMES", "QUERY_STRING"})
COOKIE = frozenset({"REQUEST_COOKIES", "REQUEST_COOKIES_NAMES"})
PATH = frozenset({"REQUEST_FILENAME", "REQUEST_URI", "REQUEST_URI_RAW", "REQUEST_BASENAME", "REQUEST_LINE"})
HEADER = frozenset({"REQUEST_HEADERS", "REQUEST_HEADERS_NAMES"})
COMPONENTS = {
    "BODY": ("Body", BODY), "QUERYARGUMENTS": ("QueryArguments", QUERY), "QUERYSTRING": ("QueryString", QUERY),
    "COOKIE": ("Cookie", COOKIE), "URIPATH": ("URIPath", PATH), "HEADER": ("Header", HEADER),
}  # fmt: skip

RESTRICTED_EXTENSIONS = re.compile(
    r"\.(?:ani|asa|asax|ascx|backup|bak|bat|cdx|cer|cfg|cmd|compositefont|config|conf|crt|cs|csproj|csr|dat|db|dbf"
    r"|dll|dos|dpkg-dist|drv|gadget|hta|htr|htw|ida|idc|idq|inc|inf|ini|jse|key|licx|lnk|log|mdb|msc|ocx|old|pass|pdb"
    r"|pfx|pif|pem|pol|prf|printer|pwd|rdb|rdp|reg|resources|resx|sct|shs|sql|swp|sys|tlb|tmp|vb|vbe|vbs|vbproj|vsdisco"
    r"|vxd|webinfo|ws|wsc|wsf|wsh|xsd|xsx)$",
    re.IGNORECASE,
)
"""Source: OWASP core rule set 4.25, tx.restricted_extensions (Apache-2.0), but for .com, in which mail addresses end.
AWS names .log and .ini as examples."""
EXPLOITABLE_PATHS = re.compile(
    r"/(?:web-inf|meta-inf|\.git|\.svn|\.hg|\.env|\.aws|\.ssh|\.ht(?:access|passwd))(?:/|$)", re.IGNORECASE
)
"""AWS names web-inf; the others are of the core rule set's restricted-files.data, which has /config.json too."""


def _core(name: str, components: str, *rules: range) -> tuple[StandIn, ...]:
    return tuple(
        StandIn(f"{name}_{component}", f"{name}_{COMPONENTS[component][0]}", None, rules, COMPONENTS[component][1])
        for component in components.split()
    )


def _plain(name: str, label: str, check: Callable[[WebRequest], bool]) -> StandIn:
    return StandIn(name, label, check)


COMMON = Group(
    "awswaf:managed:aws:core-rule-set:",
    (
        _plain("NoUserAgent_HEADER", "NoUserAgent_Header", lambda r: not any(r.header_values("user-agent"))),
        StandIn("UserAgent_BadBots_HEADER", "BadBots_Header", None, (range(913100, 913200),), HEADER),
        _plain("SizeRestrictions_QUERYSTRING", "SizeRestrictions_QueryString", lambda r: len(r.query) > 2048),
        _plain("SizeRestrictions_Cookie_HEADER", "SizeRestrictions_Cookie_Header",
               lambda r: sum(map(len, r.header_values("cookie"))) > 10_240),
        _plain("SizeRestrictions_BODY", "SizeRestrictions_Body", lambda r: len(r.body) > 8192),
        _plain("SizeRestrictions_URIPATH", "SizeRestrictions_URIPath", lambda r: len(r.path) > 1024),
        *_core("EC2MetaDataSSRF", "BODY COOKIE URIPATH QUERYARGUMENTS", range(934110, 934121)),
        *_core("GenericLFI", "QUERYARGUMENTS URIPATH BODY", range(930100, 930130)),
        _plain("RestrictedExtensions_URIPATH", "RestrictedExtensions_URIPath",
               lambda r: bool(RESTRICTED_EXTENSIONS.search(r.path))),
        _plain("RestrictedExtensions_QUERYARGUMENTS", "RestrictedExtensions_QueryArguments",
               lambda r: any(map(RESTRICTED_EXTENSIONS.search, r.query.split("&")))),
        *_core("GenericRFI", "QUERYARGUMENTS BODY URIPATH", range(931100, 932000)),
        *_core("CrossSiteScripting", "COOKIE QUERYARGUMENTS BODY URIPATH", range(941100, 942000)),
    ),
)  # fmt: skip
SQLI = Group(
    "awswaf:managed:aws:sql-database:",
    _core("SQLi", "QUERYARGUMENTS BODY COOKIE URIPATH", range(942100, 943000)),
)
BAD_INPUTS = Group(
    "awswaf:managed:aws:known-bad-inputs:",
    (
        *_core("JavaDeserializationRCE", "BODY URIPATH QUERYSTRING HEADER",
               range(944100, 944150), range(944200, 944300)),
        _plain("Host_localhost_HEADER", "Host_Localhost_Header",
               lambda r: any(value.lower().split(":")[0] == "localhost" for value in r.header_values("host"))),
        _plain("PROPFIND_METHOD", "Propfind_Method", lambda r: r.method == "PROPFIND"),
        _plain("ExploitablePaths_URIPATH", "ExploitablePaths_URIPath",
               lambda r: bool(EXPLOITABLE_PATHS.search(r.path))),
        *_core("Log4JRCE", "QUERYSTRING BODY URIPATH HEADER", range(944150, 944160)),
    ),
    missing=("ReactJSRCE_BODY",),
)  # fmt: skip

GROUPS = {
    "AWSManagedRulesCommonRuleSet": COMMON,
    "AWSManagedRulesSQLiRuleSet": SQLI,
    "AWSManagedRulesKnownBadInputsRuleSet": BAD_INPUTS,
    "AWSManagedRulesAmazonIpReputationList": Group(
        "awswaf:managed:aws:amazon-ip-list:", reason="AWS publishes no addresses of its reputation list"
    ),
    "AWSManagedRulesAnonymousIpList": Group(
        "awswaf:managed:aws:anonymous-ip-list:", reason="AWS publishes no addresses of its anonymous IP list"
    ),
}
"""By the name that AWS gives the group. Any other is not enforced."""
