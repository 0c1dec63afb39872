"""What must not come through: the checks that are proved by a refusal. An honest request passes each."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping
from typing import Any

from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.edge import Answer
from opsctl.smoke.visitor import Visitor
from opsctl.waf.detector import availability

SQL = "SQL in the query"
INJECTIONS: Mapping[str, tuple[str, str]] = {
    SQL: ("/v1/orders?limit=1%27%20OR%20%271%27%3D%271%27%20--%20", ""),
    "SQL encoded twice": ("/v1/orders?next=1%2527%2520UNION%2520SELECT%2520user%252Chost%2520FROM%2520user%2523", ""),
    "script in the query": ("/v1/photos?next=%3Cscript%3Ealert(document.cookie)%3C%2Fscript%3E", ""),
    "script in the body": ("/v1/orders", '{"customer": "<img src=x onerror=alert(document.cookie)>", "items": []}'),
}  # fmt: skip
"""Name → path and body. After OWASP's pages on SQL injection, XSS filter evasion and double encoding."""

BLOCKED_VIEWER = "203.0.113.200"
"""An address of a test network that the local edge takes for a country outside every list (docs/local-cloud.md)."""
VIEWER_HEADER = "x-opsctl-viewer-address"
KNOCKS = 40
"""More than POST /v1/auth/token's burst of 10 and what it lets through at 5 a second in the time that they take."""


def firewall(trial: Trial) -> Mapping[str, Any]:
    honest = trial.get("/v1/orders?limit=1")
    expect(honest.status == 200, f"an honest request: {honest}")
    hint = ""
    if trial.aws.access.is_local:
        # What finds attacks is built while an environment comes up for the first time on a machine.
        hint = f" ({reason})" if (reason := availability().reason) else ""
        with contextlib.suppress(CheckFailed):
            trial.until("the firewall", lambda: attack(trial, SQL).status == 403, within_seconds=trial.seconds_left / 2)
    for name in INJECTIONS:
        answer = attack(trial, name)
        expect(answer.status == 403, f"{name} was not stopped: {answer}{hint}")
    return {"stopped": sorted(INJECTIONS)}


def attack(trial: Trial, name: str) -> Answer:
    path, body = INJECTIONS[name]
    return trial.request(
        "POST" if body else "GET", path, body=body.encode() or None, content_type="application/json" if body else ""
    )


def authorizer(trial: Trial) -> Mapping[str, Any]:
    token = trial.visitor.token
    expect(trial.get("/v1/orders?limit=1").status == 200, "a good token was refused")
    for name, bad in {"no token": "", "a changed token": changed(token), "alg none": unsigned(token)}.items():
        answer = trial.get("/v1/orders?limit=1", token=bad)
        expect(answer.status == 401, f"{name}: {answer}")
    wrong_key = trial.get("/v1/orders?limit=1", api_key="0" * 40)
    expect(wrong_key.status == 403, f"a wrong API key: {wrong_key}")
    reader = Visitor(trial.target, trial.edge, ("orders:read",))
    trial.afterwards("a second user", reader.leave)
    expect(trial.get("/v1/orders?limit=1", token=reader.token).status == 200, "a reader may not read")
    without_scope = trial.request("POST", "/v1/orders", body=b"{}", content_type="application/json", token=reader.token)
    expect(without_scope.status == 403, f"a token without the scope: {without_scope}")
    return {"refused": ["no token", "a changed token", "alg none", "a wrong API key", "a token without the scope"]}


def geography(trial: Trial) -> Mapping[str, Any]:
    expect(trial.get("/v1/health", token="").status == 200, "a viewer from an allowed country was refused")
    answer = trial.get("/v1/health", token="", headers={VIEWER_HEADER: BLOCKED_VIEWER})
    expect(answer.status == 403, f"a viewer from another country: {answer}")
    return {"status": answer.status}


def throttle(trial: Trial) -> Mapping[str, Any]:
    def knock(_: int) -> Answer:
        # Not even a name: refused at once where it is not throttled, so that no password is worked out.
        return trial.request("POST", "/v1/auth/token", body=b"{}", content_type="application/json", token="")

    expect(trial.visitor.token, "the visitor has no token")  # signed in before the others have to wait
    answers = trial.aws.map(knock, range(KNOCKS))
    seen = sorted({answer.status for answer in answers})
    refused = [answer for answer in answers if answer.status == 429]
    expect(refused, f"{KNOCKS} sign-ins at once were answered with {seen}, and none with 429")
    expect(all(answer.headers.get("retry-after") for answer in refused), "429 came without Retry-After")
    expect(set(seen) <= {400, 429}, f"sign-ins at once were answered with {seen}")
    return {"sent": KNOCKS, "refused": len(refused)}


def private_origins(trial: Trial) -> Mapping[str, Any]:
    """Nobody gets round CloudFront: neither to the API nor to the buckets."""
    target = trial.target
    stage = target.output("api.stage")
    answers = {"the API": target.beside(target.output("api.domain_name")).request(
        "GET", f"/{stage}/health", headers={"x-api-key": target.api_key}
    )}  # fmt: skip
    for name in ("site.bucket", "photos.bucket"):
        answers[f"the {name.replace('.', ' ')}"] = target.bucket_edge(target.output(name)).request("GET", "/index.html")
    for name, answer in answers.items():
        expect(answer.status == 403, f"{name} answered somebody who came round CloudFront: {answer}")
    return {"refused": sorted(answers)}


def changed(token: str) -> str:
    """The token with one character of its signature changed."""
    head, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{head}.{signature[:middle]}{other}{signature[middle + 1 :]}"


def unsigned(token: str) -> str:
    """The token's claims under `alg: none` (RFC 7519, section 6; the classic forgery)."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."
