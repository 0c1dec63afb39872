"""A stream's batch that a function gave up, handed to that function again."""

from __future__ import annotations

import json

from opsctl.aws.clients import Aws
from opsctl.queues.letters import CanNotGoBack, Invocation


def invoke_again(aws: Aws, invocation: Invocation) -> None:
    """Have a batch worked off now. Nobody else would try it again, so the function's answer is waited for.

    Raises:
        CanNotGoBack: the function raised, or reported a record; what it did before that is done.
        AwsError: it can't be invoked.
    """
    answer = aws.call(
        "lambda", "invoke",
        FunctionName=invocation.arn, InvocationType="RequestResponse", Payload=invocation.payload.encode(),
    )  # fmt: skip
    said = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise CanNotGoBack(
            f"{invocation.function_name} failed again: {(said or {}).get('errorMessage', 'no reason given')}"
        )
    if isinstance(said, dict) and (items := said.get("batchItemFailures")):
        raise CanNotGoBack(f"{invocation.function_name} failed again at record {items[0].get('itemIdentifier')}")
