"""How much of what a plan doesn't know is recovered, held against what an apply made of the same configuration.

tests/data/iam/README.md says how the plans and the truth were made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from opsctl.hcl.plans import read_plan
from opsctl.hcl.symbols import SYMBOL
from opsctl.iam.documents import read_document
from opsctl.iam.estate import Estate, Policy
from opsctl.iam.gathering import gather
from opsctl.iam.policy import Document, Statement

CASES = Path(__file__).parents[2] / "data" / "iam" / "terraform"
NAMES = sorted(folder.name for folder in CASES.iterdir() if (folder / "plan.json").is_file())
MADE_BY_THE_APPLY = {"aws_iam_role_policy.hole.policy", "aws_iam_role_policy.partly.policy"}
"""Nothing but an apply can say these: no reading of HCL recovers them. They must be said."""
NOT_YET = {"yaml_and_jsondecode: aws_iam_role_policy.this.policy"}  # YAML isn't read


@cache
def joined(name: str) -> Estate:
    return gather(read_plan(CASES / name / "plan.json", source=CASES / name))


@cache
def alone(name: str) -> Estate:
    return gather(read_plan(CASES / name / "plan.json"))


def truth(name: str) -> Mapping[str, str]:
    file = CASES / name / "applied.json"
    return json.loads(file.read_text()) if file.is_file() else {}  # not applied: moto couldn't make it


def policies(estate: Estate) -> list[Policy]:
    held = [policy for each in estate.principals for policy in each.policies]
    boundaries = [each.boundary for each in estate.principals if each.boundary]
    trusts = [Policy("trust", each.trust, each.address) for each in estate.principals]
    guards = [each.policy for each in estate.guarded if each.policy]
    return [*held, *boundaries, *trusts, *guards, *estate.loose]


def is_like(symbolic: str, real: str) -> bool:
    """Whether a text is another's, with something for each symbol."""
    return re.fullmatch(SYMBOL.sub("\0", re.escape(symbolic)).replace("\0", ".*"), real) is not None


def like(symbolic: tuple[str, ...], real: tuple[str, ...]) -> bool:
    left = list(real)
    for each in sorted(symbolic, key=len, reverse=True):  # the most particular first
        found = next((other for other in left if is_like(each, other)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def same(found: Statement, real: Statement) -> bool:
    names = ("actions", "not_actions", "resources", "not_resources")
    return (
        (found.effect, found.sid) == (real.effect, real.sid)
        and all(like(getattr(found, name), getattr(real, name)) for name in names)
        and like(*(tuple(f"{each.kind} {each.value}" for each in it.principals) for it in (found, real)))
        and like(*(tuple(f"{c.operator} {c.key} {v}" for c in it.conditions for v in c.values) for it in (found, real)))
    )


def recovered(found: Document, real: Document) -> bool:
    """Statement by statement: each is there, with its actions, resources, principals and conditions, and no other."""
    left = list(real.statements)
    for each in found.statements:
        match = next((other for other in left if same(each, other)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def missed(name: str) -> list[str]:
    """Policies of a case that the plan doesn't know, an apply made, and that weren't recovered."""
    everything = [policy for policy in policies(joined(name)) if policy.document]
    found = []
    for at, text in truth(name).items():
        real = read_document(text)
        address = re.sub(r"\.(?:inline_policy\[\d+\]\.)?\w+$", "", at)
        if not any(policy.address == address and recovered(policy.document, real) for policy in everything):  # type: ignore[arg-type]
            found.append(at)
    return found


def test_at_least_95_percent_of_unknown_policies_are_recovered_statement_by_statement() -> None:
    counts = [joined(name).analysed for name in NAMES]
    unknown = sum(int(each["unknown_in_plan"]) for each in counts)
    lost = [f"{name}: {at}" for name in NAMES for at in missed(name)]
    whole = sum(int(each["recovered"]) for each in counts) - len(set(lost) - NOT_YET)
    applied = sum(len(truth(name)) for name in NAMES)
    figure = f"{whole} of {unknown} in {len(NAMES)} plans, {applied} held against an apply; not as applied: {lost}"
    assert len(NAMES) >= 40
    assert applied >= 30
    assert whole / unknown >= 0.95, figure
    assert set(lost) <= NOT_YET, figure


@pytest.mark.parametrize("name", NAMES)
def test_every_recovered_statement_has_its_line(name: str) -> None:
    files = {str(file) for file in CASES.rglob("*") if file.is_file()}
    for policy in policies(joined(name)):
        if policy.document and ":iam::aws:policy/" not in policy.arn:
            for statement in policy.document.statements:
                assert statement.place.line, (policy.address, statement)
                assert any(file.endswith(statement.place.file) for file in files)


def test_nothing_that_is_unknown_is_passed_over_in_silence() -> None:
    for name in NAMES:
        for estate in (joined(name), alone(name)):
            said = {f"{hole.address}.{hole.attribute}" for hole in estate.not_analysed}
            read = {policy.address for policy in policies(estate) if policy.document and policy.document.statements}
            for at in truth(name):
                address = re.sub(r"\.(?:inline_policy\[\d+\]\.)?\w+$", "", at)
                assert address in read or any(hole.startswith(address) for hole in said), (name, at)


def test_what_only_an_apply_makes_is_said_and_the_statements_beside_it_stand() -> None:
    estate = joined("policy_made_by_the_apply")
    assert {f"{hole.address}.{hole.attribute}" for hole in estate.not_analysed} == MADE_BY_THE_APPLY
    (worker,) = estate.principals
    known = [each for policy in worker.policies if policy.document for each in policy.document.statements]
    assert [each.actions for each in known] == [("s3:GetObject",)]


def test_without_its_hcl_a_plan_still_gives_what_its_data_sources_say() -> None:
    (worker,) = alone("policy_document").principals
    statements: list[Any] = [
        each for policy in worker.policies if policy.document for each in policy.document.statements
    ]
    assert [(each.effect, each.actions, each.not_actions) for each in statements] == [
        ("Allow", ("sqs:GetQueueAttributes", "sqs:SendMessage"), ()),
        ("Deny", (), ("sqs:*",)),
    ]
