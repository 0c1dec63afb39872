"""Have the service's database user. Terraform calls this once the database is there: {"user", "schema",
"authentication": "iam" | "password"}. What it answers lands in Terraform's state, and holds no secret.

A password is made here, so that nobody else ever has it: neither Terraform nor its state. It is written to its secret
before the user gets it, and a second call takes the one that is there.
"""

from __future__ import annotations

from typing import Any

import store
import users
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer(patch_modules=["botocore"])  # never SQL: it holds a password


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    wanted = users.parse(event)
    password = service_password(wanted.user) if wanted.authentication == "password" else None
    master = store.read_login(store.MASTER_SECRET_ARN)
    if master is None:
        raise LookupError("the master user's secret has no value yet")
    store.run(users.statements(wanted, password), master)
    logger.info("user is there", user=wanted.user, schema=wanted.schema, authentication=wanted.authentication)
    return {"user": wanted.user, "schema": wanted.schema, "authentication": wanted.authentication}


def service_password(user: str) -> str:
    """The service's password; a new one, kept in its secret, when there is none or it is another user's."""
    login = store.read_login(store.SERVICE_SECRET_ARN)
    if login is None or login.get("username") != user:
        login = {"username": user, "password": users.new_password()}
        store.write_login(store.SERVICE_SECRET_ARN, login)
    return login["password"]
