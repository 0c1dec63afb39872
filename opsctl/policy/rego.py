"""Users' own rules in Rego, as conftest has them: `deny`, `violation` and `warn`, also `deny_<name>`, in any package.

Pure: a file's text → its rules and the text that is evaluated. Each head of a rule gets a name of its own there
(`deny` → `deny__0_2`), so that a result says which rule, on which line, it comes from, and one that crashes or never
ends stops nothing but itself. A module beside them keeps the old names for rules that ask for them.

conftest's words: https://www.conftest.dev (policies, exceptions); OPA's for annotations: "# METADATA" above a rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from opsctl.findings import Finding, Place, Rule, Severity
from opsctl.hcl import Configuration, Resource

PACKAGE = re.compile(r"^\s*package\s+(?P<name>[\w.]+)", re.MULTILINE)
HEAD = re.compile(
    r"^(?P<indent>[ \t]*)(?P<name>(?P<kind>deny|violation|warn)(?:_[A-Za-z0-9]+)*)"
    r"(?=\s*(?:\[|\{|:?=|\s(?:contains|if)\b))",
    re.MULTILINE,
)
NOT_CODE = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*')
EXCEPTION = re.compile(r"^exception(?=\s*(?:\[|\s(?:contains|if)\b))", re.MULTILINE)
SEVERITY_OF = {"deny": Severity.HIGH, "violation": Severity.HIGH, "warn": Severity.MEDIUM}
"""conftest fails on the first two and only mentions the third."""
SEVERITY_NAMED = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "error": Severity.HIGH, "medium": Severity.MEDIUM,
    "warning": Severity.MEDIUM, "moderate": Severity.MEDIUM, "low": Severity.LOW, "info": Severity.INFO,
    "informational": Severity.INFO, "note": Severity.INFO,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One head of a rule.

    Attributes:
        path: what is asked for: "main/deny__0_1".
        name: as written: "deny_public".
        package: dotted.
    """

    rule: Rule
    path: str
    name: str
    package: str
    place: Place

    @property
    def excepted_as(self) -> str:
        """What an exception of conftest calls it: "public" for deny_public, "" for deny."""
        return self.name.partition("_")[2]


@dataclass(frozen=True)
class RegoFile:
    """A module: its text with a name for each head, and the rules in it (none: others import it)."""

    file: Path
    package: str
    text: str
    entries: tuple[Entry, ...] = ()
    has_exceptions: bool = False


def parse(file: Path, text: str, *, number: int, name: str) -> RegoFile:
    """A module's rules.

    Args:
        number: of the file in its run: makes names unique.
        name: of the file below its folder, without ending: "s3/public".
    """
    package = match["name"] if (match := PACKAGE.search(text)) else ""
    entries: list[Entry] = []

    parts, copied, depth = [], 0, 0
    code = NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for head in HEAD.finditer(code):
        start = head.start("name")
        depth += _opened(code, copied, start)
        parts.append(text[copied:start])
        copied = start
        if depth:  # in a body: somebody asks for the rule
            continue
        unique = f"{head['name']}__{number}_{len(entries)}"
        line = text.count("\n", 0, start) + 1
        words = metadata(_comment_above(text, head.start()))
        path = f"{package.replace('.', '/')}/{unique}"
        entries.append(Entry(_rule(head, words, name), path, head["name"], package, Place(str(file), line)))
        parts.append(unique)
        copied = head.end("name")
    parts.append(text[copied:])
    return RegoFile(file, package, "".join(parts), tuple(entries), bool(EXCEPTION.search(code)))


def _opened(code: str, start: int, end: int) -> int:
    """How many more brackets are opened than closed between two places."""
    return sum(code.count(each, start, end) for each in "{[(") - sum(code.count(each, start, end) for each in "}])")


def _rule(head: re.Match[str], words: Mapping[str, Any], name: str) -> Rule:
    custom = words.get("custom", {})
    title = words.get("title", "")
    said = str(custom.get("severity", "")).lower()
    suffix = head["name"].partition("_")[2]
    slug = suffix.replace("_", "-").lower() or "-".join(re.findall(r"[a-z0-9]+", title.lower()))
    return Rule(
        custom.get("id") or "/".join(filter(None, ("rego", name, slug))),
        title or f"{head['name']} in {name}.rego",
        SEVERITY_NAMED.get(said, SEVERITY_OF[head["kind"]]),
        words.get("description", ""),
        custom.get("mend") or custom.get("remediation") or custom.get("fix") or "",
        tuple(words.get("related_resources", ())),
        ("rego",),
    )


def _comment_above(text: str, position: int) -> list[str]:
    """The lines of the comment right above a place, without their #."""
    lines: list[str] = []
    for line in reversed(text[:position].split("\n")[:-1]):
        if not line.startswith("#"):
            break
        lines.insert(0, line[1:])
    return lines


KEY = re.compile(r"^(?P<indent>\s*)(?P<dash>-\s*)?(?P<name>[\w-]+):(?:\s+(?P<value>.*))?$")


def metadata(comment: Sequence[str]) -> dict[str, Any]:
    """Title, description, related_resources and custom of an annotation ("METADATA", then YAML); {} where it is none.

    Reads the part of YAML that annotations are written in: scalars, folded and literal blocks, one level of `custom`,
    a list of links.
    """
    starts = [index for index, line in enumerate(comment) if line.strip() == "METADATA"]
    if not starts:
        return {}
    found: dict[str, Any] = {"custom": {}, "related_resources": []}
    section, block, depth = "", "", 0
    for line in comment[starts[-1] + 1 :]:
        indent = len(line) - len(line.lstrip())
        key = KEY.match(line)
        if block and line.strip() and indent > depth:
            target = found["custom"] if section == "custom" else found
            target[block] = f"{target[block]} {line.strip()}".strip()
        elif section == "related_resources" and line.strip().startswith("-"):
            found[section].append(_scalar(line.strip().removeprefix("-").strip().removeprefix("ref:")))
        elif key and not key["dash"]:
            value, name = (key["value"] or "").strip(), key["name"]
            if indent <= 1:
                section = name if not value else ""
            target = found["custom"] if section == "custom" and indent > 1 else found
            block, depth = "", indent
            if value in ("|", ">", "|-", ">-", "|+", ">+"):
                block, target[name] = name, ""
                if indent <= 1:
                    section = ""
            elif value and name not in ("custom", "related_resources"):
                target[name] = _scalar(value)
    return {name: value for name, value in found.items() if value}


def _scalar(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


INPUT = re.compile(r"\binput\b(?:\.(?P<name>\w+))?")


def names_read(files: Sequence[RegoFile]) -> frozenset[str] | None:
    """What modules ask of the input ("resource_changes", …); None where one takes it as a whole."""
    names = set()
    for file in files:
        for match in INPUT.finditer(NOT_CODE.sub("", file.text)):
            if not match["name"]:
                return None
            names.add(match["name"])
    return frozenset(names)


def joined(files: Sequence[RegoFile]) -> Iterator[tuple[str, str]]:
    """(package, text) of modules that keep the names which the files were written with."""
    of: dict[str, list[Entry]] = {}
    for file in files:
        for entry in file.entries:
            of.setdefault(entry.package, []).append(entry)
    for package, entries in of.items():
        rules = "\n".join(f"{entry.name}[x] {{ {entry.path.rpartition('/')[2]}[x] }}" for entry in entries)
        yield package, f"package {package}\n\n{rules}\n"


# --- what a rule says → findings ---

QUOTED = re.compile(r"""[`'"]([^`'"\s]+)[`'"]""")
ADDRESS = re.compile(
    r'(?:module\.[\w-]+(?:\[[^\]]*\])?\.)*(?:data\.)?[a-z][a-z0-9]*_\w+\.[\w-]+(?:\[(?:"[^"]*"|\d+)\])?'
)
NAMES_OF_ADDRESS = ("resource", "address", "resource_address", "resource_id")


@dataclass
class Placing:
    """Finds the resource that a message is about, so that the finding lies on its line. One walk over resources."""

    configuration: Configuration
    _addresses: dict[str, Resource] = field(default_factory=dict)
    _names: dict[str, Resource | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.configuration.resources:
            self._addresses[each.address] = each
            for name in {each.name, f"{each.type}.{each.name}", each.address.partition("[")[0]}:
                self._names[name] = each if self._names.get(name, each) is each else None

    def find(self, said: Any, message: str) -> Resource | None:
        """By an address in the result's fields, by one in the message, by a name in quotes that only one has."""
        words = [str(value) for value in _fields(said)]
        words += ADDRESS.findall(message) + QUOTED.findall(message)
        for word in words:
            if resource := self._addresses.get(word) or self._names.get(word):
                return resource
        return None


def _fields(said: Any) -> Iterator[Any]:
    if isinstance(said, Mapping):
        for name in NAMES_OF_ADDRESS:
            if isinstance(said.get(name), str):
                yield said[name]
        for name in ("details", "metadata"):
            yield from _fields(said.get(name))


def finding_of(entry: Entry, said: Any, placing: Placing) -> Finding:
    """A result of a rule (a sentence, or an object with msg) as a finding."""
    fields = said if isinstance(said, Mapping) else {}
    words = fields.get("msg") or fields.get("message") or (entry.rule.title if said is True or fields else said)
    message = words if isinstance(words, str) else str(words)
    details = fields.get("details") if isinstance(fields.get("details"), Mapping) else {}
    severity = SEVERITY_NAMED.get(str(fields.get("severity") or (details or {}).get("severity", "")).lower())
    resource = placing.find(said, message)
    return Finding(
        entry.rule.id, entry.rule.severity if severity is None else severity, message,
        resource=resource.address if resource else next(map(str, _fields(said)), ""),
        place=resource.place if resource else Place(placing.configuration.folder),
        fix=str(fields.get("fix") or fields.get("remediation") or entry.rule.mend),
    )  # fmt: skip


def rule_name(file: Path, folder: Path) -> str:
    """A file's name below its folder, as ids have it: "s3/public-access"."""
    return PurePosixPath(file.relative_to(folder).with_suffix("")).as_posix().replace("_", "-").lower()
