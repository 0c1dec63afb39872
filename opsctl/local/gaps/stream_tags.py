"""Kinesis: a stream is made with its tags, and ListTagsForResource tells them. MiniStack's CreateStream drops them."""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class StreamTags(Gap):
    async def install(self) -> None:
        from ministack.services import kinesis

        create = kinesis._create_stream

        def create_with_tags(data: dict[str, Any]) -> Any:
            answer = create(data)
            if answer[0] == 200:
                kinesis._streams[data["StreamName"]]["tags"].update(data.get("Tags") or {})
            return answer

        kinesis._create_stream = create_with_tags
