"""Secrets Manager's rotation of the signing keys, in its four steps. Each may come again, and then does no harm."""

from __future__ import annotations

import os
import time
from typing import Any

import keys
import store
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

PUBLICATION_SECONDS, TOKEN_SECONDS = int(os.environ["PUBLICATION_SECONDS"]), int(os.environ["TOKEN_SECONDS"])

logger = Logger()
tracer = Tracer()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    secret, version, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    # The very first version may be AWSCURRENT from its beginning (PutSecretValue: "creates the first version").
    if step != "createSecret" and not {"AWSPENDING", "AWSCURRENT"} & set(store.stages(secret).get(version, [])):
        raise ValueError(f"the version {version} is not the one that is being rotated to")
    STEPS[step](secret, version)
    logger.info("done", step=step, version=version)


def create(secret: str, version: str) -> None:
    if store.read(secret, VersionId=version):
        return
    document = keys.rotated(
        store.read(secret, VersionStage="AWSCURRENT"), keys.new_key(),
        now=int(time.time()), publication_seconds=PUBLICATION_SECONDS, token_seconds=TOKEN_SECONDS,
    )  # fmt: skip
    store.put_pending(secret, version, document)


def publish(secret: str, version: str) -> None:
    store.publish(keys.public(_pending(secret, version)))


def prove(secret: str, version: str) -> None:
    keys.prove(_pending(secret, version), store.published())


def finish(secret: str, version: str) -> None:
    store.make_current(secret, version)


def _pending(secret: str, version: str) -> dict[str, Any]:
    document = store.read(secret, VersionId=version)
    if document is None:
        raise ValueError(f"the version {version} has no value yet")
    return document


# Secrets Manager's names of the steps, in its order: a key is published before the version with it is in use.
STEPS = {"createSecret": create, "setSecret": publish, "testSecret": prove, "finishSecret": finish}
