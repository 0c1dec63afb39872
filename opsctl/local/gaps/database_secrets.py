"""RDS: the managed master password is a secret that Secrets Manager gives out.

moto makes it in its own Secrets Manager, with one password for everybody, and never changes it. Here it is random, a
rotation (by RDS or by Secrets Manager) makes a new one, and MiniStack's Secrets Manager, which answers for the account,
holds the same secret under the same ARN for as long as the database lives.
"""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import urlencode

from opsctl.local.emulators import in_moto
from opsctl.local.exchange import Handler, Request, Response, json_response, signed_request
from opsctl.local.gaps.gap import Gap


class DatabaseSecrets(Gap):
    async def install(self) -> None:
        from moto.rds.models import MasterUserSecret

        def secret_string(secret: Any) -> str:
            return json.dumps({"username": secret.resource.master_username, "password": secrets.token_urlsafe(24)})

        def rotate(secret: Any) -> None:
            secret.secret.secret_string = secret_string(secret)

        MasterUserSecret._generate_secret_string = secret_string
        MasterUserSecret.rotate_secret = rotate
        # moto asks its own KMS for the key; the account's keys are in MiniStack's.
        MasterUserSecret.kms_key_id = property(lambda secret: secret.secret.kms_key_id)

    def wants(self, request: Request) -> bool:
        return request.service == "rds" or request.headers.get("x-amz-target") == "secretsmanager.RotateSecret"

    async def answer(self, request: Request, forward: Handler) -> Response:
        if request.service != "rds":
            return await self._rotate(request, forward)
        response = await forward(request)
        if request.form.get("Action", "").startswith(("Create", "Modify", "Delete", "Restore")):
            self._mirror(self.cloud.account_of(request), request.region)
        return response

    async def _rotate(self, request: Request, forward: Handler) -> Response:
        """Secrets Manager's own rotation of a managed secret is RDS's (RDS user guide, "Password management")."""
        wanted = request.json().get("SecretId", "")
        account_id = self.cloud.account_of(request)
        for record in in_moto("rds", account_id, request.region).databases.values():
            managed = getattr(record, "master_user_secret", None)
            if managed is not None and wanted in (managed.secret.arn, managed.secret.name):
                form = {"Action": "ModifyDBInstance", "Version": "2014-10-31", "RotateMasterUserPassword": "true",
                        "ApplyImmediately": "true", "DBInstanceIdentifier": record.db_instance_identifier}  # fmt: skip
                rotated = await self.cloud.handle(
                    signed_request(
                        "rds", account_id, request.region, "POST", "/", body=urlencode(form).encode(),
                        headers={"content-type": "application/x-www-form-urlencoded"},
                    )
                )  # fmt: skip
                if rotated.status != 200:
                    return rotated
                return json_response(200, {"ARN": managed.secret.arn, "Name": managed.secret.name})
        return await forward(request)

    def _mirror(self, account_id: str, region: str) -> None:
        from ministack.core.responses import request_scope
        from ministack.services import secretsmanager

        managed = {
            secret.name: secret
            for secret in in_moto("secretsmanager", account_id, region).secrets.values()
            if secret.owning_service == "rds"
        }
        with request_scope(account_id, region):
            for name in [name for name in secretsmanager._secrets if name.startswith("rds!") and name not in managed]:
                del secretsmanager._secrets[name]
            for name, secret in managed.items():
                known = secretsmanager._secrets.get(name)
                if known is not None:
                    if _current(known) != secret.secret_string:
                        secretsmanager.put_secret_value_in_process(secret.arn, secret.secret_string)
                else:
                    secretsmanager._store_new_secret(
                        name, secret_string=secret.secret_string, description=secret.description or "",
                        tags=secret.tags, kms_key_id=secret.kms_key_id,
                    )  # fmt: skip
                    secretsmanager._secrets[name]["ARN"] = secret.arn


def _current(secret: dict[str, Any]) -> str | None:
    """The value that MiniStack gives out of a secret."""
    return next(
        (version["SecretString"] for version in secret["Versions"].values() if "AWSCURRENT" in version["Stages"]), None
    )
