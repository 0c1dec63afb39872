"""A plan as a comment: short, complete in its figures, and only text, whatever resources are called."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.github.markdown import LARGEST, code, marker, plain
from opsctl.github.plan_comment import MARKER, plan_comment
from opsctl.terraform.plan import Action, Binding, Change, Origin, Plan


def change(address: str, action: Action = Action.CREATE, module: str = "", **more: object) -> Change:
    kind, name = address.split(".")[-2:] if address.count(".") else ("aws_sqs_queue", address)
    return Change(address, module, kind, name, "aws", action, **more)  # type: ignore[arg-type]


def plan_of(*changes: Change, outputs: tuple[str, ...] = (), destroy: bool = False) -> Plan:
    origin = Origin("111122223333", "eu-central-1", "arn:aws:iam::111122223333:user/ada", "2026-11-21T12:00:00+00:00")
    binding = Binding("prod", Path("/stack"), Path("/work"), "", "1.11.4", "5.100.0", "l", 1, destroy, origin=origin)
    return Plan(Path("/plan"), "", binding, "1.11.4", changes, output_changes=outputs)


def shown(comment: str) -> str:
    """What a reader sees, tags left out."""
    return html.unescape(re.sub(r"<[^>]+>", "", comment))


def test_a_reader_sees_figures_first_then_what_is_lost_then_each_module() -> None:
    comment = plan_comment(
        plan_of(
            change("module.photos.aws_s3_bucket.photos", Action.REPLACE, "photos", replace_reasons=("bucket",)),
            change("module.photos.aws_sqs_queue.work", Action.UPDATE, "photos", changed_attributes=("tags", "name")),
            change("aws_sns_topic.alarms"),
            change("data.aws_region.this", Action.READ),
            outputs=("edge",),
        )
    )
    text = shown(comment)
    order = [
        "opsctl plan: prod", "1 to create, 1 to change, 1 to replace.", "[!CAUTION]",
        "module.photos.aws_s3_bucket.photos would be replaced: it holds objects", "Outputs that change: edge",
        "stack: 1 to create", "create aws_sns_topic.alarms", "photos: 1 to change, 1 to replace",
        "replace module.photos.aws_s3_bucket.photos because of bucket",
        "change module.photos.aws_sqs_queue.work: tags, name", "made 2026-11-21 12:00 UTC", "opsctl up prod",
    ]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "aws_region" not in text


def test_what_guards_object_to_and_what_others_changed_is_told_before_the_modules() -> None:
    text = shown(
        plan_comment(
            plan_of(change("aws_sns_topic.alarms")), refusals=["The branch is <b>x</b>, not main."],
            outside=[f"aws_sqs_queue.q{n}" for n in range(50)],
        )
    )  # fmt: skip
    assert text.index("Guards would refuse it now") < text.index("- The branch is <b>x</b>, not main.")
    assert text.index("- aws_sqs_queue.q39") < text.index("- and 10 more") < text.index("stack: 1 to create")
    assert "outside of Terraform" not in shown(plan_comment(plan_of()))


def test_no_changes_are_told_in_a_line_and_nothing_is_to_be_applied() -> None:
    text = shown(plan_comment(plan_of()))
    assert "No changes" in text
    assert "To apply it" not in text
    assert "opsctl down prod" in shown(plan_comment(plan_of(change("a.b", Action.DELETE), destroy=True)))


def test_who_made_it_and_the_account_stay_out_of_a_comment_that_may_be_public() -> None:
    comment = plan_comment(plan_of(change("aws_sns_topic.a")))
    assert "111122223333" not in comment
    assert "ada" not in comment


def test_a_secret_in_a_key_is_masked() -> None:
    key = 'aws_sqs_queue.a["hunter2hunter2"]'
    comment = plan_comment(plan_of(change(key)), mask=lambda text: text.replace("hunter2hunter2", "(masked)"))
    assert "hunter2" not in comment
    assert "(masked)" in shown(comment)


@pytest.mark.parametrize(
    ("modules", "resources"), [(1, 5000), (50, 100), (5000, 1)], ids=["one module", "fifty modules", "a module each"]
)
def test_5000_changes_fit_and_the_figures_stay_complete(modules: int, resources: int) -> None:
    changes = [
        change(f'module.m{m}.aws_s3_bucket.b["{"k" * 60}{n}"]', Action.DELETE, f"m{m}")
        for m in range(modules)
        for n in range(resources)
    ]
    comment = plan_comment(plan_of(*changes, outputs=tuple(f"output_{n}" for n in range(2000))))
    assert len(f"{marker(MARKER.format('prod'))}\n{comment}") <= LARGEST
    text = shown(comment)
    assert "5000 to destroy." in text
    assert re.search(r"and [\d,]+ more", text) or "too many to be told" in text
    assert "opsctl up prod" in text
    assert comment.count("<details>") == comment.count("</details>")


def test_names_that_alone_are_too_long_leave_the_figures() -> None:
    changes = [change(f"aws_s3_bucket.{'_' * 2000}{n}", Action.DELETE) for n in range(40)]
    text = shown(plan_comment(plan_of(*changes)))
    assert len(text) < 1000
    assert "40 to destroy." in text
    assert "opsctl up prod" in text


HOSTILE = [
    "</code></summary></details><img src=x onerror=alert(1)>", "`code`", "@everyone", "#1", "GH-1", "![x](http://evil/x)",
    "[click](javascript:alert)", "|a|b|", "<!-- opsctl plan prod -->", "\n\n# Approved by the boss\n", "**bold**",
    "$\\color{red}{x}$", "&lt;b&gt;", ":tada:", "https://evil.example", "\u202egnp.exe", "\u2028line", "--> x",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_resource_is_called_stays_text_inside_its_line(name: str) -> None:
    comment = plan_comment(plan_of(change(f'aws_sqs_queue.a["{name}"]', module=f'm["{name}"]')))
    harmless = plan_comment(plan_of(change('aws_sqs_queue.a["x"]', module='m["x"]')))
    assert re.findall(r"<[^>]+>", comment) == re.findall(r"<[^>]+>", harmless)
    assert comment.count("\n") == harmless.count("\n")
    assert name not in comment
    for inside in re.findall(r"<code>(.*?)</code>", comment):
        assert not re.search(r"[<>`@*_\[\]|\\]", inside)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_escaped_text_reads_as_it_was_and_holds_nothing_that_markdown_means(text: str) -> None:
    escaped = code(text).removeprefix("<code>").removesuffix("</code>")
    assert not re.search(r"[<>`@*_\[\]|\\!\n\r]", escaped)
    visible = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+", " ", text)
    assert html.unescape(escaped) == visible
    assert html.unescape(plain(text)).replace("\u200b", "") == visible


def test_a_mention_in_plain_text_calls_nobody() -> None:
    assert "@ada" not in html.unescape(plain("@ada and #12 and GH-7"))
    assert "#12" not in html.unescape(plain("@ada and #12 and GH-7"))
    assert "GH-7" not in html.unescape(plain("@ada and #12 and GH-7"))


@pytest.mark.parametrize("name", ["a --> b", "a -- b", "a>b", ""])
def test_a_marker_can_not_end_its_own_comment(name: str) -> None:
    with pytest.raises(ValueError, match="marker"):
        marker(name)
