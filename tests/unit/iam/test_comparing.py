"""What a change newly lets somebody do, each with a request that proves it."""

from __future__ import annotations

import importlib.util
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from opsctl.iam.comparing import lost_access, new_access
from opsctl.iam.estate import Estate, Guarded, NotAnalysed, Policy, Principal
from opsctl.iam.evaluation import Request, decide
from opsctl.iam.policy import Condition, Document, Statement
from opsctl.iam.policy import Principal as Named

OURS, THEIRS = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{OURS}:role/reader"
STRANGER = f"arn:aws:iam::{THEIRS}:root"
QUEUE = f"arn:aws:sqs:eu-west-1:{OURS}:photos"
PHOTOS = "arn:aws:s3:::photos/*"
OFFICE = Condition("IpAddress", "aws:SourceIp", ("192.0.2.0/24",))
EVERYBODY, LAMBDA = Named("*", "*"), Named("Service", "lambda.amazonaws.com")


def allow(*actions, on=("*",), when=(), to=(), **more):
    return Statement("Allow", actions, resources=on, conditions=when, principals=to, **more)


def deny(*actions, on=("*",), when=(), to=()):
    return Statement("Deny", actions, resources=on, conditions=when, principals=to)


def policy(*statements):
    return Policy("work", Document(tuple(statements), "2012-10-17"))


def role(*statements, boundary=None, trust=()):
    trusting = Document((Statement("Allow", ("sts:AssumeRole",), principals=trust),))
    return Principal(
        "role", "reader", ROLE, "aws_iam_role.reader", (policy(*statements),), boundary, trusting if trust else None
    )


def estate(*principals, queue=None):
    guarded = (
        (Guarded("sqs_queue", "photos", QUEUE, "aws_sqs_queue.photos", policy(*queue)),) if queue is not None else ()
    )
    return Estate(principals=principals, guarded=guarded, account=OURS)


def told(base, head):
    """New access; each counterexample is decided again, on both sides."""
    found = new_access(base, head)
    for each in found:
        for side, answer in ((base, "no"), (head, "yes")):
            who = next((one for one in side.principals if one.arn == each.principal), each.principal)
            request = Request(who, each.action, each.resource, each.context, complete=True)
            if side.principals or who == each.principal:
                assert decide(request, side).allowed == answer, (each.message, side)
    return found


def test_nothing_is_new_where_only_the_order_the_names_and_the_lines_changed():
    before = role(allow("s3:GetObject", "s3:PutObject", on=(PHOTOS,), sid="One"), deny("iam:*"))
    after = role(deny("iam:*"), allow("S3:PutObject", "s3:GetObject", on=(PHOTOS,), sid="Two", index=1))
    assert new_access(estate(before), estate(after)) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((allow("s3:*"),), (allow("s3:Get*"),)),
        ((allow("s3:Get*", "s3:*"),), (allow("s3:*"),)),
        ((allow("s3:GetObject", on=("*",)),), (allow("s3:GetObject", on=(PHOTOS, "arn:aws:s3:::a*")),)),
        ((allow("s3:GetObject"),), (allow("s3:GetObject", when=(OFFICE,)),)),
        ((allow("s3:*"),), (allow("s3:*"), deny("s3:Put*"))),
        ((allow("s3:*", on=("arn:aws:s3:::a*", "arn:aws:s3:::b*")),), (allow("s3:*", on=("arn:aws:s3:::a?*",)),)),
    ],
)
def test_what_is_narrowed_is_not_new_but_lost(before, after):
    base, head = estate(role(*before)), estate(role(*after))
    assert new_access(base, head) == ()
    assert bool(lost_access(base, head)) == (before != (allow("s3:Get*", "s3:*"),))


def test_a_widened_action_names_just_the_new_ones():
    (new,) = told(estate(role(allow("sqs:SendMessage", on=(QUEUE,)))), estate(role(allow("sqs:*Message", on=(QUEUE,)))))
    assert (new.principal, new.resource, new.address) == (ROLE, QUEUE, "aws_iam_role.reader")
    assert "sqs:ReceiveMessage" in new.actions
    assert "sqs:SendMessage" not in new.actions


def test_a_widened_resource_is_shown_by_one_that_only_the_wider_pattern_holds():
    (new,) = told(
        estate(role(allow("s3:GetObject", on=("arn:aws:s3:::photos/a*",)))),
        estate(role(allow("s3:GetObject", on=("arn:aws:s3:::photos/*",)))),
    )
    assert new.resource.startswith("arn:aws:s3:::photos/")
    assert not new.resource.startswith("arn:aws:s3:::photos/a")


def test_a_dropped_deny_condition_or_boundary_is_new_access():
    s3 = allow("s3:GetObject", on=(PHOTOS,))
    bare = estate(role(s3))
    for before in (
        role(s3, deny("s3:*")),
        role(replace(s3, conditions=(OFFICE,))),
        role(s3, boundary=policy(allow("sqs:*"))),
        role(s3, deny("s3:*", when=(Condition("Bool", "aws:SecureTransport", ("false",)),))),
    ):
        (new,) = told(estate(before), bare)
        assert new.actions == ("s3:GetObject",)


def test_a_weaker_condition_is_shown_with_the_values_that_now_pass():
    wider = replace(OFFICE, values=("192.0.0.0/16",))
    (new,) = told(
        estate(role(allow("s3:GetObject", when=(OFFICE,)))), estate(role(allow("s3:GetObject", when=(wider,))))
    )
    (address,) = new.context["aws:SourceIp"]
    assert address.startswith("192.0.")
    assert not address.startswith("192.0.2.")


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        (("StringEquals", "v"), ("StringEqualsIfExists", "v"), None),
        (("IpAddress", "10.0.0.0/9"), ("IpAddress", "10.0.0.0/8"), ("10.128.0.0",)),
        (("IpAddress", "10.128.0.0/9"), ("IpAddress", "10.128.0.0/8"), ("10.127.255.255",)),
        (("NumericLessThan", "5"), ("NumericLessThanEquals", "5"), ("5",)),
        (("ForAllValues:StringEquals", "a"), ("ForAnyValue:StringEquals", "a"), ("a", "example")),
    ],
)
def test_the_edge_of_a_condition_is_found(before, after, passes):
    base, head = (Condition(operator, "the:Key", (value,)) for operator, value in (before, after))
    (new, *_) = told(estate(role(allow("s3:*", when=(base,)))), estate(role(allow("s3:*", when=(head,)))))
    assert new.context == {"the:Key": passes}


def test_access_by_a_tag_is_shown_with_that_tag():
    by_tag = allow("s3:GetObject", on=("arn:aws:s3:::${aws:PrincipalTag/team}/*",))
    (new,) = told(estate(role()), estate(role(by_tag)))
    (team,) = new.context["aws:PrincipalTag/team"]
    assert new.resource.startswith(f"arn:aws:s3:::{team}/")


def test_a_new_principal_brings_all_that_it_has():
    (new,) = new_access(estate(), estate(role(allow("sqs:SendMessage", on=(QUEUE,)))))
    assert (new.actions, new.resource, new.before, new.after) == (("sqs:SendMessage",), QUEUE, "no", "yes")


def test_a_renamed_principal_is_the_same_by_its_address():
    before = role(allow("s3:GetObject", on=(PHOTOS,)))
    renamed = replace(before, arn=f"arn:aws:iam::{OURS}:role/writer", name="writer")
    assert new_access(estate(before), estate(renamed)) == ()


def test_whom_a_trust_policy_newly_lets_in():
    before, after = role(trust=(LAMBDA,)), role(trust=(LAMBDA, Named("AWS", STRANGER)))
    (new,) = told(estate(before), estate(after))
    assert (new.kind, new.principal, new.action, new.resource) == ("trust", STRANGER, "sts:AssumeRole", ROLE)


def test_a_queue_opened_to_anybody_is_said_once():
    from_topic = Condition("ArnLike", "aws:SourceArn", ("arn:aws:sns:*:*:photos",))
    closed = allow("sqs:SendMessage", on=(QUEUE,), to=(Named("Service", "sns.amazonaws.com"),), when=(from_topic,))
    base = estate(role(), queue=(closed,))
    (new,) = told(base, estate(role(), queue=(closed, allow("sqs:SendMessage", on=(QUEUE,), to=(EVERYBODY,)))))
    assert (new.kind, new.principal, new.address) == ("resource", "*", "aws_sqs_queue.photos")
    (service,) = told(base, estate(role(), queue=(replace(closed, conditions=()),)))
    assert service.principal == "sns.amazonaws.com"


def test_a_deny_dropped_from_a_queue_lets_in_those_whose_own_policies_allow():
    reader = role(allow("sqs:ReceiveMessage", on=(QUEUE,)))
    (new,) = told(estate(reader, queue=(deny("sqs:*", to=(EVERYBODY,)),)), estate(reader, queue=()))
    assert (new.principal, new.actions) == (ROLE, ("sqs:ReceiveMessage",))


def test_access_that_no_real_resource_has_is_on_paper_only():
    (new,) = new_access(estate(), estate(role(allow("sqs:SendMessage", on=("arn:aws:s3:::photos",)))))
    assert not new.plausible


def test_two_documents_are_the_same_policy_whatever_their_files_are_called():
    def of(name, *statements):
        return Principal(
            "anonymous", name, f"arn:aws:iam::⟦account⟧:user/{name}", f"{name}.json", (policy(*statements),)
        )

    old, new = of("old", allow("s3:*", on=(PHOTOS,))), of("new", allow("s3:*", on=("arn:aws:s3:::photos/a*",)))
    assert new_access(estate(old), estate(new)) == ()
    (widened,) = [each for each in new_access(estate(new), estate(old)) if each.plausible]
    assert not widened.resource.startswith("arn:aws:s3:::photos/a")


@pytest.mark.parametrize("on", [PHOTOS, "*"])
def test_a_resource_policy_by_itself_is_compared_too(on):
    ours = allow("s3:GetObject", on=(on,), to=(Named("AWS", f"arn:aws:iam::{THEIRS}:role/x"),))
    base, head = (
        replace(estate(), loose=(policy(*statements),))
        for statements in ((ours,), (ours, replace(ours, principals=(EVERYBODY,))))
    )
    (new,) = [each for each in new_access(base, head) if each.principal == "*"]
    assert (new.kind, new.actions) == ("resource", ("s3:GetObject",))
    assert new_access(base, base) == ()


def test_a_hole_on_either_side_is_said_to_be_one():
    hole = NotAnalysed("policy is unknown", "aws_iam_role_policy.x")
    for base, head in (((hole,), ()), ((), (hole,))):
        (new,) = new_access(replace(estate(), not_analysed=base), replace(estate(), not_analysed=head))
        assert (new.kind, new.address) == ("not-analysed", "aws_iam_role_policy.x")
        assert "can't be told" in new.message


def test_patterns_too_hard_to_tell_are_said_to_be():
    hard = [f"arn:aws:s3:::*{letter}{'?' * 18}" for letter in "abc"]
    (found,) = new_access(
        estate(role(allow("s3:GetObject", on=(hard[0],)))), estate(role(allow("s3:GetObject", on=hard)))
    )
    assert found.kind == "not-analysed"
    assert "can't be told" in found.message


def agreement():
    file = Path(__file__).parents[3] / "benchmarks" / "iam_agreement.py"
    spec = importlib.util.spec_from_file_location("iam_agreement", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["iam_agreement"] = module
    spec.loader.exec_module(module)
    return module.agreement


def test_random_changes_are_judged_as_by_brute_force_over_all_real_actions():
    seed = random.randrange(1000)  # another hundred of cases each time; the benchmark runs 10,000
    agreed, others = agreement()(40, seed)
    assert others == (), f"seed {seed}"
    assert agreed == 40


def test_a_policy_that_is_no_longer_held_grants_nothing_new():
    work = Policy("work", policy(allow("s3:GetObject")).document, "aws_iam_policy.work")
    held = replace(role(), policies=(work,))
    nobody = Principal("anonymous", "work", f"arn:aws:iam::{OURS}:policy/work", "aws_iam_policy.work", (work,))
    assert new_access(estate(held), estate(role(), nobody)) == ()
    assert new_access(estate(role(), nobody), estate(held)) != ()
