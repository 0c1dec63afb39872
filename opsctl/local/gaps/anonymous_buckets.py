"""S3: who shows no credentials gets what a bucket's policy or ACL grants to everybody, and 403 otherwise.

MiniStack decides so only in its enforcement mode, which would also check every signed call.
"""

from __future__ import annotations

import functools
from typing import Any

from opsctl.local.gaps.gap import Gap


class AnonymousBuckets(Gap):
    async def install(self) -> None:
        from ministack.services import s3

        resolve = s3._apply_bucket_scope

        @functools.wraps(resolve)
        def apply_bucket_scope(
            method: str, bucket: str, key: str, headers: dict[str, str], query: dict[str, Any], body: bytes = b"",
            internal: bool = False,
        ) -> Any:  # fmt: skip
            owner = s3._bucket_owner_account(bucket) if bucket else None
            if (
                owner
                and not internal
                and not s3._request_access_key(method, key, headers, query, body)
                and not s3._foreign_bucket_allows(owner, bucket, key, method, query, "", headers)
            ):
                return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}" if key else f"/{bucket}")
            return resolve(method, bucket, key, headers, query, body, internal)

        s3._apply_bucket_scope = apply_bucket_scope
