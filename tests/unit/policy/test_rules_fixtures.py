"""Every built-in rule finds what its failing fixture says and nothing in its passing one, and explains itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from opsctl.policy.fixtures import examine, fixtures_of
from opsctl.policy.linting import lint
from opsctl.policy.loading import Broken, RuleFile, built_in

RULES = built_in()
FILES = [each for each in RULES if isinstance(each, RuleFile)]
FEWEST_RULES = 60


def name(file: RuleFile) -> str:
    return file.rules[0].id


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_rule_finds_what_its_fixtures_say_and_nothing_else(file: RuleFile) -> None:
    wrong = {
        result.fixture.name: result.problems
        for result in examine(file.file, file.rules, partial(_found, file=file))
        if not result.passed
    }
    assert not wrong


def _found(folder: Path, *, file: RuleFile) -> list:  # type: ignore[type-arg]
    ids = [rule.id for rule in file.rules]
    return list(lint([folder], select=[*ids, "policy/rule-failed", "not-analysed"], files=[file]).report.findings)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_rule_finds_nothing_in_what_it_is_not_about(file: RuleFile, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "null_resource" "this" {}\n')
    assert not _found(tmp_path, file=file)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_rule_says_why_and_how_to_mend_it_with_a_link_and_its_seeds(file: RuleFile) -> None:
    for rule in file.rules:
        area, _, rest = rule.id.partition("/")
        assert (area.replace("-", "_"), rest.replace("-", "_")) == (file.file.parent.name, file.file.stem)
        assert rule.title
        assert not rule.title.endswith(".")
        assert rule.why.endswith((".", ")"))
        assert rule.mend.endswith((".", ")"))
        assert all(link.startswith("https://") for link in rule.links)
        assert rule.links[0].startswith(("https://docs.aws.amazon.com/", "https://aws.amazon.com/"))
        assert rule.tags


def test_there_are_the_rules_that_were_asked_for_and_all_load() -> None:
    assert not [each for each in RULES if isinstance(each, Broken)]
    assert len({rule.id for file in FILES for rule in file.rules}) >= FEWEST_RULES
    tags = {tag for file in FILES for rule in file.rules for tag in rule.tags}
    asked = "S5 S12 encryption public-access TLS logging backups deletion-protection alarms tags retention IMDSv2"
    assert set(f"{asked} timeouts dead-letter-queue cost".split()) <= tags


def test_every_fixture_belongs_to_a_rule() -> None:
    root = FILES[0].file.parents[1]
    belonging = {path for file in FILES for kind in ("passing", "failing") for path in fixtures_of(file.file, kind)}
    assert set(root.glob("*/*.tf")) <= belonging
