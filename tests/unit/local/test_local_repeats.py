"""A call that a client makes again, because the first answer got lost, is not done twice."""

import asyncio

from opsctl.local.exchange import Request
from opsctl.local.repeats import KEPT_ANSWERS, LARGEST_BYTES, Repeats


def call(name: str, attempt: int = 1, method: str = "POST") -> Request:
    return Request(method, "/", headers={"amz-sdk-invocation-id": name, "amz-sdk-request": f"attempt={attempt}; max=3"})


def answered(repeats: Repeats, request: Request, status: int = 200, body: bytes = b"{}"):
    """Have a request answered, as the application does."""
    out = []

    async def send(message) -> None:
        out.append(message)

    async def work() -> None:
        sending = repeats.remembering(request, send)
        await sending({"type": "http.response.start", "status": status, "headers": []})
        await sending({"type": "http.response.body", "body": body, "more_body": False})

    asyncio.run(work())
    return tuple(out)


def test_the_second_attempt_of_a_call_that_succeeded_gets_the_first_answer():
    repeats = Repeats()
    said = answered(repeats, call("a"))
    assert repeats.answer(call("a", attempt=2)) == said


def test_a_first_attempt_is_always_done():
    repeats = Repeats()
    answered(repeats, call("a"))
    assert repeats.answer(call("a")) == ()
    assert repeats.answer(call("b", attempt=2)) == ()


def test_what_failed_is_done_again():
    repeats = Repeats()
    answered(repeats, call("a"), status=503)
    assert repeats.answer(call("a", attempt=2)) == ()


def test_reading_and_large_answers_are_not_kept():
    repeats = Repeats()
    answered(repeats, call("read", method="GET"))
    answered(repeats, call("large"), body=bytes(LARGEST_BYTES + 1))
    assert repeats.answer(call("read", attempt=2, method="GET")) == ()
    assert repeats.answer(call("large", attempt=2)) == ()


def test_the_oldest_are_forgotten():
    repeats = Repeats()
    for number in range(KEPT_ANSWERS + 1):
        answered(repeats, call(f"call-{number}"))
    assert repeats.answer(call("call-0", attempt=2)) == ()
    assert repeats.answer(call("call-1", attempt=2))
