"""API Gateway: an integration gives back what was put: its `connectionId`, and no `httpMethod` where none was given.

MiniStack drops the first and invents a POST, so that a second plan replaces every mock integration.
"""

from __future__ import annotations

import json
from typing import Any

from opsctl.local.gaps.gap import Gap


class Integrations(Gap):
    async def install(self) -> None:
        from ministack.services import apigateway_v1

        put = apigateway_v1._put_integration

        def put_integration(api_id: str, resource_id: str, http_method: str, data: dict[str, Any]) -> Any:
            status, headers, body = put(api_id, resource_id, http_method, data)
            if status == 201:
                methods = apigateway_v1._resources[api_id][resource_id]["resourceMethods"]
                integration = methods[http_method]["methodIntegration"]
                if data.get("connectionId"):
                    integration["connectionId"] = data["connectionId"]
                if not data.get("httpMethod"):
                    del integration["httpMethod"]
                body = json.dumps(integration).encode()
            return status, headers, body

        apigateway_v1._put_integration = put_integration
