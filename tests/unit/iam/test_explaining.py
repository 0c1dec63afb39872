"""Why somebody may or may not do something."""

from __future__ import annotations

import pytest

from opsctl.errors import UsageError
from opsctl.findings import Place
from opsctl.iam.estate import Estate, Guarded, Policy, Principal
from opsctl.iam.explaining import bind, explain
from opsctl.iam.policy import Document, Statement
from opsctl.iam.policy import Principal as Named

ROLE = "arn:aws:iam::⟦account⟧:role/reader"
QUEUE = "arn:aws:sqs:⟦region⟧:⟦account⟧:photos"
READS = Statement("Allow", ("sqs:ReceiveMessage",), resources=(QUEUE,), sid="Reads", place=Place("main.tf", 7))
DENIES = Statement("Deny", ("sqs:PurgeQueue",), resources=("*",), sid="NoPurge", place=Place("main.tf", 12))
TRUST = Document((Statement("Allow", ("sts:AssumeRole",), principals=(Named("Service", "lambda.amazonaws.com"),)),))
READER = Principal(
    "role",
    "reader",
    ROLE,
    "aws_iam_role.reader",
    (Policy("work", Document((READS, DENIES), "2012-10-17")),),
    trust=TRUST,
)
ESTATE = Estate(principals=(READER,), guarded=(Guarded("sqs_queue", "photos", QUEUE, "aws_sqs_queue.photos"),))


@pytest.mark.parametrize("who", [ROLE, "reader", "aws_iam_role.reader"])
@pytest.mark.parametrize("which", [QUEUE, "aws_sqs_queue.photos"])
def test_what_is_allowed_names_the_statement_and_its_line(who, which):
    told = explain(ESTATE, who, "SQS:receivemessage", which)
    assert told.decision.why == ("The policy statement Reads of work (main.tf:7) allows it.",)
    assert told.to_json()["allowed_by"] == [
        {"statement": "Reads", "policy": "work", "layer": "identity", "applies": "yes", "file": "main.tf", "line": 7}
    ]
    assert told.needed == ()


def test_a_real_account_and_region_are_taken_for_the_unknown_ones_and_that_is_said():
    told = explain(
        ESTATE,
        "arn:aws:iam::111122223333:role/reader",
        "sqs:ReceiveMessage",
        "arn:aws:sqs:eu-west-1:111122223333:photos",
    )
    assert told.decision.allowed == "yes"
    assert told.assumed == ("⟦account⟧ is 111122223333", "⟦region⟧ is eu-west-1")


def test_what_is_refused_says_what_would_be_needed():
    told = explain(ESTATE, "reader", "sqs:ReceiveMessage", QUEUE.replace("photos", "orders"))
    assert told.decision.allowed == "no"
    (needed,) = told.needed
    assert needed.startswith("Reads of work (main.tf:7) allows sqs:ReceiveMessage on arn:aws:sqs")
    denied = explain(ESTATE, "reader", "sqs:PurgeQueue", QUEUE)
    assert (
        "NoPurge of work (main.tf:12) must not deny it: narrow its actions, resources or conditions." in denied.needed
    )


def test_who_may_assume_a_role_is_asked_with_the_services_name():
    assert explain(ESTATE, "lambda.amazonaws.com", "sts:AssumeRole", "reader").decision.allowed == "yes"
    refused = explain(ESTATE, "ec2.amazonaws.com", "sts:AssumeRole", "reader")
    assert refused.needed == (f"The trust policy of {ROLE} must let ec2.amazonaws.com in.",)


@pytest.mark.parametrize(
    ("who", "action", "which", "hint"),
    [("readr", "sqs:SendMessage", "*", "Did you mean reader?"),
     ("reader", "sqs:ReceiveMesage", "*", "Did you mean sqs:ReceiveMessage?"),
     ("reader", "sqs:*", "*", "not one action"),
     ("reader", "sqs:SendMessage", "aws_sqs_queue.photo", "Did you mean aws_sqs_queue.photos?")],
)  # fmt: skip
def test_a_slip_of_the_pen_is_an_error_with_the_likely_word(who, action, which, hint):
    with pytest.raises(UsageError) as refused:
        explain(ESTATE, who, action, which)
    assert hint in refused.value.what


def test_binding_changes_only_what_holds_the_symbol():
    bound = bind(ESTATE, {"region": "eu-west-1"})
    assert bound.guarded[0].arn == "arn:aws:sqs:eu-west-1:⟦account⟧:photos"
    assert bound.principals[0].trust is TRUST
