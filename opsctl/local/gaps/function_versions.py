"""Lambda: a version is published when something changed, only then, and only of what the caller expects.

AWS doesn't publish code and configuration that are those of the last version, and compares `RevisionId` and
`CodeSha256` before it publishes (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html). MiniStack
takes each update for a change, also one to the same code, publishes anew for `Publish` in CreateFunction and
UpdateFunctionCode under the ARN of $LATEST, and reads neither of the two fences.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opsctl.local.gaps.gap import Gap

OF_ITS_OWN = frozenset({
    "Version", "FunctionArn", "RevisionId", "LastModified", "Description", "State", "StateReason", "StateReasonCode",
    "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode", "SnapStart",
})  # fmt: skip
"""What differs between a version and the function that it was published from."""


class FunctionVersions(Gap):
    async def install(self) -> None:
        from ministack.core.responses import error_response_json, json_response
        from ministack.services import lambda_svc

        publish, create, update = lambda_svc._publish_version, lambda_svc._create_function, lambda_svc._update_code

        def publish_if_changed(name: str, data: dict[str, Any]) -> Any:
            function = lambda_svc._functions.get(name)
            if function is None:
                return publish(name, data)
            config = function["config"]
            if data.get("RevisionId"):
                stale = lambda_svc._check_revision(config, data)
                if stale is not None:
                    return stale
            if data.get("CodeSha256") and data["CodeSha256"] != config.get("CodeSha256"):
                why = f"CodeSHA256 ({data['CodeSha256']}) is different from current CodeSHA256 in $LATEST ({config.get('CodeSha256')}). Please try again with the CodeSHA256 in $LATEST."  # noqa: E501
                return error_response_json("InvalidParameterValueException", why, 400)
            latest = max(function["versions"], key=int, default=None)
            if latest and _content(function["versions"][latest]["config"]) == _content(config):
                return json_response(function["versions"][latest]["config"], 201)
            return publish(name, data)

        def with_publish(answer: Any, data: Mapping[str, Any], name: str) -> Any:
            status, headers, body = answer
            if not data.get("Publish") or status >= 300:
                return answer
            published = json.loads(publish_if_changed(name, {})[2])
            return status, headers, json.dumps(json.loads(body) | {"Version": published["Version"]}).encode()

        def create_and_publish(data: dict[str, Any]) -> Any:
            return with_publish(create({**data, "Publish": False}), data, data.get("FunctionName", ""))

        def update_and_publish(name: str, data: dict[str, Any]) -> Any:
            return with_publish(update(name, {**data, "Publish": False}), data, name)

        lambda_svc._publish_version = publish_if_changed
        lambda_svc._create_function, lambda_svc._update_code = create_and_publish, update_and_publish


def _content(config: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a version what it is: its code's digest and its settings."""
    return {name: value for name, value in config.items() if name not in OF_ITS_OWN}
