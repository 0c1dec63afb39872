"""JUnit XML, which CI systems show: one test case for each thing that was checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, section 2.2: every other character is not allowed, not even as a reference."""


@dataclass(frozen=True)
class Failure:
    """What failed: a word for its kind, one sentence, and all there is to say."""

    kind: str
    message: str
    text: str


@dataclass(frozen=True)
class Case:
    """One thing that was checked.

    Attributes:
        skipped: why it doesn't count; "" where it does.
        output: evidence, for people.
    """

    classname: str
    name: str
    seconds: float = 0.0
    failure: Failure | None = None
    skipped: str = ""
    output: str = ""


def to_xml(
    cases: Sequence[Case], *, title: str, suite: str, seconds: float = 0.0, attributes: Mapping[str, str] | None = None
) -> bytes:
    """`testsuites` of one suite (the schema of Jenkins' xunit plugin, junit-10.xsd). Times in seconds.

    Args:
        attributes: more of the suite's: hostname, timestamp.
    """
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.failure is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(bool(case.skipped) for case in cases)),
    }
    time = {"time": f"{seconds:.3f}"}
    top = ElementTree.Element("testsuites", {"name": clean(title)} | time | counts)
    more = {name: clean(value) for name, value in (attributes or {}).items()}
    element = ElementTree.SubElement(top, "testsuite", {"name": clean(suite)} | more | time | counts)
    for case in cases:
        _add(element, case)
    ElementTree.indent(top)
    text: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add(suite: ElementTree.Element, case: Case) -> None:
    element = ElementTree.SubElement(
        suite, "testcase", classname=clean(case.classname), name=clean(case.name), time=f"{case.seconds:.3f}"
    )
    if case.skipped:
        ElementTree.SubElement(element, "skipped", message=clean(case.skipped))
    elif case.failure:
        failure = ElementTree.SubElement(
            element, "failure", type=clean(case.failure.kind), message=clean(case.failure.message)
        )
        failure.text = clean(case.failure.text)
    if case.output:
        ElementTree.SubElement(element, "system-out").text = clean(case.output)


def clean(text: str) -> str:
    """Text as XML may hold it."""
    return NOT_XML.sub("\ufffd", text)
