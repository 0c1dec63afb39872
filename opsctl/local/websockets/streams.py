"""What hypercorn's WebSocket streams don't tell an application: frames that are too long, and why a client closed.

ASGI hands over whole messages and one code for every end (1006). The two things that a session needs travel in the
scope's `extensions`, which is the one object that stream and application share.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.websockets.limits import MESSAGE_TOO_BIG, Size

RECEIVED = "opsctl.received"
"""Set by a session that wants its client's frames measured: its `Size`."""
CLOSED = "opsctl.closed"
"""(code, reason) of the end, when it was not the network's."""


def install() -> None:
    """Teach hypercorn's streams. Sessions that don't ask are left as they were."""
    from hypercorn.protocol.ws_stream import WSStream
    from wsproto.events import CloseConnection, Message

    handle_events = WSStream._handle_events

    async def measured(stream: Any) -> None:
        extensions = stream.scope["extensions"]
        size: Size | None = extensions.get(RECEIVED)
        if size is None:
            await handle_events(stream)
            return
        kept = []
        for event in stream.connection.events():
            if isinstance(event, CloseConnection):
                extensions.setdefault(CLOSED, (int(event.code), event.reason or ""))
            if isinstance(event, Message) and (CLOSED in extensions or not _within(size, event)):
                if CLOSED not in extensions:
                    extensions[CLOSED] = MESSAGE_TOO_BIG, ""
                    await stream.app_put({"type": "websocket.disconnect", "code": MESSAGE_TOO_BIG})
                continue
            kept.append(event)
        await _replay(stream, handle_events, kept)

    WSStream._handle_events = measured


def _within(size: Size, event: Any) -> bool:
    count = len(event.data.encode() if isinstance(event.data, str) else event.data)
    return size.add(count, frame_ends=event.frame_finished, message_ends=event.message_finished)


async def _replay(stream: Any, handle_events: Any, events: list[Any]) -> None:
    """Let hypercorn's own method see events that were read already."""
    connection = stream.connection
    stream.connection = _Read(connection, events)
    try:
        await handle_events(stream)
    finally:
        stream.connection = connection


class _Read:
    """A wsproto connection whose pending events are these."""

    def __init__(self, connection: Any, events: list[Any]) -> None:
        self._connection, self._events = connection, events

    def events(self) -> list[Any]:
        return self._events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
