"""AWS's own managed policies by name: what `ReadOnlyAccess` grants, without an account.

The documents are AWS's, as moto collects them (`iam:GetPolicyVersion` of each). `opsctl/iam/data/managed_policies.bin`
holds all of them, each compressed by itself with a dictionary that they share: a lookup costs one of them, not all.
`python -m opsctl.iam.managed` renews it from the installed moto.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from opsctl.iam.policy import Document

FILE = Path(__file__).parent / "data" / "managed_policies.bin"
_LENGTH_BYTES = 4
_DICTIONARY_BYTES = 32 * 1024  # zlib looks no further back


@dataclass(frozen=True)
class _Shelf:
    """The file, opened: name → (path, where its document begins, how long it is)."""

    date: str
    places: Mapping[str, tuple[str, int, int]]
    dictionary: bytes
    blob: bytes

    def document(self, name: str) -> Any:
        _, start, length = self.places[name]
        unpack = zlib.decompressobj(zdict=self.dictionary)
        return json.loads(unpack.decompress(self.blob[start : start + length]) + unpack.flush())


@cache
def _shelf() -> _Shelf:
    data = FILE.read_bytes()
    length = int.from_bytes(data[:_LENGTH_BYTES], "big")
    head = json.loads(zlib.decompress(data[_LENGTH_BYTES : _LENGTH_BYTES + length]))
    dictionary = head["dictionary"].encode()
    return _Shelf(head["date"], {name: tuple(at) for name, at in head["places"].items()}, dictionary,
                  data[_LENGTH_BYTES + length :])  # fmt: skip


def date() -> str:
    """The day of the newest change among them (ISO)."""
    return _shelf().date


def names() -> tuple[str, ...]:
    return tuple(_shelf().places)


def arn_named(name: str, partition: str = "aws") -> str:
    """`AWSLambdaBasicExecutionRole` → `arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole`; "": none."""
    at = _shelf().places.get(name)
    return f"arn:{partition}:iam::aws:policy{at[0]}{name}" if at else ""


def is_managed(arn: str) -> bool:
    """Whether an ARN is one of AWS's own policies."""
    return ":iam::aws:policy/" in arn


@cache
def document_of(arn: str) -> Document | None:
    """The document of one of AWS's policies; None for an ARN that is none of them, or that is newer than the data."""
    if not is_managed(arn):
        return None
    name = arn.rpartition("/")[2]
    if arn_named(name, arn.split(":")[1]) != arn:
        return None
    from opsctl.iam.documents import read_document

    return read_document(_shelf().document(name))


def compiled(policies: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The file's content, from name → {"Path", "Document", "UpdateDate"} as the IAM API gives them. Reproducible."""
    texts = {name: json.dumps(policies[name]["Document"], separators=(",", ":")) for name in sorted(policies)}
    largest = max(texts.values(), key=len, default="")
    dictionary = largest.encode("ascii")[-_DICTIONARY_BYTES:]
    places, blob = {}, bytearray()
    for name, text in texts.items():
        pack = zlib.compressobj(9, zdict=dictionary)
        packed = pack.compress(text.encode()) + pack.flush()
        places[name] = (policies[name]["Path"], len(blob), len(packed))
        blob += packed
    newest = max((str(each["UpdateDate"])[:10] for each in policies.values()), default="")
    head = {"date": newest, "places": places, "dictionary": dictionary.decode()}
    packed_head = zlib.compress(json.dumps(head, separators=(",", ":")).encode(), 9)
    return len(packed_head).to_bytes(_LENGTH_BYTES, "big") + packed_head + bytes(blob)


def _renew() -> None:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    from opsctl.files import write_atomically

    write_atomically(FILE, compiled(json.loads(aws_managed_policies_data)))


if __name__ == "__main__":
    _renew()
