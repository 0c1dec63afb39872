"""What the edge does for every request, before anything behind it is asked: one check for each claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsctl.smoke import guards
from opsctl.smoke.check import Check, Trial, expect


def edge_health(trial: Trial) -> Mapping[str, Any]:
    answer = trial.get("/v1/health", token="")
    expect(answer.status == 200, str(answer))
    shown = answer.json()
    expect(isinstance(shown, dict) and shown.get("status") == "ok", str(answer))
    return {"status": answer.status, "seconds_to_answer": round(answer.seconds, 3)}


def site_page(trial: Trial) -> Mapping[str, Any]:
    page = trial.get("/", token="", api_key="")
    expect(page.status == 200 and page.headers.get("content-type", "").startswith("text/html"), str(page))
    for header in ("strict-transport-security", "content-security-policy", "x-content-type-options"):
        expect(page.headers.get(header), f"the page has no {header}")
    config = trial.get("/site.json", token="", api_key="")
    expect(config.status == 200 and config.json(), str(config))
    return {"bytes": len(page.body)}


EDGE_CHECKS: tuple[Check, ...] = (
    Check("edge-health", "The edge passes requests on to the API.", edge_health, 15, frozenset({"edge", "api"})),
    Check("site-page", "The page comes with its security headers.", site_page, 15, frozenset({"edge", "site"})),
    Check(
        "firewall", "SQL injection and scripts are stopped with 403, encoded twice or not; an honest request passes.",
        guards.firewall, 30, frozenset({"edge", "guards"}), "waf-blocked-requests",
    ),
    Check(
        "private-origins", "Nobody gets round CloudFront, to the API or to a bucket.",
        guards.private_origins, 15, frozenset({"edge", "guards"}),
    ),
    Check(
        "geography", "A viewer from a country that is not on the list gets 403.",
        guards.geography, 15, frozenset({"edge", "guards"}), local_only=True,
    ),
    Check(
        "throttle", "Too many sign-ins at once get 429 and are told when to come again.",
        guards.throttle, 30, frozenset({"api", "guards"}), local_only=True,
    ),
)  # fmt: skip
