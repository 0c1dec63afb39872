"""CloudFront: a response headers policy leaves out custom and removed headers where it has none.

MiniStack gives back empty lists of both, which a second plan wants to remove.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class ResponseHeadersPolicies(Gap):
    async def install(self) -> None:
        from ministack.services import cloudfront

        build = cloudfront._build_rhp_config_xml

        def build_config(parent: Any, config: dict[str, Any]) -> None:
            build(parent, config)
            for name in ("CustomHeadersConfig", "RemoveHeadersConfig"):
                for element in parent.findall(name):
                    if element.findtext("Quantity") == "0":
                        parent.remove(element)

        cloudfront._build_rhp_config_xml = build_config
