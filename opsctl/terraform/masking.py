"""Keeping known secrets out of what is delivered: plain, escaped, in base64 and URL-encoded."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

MASK = "(masked)"
SHORTEST = 6
"""A shorter value can't be told from an ordinary word."""
TAIL = 4
"""Last characters, by which forms are looked up (beginnings are often alike). No form of a secret is shorter."""

SECRET_NAMES = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:PRIVATE|API|SIGNING|ENCRYPTION)_?KEY|ACCESS_KEY$",
    re.IGNORECASE,
)
NOT_SECRET = re.compile(r"(_FILE|_PATH|_URI|_URL|_FULL_URI|_SIZE|_TTL)$")
IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


class Masker:
    """Replaces every known secret in a text. More may become known while it is used."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms: dict[str, set[str]] = {}
        self._secrets: set[str] = set()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        fresh = {secret for secret in secrets if len(secret) >= SHORTEST} - self._secrets
        if not fresh:
            return
        self._secrets |= fresh
        for form in {form for secret in fresh for form in spellings(secret) if form not in MASK}:
            self._forms.setdefault(form[-TAIL:], set()).add(form)

    def __call__(self, text: str) -> str:
        """Linear in the text, however many secrets there are: a state brings thousands of forms."""
        if not self._forms:
            return text
        tails = self._forms.keys() & {text[at : at + TAIL] for at in range(len(text) - TAIL + 1)}
        for form in sorted((form for tail in tails for form in self._forms[tail]), key=len, reverse=True):
            text = text.replace(form, MASK)
        return text


def spellings(secret: str) -> set[str]:
    """A secret as it may turn up: as it is and line by line, escaped as text in JSON (also in JSON in JSON) and XML,
    in base64 (both alphabets, also as a part of what was encoded), URL-encoded."""
    lines = {line for line in map(str.strip, secret.splitlines()) if len(line) >= SHORTEST}
    return {form for text in {secret, *lines} for form in _spellings(text)}


def _spellings(secret: str) -> Iterator[str]:
    once = {secret, *_in_json(secret)}
    yield from once
    for form in once:
        yield from _in_json(form)
    yield from {html.escape(secret), html.escape(secret).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")}
    # What Go's url.QueryEscape and url.PathEscape leave as it is, and Python's two.
    for form in (
        urllib.parse.quote_plus(secret),
        *(urllib.parse.quote(secret, safe=safe) for safe in ("", "/", "$&+:=@")),
    ):
        yield form
        yield re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), form)
    raw = secret.encode(errors="surrogatepass")
    for form in {base64.b64encode(raw).decode(), *(_inside_base64(raw, before) for before in (0, 1, 2))}:
        yield from {form, form.rstrip("="), form.translate(URL_SAFE), form.translate(URL_SAFE).rstrip("=")}


URL_SAFE = str.maketrans("+/", "-_")


def _in_json(text: str) -> set[str]:
    """As the inside of a JSON string: as Python writes it, as it may be written, as Go does (<, > and & escaped)."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    go = plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return {plain, go, json.dumps(text)[1:-1]}


def _inside_base64(raw: bytes, before: int) -> str:
    """The characters that `raw` alone decides when it is encoded behind `before` other bytes (mod 3)."""
    first, last = -(-8 * before // 6), 8 * (before + len(raw)) // 6
    return base64.b64encode(bytes(before) + raw).decode()[first:last]


def secrets_in(environment: Mapping[str, str], stack: Path) -> set[str]:
    """Values of TF_VAR_* that `stack` declares sensitive, of variables whose names say that they are secret, and the
    passwords in URLs (of a proxy, a database)."""
    sensitive = {f"TF_VAR_{name}" for name in sensitive_variables(stack)}
    return {password for value in environment.values() for password in IN_URL.findall(value)} | {
        part
        for name, value in environment.items()
        if name in sensitive or (SECRET_NAMES.search(name) and not NOT_SECRET.search(name))
        for part in {value, *leaves(value)}
    }


def sensitive_variables(stack: Path) -> set[str]:
    """Names of the root module's variables with `sensitive = true` or `ephemeral = true`."""
    block = re.compile(r'^variable\s+"(\w+)"\s*\{(.*?)^\}', re.MULTILINE | re.DOTALL)
    return {
        name
        for file in stack.glob("*.tf")
        for name, body in block.findall(file.read_text(encoding="utf-8", errors="replace"))
        if re.search(r"^\s*(sensitive|ephemeral)\s*=\s*true\b", body, re.MULTILINE)
    }


def secrets_in_variables_files(stack: Path, files: Iterable[Path]) -> set[str]:
    """What variables files give to sensitive variables: `files`, and those that Terraform reads by itself.

    A file that can't be read or parsed gives nothing here; Terraform says what is wrong with it.
    """
    names = sensitive_variables(stack)
    if not names:
        return set()
    automatic = [stack / "terraform.tfvars", stack / "terraform.tfvars.json", *sorted(stack.glob("*.auto.tfvars*"))]
    found: set[str] = set()
    for file in [*automatic, *files]:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
            values = json.loads(text).items() if file.suffix == ".json" else assignments(text)
            found |= {leaf for name, value in values if name in names for leaf in leaves(value)}
        except (OSError, ValueError, AttributeError):
            continue
    return found


TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |<<-?[ ]*(?P<tag>\w+)[ ]*\n(?P<heredoc>.*?)^[ \t]*(?P=tag)[ \t]*$
    |(?P<string>"(?:[^"\\\n]|\\.)*")(?P<key>\s*[=:](?!=))?
    |^(?P<name>[A-Za-z_][\w-]*)[ \t]*=(?!=)
    |(?P<open>[\[{(])|(?P<close>[\]})])
    |(?P<number>\b\d[\d.]*\b)""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """(variable, literal) for each text and number on the right of a variable in a .tfvars file, nested ones too."""
    depth, name = 0, ""
    for token in TOKEN.finditer(text):
        if token["name"] and not depth:
            name = token["name"]
        elif token["heredoc"] is not None:
            yield name, token["heredoc"]
        elif token["string"] and not token["key"]:
            try:
                yield name, json.loads(token["string"])
            except ValueError:
                yield name, token["string"][1:-1]
        elif token["number"]:
            yield name, token["number"]
        depth += bool(token["open"]) - bool(token["close"])


def secrets_in_state(text: str | bytes) -> set[str]:
    """Sensitive values in a state of format 4: of outputs, and what Terraform marked in resources' attributes.

    Raises:
        ValueError, KeyError, TypeError: it is not such a state.
    """
    document = json.loads(text)
    found = {
        leaf for one in document.get("outputs", {}).values() if one.get("sensitive") for leaf in leaves(one["value"])
    }
    for resource in document.get("resources", ()):
        for instance in resource["instances"]:
            for path in instance.get("sensitive_attributes", ()):
                found |= set(leaves(_at(instance.get("attributes"), path)))
    return found


def secrets_in_plan(plan_file: Path) -> set[str]:
    """Sensitive values of the state that a saved plan starts from, as it was refreshed."""
    with zipfile.ZipFile(plan_file) as archive:
        return secrets_in_state(archive.read("tfstate"))


def _at(value: object, path: Iterable[Mapping[str, object]]) -> object:
    """What lies at a path of a state's `sensitive_attributes`; None where there is nothing."""
    for step in path:
        # A value of a dynamic type stands beside its type.
        if isinstance(value, dict) and set(value) == {"value", "type"}:
            value = value["value"]
        key = step["value"]
        if isinstance(key, dict):
            key = key.get("value")
        if isinstance(value, dict):
            value = value.get(str(key))
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def leaves(value: object) -> Iterator[str]:
    """Every text and number in a value, and in JSON that a text holds."""
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, str):
        yield value
        if value.lstrip()[:1] in ("{", "["):
            try:
                yield from leaves(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
