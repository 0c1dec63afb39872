"""The pixel size of a JPEG, read from its frame header."""

from __future__ import annotations

# Start-of-frame markers (ITU T.81, table B.1): C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def pixel_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels as stored, before any EXIF orientation.

    Raises:
        ValueError: not a JPEG, or cut off before its frame header.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG: it does not begin with FF D8")
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in WITHOUT_LENGTH:
            at += 2
        elif marker in FRAMES and at + 9 <= len(data):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ValueError("a JPEG without a frame header")
