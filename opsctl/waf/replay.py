"""Replay requests against a web ACL and say which rule would act: one that stands, or one that a plan would make.

requests file → Case … ─┐
web ACL (API or plan) ──┴▶ evaluate each, in order, on one clock ─▶ Replay (results, unmet expectations)
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from opsctl import processes
from opsctl.aws.clients import Aws
from opsctl.aws.errors import AwsError
from opsctl.errors import OpsctlError, UsageError
from opsctl.exit_codes import ExitCode
from opsctl.waf.evaluation import Detector, Verdict, evaluate
from opsctl.waf.parsing import gather, parse_gathered
from opsctl.waf.plan import NoWebACL, web_acls
from opsctl.waf.rates import RateCounters
from opsctl.waf.request import WebRequest
from opsctl.waf.web_acl import WebACL

REPEATS = range(1, 1_000_001)
SCHEMA = "opsctl.waf-test/1"
CLOUDFRONT_REGION = "us-east-1"
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "name": str, "method": str, "path": str, "query": (str, dict), "headers": dict, "body": str, "body_base64": str,
    "json": object, "client_ip": str, "country": str, "repeat": int, "expect": str,
}  # fmt: skip
USUAL_HEADERS = {"host": "example.com", "user-agent": "opsctl-waf-test"}
ADDRESS = "198.51.100.10"
"""The viewer's, where a case names none: of a documentation network (RFC 5737) that counts as Germany here."""


class BadRequests(UsageError):
    """The requests file is not one. `where` names the file and the line or entry."""


@dataclass(frozen=True)
class Expectation:
    """ "allow", "block", or "block:RULE" (for a rule of a group, RULE is the group's or "group's/its own")."""

    action: str
    rule: str = ""

    def is_met(self, verdict: Verdict) -> bool:
        if verdict.action != self.action.upper():
            return False
        return not self.rule or self.rule in (verdict.rule, rule_name(verdict))


@dataclass(frozen=True)
class Case:
    """One request of the file, sent `repeat` times at once; the verdict is that of the last."""

    name: str
    request: WebRequest
    repeat: int = 1
    expect: Expectation | None = None


@dataclass(frozen=True)
class Result:
    case: Case
    verdict: Verdict

    @property
    def is_unmet(self) -> bool:
        return self.case.expect is not None and not self.case.expect.is_met(self.verdict)


@dataclass(frozen=True)
class Replay:
    """All results, in the order of the file. `web_acl`: where the web ACL came from."""

    web_acl: str
    results: tuple[Result, ...]

    @property
    def unmet(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.is_unmet)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FINDINGS if self.unmet else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        """The document of `--json`. Members are added, never changed; `schema` names the version."""
        return {
            "schema": SCHEMA,
            "web_acl": self.web_acl,
            "passed": not self.unmet,
            "results": [_to_json(result) for result in self.results],
        }


def _to_json(result: Result) -> dict[str, Any]:
    verdict, case = result.verdict, result.case
    return {
        "name": case.name,
        "method": case.request.method,
        "path": case.request.path,
        "action": verdict.action,
        "rule": rule_name(verdict),
        "status": verdict.answer.status if verdict.answer else (403 if verdict.blocks else None),
        "counted": [f"{matched.rule}/{matched.group_rule}".removesuffix("/") for matched in verdict.counted],
        "labels": list(verdict.labels),
        "added_headers": dict(verdict.insert),
        "stand_ins": list(verdict.stand_ins),
        "not_enforced": [{"rule": missing.rule, "reason": missing.reason} for missing in verdict.not_enforced],
        "expected": _expectation(case.expect),
        "met": None if case.expect is None else not result.is_unmet,
    }


def _expectation(expect: Expectation | None) -> str | None:
    return None if expect is None else f"{expect.action}:{expect.rule}".removesuffix(":")


def rule_name(verdict: Verdict) -> str:
    """The rule that ended a request; "group/rule" for one of a group's."""
    inner = verdict.terminating.group_rule if verdict.terminating else ""
    return f"{verdict.rule}/{inner}" if inner else verdict.rule


async def replay(acl: WebACL, cases: Iterable[Case], *, detector: Detector, source: str = "") -> Replay:
    """Evaluate every case against a web ACL, all within one moment (rates count over the whole file)."""
    counters = RateCounters()
    results = []
    for case in cases:
        for _ in range(case.repeat):
            verdict = await evaluate(acl, case.request, counters=counters, detector=detector, now=0.0)
        results.append(Result(case, verdict))
    return Replay(source or acl.arn, tuple(results))


def read_requests(file: Path) -> tuple[Case, ...]:
    """The cases of a file: JSON lines (.jsonl), one JSON array (.json), or TOML with [[request]] tables (.toml).

    Raises:
        BadRequests: it can't be read, or an entry is wrong; `where` says which.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadRequests(f"The requests can't be read: {reason}.", where=str(file)) from error
    entries = list(_entries(text, file))
    if not entries:
        raise BadRequests("There is no request in the file.", where=str(file), next=EXAMPLE)
    return tuple(_case(entry, where, number) for number, (where, entry) in enumerate(entries, 1))


EXAMPLE = (
    'One JSON object a line: {"path": "/v1/orders?limit=1", "client_ip": "192.0.2.1", "expect": "block:sql-injection"}'
)


def _entries(text: str, file: Path) -> Iterable[tuple[str, Any]]:
    if file.suffix == ".toml":
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BadRequests(f"{file.name} is not valid TOML: {error}.", where=str(file)) from error
        if not isinstance(document.get("request"), list) or set(document) != {"request"}:
            raise BadRequests("A TOML file of requests holds [[request]] tables, and nothing else.", where=str(file))
        return [(f"{file}: request {number}", entry) for number, entry in enumerate(document["request"], 1)]
    if text.lstrip().startswith("["):
        return [(f"{file}: entry {number}", entry) for number, entry in enumerate(_json(text, str(file)), 1)]
    lines = ((f"{file}:{number}", line) for number, line in enumerate(text.splitlines(), 1))
    return [(where, _json(line, where)) for where, line in lines if line.strip()]


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadRequests(f"That is not JSON: {error}.", where=where, next=EXAMPLE) from error


def _case(entry: Any, where: str, number: int) -> Case:
    if not isinstance(entry, dict):
        raise BadRequests("A request is an object with fields.", where=where, next=EXAMPLE)
    for key, value in entry.items():
        if key not in FIELDS:
            raise BadRequests(f"A request has no field {key!r}.", where=where, next=f"Known: {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[key]) or (key == "repeat" and value not in REPEATS):
            raise BadRequests(f"{key} has a value that it can't have.", where=f"{where} -> {key}")
    path, _, query = str(entry.get("path", "/")).partition("?")
    if not path.startswith("/"):
        raise BadRequests("path must begin with a slash.", where=f"{where} -> path")
    given = entry.get("query", query)
    headers = {**USUAL_HEADERS, **{name.lower(): value for name, value in entry.get("headers", {}).items()}}
    if "json" in entry:
        headers.setdefault("content-type", "application/json")
    address = entry.get("client_ip", ADDRESS)
    return Case(
        name=entry.get("name") or f"{entry.get('method', 'GET')} {entry.get('path', '/')}",
        request=WebRequest(
            method=entry.get("method", "GET"),
            path=path,
            query=urlencode(given, doseq=True) if isinstance(given, dict) else given,
            # An empty value leaves a usual header out.
            headers=tuple((name, str(value)) for name, value in headers.items() if value or name not in USUAL_HEADERS),
            body=_body(entry, where),
            client_ip=address,
            country=entry.get("country") or _country(address),
            request_id=f"replay-{number}",
        ),
        repeat=entry.get("repeat", 1),
        expect=_expected(entry["expect"], where) if "expect" in entry else None,
    )


def _country(address: str) -> str:
    from opsctl.local.edge.countries import country_of

    return country_of(address)


def _body(entry: Mapping[str, Any], where: str) -> bytes:
    if "json" in entry:
        return json.dumps(entry["json"], separators=(",", ":")).encode()
    try:
        return base64.b64decode(entry.get("body_base64", ""), validate=True) or entry.get("body", "").encode()
    except binascii.Error as error:
        raise BadRequests("body_base64 is not Base64.", where=f"{where} -> body_base64") from error


def _expected(text: str, where: str) -> Expectation:
    action, _, rule = text.partition(":")
    if action not in ("allow", "block") or (rule and action == "allow"):
        raise BadRequests(f"expect is {text!r}.", where=f"{where} -> expect", next="allow, block, or block:RULE")
    return Expectation(action, rule)


def from_plan(file: Path, *, name: str = "") -> tuple[str, WebACL]:
    """The web ACL that a plan would make, and its address.

    Args:
        file: what `terraform show -json PLAN` printed, or a saved plan (whose folder or stack Terraform must know).
        name: of the web ACL; without one, CloudFront's, which viewers meet first.

    Raises:
        NoWebACL: none, or more than one and no name.
        UsageError: the file is no plan.
    """
    found = {planned.address: planned.acl for planned in web_acls(_plan(file)) if name in ("", planned.acl.name)}
    if not name and len(at_edge := {key: acl for key, acl in found.items() if acl.scope == "CLOUDFRONT"}) == 1:
        found = at_edge
    if len(found) != 1:
        names = ", ".join(acl.name for acl in found.values())
        raise NoWebACL(
            f"The plan makes {len(found)} web ACLs{f' called {name}' if name else ''}: which one?", where=str(file),
            next=f"Name one: --web-acl NAME ({names})" if names else "opsctl plan shows what it makes.",
        )  # fmt: skip
    return next(iter(found.items()))


def _plan(file: Path) -> Mapping[str, Any]:
    try:
        if zipfile.is_zipfile(file):
            return _shown(file.resolve())
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The plan can't be read: {error.strerror}.", where=str(file)) from error
    except ValueError:
        document = None
    if not isinstance(document, dict) or "planned_values" not in document:
        raise UsageError(
            "That is neither a saved plan nor its JSON.", where=str(file), next="terraform show -json PLAN > plan.json"
        )
    return document


def _shown(file: Path) -> Mapping[str, Any]:
    """A saved plan as JSON, asked of Terraform where it was made. It holds secrets: no disk sees it."""
    from opsctl.terraform.binary import find_terraform
    from opsctl.terraform.plan import binding_file

    environment, folder = dict(os.environ), file.parent
    if (binding := binding_file(file)).is_file():
        document = json.loads(binding.read_text())
        folder = Path(document["stack"])
        environment["TF_DATA_DIR"] = str(Path(document["work"]) / "terraform")
    words = [*find_terraform(environment).argv, f"-chdir={folder}", "show", "-json", str(file)]
    done = processes.run(words, env=environment, timeout_seconds=120)
    if done.status != 0:
        raise UsageError(
            "Terraform can't show the plan: " + " ".join(done.stderr.split())[:300], where=str(file),
            next="terraform show -json PLAN > plan.json, where the plan was made",
        )  # fmt: skip
    return dict(json.loads(done.stdout))


def from_aws(aws: Aws, *, prefix: str, name: str = "") -> tuple[str, WebACL]:
    """The web ACL of an environment as it stands, through the WAFv2 API, and its ARN.

    Args:
        prefix: of the environment's names. name: of the web ACL; without one, CloudFront's, which viewers meet first.

    Raises:
        NoWebACL: none, or more than one and no name.
        AwsError: as `Aws.call`.
    """
    found = [
        (scope, region, acl)
        for scope, region in (("CLOUDFRONT", CLOUDFRONT_REGION), ("REGIONAL", aws.access.region))
        for acl in aws.call("wafv2", "list_web_acls", region=region, Scope=scope, Limit=100)["WebACLs"]
        if (acl["Name"] == name if name else acl["Name"].startswith(f"{prefix}-"))
    ]
    if not name and len(at_edge := [entry for entry in found if entry[0] == "CLOUDFRONT"]) == 1:
        found = at_edge
    if len(found) != 1:
        names = ", ".join(acl["Name"] for *_, acl in found)
        raise NoWebACL(
            f"There are {len(found)} web ACLs{f' called {name}' if name else f' of {prefix}'}.",
            next=f"Name one: --web-acl NAME ({names})" if names else f"Is it up? opsctl status {prefix.split('-')[-1]}",
        )
    scope, region, summary = found[0]
    return summary["ARN"], read_web_acl(aws, scope, region, summary)


def read_web_acl(aws: Aws, scope: str, region: str, summary: Mapping[str, Any]) -> WebACL:
    """A web ACL and all that it refers to, from the API."""

    def get(operation: str, key: str, name: str, identity: str) -> Mapping[str, Any]:
        answer = aws.call("wafv2", operation, region=region, Scope=scope, Name=name, Id=identity)
        return dict(answer[key])

    kinds = {
        "ipset": ("get_ip_set", "IPSet"), "regexpatternset": ("get_regex_pattern_set", "RegexPatternSet"),
        "rulegroup": ("get_rule_group", "RuleGroup"),
    }  # fmt: skip

    def fetch(arn: str) -> Mapping[str, Any] | None:
        kind, name, identity = arn.split("/")[1:4]
        try:
            return get(*kinds[kind], name, identity) if kind in kinds else None
        except AwsError:
            return None  # shared by another account or just deleted

    document = get("get_web_acl", "WebACL", summary["Name"], summary["Id"])
    return parse_gathered({**document, "Scope": scope}, gather(document, fetch))


async def run(acl: WebACL, cases: Sequence[Case], *, source: str) -> Replay:
    """`replay` with the attack detector, built first where it can be; without it what needs it is not enforced."""
    from opsctl.waf.detector import AttackDetector, availability, build

    if availability().program is None:
        with contextlib.suppress(OpsctlError):  # every verdict says so
            build()
    with tempfile.TemporaryDirectory() as folder:
        detector = AttackDetector(Path(folder) / "detector.log")
        try:
            return await replay(acl, cases, detector=detector, source=source)
        finally:
            await detector.close()
