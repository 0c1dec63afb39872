"""Lambda: a function URL that programs of this machine can reach.

On AWS it is `https://<id>.lambda-url.<region>.on.aws/`. No resolver knows such a name here, and functions call from
processes of their own: they are given the address at which MiniStack serves it beside that name.
"""

from __future__ import annotations

import re

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap

PATH = re.compile(r"/2021-10-31/functions/[^/]+/urls?$")
ADDRESS = re.compile(rb"https://([a-z0-9-]+)\.lambda-url\.[a-z0-9-]+\.on\.aws/")


class FunctionUrls(Gap):
    def wants(self, request: Request) -> bool:
        return PATH.search(request.path) is not None

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        here = rb"http://127.0.0.1:%d/_aws/lambda-url/\1/" % self.cloud.port
        return response.with_body(ADDRESS.sub(here, response.body))
