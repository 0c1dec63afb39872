"""Lambda: GetFunction says where the code of the version lies that was asked for.

MiniStack gives one address for all versions, which serves `$LATEST`, at a host and port that need not be its own. On
AWS the address is a presigned one of that version's package (API reference, GetFunction: `Code.Location`).
"""

from __future__ import annotations

import re
from urllib.parse import quote

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap

FUNCTION = re.compile(r"/2015-03-31/functions/[^/]+")
CODE = re.compile(r"/_ministack/lambda-code/(?P<account>\d{12})/(?P<region>[a-z0-9-]+)/(?P<name>[^/]+)")
LATEST = "$LATEST"


class FunctionLocations(Gap):
    def wants(self, request: Request) -> bool:
        return request.method == "GET" and bool(FUNCTION.fullmatch(request.path) or CODE.fullmatch(request.path))

    async def answer(self, request: Request, forward: Handler) -> Response:
        if found := CODE.fullmatch(request.path):
            return self._code(found["account"], found["region"], found["name"], request.query.get("version", LATEST))
        response = await forward(request)
        document = response.json() if response.status == 200 else {}
        if "Location" not in document.get("Code", {}):
            return response
        function = document["Configuration"]
        place = f"{self.cloud.account_of(request)}/{request.region}/{function['FunctionName']}"
        document["Code"]["Location"] = (
            f"http://127.0.0.1:{self.cloud.port}/_ministack/lambda-code/{place}?version={quote(function['Version'])}"
        )
        return response.with_json(document)

    def _code(self, account: str, region: str, name: str, version: str) -> Response:
        from ministack.services import lambda_svc

        function = lambda_svc._functions.get_scoped(account, region, name) or {}
        record = function if version == LATEST else function.get("versions", {}).get(version)
        if not record or not record.get("code_zip"):
            return Response(404).with_body(b"NoSuchKey")
        return Response(200, (("content-type", "application/zip"),)).with_body(record["code_zip"])
