"""A plan in people's words, and as `--json`."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.cli.plan_view import plan_document, show_objections, show_plan
from opsctl.environments.guards.rules import Violation
from opsctl.terraform.plan import Action, Binding, Change, Plan
from opsctl.terraform.wording import summary
from opsctl.ui.console import Console


def change(address: str, action: Action, **rest: object) -> Change:
    parts = address.split(".")
    module, (kind, name) = (parts[1], parts[2:]) if parts[0] == "module" else ("", parts)
    return Change(address, module, kind, name, "aws", action, **rest)  # type: ignore[arg-type]


def plan(*changes: Change, outputs: tuple[str, ...] = ()) -> Plan:
    binding = Binding("dev", Path("stack"), Path("work"), "c", "1.11.4", "5.100.0", "l", 1, destroy=False)
    return Plan(Path("plan"), "a" * 64, binding, "1.11.4", changes, output_changes=outputs)


def shown(made: Plan, capsys: pytest.CaptureFixture[str]) -> str:
    show_plan(made, Console())
    return capsys.readouterr().err


def test_changes_are_grouped_by_module_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(
        plan(
            change("module.photos.aws_sqs_queue.uploads", Action.CREATE),
            change("aws_kms_key.x", Action.CREATE),
            change("module.api.aws_lb.this", Action.UPDATE, changed_attributes=("idle_timeout",)),
        ),
        capsys,
    )
    assert text == (
        "\nstack\n  + aws_kms_key.x\n\napi\n  ~ aws_lb.this (idle_timeout)\n\nphotos\n  + aws_sqs_queue.uploads\n"
        "\n2 to create, 1 to change.\n"
    )


def test_losing_data_is_said_in_so_many_words(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(
        plan(
            change("module.database.aws_db_instance.this", Action.REPLACE, replace_reasons=("storage_encrypted",)),
            change("module.photos.aws_dynamodb_table.photos", Action.DELETE),
        ),
        capsys,
    )
    assert "± aws_db_instance.this (because of storage_encrypted)" in text
    assert "module.database.aws_db_instance.this would be replaced: it holds a database" in text
    assert "module.photos.aws_dynamodb_table.photos would be destroyed: it holds records" in text


def test_many_creations_are_summed_up_by_type(capsys: pytest.CaptureFixture[str]) -> None:
    changes = [change(f"module.network.aws_subnet.s{number}", Action.CREATE) for number in range(20)]
    assert shown(plan(*changes), capsys) == "\nnetwork\n  + aws_subnet × 20\n\n20 to create.\n"


def test_an_empty_plan_says_so() -> None:
    assert summary(plan()) == "No changes: the environment is as its Terraform says."
    assert summary(plan(outputs=("edge",))) == "Only outputs change."


def test_reads_are_no_changes() -> None:
    made = plan(change("aws_region.here", Action.READ))
    assert summary(made).startswith("No changes")
    assert not made.has_changes


def test_the_json_document_names_actions_and_attributes_and_never_values() -> None:
    document = plan_document(plan(change("aws_lb.this", Action.UPDATE, changed_attributes=("tags",))))
    assert document["changes"] == [
        {
            "address": "aws_lb.this", "module": "", "type": "aws_lb", "action": "update",
            "changed_attributes": ["tags"], "replace_reasons": [], "stateful": False,
        }
    ]  # fmt: skip
    assert document["has_changes"] is True


def test_what_would_refuse_the_plan_is_told_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = (Violation("freeze", "frozen [for good]", "Wait"), Violation("accounts", "account 1 is not allowed", "Go"))
    show_objections(found, Console())
    assert capsys.readouterr().err == (
        '! It would be refused now: frozen [for good]. Wait, or --override freeze="…".\n'
        "! It would be refused now: account 1 is not allowed. Go.\n"
    )
