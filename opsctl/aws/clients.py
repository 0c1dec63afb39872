"""The one facade over botocore: clients, calls, pages, and our own errors.

botocore is imported when a client is first made, so that importing this module costs nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from opsctl import __version__
from opsctl.aws import errors
from opsctl.aws.access import Access

Item = TypeVar("Item")
Answer = TypeVar("Answer")

ATTEMPTS = 6
# A loopback endpoint that refuses is not there: tell the user soon rather than try for long.
LOCAL_ATTEMPTS = 3
LONGEST_WAIT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 5
# The longest answer that we wait for is an SQS long poll of 20 s.
READ_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Identity:
    """Who the credentials belong to (STS GetCallerIdentity)."""

    account_id: str
    arn: str
    user_id: str


def check_account(identity: Identity, expected: str) -> None:
    """Refuse credentials of another account.

    Raises:
        WrongAccount: nothing was changed.
    """
    if identity.account_id != expected:
        raise errors.WrongAccount(identity.account_id, expected)


class Aws:
    """One environment's cloud: makes clients, retries, pages and speaks our errors. Safe to share between threads.

    Args:
        sleep: waits between tries; passed in so that a test needs no time.
    """

    def __init__(self, access: Access, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.access = access
        self._sleep = sleep
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}

    def of_account(self, account_id: str) -> Aws:
        """The same cloud as another account sees it. On AWS that takes other credentials, so it is for the local cloud
        only, where an account's id is its key.
        """
        if account_id == self.access.account_id:
            return self
        assert self.access.is_local
        return Aws(replace(self.access, account_id=account_id), sleep=self._sleep)

    def client(self, service: str, *, region: str | None = None) -> Any:
        """The botocore client of a service, made once per service and region. It does not retry: `call` does.

        Raises:
            CredentialsMissing: the profile does not exist.
        """
        key = (service, region or self.access.region)
        # Making a client is not thread-safe in botocore; using one is.
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call one operation (snake_case, as the client's method) and retry what is worth retrying.

        Throttling, 5xx answers and connection errors are tried again after a random wait of up to 0.2 s, 0.4 s, …
        10 s (full jitter); anything else fails at once.

        Raises:
            AwsError: one of its subclasses in `opsctl.aws`, with service and operation in `where`.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        method = getattr(self.client(service, region=region), operation)
        place = f"{service}.{operation} in {region or self.access.region}"
        tries = Retrying(
            retry=retry_if_exception(_is_transient),
            stop=stop_after_attempt(LOCAL_ATTEMPTS if self.access.is_local else ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=LONGEST_WAIT_SECONDS),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: dict[str, Any] = tries(method, **parameters)
        except ClientError as error:
            raise errors.from_response(error.response, place) from error
        except BotoCoreError as error:
            raise errors.from_exception(error, place, self.access) from error
        return answer

    def pages(
        self, service: str, operation: str, key: str, *, region: str | None = None, **parameters: Any
    ) -> Iterator[Any]:
        """Every item of a listing, page after page.

        Args:
            key: JMESPath of the items in an answer, such as `Reservations[].Instances[]`.

        Raises:
            AwsError: as `call`. Items of earlier pages have been handed out by then.
        """
        import jmespath  # type: ignore[import-untyped]
        from botocore.paginate import Paginator

        client = self.client(service, region=region)
        answers: Iterable[Any]
        if client.can_paginate(operation):
            name = client.meta.method_to_api_mapping[operation]
            answers = Paginator(
                lambda **page: self.call(service, operation, region=region, **page),  # type: ignore[arg-type] # stubs want a name
                self._session.get_paginator_model(service).get_paginator(name),
                client.meta.service_model.operation_model(name),
            ).paginate(**parameters)
        else:
            answers = [self.call(service, operation, region=region, **parameters)]
        for answer in answers:
            yield from jmespath.search(key, answer) or ()

    def caller_identity(self) -> Identity:
        """Whose credentials these are.

        Raises:
            CredentialsMissing, CredentialsExpired, CloudUnreachable.
        """
        answer = self.call("sts", "get_caller_identity")
        return Identity(answer["Account"], answer["Arn"], answer["UserId"])

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item], *, concurrency: int = 8) -> list[Answer]:
        """`function` of each item, at most `concurrency` at once, answers in the order of the items.

        Raises:
            Whatever the first failing item raised; items not yet begun are left out.
        """
        with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="aws") as pool:
            tasks = [pool.submit(function, item) for item in items]
            try:
                return [task.result() for task in tasks]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _make(self, service: str, region: str) -> Any:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            max_pool_connections=50,
            user_agent_extra=f"opsctl/{__version__}",
        )
        try:
            if self._session is None:
                self._session = _local_session() if self.access.is_local else _session(self.access)
            if not self.access.is_local:
                return self._session.create_client(service, region_name=region, config=config)
            given = self.access.process_environment({})
            return self._session.create_client(
                service, region_name=region, endpoint_url=given["AWS_ENDPOINT_URL"],
                aws_access_key_id=given["AWS_ACCESS_KEY_ID"], aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
                # An empty mapping keeps a proxy of the caller's environment away from the loopback endpoint.
                config=config.merge(Config(proxies={}, s3={"addressing_style": "path"})),
            )  # fmt: skip
        except BotoCoreError as error:
            raise errors.from_exception(error, f"{service} client", self.access) from error


def _session(access: Access) -> Any:
    from botocore.session import Session

    return Session(profile=access.profile)


def _local_session() -> Any:
    """A session that reads none of the caller's AWS settings: no variable, no file, no profile."""
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as KNOWN
    from botocore.session import Session

    blind: dict[str, Any] = {name: (None, None, default, convert) for name, (_, _, default, convert) in KNOWN.items()}
    blind |= dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return Session(session_vars=blind)


def _is_transient(error: BaseException) -> bool:
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or error.response.get("Error", {}).get("Code") in errors.THROTTLED
    return type(error).__name__ in errors.UNREACHABLE
