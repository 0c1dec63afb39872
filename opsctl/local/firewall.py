"""AWS WAF on the local path: the web ACL that Terraform wrote decides what passes.

CloudFront's and API Gateway's data planes call `inspect` for each request. What can't be decided here does not stop a
request; it is said in the daemon's log, once for each rule, and by `opsctl waf test`.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.errors import OpsctlError
from opsctl.local.exchange import Response
from opsctl.local.metrics import Metric
from opsctl.waf import MalformedWebACL, RateCounters, Resource, WebACL
from opsctl.waf.detector import AttackDetector, availability, build
from opsctl.waf.evaluation import Matched, Verdict, evaluate
from opsctl.waf.parsing import gather, parse_gathered
from opsctl.waf.records import is_logged, log_record, metrics, sample
from opsctl.waf.request import WebRequest as Inspected
from opsctl.waf.web_acl import RateBased

if TYPE_CHECKING:
    from opsctl.local.gaps.gap import Cloud

__all__ = ["Blocked", "Firewall", "Inspected", "Passed", "inspect"]

NAMESPACE = "AWS/WAFV2"
KEPT_SAMPLES = 500
WEB_ACL_ID = re.compile(r"<(?:\w+:)?WebACLId>([^<]+)</")


@dataclass(frozen=True)
class Passed:
    """The request goes on; `added_headers` (x-amzn-waf-…) are what custom request handling inserts."""

    added_headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Blocked:
    """The request ends here. For API Gateway without a custom response the caller shows its WAF_FILTERED response.

    Attributes:
        response: the custom response's status, headers and body; None for the service's usual 403.
    """

    rule: str
    response: Response | None


@dataclass
class _Parsed:
    """A web ACL and what it was read from; it holds as long as no record has another lock token."""

    acl: WebACL
    records: tuple[tuple[Mapping[str, Any], str], ...]

    def holds(self) -> bool:
        return all(record.get("LockToken") == token for record, token in self.records)


@dataclass
class Firewall:
    """The state of a cloud's firewall.

    Attributes:
        logging: web ACL's ARN → LoggingConfiguration (the gap waf_logging keeps it).
        counters: of rate-based rules.
        samples: (web ACL's ARN, metric name of a rule or of the web ACL) → the latest SampledHTTPRequests.
    """

    logging: dict[str, dict[str, Any]] = field(default_factory=dict)
    counters: RateCounters = field(default_factory=RateCounters)
    samples: dict[tuple[str, str], deque[dict[str, Any]]] = field(default_factory=dict)
    _parsed: dict[str, _Parsed] = field(default_factory=dict)
    _distributions: dict[str, tuple[str, str]] = field(default_factory=dict)
    _detector: AttackDetector | None = None
    _building: threading.Thread | None = None
    _told: set[tuple[str, str]] = field(default_factory=set)

    def prepare(self) -> None:
        """Build the detector in the background, where that can be done and was not."""
        if self._building is None and availability().program is None:
            # A daemon thread: a stop of the cloud ends the compiler with all its other processes.
            self._building = threading.Thread(target=_build, name="waf-detector", daemon=True)
            self._building.start()

    async def close(self) -> None:
        if self._detector:
            await self._detector.close()

    def detector(self, work: Path) -> AttackDetector:
        if self._detector is None:
            self.prepare()
            self._detector = AttackDetector(work / "log" / "waf-detector.log")
        return self._detector

    def web_acl_arn(self, resource_arn: str) -> str:
        """The web ACL of a distribution or stage; "" where it has none."""
        if ":distribution/" in resource_arn:
            return self._of_distribution(resource_arn)
        from ministack.services import waf

        return next((acl for (_, _, arn), acl in waf._associations.all_items() if arn == resource_arn), "")

    def _of_distribution(self, arn: str) -> str:
        from ministack.services import cloudfront

        account_id, identity = arn.split(":")[4], arn.rpartition("/")[2]
        record = cloudfront._distributions.get_scoped(account_id, "", identity)
        if record is None:
            return ""
        known = self._distributions.get(arn)
        if known is None or known[0] != record["ETag"]:
            match = WEB_ACL_ID.search(record["config_xml"])
            known = self._distributions[arn] = record["ETag"], match[1] if match else ""
        return known[1]

    def web_acl(self, arn: str) -> WebACL:
        """The web ACL as it is now, parsed once for each change of it or of what it refers to.

        Raises:
            MalformedWebACL: it can't be read, or is not there.
        """
        known = self._parsed.get(arn)
        if known is None or not known.holds():
            known = self._parsed[arn] = _parse(arn)
        return known.acl

    def managed_keys(self, arn: str, rule: str, within: str = "") -> list[str]:
        """Addresses that a rate-based rule limits now. `within`: the rule of the web ACL that names its group."""
        rules = {found.name: found for found in self.web_acl(arn).rules}
        if within:
            group = rules[within].statement
            rules = {found.name: found for found in getattr(group, "rules", ())}
        statement = rules[rule].statement
        if not isinstance(statement, RateBased):
            raise KeyError(rule)
        return [key[0] for key in self.counters.limited((arn, rule), statement, time.monotonic())]

    def tell(self, acl: WebACL, verdict: Verdict) -> None:
        """Say loudly, once, what is not enforced."""
        for missing in verdict.not_enforced:
            if (key := (f"{acl.name}/{missing.rule}", missing.reason)) not in self._told:
                self._told.add(key)
                logging.getLogger("opsctl").warning(
                    "NOT ENFORCED: web ACL %s, rule %s: %s", acl.name, missing.rule, missing.reason
                )


def _build() -> None:
    try:
        build()
    except OpsctlError as error:
        logging.getLogger("opsctl").error("%s What needs it is NOT ENFORCED.", error.what)


async def inspect(cloud: Cloud, resource_arn: str, request: Inspected) -> Passed | Blocked:
    """Evaluate the web ACL of a resource: a distribution's or an API stage's ARN. Counts, labels, samples and logs."""
    firewall = cloud.firewall
    arn = firewall.web_acl_arn(resource_arn)
    if not arn:
        return Passed()
    try:
        acl = firewall.web_acl(arn)
    except MalformedWebACL as error:
        logging.getLogger("opsctl").error("NOT ENFORCED: %s (%s)", error.what, arn)
        return Passed()
    resource = Resource.CLOUDFRONT if ":distribution/" in resource_arn else Resource.API_GATEWAY
    verdict = await evaluate(
        acl, request, counters=firewall.counters, detector=firewall.detector(cloud.work), now=time.monotonic(),
        resource=resource,
    )  # fmt: skip
    firewall.tell(acl, verdict)
    _record(cloud, acl, resource, resource_arn, request, verdict)
    if not verdict.blocks:
        return Passed(verdict.insert)
    answer = verdict.answer
    return Blocked(verdict.rule, Response(answer.status, answer.headers, answer.body) if answer else None)


def _record(
    cloud: Cloud, acl: WebACL, resource: Resource, resource_arn: str, request: Inspected, verdict: Verdict
) -> None:
    region = acl.arn.split(":")[3]
    for counted in metrics(acl, verdict, region):
        cloud.metrics.record(Metric(acl.account_id, region, NAMESPACE, counted.name, counted.dimensions))
    now = time.time()
    for name, matched in _sampled(acl, verdict):
        kept = cloud.firewall.samples.setdefault((acl.arn, name), deque(maxlen=KEPT_SAMPLES))
        kept.append(sample(request, verdict, matched, seconds=now))
    settings = cloud.firewall.logging.get(acl.arn)
    if settings is None or not is_logged(settings, verdict):
        return
    record = log_record(
        acl, request, verdict, resource=resource, source_id=_source_id(acl, resource_arn), milliseconds=int(now * 1000),
        redacted=tuple(settings.get("RedactedFields", ())),
        body_limit=dict(acl.body_limits).get(resource.association_key, resource.body_limit),
    )  # fmt: skip
    # Source: developer guide, "Sending web ACL traffic logs to a CloudWatch Logs log group": region_name_number.
    stream = f"{'cloudfront' if resource is Resource.CLOUDFRONT else region}_{acl.name}_0"
    for destination in settings["LogDestinationConfigs"]:
        if ":log-group:" in destination:
            group = destination.partition(":log-group:")[2].removesuffix(":*")
            cloud.logs.write(acl.account_id, region, group, stream, record)


def _sampled(acl: WebACL, verdict: Verdict) -> Iterator[tuple[str, Matched | None]]:
    rules = {rule.name: rule.visibility for rule in acl.rules}
    for matched in (*verdict.counted, *([verdict.terminating] if verdict.terminating else [])):
        visibility = rules[matched.rule]
        if visibility.sampled:
            yield visibility.metric, matched
    if verdict.terminating is None and acl.visibility.sampled:
        yield acl.visibility.metric, None


def _source_id(acl: WebACL, resource_arn: str) -> str:
    if ":distribution/" in resource_arn:
        return resource_arn.rpartition("/")[2]
    _, _, api, _, stage = resource_arn.rpartition("::")[2].split("/")[:5]
    return f"{acl.account_id}:{api}:{stage}"


def _parse(arn: str) -> _Parsed:
    from ministack.services import waf

    def record(of: str) -> Mapping[str, Any] | None:
        parts = of.split(":", 5)
        if len(parts) < 6:
            return None
        kind, _, identity = parts[5].split("/")[1:4]
        found: Mapping[str, Any] | None = waf._resource_store(kind).get_scoped(parts[4], parts[3], identity)
        return found

    found = record(arn)
    if found is None:
        raise MalformedWebACL("The web ACL is not there.", where=arn)
    referred = gather(found, record)
    records = tuple((one, one["LockToken"]) for one in (found, *referred.values()))
    return _Parsed(parse_gathered(found, referred), records)
