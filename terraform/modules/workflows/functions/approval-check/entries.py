"""What may be released. No AWS here."""

from __future__ import annotations

import re
from typing import Any

LONGEST_CAPTION = 200


class InvalidEntry(Exception):
    """The entry can't be released. The message is for whoever asked."""


def check(entry: Any) -> dict[str, Any]:
    """The entry as it would be released.

    Raises:
        InvalidEntry: no photo's id, or a caption that is too long or holds markup.
    """
    if not isinstance(entry, dict):
        raise InvalidEntry("an entry must be an object with photo_id and caption")
    photo_id, caption = entry.get("photo_id"), entry.get("caption", "")
    if not isinstance(photo_id, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", photo_id):
        raise InvalidEntry("photo_id must be 1 to 64 letters, digits and hyphens")
    if not isinstance(caption, str) or len(caption) > LONGEST_CAPTION:
        raise InvalidEntry(f"caption must be a text of at most {LONGEST_CAPTION} characters")
    if re.search(r"[<>]", caption):
        raise InvalidEntry("caption must not hold markup")
    return {"photo_id": photo_id, "accepted": True, "caption": " ".join(caption.split())}
