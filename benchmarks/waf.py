"""The firewall, measured: what it finds, what it takes for an attack and is none, and how long it takes.

The web ACL is the one of terraform/modules/edge; the requests are described in tests/data/waf/README.md.
`python -m benchmarks.waf` prints the figures, and with --misses the requests behind them; --plan makes the plan anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opsctl.config import cache_folder
from opsctl.files import write_atomically
from opsctl.terraform.binary import find_terraform
from opsctl.terraform.provider import find_provider
from opsctl.waf import RateCounters, Verdict, WebACL, WebRequest, evaluate
from opsctl.waf.detector import AttackDetector, build
from opsctl.waf.plan import web_acls
from opsctl.waf.replay import read_requests, rule_name

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests/data/waf"
PLAN = DATA / "edge_plan.json"
WAF_TF = ROOT / "terraform/modules/edge/waf.tf"
BROWSER = (
    ("host", "example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/json;q=0.9,*/*;q=0.8"),
    ("accept-language", "de,en-US;q=0.7,en;q=0.3"),
)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
OWN_RULES = ("sql-injection", "cross-site-scripting")


@dataclass(frozen=True)
class Sample:
    """A request, and the class of the attack that it is ("" where it is none)."""

    name: str
    attack: str
    request: WebRequest


def edge_web_acl() -> WebACL:
    """The web ACL of the edge module, from the plan that is kept beside the requests."""
    (planned,) = web_acls(json.loads(PLAN.read_text()))
    return planned.acl


def own_attacks() -> list[Sample]:
    found = []
    for attack, table in tomllib.loads((DATA / "attacks.toml").read_text()).items():
        for payload in table["payloads"]:
            for placement in table.get("placements", ("query", "form", "json")):
                found.append(Sample(f"{placement}: {payload}", attack, _placed(payload, placement)))
            if table.get("encodings", True):
                twice = _placed(quote(payload, safe=""), "query")
                found.append(Sample(f"query, encoded twice: {payload}", attack, twice))
    return found


def core_rule_set_attacks() -> list[Sample]:
    file = DATA / "attacks-crs.jsonl"
    classes = [json.loads(line).pop("class") for line in file.read_text().splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "attacks.jsonl"
        entries = ({**json.loads(line), "class": None} for line in file.read_text().splitlines())
        plain.write_text("".join(json.dumps({k: v for k, v in e.items() if k != "class"}) + "\n" for e in entries))
        return [
            Sample(case.name, attack, case.request)
            for case, attack in zip(read_requests(plain), classes, strict=True)
        ]  # fmt: skip


def benign(*, tricky: bool = False) -> list[Sample]:
    """Harmless requests: ordinary ones, or those that were chosen to look like attacks."""
    document = tomllib.loads((DATA / "benign.toml").read_text())
    long = [(text * (document["long_bytes"] // len(text) + 1))[: document["long_bytes"]] for text in document["long"]]
    found = [
        Sample(f"{placement}: {text[:60]}", "", _placed(text, placement))
        for text in document["tricky" if tricky else "texts"]
        for placement in ("query", "form", "json")
    ]
    if tricky:
        return found
    found += [Sample(f"{p}: {text[:40]}…", "", _placed(text, p)) for text in long for p in ("form", "json")]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "benign.json"
        file.write_text(json.dumps(document["requests"]))
        found += [Sample(case.name, "", _of_browser(case.request)) for case in read_requests(file)]
    return found


def _of_browser(request: WebRequest) -> WebRequest:
    own = {name for name, _ in request.headers} - {"host", "user-agent"}
    return replace(request, headers=(*BROWSER, *((name, value) for name, value in request.headers if name in own)))


def _placed(text: str, placement: str) -> WebRequest:
    usual = WebRequest("POST", "/v1/orders", "", BROWSER, b"", "198.51.100.10", "DE", "1")
    match placement:
        case "query":
            return replace(usual, method="GET", query=f"limit=20&q={quote(text, safe='')}")
        case "header":
            return replace(usual, method="GET", headers=(*BROWSER, ("x-note", text)))
        case "form":
            return replace(
                usual, headers=(*BROWSER, ("content-type", FORM)), body=f"customer={quote(text, safe='')}&a=1".encode()
            )
        case _:
            body = {"customer": text, "items": [{"sku": "print-a3", "quantity": 2, "unit_price_cents": 1250}]}
            return replace(usual, headers=(*BROWSER, ("content-type", JSON)), body=json.dumps(body).encode())


def run(acl: WebACL, samples: list[Sample]) -> tuple[list[tuple[Sample, Verdict]], list[float]]:
    """Each sample's verdict, and the seconds that each took. Every sample has an address of its own."""

    async def all_of_them() -> Iterator[tuple[Sample, Verdict, float]]:
        found = []
        counters = RateCounters()
        with tempfile.TemporaryDirectory() as folder:
            detector = AttackDetector(Path(folder) / "log")
            for number, sample in enumerate([samples[0], *samples]):
                request = replace(sample.request, client_ip=str(ip_address("10.0.0.0") + number))
                begin = time.perf_counter()
                verdict = await evaluate(acl, request, counters=counters, detector=detector, now=0)
                found.append((sample, verdict, time.perf_counter() - begin))
            await detector.close()
        return iter(found[1:])

    results = list(asyncio.run(all_of_them()))
    return [(sample, verdict) for sample, verdict, _ in results], [seconds for *_, seconds in results]


def without_groups(acl: WebACL) -> WebACL:
    """The web ACL's own rules alone: what AWS's libinjection-like statements find without the managed groups."""
    return replace(acl, rules=tuple(rule for rule in acl.rules if rule.action is not None))


def measure() -> dict[str, Any]:
    """Recall and false positives of the edge's web ACL, with and without its managed groups, and its speed."""
    build()
    acl = edge_web_acl()
    report: dict[str, Any] = {}
    for name, chosen in (("own rules", without_groups(acl)), ("whole web ACL", acl)):
        figures: dict[str, Any] = {}
        for source, samples in (("OWASP classes", own_attacks()), ("core rule set", core_rule_set_attacks())):
            verdicts, _ = run(chosen, samples)
            total, hit = Counter(s.attack for s, _ in verdicts), Counter(s.attack for s, v in verdicts if v.blocks)
            figures[source] = {attack: {"sent": total[attack], "blocked": hit[attack]} for attack in total}
        for kind in ("tricky", "benign"):
            verdicts, _ = run(chosen, benign(tricky=kind == "tricky"))
            blocked = [(sample, verdict) for sample, verdict in verdicts if verdict.blocks]
            figures[kind] = {
                "sent": len(verdicts), "blocked": len(blocked),
                "by_rule": dict(Counter(rule_name(verdict) for _, verdict in blocked)),
            }  # fmt: skip
        samples = benign()
        _, seconds = run(chosen, samples * 2)
        figures["milliseconds"] = {
            "first": _percentiles(seconds[: len(samples)]), "again": _percentiles(seconds[len(samples) :])
        }  # fmt: skip
        report[name] = figures
    return report


def _percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = [1000 * each for each in sorted(seconds)]
    return {"p50": round(ordered[len(ordered) // 2], 2), "p99": round(ordered[len(ordered) * 99 // 100], 2)}


def rows(report: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Lines of the benchmarks' table: what, measured, goal."""
    for name, figures in report.items():
        for source in ("OWASP classes", "core rule set"):
            parts = (f"{a} {100 * c['blocked'] / c['sent']:.0f} % of {c['sent']}" for a, c in figures[source].items())
            yield f"firewall, {name}: attacks blocked ({source})", ", ".join(parts), ""
        for kind, what in (("benign", "harmless requests"), ("tricky", "harmless ones that look like attacks")):
            wrong = figures[kind]
            per_thousand = 1000 * wrong["blocked"] / wrong["sent"]
            yield f"firewall, {name}: {what} blocked", f"{per_thousand:.0f} of 1000 ({wrong['sent']} sent)", ""
        for turn, what in (("first", "first seen"), ("again", "seen before")):
            times = figures["milliseconds"][turn]
            goal = "≤ 1 ms at p50" if name == "whole web ACL" else ""
            yield f"firewall, {name}: a harmless request, {what}", f"p50 {times['p50']} ms, p99 {times['p99']} ms", goal


def plan_edge() -> None:
    """Make `edge_plan.json` anew: Terraform plans the edge module alone (12 s; no cloud is asked)."""
    variables = {
        "name_prefix": "opsctl-test", "site_domain": "test.example.com", "origin_secret": "0" * 32,
        "api_domain_name": "abc123.execute-api.eu-central-1.amazonaws.com", "allowed_countries": ["DE", "IE", "US"],
        "site_bucket": dict.fromkeys(("id", "arn", "regional_domain_name"), "site"),
        "photos_bucket": dict.fromkeys(("id", "arn", "regional_domain_name"), "photos"),
        "blocked_ip_ranges": ["203.0.113.66/32", "2001:db8:bad::/48"],
    }  # fmt: skip
    settings = {
        "access_key": "111122223333", "secret_key": "local", "skip_credentials_validation": True,
        "skip_metadata_api_check": True, "skip_requesting_account_id": True,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.tf.json").write_text(json.dumps({
            "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
            "provider": {"aws": [
                {"region": "eu-central-1", **settings}, {"alias": "us_east_1", "region": "us-east-1", **settings},
            ]},
            "module": {"edge": {
                "source": str(ROOT / "terraform/modules/edge"), **variables,
                "providers": {"aws": "aws", "aws.us_east_1": "aws.us_east_1"},
            }},
        }))  # fmt: skip

        provider = find_provider(cache=cache_folder(), env=os.environ)
        environment = os.environ | ({"TF_CLI_CONFIG_FILE": str(provider.cli_config)} if provider.cli_config else {})

        def terraform(*words: str) -> str:
            return subprocess.run(
                [*find_terraform(os.environ).argv, *words], cwd=folder, check=True, capture_output=True, text=True,
                env=environment,
            ).stdout  # fmt: skip

        terraform("init", "-input=false")
        terraform("plan", "-input=false", "-refresh=false", "-out=plan", "-target=module.edge.aws_wafv2_web_acl.this")
        plan = json.loads(terraform("show", "-json", "plan"))
    write_atomically(PLAN, json.dumps(_only_waf(plan), indent=1) + "\n")


def _only_waf(plan: dict[str, Any]) -> dict[str, Any]:
    """Of a plan what makes the web ACL, and which text of waf.tf it was made from."""
    edge = plan["planned_values"]["root_module"]["child_modules"][0]
    configured = plan["configuration"]["root_module"]["module_calls"]["edge"]["module"]["resources"]

    def keep(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [resource for resource in resources if resource["type"] in ("aws_wafv2_web_acl", "aws_wafv2_ip_set")]

    return {
        "waf_tf_sha256": waf_tf_sha256(),
        "planned_values": {"root_module": {"child_modules": [{**edge, "resources": keep(edge["resources"])}]}},
        "configuration": {
            "root_module": {"module_calls": {"edge": {"module": {"resources": keep(configured)}}}}
        },
    }  # fmt: skip


def waf_tf_sha256() -> str:
    return hashlib.sha256(WAF_TF.read_bytes()).hexdigest()


def print_misses() -> None:
    build()
    acl = edge_web_acl()
    for samples in (own_attacks(), core_rule_set_attacks(), benign(), benign(tricky=True)):
        for sample, verdict in run(acl, samples)[0]:
            if verdict.blocks != bool(sample.attack):
                print(f"{sample.attack or 'harmless'}\t{rule_name(verdict)}\t{sample.name}")


if __name__ == "__main__":
    if "--plan" in sys.argv:
        plan_edge()
    elif "--misses" in sys.argv:
        print_misses()
    else:
        found = measure()
        print(json.dumps(found, indent=2))
        print("\n".join(" | ".join(row) for row in rows(found)))
