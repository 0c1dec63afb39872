"""Host names of AWS that this process answers itself.

- `API.execute-api.REGION.amazonaws.com` as a request's Host and as a CloudFront origin. MiniStack answers
  `API.execute-api.localhost` only, and refuses to dial an origin at amazonaws.com: 502.
- An API is found whoever owns it: who calls by its host name says no account, and MiniStack would look in one only.
- An S3 origin is asked over TLS, as CloudFront does: MiniStack takes every request for one without, so a bucket policy
  that denies those (`aws:SecureTransport`) would refuse CloudFront.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap

EXECUTE_API = re.compile(r"^([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com$")


class AwsHosts(Gap):
    async def install(self) -> None:
        from ministack.core.iam_evaluator import pin_request_origin
        from ministack.services import apigateway, apigateway_v1, cloudfront

        for gateway, apis in ((apigateway_v1, apigateway_v1._rest_apis), (apigateway, apigateway._apis)):
            gateway.find_api_scope = _owner_in(apis)
        serve_s3 = cloudfront._serve_s3_origin
        fetch = cloudfront._fetch_from_origin

        async def fetch_from_origin(
            origin: dict[str, Any], method: str, uri: str, query_string: str, headers: dict[str, Any], body: bytes,
            viewer_is_https: bool, client_ip: str, viewer_xff: str, dist_arn: str,
        ) -> Any:  # fmt: skip
            if not EXECUTE_API.match(origin["domain_name"].lower()):
                return await fetch(
                    origin, method, uri, query_string, headers, body, viewer_is_https, client_ip, viewer_xff, dist_arn
                )
            path = (origin.get("origin_path") or "") + uri
            sent = cloudfront._origin_request_headers(origin, headers, client_ip, viewer_xff)
            answer = await self.cloud.handle(
                Request(
                    method=method, path=unquote(path), raw_path=path, query_string=query_string,
                    headers={name.lower(): str(value) for name, value in sent.items()},
                ).with_body(body or b"")
            )  # fmt: skip
            reason = http.client.responses.get(answer.status, "")
            return answer.status, reason, cloudfront._multidict_from_pairs(answer.headers), answer.body

        def serve_s3_over_tls(*request: Any) -> Any:
            pin_request_origin("127.0.0.1", True)  # in a context of its own: MiniStack calls this by asyncio.to_thread
            return serve_s3(*request)

        cloudfront._serve_s3_origin = serve_s3_over_tls
        cloudfront._fetch_from_origin = fetch_from_origin

    def serves(self, host: str) -> bool:
        from ministack.services import apigateway_v1

        return EXECUTE_API.match(host) is not None and apigateway_v1.find_api_scope(host.partition(".")[0]) is not None

    def wants(self, request: Request) -> bool:
        return EXECUTE_API.match(request.host) is not None

    async def answer(self, request: Request, forward: Handler) -> Response:
        api = request.host.partition(".")[0]
        return await forward(replace(request, headers={**request.headers, "host": f"{api}.execute-api.localhost"}))


def _owner_in(apis: Any) -> Callable[[str], tuple[str, str] | None]:
    """Which (account, region) an API is of, by its id."""

    def owner(api_id: str) -> tuple[str, str] | None:
        return next(
            ((account_id, region) for (account_id, region, known), _ in list(apis.all_items()) if known == api_id), None
        )

    return owner
