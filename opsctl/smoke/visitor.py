"""The user as whom smoke tests and demonstrations sign in: made when first needed, removed at the end."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from opsctl.auth import SCOPES, SignInRefused, add_user, remove_user, sign_in
from opsctl.smoke.edge import Edge
from opsctl.smoke.target import SmokeTarget

TOO_MANY = 429
TRIES = 11


class Visitor:
    """One user with some scopes, and one token of theirs, for as long as a run lasts. Safe to share between threads."""

    def __init__(
        self,
        target: SmokeTarget,
        edge: Edge,
        scopes: Iterable[str] = SCOPES,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._target, self._edge, self._scopes, self._sleep = target, edge, tuple(scopes), sleep
        self._name = f"smoke-{secrets.token_hex(6)}"
        self._token = ""
        self._remove: Callable[[], object] | None = None
        self._lock = threading.Lock()

    @property
    def token(self) -> str:
        """An access token, through the edge and the auth function as everybody gets one.

        Raises:
            OpsctlError: the user can't be made, or is not let in.
        """
        with self._lock:
            if not self._token:
                table, password = self._target.output("auth.users_table"), secrets.token_urlsafe(24)
                add_user(self._target.aws, table, self._name, password, self._scopes)
                self._remove = partial(remove_user, self._target.aws, table, self._name)
                self._token = self._sign_in(password)
            return self._token

    @property
    def known_token(self) -> str:
        """The token if somebody needed one already, else nothing."""
        return self._token

    def _sign_in(self, password: str) -> str:
        """Sign-ins are throttled for all users together: wait for our turn."""
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, SignInRefused) and error.status == TOO_MANY),
            wait=wait_fixed(1), stop=stop_after_attempt(TRIES), sleep=self._sleep, reraise=True,
        )  # fmt: skip
        return retrying(sign_in, self._edge, self._name, password)

    def leave(self) -> None:
        """Remove the user, if there is one. Their token stays good until it expires; nobody has it."""
        with self._lock:
            remove, self._remove, self._token = self._remove, None, ""
            if remove:
                remove()
