"""Users' rules in their worker: Rego and Python, those that crash, that never end, that eat memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opsctl.errors import UsageError
from opsctl.findings import Place
from opsctl.hcl import Configuration, Resource
from opsctl.policy.linting import findings_of
from opsctl.policy.loading import Failure
from opsctl.policy.own_rules import OwnRules
from opsctl.processes import is_alive

PYTHON = """\
from opsctl.findings import Rule, Severity

RULE = Rule("own/{name}", "title", Severity.LOW, "why", "mend")


def find(stack):
    print("noise")
    for queue in stack.of_type("aws_sqs_queue"):
        yield stack.finding(RULE, queue, f"{{queue.name}} in {{stack.settings.get('environment')}}")
        {then}
"""
OPEN = """\
package main

deny[msg] {
  not input.resource.aws_sqs_queue[name].kms_master_key_id
  input.resource.aws_sqs_queue[name]
  msg := sprintf("queue `%s` is open", [name])
}
"""
ENDLESS = """\
package main

deny[msg] {
  some a in numbers.range(1, 2000); some b in numbers.range(1, 2000); some c in numbers.range(1, 2000)
  a * b * c == -7
  msg := "never"
}
"""


def queue(name: str, line: int) -> Resource:
    return Resource(f"aws_sqs_queue.{name}", "managed", "aws_sqs_queue", name, {"name": name}, Place("main.tf", line))


CONFIGURATION = Configuration((queue("a", 1), queue("b", 5)))


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[OwnRules]:
    with OwnRules(seconds=1.5) as own:
        yield own


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        name, _, ending = name.rpartition("_")
        (folder / f"{name}.{ending}").write_text(text)
    return folder


def said(own: OwnRules, *, plan: Path | None = None, configuration: Configuration = CONFIGURATION) -> list[str]:
    wanted = frozenset(rule.id for rule in own.rules)
    found = own.findings(configuration, wanted, settings={"environment": "prod"}, plan=plan)
    return [
        f"{each.file.name}: {each.message}" if isinstance(each, Failure)
        else f"{each.rule} {each.message} ({each.place})" for each in found
    ]  # fmt: skip


def test_rules_in_python_and_rego_find_together(tmp_path: Path, rules: OwnRules) -> None:
    rules.load([write(tmp_path / "own", one_py=PYTHON.format(name="one", then="pass"), open_rego=OPEN)])

    assert said(rules) == [
        "own/one a in prod (main.tf:1)", "own/one b in prod (main.tf:5)",
        "rego/open queue `a` is open (main.tf:1)", "rego/open queue `b` is open (main.tf:5)",
    ]  # fmt: skip


def test_a_python_rule_that_never_ends_is_stopped_and_the_next_ones_run(tmp_path: Path, rules: OwnRules) -> None:
    rules.load([write(
        tmp_path / "own", a_py=PYTHON.format(name="a", then="while True: pass"),
        b_py=PYTHON.format(name="b", then="break"), open_rego=OPEN,
    )])  # fmt: skip

    assert said(rules)[:2] == [
        "a.py: own/a did not finish: it took longer than 1.5 s and was stopped", "own/b a in prod (main.tf:1)",
    ]  # fmt: skip
    assert len(said(rules)) == 4


def test_a_rego_rule_that_never_ends_is_stopped_and_the_next_ones_run(tmp_path: Path, rules: OwnRules) -> None:
    rules.load([write(tmp_path / "own", endless_rego=ENDLESS, open_rego=OPEN)])

    assert said(rules) == [
        "endless.rego: rego/endless did not finish: it took longer than 1.5 s and was stopped",
        "rego/open queue `a` is open (main.tf:1)", "rego/open queue `b` is open (main.tf:5)",
    ]  # fmt: skip


@pytest.mark.parametrize(("then", "message"), [
    ("raise KeyError('x')", "own/a crashed: KeyError: 'x'"),
    ("import os; os.abort()", "own/a did not finish: it ended the process that it ran in (SIGABRT)"),
    ("import os; os._exit(3)", "own/a did not finish: it ended the process that it ran in (status 3)"),
    ("raise SystemExit(0)", "own/a did not finish: it ended the process that it ran in (status 0)"),
    ("recurse = lambda n: recurse(n + 1); recurse(0)",
     "own/a crashed: RecursionError: maximum recursion depth exceeded"),
])  # fmt: skip
def test_a_rule_that_crashes_says_so_and_the_others_run(
    tmp_path: Path, rules: OwnRules, then: str, message: str
) -> None:
    rules.load([write(
        tmp_path / "own", a_py=PYTHON.format(name="a", then=then), b_py=PYTHON.format(name="b", then="break")
    )])  # fmt: skip

    words = said(rules)

    assert f"a.py: {message}" in words
    assert words[-1] == "own/b a in prod (main.tf:1)"


def test_a_rule_that_eats_memory_is_stopped(tmp_path: Path) -> None:
    then = 'kept = []\n        while True: kept.append(b"x" * (16 << 20))'
    with OwnRules(seconds=30, memory_bytes=300_000_000) as own:
        own.load([write(tmp_path / "own", a_py=PYTHON.format(name="a", then=then))])

        assert said(own) == ["a.py: own/a did not finish: it took more than 300 MB of memory and was stopped"]


def test_files_that_cannot_be_loaded_are_named_and_the_others_run(tmp_path: Path, rules: OwnRules) -> None:
    rules.load([write(
        tmp_path / "own", bad_py="def find(:", bad_rego="package main\ndeny[msg] { msg := ", open_rego=OPEN,
        hang_py="while True: pass", missing_rego="package main\nwarn[msg] { msg := nothing.here(1) }",
    )])  # fmt: skip

    assert said(rules) == [
        "bad.py: bad.py can't be loaded: SyntaxError: invalid syntax (bad.py, line 1)",
        "hang.py: hang.py can't be loaded: it took longer than 1.5 s and was stopped",
        "bad.rego: bad.rego can't be loaded: this is unclosed",
        "missing.rego: rego/missing crashed: Function not found: nothing.here",
        "rego/open queue `a` is open (main.tf:1)", "rego/open queue `b` is open (main.tf:5)",
    ]  # fmt: skip


def test_rego_rules_read_a_plan_as_it_is(tmp_path: Path, rules: OwnRules) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"resource_changes": [{"address": "aws_sqs_queue.b", "change": {"after": {"x": 1}}}]}))
    source = """\
package main
import rego.v1
deny contains {"msg": "x is one", "resource": change.address} if {
  some change in input.resource_changes
  change.change.after.x == 1
}
"""
    rules.load([write(tmp_path / "own", plan_rego=source)])

    assert said(rules, plan=plan) == ["rego/plan x is one (main.tf:5)"]


def test_rego_files_share_what_they_import_and_exceptions_count(tmp_path: Path, rules: OwnRules) -> None:
    rules.load([write(
        tmp_path / "own",
        lib_rego='package lib.names\nshort(name) { count(name) < 3 }',
        rules_rego="package main\nimport data.lib.names\ndeny_short[msg] { input.resource.aws_sqs_queue[name]; "
        "names.short(name); msg := sprintf(\"`%s` is short\", [name]) }\n"
        'deny_other[msg] { count(deny_short) == 2; msg := "both" }\n',
        except_rego='package main\nexception[rules] { rules := ["other"] }',
        rules_test_rego="package main\ntest_x { false }",
    )])  # fmt: skip

    assert said(rules) == [
        "rego/rules/short `a` is short (main.tf:1)", "rego/rules/short `b` is short (main.tf:5)",
    ]  # fmt: skip


def test_no_worker_is_left(tmp_path: Path) -> None:
    with OwnRules(seconds=5) as own:
        then = "import os; raise ValueError(os.getpid())"
        own.load([write(tmp_path / "own", a_py=PYTHON.format(name="a", then=then))])
        pid = int(said(own)[-1].rpartition(" ")[2])
        assert is_alive(pid)
        assert pid != os.getpid()

    assert not is_alive(pid)


def test_a_folder_whose_rules_nobody_would_run_is_told(tmp_path: Path, rules: OwnRules) -> None:
    rules.load([write(tmp_path / "own", allow_rego="package main\nallow { true }")])

    assert said(rules) == ["own: own has no rule named deny, violation or warn"]


def test_a_folder_without_rules_is_an_error(tmp_path: Path, rules: OwnRules) -> None:
    with pytest.raises(UsageError, match="holds no rules"):
        rules.load([tmp_path])
    with pytest.raises(UsageError, match="is not there"):
        rules.load([tmp_path / "nowhere"])


def test_rules_are_not_loaded_into_our_own_process(tmp_path: Path, rules: OwnRules) -> None:
    marker = tmp_path / "pid"
    text = f"import os\nopen({str(marker)!r}, 'a').write(str(os.getpid()))\n" + PYTHON.format(name="a", then="pass")
    rules.load([write(tmp_path / "own", a_py=text)])

    assert marker.read_text() != str(os.getpid())
    assert list(findings_of(Configuration(()), (), frozenset(), {})) == []


def test_a_configuration_that_is_nested_too_deeply_for_rules_in_python_is_told(tmp_path: Path, rules: OwnRules) -> None:
    value: list[object] = []
    for _ in range(5_000):
        value = [value]
    deep = Configuration((replace(queue("a", 1), values={"x": value}),))
    rules.load([write(tmp_path / "own", one_py=PYTHON.format(name="one", then="pass"))])

    assert said(rules, configuration=deep) == [
        "one.py: one.py can't be run: a value of the configuration is nested too deeply"
    ]


def test_a_second_configuration_is_not_taken_for_the_first(tmp_path: Path, rules: OwnRules) -> None:
    rules.load([write(tmp_path / "own", one_py=PYTHON.format(name="one", then="pass"), open_rego=OPEN)])
    said(rules)

    assert said(rules, configuration=Configuration((queue("c", 7),))) == [
        "own/one c in prod (main.tf:7)", "rego/open queue `c` is open (main.tf:7)",
    ]  # fmt: skip
