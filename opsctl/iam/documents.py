"""Read policy documents: what somebody wrote → `Document`, with every mistake named and the rest standing.

`read_document` reads one and raises nothing; `read_documents` reads a JSON file, or a folder of them, into an `Estate`.
Grammar: IAM user guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from opsctl.errors import UsageError
from opsctl.findings import NOWHERE, Place
from opsctl.hcl.symbols import SYMBOL, Unknown, is_symbolic
from opsctl.iam import estate
from opsctl.iam.policy import Condition, Document, Principal, Statement
from opsctl.iam.spelling import nearest

LARGEST_BYTES = 1 << 19  # AWS's largest policy has 32 KiB (KMS) without its white space; more only costs time
SEARCHED = 20_000  # characters of a statement up to which a text search finds a place sooner than reading it does
MOST_PROBLEMS = 100

EFFECTS: Mapping[str, Literal["Allow", "Deny"]] = {"Allow": "Allow", "Deny": "Deny"}
DOCUMENT_FIELDS = ("Version", "Id", "Statement")
STATEMENT_FIELDS = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
PRINCIPAL_KINDS: Mapping[str, Literal["AWS", "Service", "Federated", "CanonicalUser"]] = {
    "AWS": "AWS", "Service": "Service", "Federated": "Federated", "CanonicalUser": "CanonicalUser",
}  # fmt: skip
VERSIONS = ("2012-10-17", "2008-10-17")
# What AWS's interfaces put around a document: GetPolicyVersion, GetRolePolicy, GetRole, GetBucketPolicy, …
WRAPPERS = (
    "PolicyVersion", "Role", "PolicyDocument", "Document", "AssumeRolePolicyDocument", "Policy", "ResourcePolicy",
)  # fmt: skip
DEEPEST_WRAPPING = 4

TOKEN = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[\[\]{},]|[^\s"\[\]{},:]+', re.DOTALL)

STATEMENTS = re.compile(r'"Statement"\s*:\s*\[')
WRAPPED = re.compile(r'"(?:PolicyVersion|Role|PolicyDocument|Document|AssumeRolePolicyDocument|Policy)"\s*:')
BETWEEN = re.compile(r"[\s,]*")

Step = str | int
Path_ = tuple[Step, ...]


def read_document(source: str | Mapping[str, Any], *, file: str = "", place: Place = NOWHERE) -> Document:
    """A document from its text (JSON, also percent-encoded as AWS's interfaces give it) or from what JSON made of it.

    What can't be read is a sentence in `problems`, with its place in `places` as "problem.0"; what isn't known before
    an apply (a symbol where a whole statement or list of statements stands) is a sentence in `extra["unknown"]`. The
    other statements stand.

    Args:
        file: the file that the text is the whole of: statements and fields get its lines.
        place: what everything gets whose line isn't known.
    """
    if not isinstance(source, str):
        return _Reading(_Lines("", file, place)).document(source)
    try:
        value, lines, warnings = _parsed(source, file, place)
    except _NotJson as error:
        return Document((), place=error.place, problems=(str(error),), places={"problem.0": error.place})
    return _Reading(lines, warnings).document(value)


def read_documents(path: Path) -> estate.Estate:
    """The documents in a JSON file, or in a folder (with the folders in it; hidden ones left out).

    A document without principals is an anonymous principal's, named after its file; a trust policy is that of a role
    named so; another policy with principals is loose. In a folder, JSON that is no policy is counted (`skipped`), and a
    broken file, or one of statements without a policy around them, is a document with a problem, so that the others are
    still checked.

    Raises:
        UsageError: nothing there; a file that can't be read or holds no policy, a folder in which none does.
    """
    if path.is_dir():
        files = sorted(
            file for file in path.rglob("*.json")
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )  # fmt: skip
        found = [each for file in files for each in _in_file(file, alone=False)]
        if not found:
            raise _without_policies(path, files)
    elif path.is_file():
        found = _in_file(path, alone=True)
        files = [path]
    else:
        raise UsageError(
            "There is no such file or folder.", where=str(path), next="Name a policy document or a folder."
        )
    documents = [each.document for each in found]
    return estate.Estate(
        principals=tuple(filter(None, (each.principal() for each in found))),
        loose=tuple(each.policy() for each in found if each.role == "resource"),
        not_analysed=tuple(
            estate.NotAnalysed(what, each.address, place=each.document.place)
            for each in found
            for what in each.document.extra.get("unknown", ())
        ),
        analysed={
            "documents": len(documents),
            "statements": sum(len(document.statements) for document in documents),
            "skipped": len(files) - len({each.address for each in found}),
        },
    )


def _without_policies(folder: Path, files: Sequence[Path]) -> UsageError:
    from opsctl.iam.checking import looks_like_a_plan

    plan = next(filter(looks_like_a_plan, files), None)
    return UsageError(
        f"No JSON file of the folder is a policy document ({len(files)} read).",
        where=str(folder),
        next=f"Name the plan itself: opsctl iam check {plan}" if plan else "Name a folder that holds policies.",
    )


class _NotJson(Exception):
    def __init__(self, what: str, place: Place) -> None:
        super().__init__(what)
        self.place = place


@dataclass(frozen=True)
class _Found:
    """A document in a file, and what it is."""

    document: Document
    address: str
    name: str
    arn: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def role(self) -> Literal["identity", "trust", "resource"]:
        statements = self.document.statements
        if not any(each.principals or each.not_principals for each in statements):
            return "identity"
        actions = [action.lower() for each in statements for action in each.actions]
        return "trust" if actions and all(each.startswith("sts:") for each in actions) else "resource"

    def policy(self) -> estate.Policy:
        return estate.Policy(self.name, self.document, self.address, place=self.document.place)

    def principal(self) -> estate.Principal | None:
        match self.role:
            case "identity":
                return estate.Principal(
                    "anonymous", self.name, f"arn:aws:iam::⟦account⟧:user/{self.name}", self.address,
                    (self.policy(),), place=self.document.place,
                )  # fmt: skip
            case "trust":
                arn = self.arn or f"arn:aws:iam::⟦account⟧:role/{self.name}"
                return estate.Principal(
                    "role", self.name, arn, self.address, trust=self.document, place=self.document.place
                )
        return None


def _in_file(file: Path, *, alone: bool) -> list[_Found]:
    """The documents of one file: none where it is JSON but no policy."""
    name = str(file)
    place = Place(name, 1)
    try:
        if (size := file.stat().st_size) > LARGEST_BYTES:
            raise _NotJson(f"It has {size / 2**20:.1f} MiB; AWS takes no policy of more than 32 KiB", place)
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _NotJson(f"It is not UTF-8 text ({error.reason} at byte {error.start})", place) from error
        value, lines, warnings = _parsed(text, name, place)
    except OSError as error:
        raise UsageError(f"It can't be read: {error.strerror}.", where=name) from error
    except _NotJson as error:
        if alone:
            where = f"{name}:{error.place.line}:{error.place.column}" if error.place.column else name
            raise UsageError(f"This is no policy document: {error}.", where=where) from error
        broken = Document((), place=error.place, problems=(str(error),), places={"problem.0": error.place})
        return [_Found(broken, name, file.stem)]
    if not _is_policy(value):
        if alone:
            raise UsageError(
                "This is JSON, and no policy document: it has no Statement.", where=name,
                next="Name a policy document, a plan (terraform show -json) or a folder.",
            )  # fmt: skip
        if not _is_bare(value):
            return []
    return [_Found(_Reading(lines, warnings).document(value), name, *_names(value, file.stem))]


def _names(value: Any, stem: str) -> tuple[str, str]:
    """Name and ARN that AWS's answer gives with a document; else the file's name."""
    while isinstance(value, Mapping):
        for key in ("RoleName", "PolicyName", "UserName", "GroupName"):
            if isinstance(value.get(key), str):
                return value[key], str(value.get("Arn", ""))
        value = next((value[key] for key in WRAPPERS if key in value), None)
    return stem, ""


def _is_policy(value: Any) -> bool:
    """Whether JSON is, or wraps, a policy document, or means to be one ("Statements", "statement")."""
    for _ in range(DEEPEST_WRAPPING):
        if not isinstance(value, Mapping):
            return False
        if any(str(key).lower() in ("statement", "statements") for key in value) or value.get("Version") in VERSIONS:
            return True
        inner = next((value[key] for key in WRAPPERS if key in value), None)
        if isinstance(inner, str):
            return "Statement" in inner
        value = inner
    return False


def _is_bare(value: Any) -> bool:
    """Whether JSON is a statement, or a list of them, that no policy is around."""
    for each in value if isinstance(value, list) else [value]:
        keys = {str(key).lower() for key in each} if isinstance(each, Mapping) else set()
        if "effect" in keys and keys & {"action", "notaction"}:
            return True
    return False


# --- JSON with places -------------------------------------------------------------------------------------------------


class _Lines:
    """Where each value of a JSON text stands. Nothing is looked for before somebody asks."""

    def __init__(self, text: str, file: str, place: Place) -> None:
        self.text, self.file, self.place = text, file, place
        self.value: Any = None  # what the text says
        self._within: dict[int, dict[Path_, int]] = {}  # a statement's begin → where its parts stand, from there

    def at(self, path: Path_) -> Place:
        """The place of a value, or of the nearest thing around it."""
        if not self.file or not self.text:
            return self.place
        if len(path) > 1 and path[0] == "Statement" and isinstance(path[1], int) and self._statements:
            begin, end = self._statements[path[1]]
            if len(path) == 2:
                return self.of_offset(begin)
            if end - begin < SEARCHED and (offset := self._only(path, begin, end)) >= 0:
                return self.of_offset(offset)
            if begin not in self._within:
                self._within[begin] = offsets(self.text[begin:end])
            inner, within = path[2:], self._within[begin]
            while inner and inner not in within:
                inner = inner[:-1]
            return self.of_offset(begin + within.get(inner, 0))
        while path and path not in self._offsets:
            path = path[:-1]
        return self.of_offset(self._offsets[path] if path else 0)

    def _only(self, path: Path_, begin: int, end: int) -> int:
        """Where a member's key, or a string in a list, stands if its text occurs but once there; else -1."""
        word: Any = path[-1]
        if isinstance(word, int):
            word = self.value
            for step in path:
                word = word[step]
        quoted = f'"{word}"'
        if not isinstance(word, str) or self.text.count(quoted, begin, end) != 1:
            return -1
        return self.text.index(quoted, begin, end)

    def of_offset(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return Place(self.file, line, offset - self._starts[line - 1] + 1)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @cached_property
    def _offsets(self) -> dict[Path_, int]:
        return offsets(self.text)

    @cached_property
    def _statements(self) -> list[tuple[int, int]]:
        """Begin and end of each statement, where the text has one plain list of them: a tenth of all offsets' cost."""
        keys = list(STATEMENTS.finditer(self.text))
        if len(keys) != 1 or WRAPPED.search(self.text):
            return []
        decode, found, offset = json.JSONDecoder().raw_decode, [], keys[0].end()
        while (offset := BETWEEN.match(self.text, offset).end()) < len(self.text) and self.text[offset] != "]":  # type: ignore[union-attr]
            begin = offset
            _, offset = decode(self.text, begin)
            found.append((begin, offset))
        return found


class _Places(dict[str, Place]):
    """Label → place, found when it is asked for: most documents have nothing wrong."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__()
        self.lines = lines
        self.paths: dict[str, Path_] = {}

    def __contains__(self, label: object) -> bool:
        return super().__contains__(label) or (isinstance(label, str) and self._path(label) is not None)

    def __missing__(self, label: str) -> Place:
        path = self._path(label)
        if path is None:
            raise KeyError(label)
        return self.lines.at(path)

    def _path(self, label: str) -> Path_ | None:
        if label in self.paths:
            return self.paths[label]
        whole, _, number = label.rpartition(".")
        return (*self.paths[whole], int(number)) if whole in self.paths and number.isdecimal() else None

    def get(self, label: str, default: Any = None) -> Any:
        return self[label] if label in self else default  # noqa: SIM401  (it would call itself)


def offsets(text: str) -> dict[Path_, int]:
    """Path of each value of a JSON text, ("Statement", 0, "Action", 2) → where it begins; a member, where its key does.

    The text must be JSON.
    """
    found: dict[Path_, int] = {}
    stack: list[Step] = []
    for match in TOKEN.finditer(text):
        token = match[0]
        first = token[0]
        if first == '"' and match[2]:
            key = match[1]
            stack[-1:] = [json.loads(key) if "\\" in key else key[1:-1]]
            found[tuple(stack)] = match.start()
            continue
        if first in "}]":
            stack[-1:] = []
        elif first == ",":
            if stack and isinstance(stack[-1], int):
                stack[-1] += 1
        else:
            found.setdefault(tuple(stack), match.start())
            if first in "{[":
                stack.append("" if first == "{" else 0)
    return found


def _parsed(text: str, file: str, place: Place) -> tuple[Any, _Lines, list[str]]:
    """The value of a JSON text, where its parts stand, and which keys are written twice.

    Raises:
        _NotJson: it isn't JSON, is too large or too deep.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST_BYTES:
        raise _NotJson(f"It has {len(text) / 2**20:.1f} MiB; AWS takes no policy of more than 32 KiB", place)
    if text.lstrip()[:3].upper() == "%7B":
        from urllib.parse import unquote

        text, file = unquote(text), ""
    lines = _Lines(text, file, place)
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            keys = [key for key, _ in pairs]
            twice.extend(dict.fromkeys(key for key in keys if keys.count(key) > 1))
        return made

    try:
        lines.value = json.loads(text, object_pairs_hook=members)
        return lines.value, lines, twice
    except json.JSONDecodeError as error:
        where = Place(file, error.lineno, error.colno) if file else place
        raise _NotJson(f"not JSON: {error.msg}, line {error.lineno}, column {error.colno}", where) from error
    except RecursionError as error:
        raise _NotJson("nested too deeply to be a policy", place) from error
    except ValueError as error:  # a number with thousands of digits
        raise _NotJson(f"not JSON that can be read: {error}", place) from error


# --- the grammar ------------------------------------------------------------------------------------------------------


class _Reading:
    """The reading of one document: collects what is wrong, and where."""

    def __init__(self, lines: _Lines, twice: Sequence[str] = ()) -> None:
        self.lines = lines
        self.problems: list[str] = []
        self.unknown: list[str] = []
        self.wrapped = False
        self.places = _Places(lines)
        for key in twice:
            self.problem(f'"{key}" is written twice in one object; only the last one counts', ())

    def problem(self, what: str, path: Path_) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.places[f"problem.{len(self.problems)}"] = self.lines.at(path)
            self.problems.append(what)

    def document(self, value: Any) -> Document:
        value, path = self._unwrapped(value)
        statements: tuple[Statement, ...] = ()
        version = VERSIONS[1]
        if not isinstance(value, Mapping):
            if isinstance(value, Unknown) or (isinstance(value, str) and is_symbolic(value)):
                self.unknown.append(f"the policy is {value}, which isn't known before an apply")
            else:
                self.problem(f"a policy is an object with a Statement, not {_kind(value)}", path)
        else:
            fields = self._fields(value, DOCUMENT_FIELDS, path, "a policy")
            version = self._version(fields, path)
            if "Statement" in fields:
                statements = tuple(self._statements(*fields["Statement"], path))
            else:
                self.problem("the policy has no Statement", path)
        extra: dict[str, Any] = {"version": version} if isinstance(value, Mapping) and "Version" in value else {}
        if isinstance(value, Mapping):
            extra["size"] = self._size(value)
        if self.unknown:
            extra["unknown"] = tuple(self.unknown)
        return Document(
            statements, version, self.lines.at(path), tuple(self.problems), self.places, extra
        )  # fmt: skip

    def _size(self, value: Any) -> int:
        """Characters that AWS counts: without white space; what isn't known yet counts nothing."""
        text = self.lines.text if not self.wrapped else ""
        text = text or json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
        return len("".join((SYMBOL.sub("", text) if is_symbolic(text) else text).split()))

    def _unwrapped(self, value: Any) -> tuple[Any, Path_]:
        path: Path_ = ()
        for _ in range(DEEPEST_WRAPPING):
            if not isinstance(value, Mapping) or any(str(key).lower() == "statement" for key in value):
                break
            key = next((key for key in WRAPPERS if key in value), None)
            if key is None:
                break
            value, path = value[key], (*path, key)
            self.wrapped = True
            if isinstance(value, str):
                place = self.lines.at(path)
                try:
                    value, _, twice = _parsed(value, "", place)
                except _NotJson as error:
                    self.problem(f"{key} is {error}", path)
                    return {"Statement": []}, path
                self.lines = self.places.lines = _Lines("", "", place)
                path = ()
                for each in twice:
                    self.problem(f'"{each}" is written twice in one object; only the last one counts', ())
        return value, path

    def _fields(
        self, value: Mapping[Any, Any], known: Sequence[str], path: Path_, of: str
    ) -> dict[str, tuple[Any, str]]:
        """Known field → (value, the key as written); a misspelt one is a problem, and read as what it means."""
        found: dict[str, tuple[Any, str]] = {}
        for key, each in value.items():
            if key in known:
                if each is not None:
                    found[key] = (each, key)
                continue
            text = str(key)
            meant = next((name for name in known if name.lower() == text.lower()), "") or nearest(text, known)
            hint = f"; is {meant} meant?" if meant else ""
            self.problem(f'"{text}" is no field of {of}{hint}', (*path, key))
            if meant and meant not in value and each is not None:
                found.setdefault(meant, (each, key))
        return found

    def _version(self, fields: Mapping[str, tuple[Any, str]], path: Path_) -> str:
        if "Version" not in fields:
            return VERSIONS[1]
        value, key = fields["Version"]
        if value in VERSIONS:
            return str(value)
        if not (isinstance(value, Unknown) or is_symbolic(str(value))):
            self.problem(f'Version is "{value}"; AWS knows "2012-10-17" and "2008-10-17"', (*path, key))
        return VERSIONS[0]

    def _statements(self, value: Any, key: str, path: Path_) -> Iterator[Statement]:
        path = (*path, key)
        if isinstance(value, Mapping):
            written: list[tuple[Any, Path_]] = [(value, path)]
        elif isinstance(value, list | tuple):
            written = [(each, (*path, number)) for number, each in enumerate(value)]
        else:
            written = [(value, path)]
        if not written:
            self.problem("Statement is empty: AWS takes no policy without a statement", path)
        for index, (each, where) in enumerate(written):
            if isinstance(each, Mapping):
                statement = self._statement(each, index, where)
                if statement is not None:
                    yield statement
            elif isinstance(each, Unknown) or (isinstance(each, str) and is_symbolic(each)):
                self.unknown.append(f"statement {index + 1} is {each}, which isn't known before an apply")
            else:
                self.problem(f"statement {index + 1} is {_kind(each)}, not an object", where)

    def _statement(self, value: Mapping[Any, Any], index: int, path: Path_) -> Statement | None:
        before = len(self.problems)
        fields = self._fields(value, STATEMENT_FIELDS, path, "a statement")
        named = f"statement {index + 1}"
        sid = ""
        if "Sid" in fields:
            raw, key = fields["Sid"]
            if isinstance(raw, str | Unknown):
                sid = str(raw)
                named = f"statement {index + 1} ({sid})" if sid else named
            else:
                self.problem(f"Sid of {named} is {_kind(raw)}, not a string", (*path, key))
        effect = self._effect(fields, named, path)
        strings = {
            name: self._strings(fields, name, named, f"{index}.{label}", path)
            for name, label in (
                ("Action", "actions"), ("NotAction", "not_actions"),
                ("Resource", "resources"), ("NotResource", "not_resources"),
            )
        }  # fmt: skip
        for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
            if one in fields and other in fields:
                self.problem(f"{named} has both {one} and {other}; AWS takes one of them", (*path, fields[other][1]))
        if "Action" not in fields and "NotAction" not in fields and len(self.problems) == before:
            self.problem(f"{named} has neither Action nor NotAction", path)
        principals = self._principals(fields, "Principal", named, f"{index}.principals", path)
        not_principals = self._principals(fields, "NotPrincipal", named, f"{index}.not_principals", path)
        if not principals and not not_principals and "Resource" not in fields and "NotResource" not in fields:
            self.problem(f"{named} has neither Resource nor NotResource", path)
        conditions = tuple(self._conditions(fields, named, f"{index}.conditions", path))
        unread = any(name in fields and not read for name, read in strings.items())
        if effect is None or unread or not (strings["Action"] or strings["NotAction"]):
            return None
        if len(self.problems) > before and "Condition" in fields and not conditions and effect == "Allow":
            return None  # a condition that can't be read must not widen what is judged to be allowed
        return Statement(
            effect,
            strings["Action"],
            () if strings["Action"] else strings["NotAction"],
            strings["Resource"],
            () if strings["Resource"] else strings["NotResource"],
            principals,
            not_principals,
            conditions,
            sid,
            index,
            self.lines.at(path),
        )

    def _effect(
        self, fields: Mapping[str, tuple[Any, str]], named: str, path: Path_
    ) -> Literal["Allow", "Deny"] | None:
        if "Effect" not in fields:
            self.problem(f"{named} has no Effect", path)
            return None
        value, key = fields["Effect"]
        if isinstance(value, str) and value in EFFECTS:
            return EFFECTS[value]
        if isinstance(value, Unknown) or (isinstance(value, str) and is_symbolic(value)):
            self.unknown.append(f"Effect of {named} is {value}, which isn't known before an apply")
            return None
        meant = nearest(value, EFFECTS, at_least=0.6) if isinstance(value, str) else ""
        meant = next((each for each in EFFECTS if str(value).lower() == each.lower()), meant)
        self.problem(
            f'Effect of {named} is {json.dumps(value, default=str)[:40]}, which is neither "Allow" nor "Deny"',
            (*path, key),
        )
        return EFFECTS.get(meant)

    def _strings(
        self, fields: Mapping[str, tuple[Any, str]], name: str, named: str, label: str, path: Path_
    ) -> tuple[str, ...]:
        if name not in fields:
            return ()
        value, key = fields[name]
        path = (*path, key)
        if isinstance(value, str | Unknown):
            self._mark(f"{label}.0", path)
            return (str(value),)
        if not isinstance(value, list | tuple):
            self.problem(f"{name} of {named} is {_kind(value)}, not a string or a list of them", path)
            return ()
        self._mark(label, path)
        if value and all(type(each) is str for each in value):
            return tuple(value)
        found: list[str] = []
        for number, each in enumerate(value):
            if isinstance(each, str | Unknown):
                self._mark(f"{label}.{len(found)}", (*path, number))
                found.append(str(each))
            elif each is not None:
                self.problem(f"{name} of {named} holds {_kind(each)}, not a string", (*path, number))
        if not value:
            self.problem(f"{name} of {named} is an empty list", path)
        return tuple(found)

    def _principals(
        self, fields: Mapping[str, tuple[Any, str]], name: str, named: str, label: str, path: Path_
    ) -> tuple[Principal, ...]:
        if name not in fields:
            return ()
        value, key = fields[name]
        path = (*path, key)
        self._mark(label, path)
        if value == "*":
            return (Principal("*", "*"),)
        if isinstance(value, Unknown) or (isinstance(value, str) and is_symbolic(value)):
            self.unknown.append(f"{name} of {named} is {value}, which isn't known before an apply")
            return ()
        if not isinstance(value, Mapping):
            text = f'"{value}"' if isinstance(value, str) else _kind(value)
            self.problem(f'{name} of {named} is {text}; it must be "*" or an object such as {{"AWS": …}}', path)
            return (Principal("AWS", value),) if isinstance(value, str) else ()
        found: list[Principal] = []
        for kind, each in value.items():
            real = PRINCIPAL_KINDS.get(kind) or PRINCIPAL_KINDS.get(nearest(str(kind), PRINCIPAL_KINDS))
            if kind not in PRINCIPAL_KINDS:
                hint = f"; is {real} meant?" if real else ""
                self.problem(f'"{kind}" is no kind of principal ({named}){hint}', (*path, kind))
            values = each if isinstance(each, list) else [each]
            for one in values:
                if isinstance(one, str | Unknown) and real:
                    found.append(Principal(real, str(one)))
                elif one is not None and real:
                    if isinstance(one, int) and not isinstance(one, bool):
                        found.append(Principal(real, str(one)))
                    self.problem(f"{kind} in {name} of {named} is {_kind(one)}, not a string", (*path, kind))
        return tuple(found)

    def _conditions(
        self, fields: Mapping[str, tuple[Any, str]], named: str, label: str, path: Path_
    ) -> Iterator[Condition]:
        if "Condition" not in fields:
            return
        value, key = fields["Condition"]
        path = (*path, key)
        if isinstance(value, Unknown) or (isinstance(value, str) and is_symbolic(value)):
            # Whatever it is, it only narrows: a condition whose key nobody knows says so to the engine.
            yield Condition("StringEquals", str(value), (str(value),))
            return
        if not isinstance(value, Mapping):
            self.problem(f"Condition of {named} is {_kind(value)}, not an object", path)
            return
        for operator, keys in value.items():
            if not isinstance(keys, Mapping):
                self.problem(
                    f'"{operator}" in Condition of {named} holds {_kind(keys)}, not an object', (*path, operator)
                )
                continue
            for name, values in keys.items():
                where = (*path, operator, name)
                self._mark(f"{label}.{operator}.{name}", where)
                listed = values if isinstance(values, list) else [values]
                read = [_scalar(each) for each in listed]
                if None in read:
                    self.problem(f'"{name}" in Condition of {named} must be compared with strings', where)
                if texts := tuple(each for each in read if each is not None):
                    yield Condition(str(operator), str(name), texts)
                elif not listed:
                    yield Condition(str(operator), str(name), ())

    def _mark(self, label: str, path: Path_) -> None:
        if self.lines.file:
            self.places.paths[label] = path


def _scalar(value: Any) -> str | None:
    """A condition's value as AWS reads it: true is "true", 5 is "5"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float | Unknown) else None


KINDS: Mapping[type, str] = {
    bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object",
    type(None): "null",
}  # fmt: skip


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "something else")
