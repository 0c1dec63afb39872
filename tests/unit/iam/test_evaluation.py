"""Who may do what, as the IAM User Guide's policy evaluation logic has it."""

from __future__ import annotations

import pytest

from opsctl.iam import evaluation
from opsctl.iam.estate import Estate, Guarded, Policy, Principal
from opsctl.iam.evaluation import Request, decide, grants_of
from opsctl.iam.policy import Condition, Document, Statement
from opsctl.iam.policy import Principal as Named

OURS, THEIRS = "111122223333", "444455556666"
IAM = f"arn:aws:iam::{OURS}"
ROLE, USER, STRANGER = f"{IAM}:role/reader", f"{IAM}:user/alice", f"arn:aws:iam::{THEIRS}:role/reader"
QUEUE = f"arn:aws:sqs:eu-west-1:{OURS}:photos"
KEY = f"arn:aws:kms:eu-west-1:{OURS}:key/1234"
BUCKET = "arn:aws:s3:::photos"
LAMBDA = Named("Service", "lambda.amazonaws.com")
ROOT = Named("AWS", f"{IAM}:root")


def document(*statements, version="2012-10-17"):
    return Document(tuple(statements), version)


def policy(*statements, name="work"):
    return Policy(name, document(*statements))


def allow(*actions, on=("*",), when=(), to=(), **more):
    return Statement("Allow", actions, resources=on, conditions=when, principals=to, **more)


def deny(*actions, on=("*",), when=(), to=(), **more):
    return Statement("Deny", actions, resources=on, conditions=when, principals=to, **more)


def role(*statements, boundary=None, trust=(), arn=ROLE, **more):
    return Principal(
        "role", arn.rsplit("/")[-1], arn, policies=(policy(*statements),), trust=document(*trust),
        boundary=boundary, **more,
    )  # fmt: skip


def user(*statements, boundary=None, arn=USER, **more):
    return Principal("user", arn.rsplit("/")[-1], arn, policies=(policy(*statements),), boundary=boundary, **more)


def estate(*principals, guarded=()):
    return Estate(principals=principals, guarded=guarded, account=OURS)


def allowed(who, action, resource="*", /, *principals, guarded=(), context=None, complete=False, **more):
    request = Request(who, action, resource, context or {}, complete)
    return decide(request, estate(*principals, guarded=guarded), **more).allowed


def queue(*statements):
    return Guarded("sqs_queue", "photos", QUEUE, policy=policy(*statements, name="of the queue"))


def test_nothing_is_allowed_without_an_allow():
    assert allowed(ROLE, "s3:GetObject", f"{BUCKET}/a", role()) == "no"


def test_an_allow_on_the_action_and_the_resource_allows():
    reader = role(allow("s3:Get*", on=(f"{BUCKET}/*",)))
    assert allowed(ROLE, "S3:getobject", f"{BUCKET}/a", reader) == "yes"
    assert allowed(ROLE, "s3:PutObject", f"{BUCKET}/a", reader) == "no"
    assert allowed(ROLE, "s3:GetObject", "arn:aws:s3:::Photos/a", reader) == "no"


def test_an_explicit_deny_wins():
    reader = role(allow("*"), deny("s3:*", on=(f"{BUCKET}/secret/*",)))
    assert allowed(ROLE, "s3:GetObject", f"{BUCKET}/secret/a", reader) == "no"
    assert allowed(ROLE, "s3:GetObject", f"{BUCKET}/open/a", reader) == "yes"


def test_not_action_and_not_resource_are_all_the_others():
    reader = role(Statement("Allow", not_actions=("iam:*",), not_resources=(f"{BUCKET}/*",)))
    assert allowed(ROLE, "iam:PassRole", "arn:aws:iam::1:role/x", reader) == "no"
    assert allowed(ROLE, "s3:GetObject", f"{BUCKET}/a", reader) == "no"
    assert allowed(ROLE, "s3:GetObject", "arn:aws:s3:::other/a", reader) == "yes"


def test_a_boundary_cuts_what_the_principal_has():
    bounded = role(allow("*"), boundary=policy(allow("s3:*"), name="wall"))
    assert allowed(ROLE, "s3:GetObject", f"{BUCKET}/a", bounded) == "yes"
    decision = decide(Request(ROLE, "iam:PassRole"), estate(bounded))
    assert decision.allowed == "no"
    assert "The permissions boundary wall does not allow it." in decision.why


def test_a_boundary_that_could_not_be_read_leaves_it_open():
    bounded = role(allow("*"), boundary=Policy("wall", None))
    assert allowed(ROLE, "s3:GetObject", f"{BUCKET}/a", bounded) == "depends"


def test_a_condition_whose_key_is_not_given_leaves_it_open_and_is_named():
    reader = role(allow("s3:*", when=(Condition("StringEquals", "s3:prefix", ("a",)),)))
    decision = decide(Request(ROLE, "s3:ListBucket", BUCKET), estate(reader))
    assert (decision.allowed, decision.missing) == ("depends", ("s3:prefix",))
    assert allowed(ROLE, "s3:ListBucket", BUCKET, reader, context={"S3:Prefix": "a"}) == "yes"
    assert allowed(ROLE, "s3:ListBucket", BUCKET, reader, context={"s3:prefix": "b"}) == "no"


@pytest.mark.parametrize(
    ("named", "answer"),
    [(Named("AWS", ROLE), "yes"), (Named("AWS", "*"), "yes"), (Named("*", "*"), "yes"), (ROOT, "no"),
     (Named("AWS", f"{IAM}:role/other"), "no"), (LAMBDA, "no")],
)  # fmt: skip
def test_within_an_account_a_resource_policy_that_names_the_principal_suffices(named, answer):
    open_queue = queue(allow("sqs:SendMessage", on=(QUEUE,), to=(named,)))
    assert allowed(ROLE, "sqs:SendMessage", QUEUE, role(), guarded=(open_queue,)) == answer


def test_across_accounts_both_sides_have_to_allow():
    theirs = f"arn:aws:sqs:eu-west-1:{THEIRS}:photos"
    sender = role(allow("sqs:SendMessage"))
    assert allowed(ROLE, "sqs:SendMessage", theirs, sender) == "depends"
    shut = Guarded("sqs_queue", "p", theirs)
    assert allowed(ROLE, "sqs:SendMessage", theirs, sender, guarded=(shut,)) == "no"
    lets_us_in = Guarded("sqs_queue", "p", theirs, policy=policy(allow("sqs:*", on=(theirs,), to=(ROOT,))))
    assert allowed(ROLE, "sqs:SendMessage", theirs, sender, guarded=(lets_us_in,)) == "yes"
    assert allowed(ROLE, "sqs:SendMessage", theirs, role(), guarded=(lets_us_in,)) == "no"


def test_a_stranger_needs_our_resource_policy():
    lets_in = queue(allow("sqs:*", on=(QUEUE,), to=(Named("AWS", THEIRS),)))
    assert allowed(STRANGER, "sqs:SendMessage", QUEUE, guarded=(lets_in,)) == "yes"
    assert allowed(STRANGER, "sqs:SendMessage", QUEUE, guarded=(queue(),)) == "no"
    assert allowed("arn:aws:iam::777788889999:role/x", "sqs:SendMessage", QUEUE, guarded=(lets_in,)) == "no"


def test_a_boundary_limits_a_role_that_a_resource_policy_names_but_not_a_user_or_a_session():
    wall = policy(allow("s3:*"), name="wall")
    session = f"arn:aws:sts::{OURS}:assumed-role/reader/now"
    for who, named, answer in (
        (ROLE, ROLE, "no"),
        (session, session, "yes"),
        (session, ROLE, "no"),
        (USER, USER, "yes"),
    ):
        open_queue = queue(allow("sqs:*", on=(QUEUE,), to=(Named("AWS", named),)))
        principals = role(boundary=wall), user(boundary=wall)
        assert allowed(who, "sqs:SendMessage", QUEUE, *principals, guarded=(open_queue,)) == answer, (who, named)


def test_a_service_gets_in_by_the_resource_policy_alone():
    from_topic = Condition("ArnLike", "aws:SourceArn", ("arn:aws:sns:*:*:photos",))
    fed = queue(allow("sqs:SendMessage", on=(QUEUE,), to=(Named("Service", "sns.amazonaws.com"),), when=(from_topic,)))
    ask = ("sns.amazonaws.com", "sqs:SendMessage", QUEUE)
    assert allowed(*ask, guarded=(fed,)) == "depends"
    topic = {"aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:photos"}
    assert allowed(*ask, guarded=(fed,), context=topic) == "yes"
    assert allowed("s3.amazonaws.com", "sqs:SendMessage", QUEUE, guarded=(fed,), context=topic) == "no"


@pytest.mark.parametrize(
    ("trusted", "own", "answer"),
    [(Named("AWS", USER), (), "yes"), (ROOT, (), "no"), (ROOT, (allow("sts:AssumeRole"),), "yes"),
     (LAMBDA, (allow("*"),), "no")],
)  # fmt: skip
def test_a_role_is_assumed_only_by_whom_its_trust_policy_lets_in(trusted, own, answer):
    worker = role(trust=(Statement("Allow", ("sts:AssumeRole",), principals=(trusted,)),))
    assert allowed(USER, "sts:AssumeRole", ROLE, worker, user(*own)) == answer


def test_the_role_of_another_plan_may_or_may_not_be_assumed():
    assert allowed(USER, "sts:AssumeRole", f"{IAM}:role/elsewhere", user(allow("sts:*"))) == "depends"


@pytest.mark.parametrize(
    ("key_policy", "answer"),
    [(None, "yes"), (policy(allow("kms:*", to=(ROOT,))), "yes"),
     (policy(allow("kms:*", to=(Named("AWS", ROLE),))), "yes"),
     (policy(allow("kms:*", to=(LAMBDA,))), "no")],
)  # fmt: skip
def test_identity_policies_count_for_a_key_only_where_its_policy_lets_the_account_in(key_policy, answer):
    key = Guarded("kms_key", "k", KEY, policy=key_policy)
    assert allowed(ROLE, "kms:Decrypt", KEY, role(allow("kms:*")), guarded=(key,)) == answer


def test_an_object_is_judged_by_its_buckets_policy():
    shut = Guarded("s3_bucket", "photos", BUCKET, policy=policy(deny("s3:*", to=(Named("*", "*"),))))
    assert allowed(ROLE, "s3:GetObject", f"{BUCKET}/a/b", role(allow("s3:*")), guarded=(shut,)) == "no"


def test_a_bucket_that_blocks_public_access_is_not_public_whatever_its_policy_says():
    open_policy = policy(allow("s3:GetObject", on=(f"{BUCKET}/*",), to=(Named("*", "*"),)))
    for shut, answer in ((False, "yes"), (True, "no")):
        bucket = Guarded("s3_bucket", "photos", BUCKET, policy=open_policy, shut=shut)
        assert allowed("*", "s3:GetObject", f"{BUCKET}/a", guarded=(bucket,)) == answer


def test_not_principal_denies_everybody_else():
    keeper = Statement("Deny", ("sqs:*",), resources=(QUEUE,), not_principals=(Named("AWS", ROLE),))
    principals = role(allow("sqs:*")), user(allow("sqs:*"))
    assert allowed(ROLE, "sqs:SendMessage", QUEUE, *principals, guarded=(queue(keeper),)) == "yes"
    assert allowed(USER, "sqs:SendMessage", QUEUE, *principals, guarded=(queue(keeper),)) == "no"


def test_a_session_policy_and_an_scp_only_take_away():
    reader = role(allow("s3:*"))
    s3, sqs = policy(allow("s3:Get*")), policy(allow("sqs:*"))
    assert allowed(ROLE, "s3:GetObject", BUCKET, reader, session=s3) == "yes"
    assert allowed(ROLE, "s3:GetObject", BUCKET, reader, session=sqs) == "no"
    assert allowed(ROLE, "sqs:SendMessage", QUEUE, reader, session=sqs) == "no"
    assert allowed(ROLE, "s3:GetObject", BUCKET, reader, scps=(sqs,)) == "no"
    assert allowed(ROLE, "s3:GetObject", BUCKET, reader, scps=(sqs, s3)) == "yes"


def test_variables_are_filled_in_with_what_the_principal_is():
    home = allow("s3:*", on=(f"{BUCKET}/${{aws:username}}/*",))
    alice = user(home)
    assert allowed(USER, "s3:GetObject", f"{BUCKET}/alice/a", alice) == "yes"
    assert allowed(USER, "s3:GetObject", f"{BUCKET}/bob/a", alice) == "no"
    old = Principal("user", "alice", USER, policies=(Policy("old", document(home, version="2008-10-17")),))
    assert allowed(USER, "s3:GetObject", f"{BUCKET}/alice/a", old) == "no"


def test_a_tag_of_a_user_is_known_and_of_a_role_may_come_with_the_session():
    team = (Condition("StringEquals", "aws:PrincipalTag/team", ("web",)),)
    assert allowed(USER, "s3:GetObject", BUCKET, user(allow("s3:*", when=team), tags={"team": "web"})) == "yes"
    assert allowed(USER, "s3:GetObject", BUCKET, user(allow("s3:*", when=team))) == "no"
    assert allowed(ROLE, "s3:GetObject", BUCKET, role(allow("s3:*", when=team))) == "depends"


def test_an_unknown_name_depends_but_another_resources_unknown_name_is_another():
    a, b = "arn:aws:s3:::⟦aws_s3_bucket.a.id⟧", "arn:aws:s3:::⟦aws_s3_bucket.b.id⟧"
    reader = role(allow("s3:*", on=(f"{a}/*",)))
    assert allowed(ROLE, "s3:GetObject", f"{a}/x", reader) == "yes"
    assert allowed(ROLE, "s3:GetObject", f"{b}/x", reader) == "no"
    assert allowed(ROLE, "s3:GetObject", "arn:aws:s3:::photos/x", reader) == "depends"


def test_grants_are_what_deny_and_boundary_leave():
    wall = policy(allow("iam:*", on=(f"{IAM}:role/app/*",)), name="wall")
    passer = role(allow("iam:PassRole"), deny("iam:*", on=(f"{IAM}:role/app/admin*",)), boundary=wall)
    (grant,) = grants_of(passer).can("iam:PassRole")
    assert (grant.resource, grant.without) == (f"{IAM}:role/app/*", (f"{IAM}:role/app/admin*",))
    assert (grant.on(f"{IAM}:role/app/x"), grant.on(f"{IAM}:role/app/admin1")) == ("yes", "no")
    assert grants_of(passer).can_on("iam:PassRole", f"{IAM}:role/other") == "no"


@pytest.mark.parametrize(
    "taken",
    [
        deny("*"),
        deny("iam:Pass*"),
        Statement("Deny", not_actions=("s3:*",), resources=("*",)),
        Statement("Deny", ("iam:*",), not_resources=(f"{BUCKET}/*",)),
    ],
)
def test_a_deny_on_all_of_it_leaves_no_grant(taken):
    assert grants_of(role(allow("iam:PassRole", on=(f"{IAM}:role/*",)), taken)).can("iam:PassRole") == ()


def test_a_deny_under_a_condition_makes_a_grant_conditional():
    without_mfa = Condition("BoolIfExists", "aws:MultiFactorAuthPresent", ("false",))
    (grant,) = grants_of(role(allow("iam:*"), deny("*", when=(without_mfa,)))).can("iam:PassRole")
    assert grant.conditional
    assert grant.unless
    assert not grant.conditions


@pytest.mark.parametrize("shape", ["r{}*", "{}*x", "*x{}"])
def test_many_grants_and_many_denies_are_not_held_each_to_each(monkeypatch, shape):
    """The work is counted, not timed: looks at a pair of patterns; and what comes out is still right."""
    looks = 0

    def counted(one, other):
        nonlocal looks
        looks += 1
        return apart(one, other)

    apart = evaluation._apart
    monkeypatch.setattr(evaluation, "_apart", counted)
    statements = [
        (allow if number % 2 else deny)("iam:PassRole", on=(f"{IAM}:role/{shape.format(number)}",))
        for number in range(800)
    ]
    grants = grants_of(role(*statements))
    found = grants.can("iam:PassRole")
    assert looks <= evaluation.PAIRS
    for name in ("r7", "r8", "r77x", "r88x", "17", "7ax", "ax9", "ax8", "8x9x"):
        arn = f"{IAM}:role/{name}"
        assert any(each.on(arn) == "yes" for each in found) == (grants.can_on("iam:PassRole", arn) == "yes"), name
