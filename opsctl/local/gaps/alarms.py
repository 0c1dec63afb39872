"""CloudWatch: DescribeAlarms tells everything of an alarm in the query protocol, too, and an alarm on a percentile
has no other statistic.

MiniStack answers JSON and CBOR in full and XML with a few fields; provider 5.x asks in the query protocol and would
change every alarm in every plan. An `ExtendedStatistic` gets `Average` beside it. The question is put in JSON and the
answer written as XML by the service's own model.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap

ACTIONS = frozenset({"DescribeAlarms", "DescribeAlarmsForMetric"})
NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"


class Alarms(Gap):
    async def install(self) -> None:
        from ministack.services import cloudwatch

        put = cloudwatch._put_metric_alarm

        def put_metric_alarm(*request: Any) -> Any:
            answer = put(*request)
            for alarm in cloudwatch._alarms.values():
                if alarm.get("ExtendedStatistic"):
                    alarm.pop("Statistic", None)
            return answer

        cloudwatch._put_metric_alarm = put_metric_alarm

    def wants(self, request: Request) -> bool:
        return request.service == "monitoring" and "x-www-form-urlencoded" in request.headers.get("content-type", "")

    async def answer(self, request: Request, forward: Handler) -> Response:
        action = request.form.get("Action", "")
        if action not in ACTIONS:
            return await forward(request)
        headers = request.headers | {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"GraniteServiceVersion20100801.{action}",
        }
        asked = replace(request, headers=headers, query_string="").with_body(json.dumps(_arguments(request)).encode())
        answer = await forward(asked)
        if answer.status != 200:
            return await forward(request)  # its error, in its own protocol
        root = Element(f"{action}Response", xmlns=NAMESPACE)
        _write(SubElement(root, f"{action}Result"), answer.json(), _output_shape(action))
        SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = answer.header("x-amzn-requestid")
        return Response(200, (("content-type", "text/xml"),)).with_body(tostring(root, encoding="utf-8"))


def _arguments(request: Request) -> dict[str, Any]:
    """The call's parameters as JSON: `Name.member.1=…` is a list."""
    found: dict[str, Any] = {}
    for name, value in request.form.items():
        head, member, _ = name.partition(".member.")
        if member:
            found.setdefault(head, []).append(value)
        elif name not in ("Action", "Version"):
            found[name] = int(value) if name == "MaxRecords" else value
    return found


@cache
def _output_shape(action: str) -> Any:
    from botocore.session import Session

    return Session().get_service_model("cloudwatch").operation_model(action).output_shape


def _write(element: Element, value: Any, shape: Any) -> None:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                _write(SubElement(element, name), value[name], member)
    elif shape.type_name == "list":
        for item in value:
            _write(SubElement(element, "member"), item, shape.member)
    elif shape.type_name == "timestamp":
        element.text = datetime.fromtimestamp(value, UTC).isoformat() if isinstance(value, int | float) else str(value)
    elif shape.type_name == "boolean":
        element.text = "true" if value else "false"
    else:
        element.text = str(value)
