"""Secrets Manager: a rotation calls the rotation function, in four steps, and a secret may have no value yet.

MiniStack copies the old value into a new version and calls nothing. Here RotateSecret labels an empty version
AWSPENDING and answers; the steps follow, each after the one before it ended well
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html). What failed stays
pending, and is tried again by the next RotateSecret. The schedule is kept, and never comes.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from opsctl.local.destinations import invocation
from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import Background

TARGET = "secretsmanager."
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


class SecretRotation(Gap):
    async def install(self) -> None:
        from ministack.services import secretsmanager

        self._background = Background()
        store = secretsmanager._store_new_secret

        def store_new_secret(name: str, **settings: Any) -> tuple[str, str]:
            arn, version = store(name, **settings)
            if settings.get("secret_string") is None and settings.get("secret_binary") is None:
                secretsmanager._secrets[name]["Versions"].clear()
            return arn, version

        secretsmanager._store_new_secret = store_new_secret

    async def uninstall(self) -> None:
        self._background.cancel()

    def wants(self, request: Request) -> bool:
        return request.headers.get("x-amz-target", "") in (f"{TARGET}RotateSecret", f"{TARGET}CancelRotateSecret")

    async def answer(self, request: Request, forward: Handler) -> Response:
        from ministack.core.responses import request_scope
        from ministack.services import secretsmanager

        asked, account = request.json(), self.cloud.account_of(request)
        with request_scope(account, request.region):
            _, secret = secretsmanager._resolve(asked["SecretId"])
        if secret is None:
            return _refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        if secret.get("DeletedDate"):
            return _refused("InvalidRequestException", "The secret was marked for deletion.")
        if request.headers["x-amz-target"].endswith("CancelRotateSecret"):
            secret["RotationEnabled"] = False
            return json_response(200, {"ARN": secret["ARN"], "Name": secret["Name"]})
        return self._rotate(secret, asked, account, request.region)

    def _rotate(self, secret: dict[str, Any], asked: dict[str, Any], account: str, region: str) -> Response:
        for setting in ("RotationLambdaARN", "RotationRules"):
            secret[setting] = asked.get(setting) or secret.get(setting)
        if not secret["RotationLambdaARN"]:
            return _refused(
                "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret."
            )
        secret["RotationEnabled"] = True
        answer = {"ARN": secret["ARN"], "Name": secret["Name"]}
        if asked.get("RotateImmediately") is False:
            return json_response(200, answer)
        if unfinished := _pending(secret):
            self._background.start(self._run(secret, unfinished, account, region))
            return _refused(
                "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted."
            )
        version = asked["ClientRequestToken"]
        secret["Versions"][version] = {
            "SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time()), "Stages": ["AWSPENDING"],
        }  # fmt: skip
        self._background.start(self._run(secret, version, account, region))
        return json_response(200, answer | {"VersionId": version})

    async def _run(self, secret: dict[str, Any], version: str, account: str, region: str) -> None:
        function = secret["RotationLambdaARN"]
        for step in STEPS:
            event = {"SecretId": secret["ARN"], "ClientRequestToken": version, "Step": step}
            answer = await self.cloud.handle(
                invocation(function, json.dumps(event).encode(), account=account, region=region)
            )
            if answer.status != 200 or answer.header("x-amz-function-error"):
                logging.getLogger("opsctl").warning("rotating %s: %s failed", secret["Name"], step)
                return
        if "AWSCURRENT" in secret["Versions"][version]["Stages"]:
            secret["Versions"][version]["Stages"].remove("AWSPENDING")
            secret["LastRotatedDate"] = int(time.time())


def _pending(secret: dict[str, Any]) -> str | None:
    """The version of a rotation that has not ended."""
    return next(
        (
            version
            for version, content in secret["Versions"].items()
            if "AWSPENDING" in content["Stages"] and "AWSCURRENT" not in content["Stages"]
        ),
        None,
    )


def _refused(kind: str, message: str) -> Response:
    return json_response(400, {"__type": kind, "message": message})
