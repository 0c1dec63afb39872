"""What a client asks again because the first answer got lost on its way is answered as before.

An SDK marks the attempts of one call with the same id (`amz-sdk-invocation-id`, `amz-sdk-request: attempt=2; …`).
Terraform's provider loses about one answer in a thousand when 30 resources are made at once on a loaded machine: its
HTTP client gives a connection up on which the whole answer was sent. To do the call once more would end in "already
exists", and so the whole apply. AWS makes calls idempotent where it can; here it is done for all.
"""

from __future__ import annotations

import re
from collections import OrderedDict

from opsctl.local.exchange import Message, Request, Send

KEPT_ANSWERS = 512
LARGEST_BYTES = 64 * 1024

_ATTEMPT = re.compile(r"attempt=(\d+)")


class Repeats:
    """The last successful answers to calls that change something, by the call's id. At most 32 MB, mostly 1 MB."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[Message, ...]] = OrderedDict()

    def answer(self, request: Request) -> tuple[Message, ...]:
        """What was sent for this call before; empty for a first attempt, or one that failed before."""
        attempt = _ATTEMPT.search(request.headers.get("amz-sdk-request", ""))
        if not attempt or int(attempt[1]) < 2:
            return ()
        return self._answers.get(_call(request), ())

    def remembering(self, request: Request, send: Send) -> Send:
        """`send`, which notes what is sent."""
        call = _call(request)
        if not call:
            return send
        sent: list[Message] = []
        size = 0

        async def sending(message: Message) -> None:
            nonlocal size
            size += len(message.get("body", b""))
            if size <= LARGEST_BYTES:
                sent.append(message)
            if not message.get("more_body") and message["type"] == "http.response.body":
                self._keep(call, sent, whole=size <= LARGEST_BYTES)
            await send(message)

        return sending

    def _keep(self, call: str, sent: list[Message], *, whole: bool) -> None:
        if whole and sent and sent[0].get("status", 500) < 300:
            self._answers[call] = tuple(sent)
            while len(self._answers) > KEPT_ANSWERS:
                self._answers.popitem(last=False)


def _call(request: Request) -> str:
    return "" if request.method in {"GET", "HEAD"} else request.headers.get("amz-sdk-invocation-id", "")
