"""The process that users' rules run in: `python -m opsctl.policy.worker REQUESTS ANSWERS FOLDER BYTES`.

It answers one request after the other, each a line of JSON; `opsctl.policy.own_rules` asks, and kills it when an answer
takes too long. What rules print goes to its log.

FOLDER/configuration is the pickled `Configuration`, FOLDER/input-N.json what Rego rules read; each is loaded once, when
the first rule asks for it.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import re
import resource
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from opsctl.policy.loading import Broken, RuleFile, load_file, sentence_of
from opsctl.policy.rule import Stack

TOO_LARGE = 77
"""Exit status of a worker that took more memory than it may."""
LONGEST_CPU_SECONDS = 900
"""For a worker whose asker is gone while a rule holds the interpreter; the asker's own limit is far lower."""


@dataclass
class Rules:
    """What a worker knows; one method for each request."""

    folder: Path
    loaded: dict[str, RuleFile] = field(default_factory=dict)

    @cached_property
    def stack(self) -> Stack:
        with open(self.folder / "configuration", "rb") as file:
            configuration, settings = pickle.load(file)  # noqa: S301 - our own parent wrote it
        return Stack(configuration, settings)

    def forget(self) -> dict[str, Any]:
        """Let go of the configuration, for the next one; Python files stay loaded."""
        self.__dict__.pop("stack", None)
        return {}

    def load(self, file: str) -> dict[str, Any]:
        """A Python file → its rules."""
        match load_file(Path(file)):
            case Broken(why=why):
                return {"failed": why}
            case rule_file:
                self.loaded[file] = rule_file
                return {"rules": [asdict(rule) for rule in rule_file.rules]}

    def find(self, file: str) -> dict[str, Any]:
        """A Python file → its findings; those it had before it crashed stand."""
        found: list[dict[str, Any]] = []
        try:
            if file not in self.loaded and "failed" in (answer := self.load(file)):
                return answer
            found.extend(asdict(each) for each in self.loaded[file].find(self.stack))
        except Exception as error:
            return {"findings": found, "failed": sentence_of(error)}
        return {"findings": found}

    def prepare(self, modules: list[list[str]], entries: list[str], inputs: int) -> dict[str, Any]:
        """Rego modules (name, text) and what will be asked of them → modules that can't be read, by name."""
        import regopy
        from regopy.rego_shared import LogLevel

        self.rego = regopy.Interpreter()
        self.rego.log_level = LogLevel.NONE
        broken = {}
        for name, text in modules:
            try:
                self.rego.add_module(name, text)
            except regopy.RegoError as error:
                broken[name] = error_in(str(error))
        self.inputs = [
            regopy.Input(json.loads((self.folder / f"input-{each}.json").read_text(encoding="utf-8")))
            for each in range(inputs)
        ]  # fmt: skip
        if broken:
            return {"broken": broken}
        self.bundle = self.rego.build(None, entries)
        return {"broken": {}}

    def query(self, entry: str) -> dict[str, Any]:
        """A rule of a Rego module → what it says of any input, each once."""
        from regopy.rego_shared import rego_bundle_query_entrypoint, rego_output_ok, rego_output_string

        said: dict[str, Any] = {}
        for each in self.inputs:
            self.rego.set_input(each)
            output = rego_bundle_query_entrypoint(self.rego._impl, self.bundle._impl, entry)
            text = rego_output_string(output)
            if not rego_output_ok(output) or text.startswith("(error"):
                return {"said": list(said.values()), "failed": error_in(text)}
            for one in results(text):
                if isinstance(one, str) and one.startswith("(error"):
                    return {"said": list(said.values()), "failed": error_in(one)}
                said[json.dumps(one, sort_keys=True)] = one
        return {"said": list(said.values())}

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        words = dict(request)
        method = getattr(self, words.pop("ask"))
        try:
            answer: dict[str, Any] = method(**words)
        except Exception as error:
            return {"failed": sentence_of(error)}
        return answer


def results(text: str) -> list[Any]:
    """What a rule's set holds: strings, objects, true. A set of Rego's first version comes as an object's keys, which
    are JSON themselves where they are objects."""
    if text == "undefined":
        return []
    found: list[Any] = []
    for value in json.loads(text).get("expressions", ()):
        if isinstance(value, dict):
            found += [_key(name) for name, one in value.items() if one is not False]
        elif isinstance(value, list):
            found += value
        elif value not in (False, None):
            found.append(value)
    return found


def _key(name: str) -> Any:
    if name[:1] in "{[":
        try:
            return json.loads(name)
        except ValueError:
            return name
    return name


def error_in(text: str) -> str:
    """rego-cpp's error in a line: its first message."""
    message = re.search(r"\(errormsg \d+:(.*?)\)\n", text, re.DOTALL)
    words = " ".join((message[1] if message else text).split())[:300]
    return "Rego gave no reason (too much to compute, or too deep)" if words in ("", "<error>") else words


def watch_memory(most: int) -> None:
    """End the process when it holds more bytes; runs in a thread of its own.

    Watched, not limited by the kernel: rego-cpp reserves more addresses than any limit would allow.
    """
    page = resource.getpagesize()
    while True:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
        if resident > most:
            os._exit(TOO_LARGE)
        time.sleep(0.05)


def main(requests: int, answers: int, folder: Path, most_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_CPU_SECONDS, LONGEST_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if Path("/proc/self/statm").exists():
        threading.Thread(target=watch_memory, args=(most_bytes,), daemon=True).start()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        with open(requests, encoding="utf-8") as lines:
            for line in lines:
                waiting.put(line)
        os._exit(0)  # nobody asks any more, also in the middle of a rule

    threading.Thread(target=read, daemon=True).start()
    rules = Rules(folder)
    with open(answers, "w", encoding="utf-8") as out:
        while True:
            answer = rules.answer(json.loads(waiting.get()))
            out.write(json.dumps(answer, default=str) + "\n")
            out.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
