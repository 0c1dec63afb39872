"""RDS: the managed master password is a secret that Secrets Manager gives out.

moto makes it in its own Secrets Manager, with one password for everybody. Here it is random, and MiniStack's Secrets
Manager, which answers for the account, holds the same secret under the same ARN for as long as the database lives.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from opsctl.local.emulators import in_moto
from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap


class DatabaseSecrets(Gap):
    async def install(self) -> None:
        from moto.rds.models import MasterUserSecret

        def secret_string(secret: Any) -> str:
            return json.dumps({"username": secret.resource.master_username, "password": secrets.token_urlsafe(24)})

        MasterUserSecret._generate_secret_string = secret_string
        # moto asks its own KMS for the key; the account's keys are in MiniStack's.
        MasterUserSecret.kms_key_id = property(lambda secret: secret.secret.kms_key_id)

    def wants(self, request: Request) -> bool:
        return request.service == "rds"

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        if request.form.get("Action", "").startswith(("Create", "Modify", "Delete", "Restore")):
            self._mirror(self.cloud.account_of(request), request.region)
        return response

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
                if name not in secretsmanager._secrets:
                    secretsmanager._store_new_secret(
                        name, secret_string=secret.secret_string, description=secret.description or "",
                        tags=secret.tags, kms_key_id=secret.kms_key_id,
                    )  # fmt: skip
                    secretsmanager._secrets[name]["ARN"] = secret.arn
