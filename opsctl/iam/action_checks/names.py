"""Actions that AWS doesn't know, no longer knows, or that are said twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl.symbols import is_symbolic
from opsctl.iam.action_checks.subjects import GUIDE, REFERENCE, Subject, own
from opsctl.iam.check import Check
from opsctl.iam.estate import Estate
from opsctl.iam.policy import Statement
from opsctl.iam.vocabulary import vocabulary

UNKNOWN = Rule(
    "action/unknown",
    "An action that AWS doesn't know",
    Severity.HIGH,
    "AWS takes the policy and ignores the name: what was meant to be allowed is refused when it is needed, and what "
    "was meant to be denied stays allowed.",
    "Write the action as the service authorization reference has it.",
    (REFERENCE, f"{GUIDE}/reference_policies_elements_action.html"),
)
RETIRED = Rule(
    "action/retired",
    "An action of a service that AWS has ended, or that it no longer documents",
    Severity.LOW,
    "It grants nothing any more and hides among what does; a new service may one day take its prefix.",
    "Take it out.",
    (REFERENCE,),
)
REDUNDANT = Rule(
    "action/redundant",
    "An action that another one in the same statement includes",
    Severity.INFO,
    "Who narrows the wide one later will believe that the narrow one was meant to stay.",
    "Take out the narrow one, or the wide one.",
    (f"{GUIDE}/access-analyzer-reference-policy-checks.html",),
)

MOST_SUGGESTIONS = 100  # of one document: each costs a millisecond
PREFIX = re.compile(r"[A-Za-z0-9.-]+")


@lru_cache(maxsize=1 << 16)
def judged(name: str, suggest: bool = True) -> tuple[Literal["known", "unknown", "retired"], str, str]:
    """(what an action or pattern is, why for people, the name that was meant if asked to `suggest` it, or "")."""
    known = vocabulary()
    if name == "*" or name == "*:*" or is_symbolic(name):
        return "known", "", ""
    prefix, colon, action = name.partition(":")
    if not colon or not action or ":" in action or not PREFIX.fullmatch(prefix):
        meant = known.nearest(name.strip().replace(" ", "")) if suggest else ""
        return "unknown", f"{name} is no action: actions are written service:Name", meant
    if why := known.retirement(name):
        return "retired", f"{name}: {why}", ""
    if known.expand(name):
        return "known", "", ""
    if known.service(prefix) is None:
        meant = known.nearest(name) if suggest else ""
        return "unknown", f"AWS has no service {prefix} ({name})", meant
    wild = "*" in action or "?" in action
    why = f"{name} matches no action of {prefix}" if wild else f"{name} is no action of AWS"
    return "unknown", why, known.nearest(name) if suggest else ""


def named(subject: Subject) -> Iterator[tuple[Statement, str, str]]:
    """(statement, label of its place, action) of every action and NotAction."""
    for statement in subject.document.statements:
        for field, names in (("actions", statement.actions), ("not_actions", statement.not_actions)):
            for number, name in enumerate(names):
                yield statement, f"{field}.{number}", name


def unknown_and_retired(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        seen: set[tuple[int, str]] = set()
        for statement, label, name in named(subject):
            verdict, why, meant = judged(name, len(seen) < MOST_SUGGESTIONS)
            if verdict == "known" or (statement.index, name.lower()) in seen:
                continue
            seen.add((statement.index, name.lower()))
            if verdict == "retired":
                yield subject.finding(RETIRED, f"{why}.", statement, label, fix=f"Take out {name}.")
                continue
            hint = f"; is {meant} meant?" if meant else "."
            fix = f"Write {meant}." if meant else ""
            yield subject.finding(UNKNOWN, f"{why}{hint}", statement, label, fix=fix)


def redundant(estate: Estate) -> Iterator[Finding]:
    for subject in own(estate):
        for statement in subject.document.statements:
            if len(statement.actions) > 1 and (said := _said_twice(statement.actions)):
                number, wide = said[0]
                more = f" (and {len(said) - 1} more like it)" if len(said) > 1 else ""
                narrow = statement.actions[number]
                message = f"{narrow} is said twice" if narrow.lower() == wide.lower() else f"{wide} includes {narrow}"
                yield subject.finding(REDUNDANT, f"{message}{more}.", statement, f"actions.{number}")


@lru_cache(maxsize=1 << 14)
def _said_twice(actions: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """(number of an action, the one that includes it). Linear in what the patterns expand to."""
    covered: dict[str, str] = {}
    wild = [each for each in actions if "*" in each or "?" in each]
    named = {each.partition(":")[0].lower() for each in actions if "*" not in each and "?" not in each} if wild else ()
    for wide in wild:
        if wide.partition(":")[0].lower() in named:
            for each in vocabulary().expand(wide):
                covered.setdefault(each.lower(), wide)
    everything = next((each for each in actions if each in ("*", "*:*")), "")
    found, seen = [], set()
    for number, name in enumerate(actions):
        lower = name.lower()
        if is_symbolic(name):
            continue
        if lower in seen:
            found.append((number, name))
        elif everything and name != everything:
            found.append((number, everything))
        elif "*" not in name and "?" not in name and lower in covered:
            found.append((number, covered[lower]))
        seen.add(lower)
    return tuple(found)


CHECKS = (Check(UNKNOWN, unknown_and_retired), Check(RETIRED), Check(REDUNDANT, redundant))
