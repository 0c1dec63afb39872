"""The data plane of WebSocket APIs: sessions, their limits, and the connections that a backend talks back to."""

from opsctl.local.websockets.connections import Connection, Connections
from opsctl.local.websockets.session import Api, Plane, Session

__all__ = ["Api", "Connection", "Connections", "Plane", "Session"]
