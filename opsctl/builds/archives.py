"""What a zip for Lambda holds: its size, the extensions that it would start, and secrets that it should not carry."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from opsctl.files import sha256_of, write_atomically


@dataclass(frozen=True)
class Secret:
    """Something that looks like a secret. Its value is kept nowhere.

    Attributes:
        file: its name in the zip; line: from 1, 0 where the file itself is the secret.
    """

    kind: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.kind} in {self.file}" + (f", line {self.line}" if self.line else "")


@dataclass(frozen=True)
class Archive:
    """A function's package or a layer.

    Attributes:
        extensions: programs below extensions/, which Lambda starts beside the function when they come in a layer
            ("Lambda Extensions API" in the developer guide).
    """

    name: str
    zipped_bytes: int
    unzipped_bytes: int
    extensions: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()


# Formats as their makers document them. Each is one that can be told from other text by itself.
SECRETS: Mapping[str, re.Pattern[bytes]] = {
    "private key": re.compile(
        rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r)+(?:[\w-]+: |[A-Za-z0-9+/=]{40})"
    ),
    "AWS access key": re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])"),
    "AWS secret key": re.compile(
        rb"(?i)aws.?secret.?access.?key[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
    ),
    "GitHub token": re.compile(rb"(?<!\w)(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{82})(?!\w)"),
    "GitLab token": re.compile(rb"(?<!\w)glpat-[\w-]{20}(?![\w-])"),
    "Slack token": re.compile(rb"(?<!\w)xox[abeoprs]-\d{8,}-[\w-]{10,}"),
    "Stripe key": re.compile(rb"(?<!\w)[rs]k_live_[A-Za-z0-9]{24,}"),
    "Google API key": re.compile(rb"(?<![\w-])AIza[\w-]{35}(?![\w-])"),
    "npm token": re.compile(rb"(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)"),
    "PyPI token": re.compile(rb"(?<!\w)pypi-AgE[\w-]{50,}"),
    "JSON Web Token": re.compile(rb"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
}
EXAMPLES = (b"EXAMPLE", b"example")
"""AWS's documents mark what only looks like a key so."""
SECRET_FILES = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example$|sample$|template$)[\w.-]+)?|\.netrc|\.pgpass|\.pypirc|\.npmrc|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.aws/credentials|[^/]*\.(?:p12|pfx|jks|keystore|kdbx)|[^/]*\.tfstate(?:\.backup)?)$"
)
# A larger text is data, and what has a zero byte near its beginning is compiled (git tells binary files by the same).
LARGEST_SCANNED_BYTES = 5 * 1024**2
BINARY_WITHIN_BYTES = 8000


def read_archive(file: Path, *, cache: Path | None = None) -> Archive:
    """Look into a zip. What was found is kept in `cache` by the zip's content: looking costs seconds for a large one.

    Raises:
        zipfile.BadZipFile: it is none.
    """
    kept = cache and cache / "archives" / f"{sha256_of(file)}-{_rules()}.json"
    if kept and kept.is_file():
        found = json.loads(kept.read_text())
        return Archive(
            file.stem, found["zipped_bytes"], found["unzipped_bytes"], tuple(found["extensions"]),
            tuple(Secret(**secret) for secret in found["secrets"]),
        )  # fmt: skip
    with zipfile.ZipFile(file) as content:
        entries = [entry for entry in content.infolist() if not entry.is_dir()]
        archive = Archive(
            name=file.stem,
            zipped_bytes=file.stat().st_size,
            unzipped_bytes=sum(entry.file_size for entry in entries),
            extensions=tuple(sorted(_extension(entry.filename) for entry in entries if _extension(entry.filename))),
            secrets=tuple(
                secret
                for entry in sorted(entries, key=lambda entry: entry.filename)
                for secret in _secrets_of(entry, content)
            ),
        )
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, json.dumps(asdict(archive)))
    return archive


def secrets_in(name: str, text: bytes) -> Iterator[Secret]:
    """What looks like a secret in a file, first by the file's name, then by what it holds.

    What describes a published package is public, examples of tokens too; binary files are told by their names alone.
    """
    if SECRET_FILES.search(name):
        yield Secret("file of secrets", name, 0)
    if ".dist-info/" in name or b"\0" in text[:BINARY_WITHIN_BYTES]:
        return
    for kind, pattern in SECRETS.items():
        for match in pattern.finditer(text):
            if not any(example in match[0] for example in EXAMPLES):
                yield Secret(kind, name, text.count(b"\n", 0, match.start()) + 1)


def _secrets_of(entry: zipfile.ZipInfo, content: zipfile.ZipFile) -> Iterator[Secret]:
    small = entry.file_size <= LARGEST_SCANNED_BYTES
    yield from secrets_in(entry.filename, content.read(entry) if small else b"")


def _extension(name: str) -> str:
    path = PurePosixPath(name)
    return path.name if len(path.parts) == 2 and path.parts[0] == "extensions" else ""


def _rules() -> str:
    """Changes with what is looked for."""
    words = [SECRET_FILES.pattern, *(f"{kind}{pattern.pattern!r}" for kind, pattern in SECRETS.items())]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
