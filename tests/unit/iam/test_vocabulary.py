"""What opsctl knows of AWS's actions, and what it makes of a mistyped one."""

import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.iam.action_checks.names import judged
from opsctl.iam.compiling import INDEX, actions_in, changes, compile_index, compiled_service, remembered
from opsctl.iam.spelling import one_edit
from opsctl.iam.vocabulary import Service, key_is_one_of, vocabulary

KNOWN = vocabulary()
NAMES = KNOWN.expand("*")


def test_an_action_is_found_in_any_case_and_says_what_it_takes():
    action = KNOWN.action("S3:getobject")
    assert action is not None
    assert (action.name, action.access_level) == ("s3:GetObject", "Read")
    assert "object" in {use.name for use in action.resource_types}
    assert KNOWN.resource_arns("s3", "object") == ("arn:*:s3:::*/*",)
    assert not action.takes_only_wildcard


def test_an_action_without_resource_types_takes_only_a_wildcard():
    action = KNOWN.action("s3:ListAllMyBuckets")
    assert action is not None
    assert action.takes_only_wildcard


@pytest.mark.parametrize(
    ("pattern", "some", "none"),
    [
        ("s3:Get*Acl", "s3:GetBucketAcl", "s3:PutBucketAcl"),
        ("s3:getobject", "s3:GetObject", "s3:GetObjectAcl"),
        ("s?s:*Queue", "sqs:CreateQueue", "sns:Publish"),
        ("iam:?etRole", "iam:GetRole", "iam:DeleteRole"),
        ("*:*", "iam:PassRole", ""),
        ("*", "ec2:RunInstances", ""),
    ],
)
def test_a_pattern_means_the_actions_that_match_it(pattern, some, none):
    assert some in KNOWN.expand(pattern)
    assert none not in KNOWN.expand(pattern)


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=200)
def test_a_name_with_a_part_made_a_wildcard_still_means_that_name(name, data):
    service, _, action = name.partition(":")
    start = data.draw(st.integers(0, len(action)))
    end = data.draw(st.integers(start, len(action)))
    assert name in KNOWN.expand(f"{service}:{action[:start]}*{action[end:]}")


def test_a_pattern_made_to_be_slow_is_not():
    assert KNOWN.expand("ec2:" + "*e" * 40 + "*0") == ()


@pytest.mark.parametrize("name", ["s3:GetObjects", "nosuchservice:Get", "s3", "", ":", "s3:", "s3:*Nothing*"])
def test_what_is_no_action_means_nothing(name):
    assert KNOWN.expand(name) == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3:GetObjct", "s3:GetObject"),
        ("lamda:InvokeFunction", "lambda:InvokeFunction"),
        ("cloudwatchlogs:PutLogEvents", "logs:PutLogEvents"),
        ("dynamo:PutItem", "dynamodb:PutItem"),
        ("s3GetObject", "s3:GetObject"),
        ("s3.GetObject", "s3:GetObject"),
        ("s3:ListObjects", "s3:ListBucket"),
        ("s3:HeadObject", "s3:GetObject"),
        ("lambda:Invoke", "lambda:InvokeFunction"),
        ("ec:2RunInstances", "ec2:RunInstances"),
        ("sns:SendMessage", "sqs:SendMessage"),
        ("stepfunctions:StartExecution", "states:StartExecution"),
        ("zzz:Nothing", ""),
    ],
)
def test_the_action_that_was_meant_is_found(written, meant):
    assert KNOWN.nearest(written) == meant


def test_one_slip_is_one_character_swapped_left_out_put_in_or_replaced():
    assert [one_edit(each, "abcd") for each in ("abdc", "acd", "abccd", "abxd")] == [4, 3, 2, 1]
    assert [one_edit(each, "abcd") for each in ("abcd", "ab", "badc", "abcdef", "xbcy")] == [0] * 5


def one_slip(name: str, chance: random.Random) -> str:
    """A name with one character left out, put in, replaced or swapped, that is no action itself."""
    while True:
        at, letter = chance.randrange(len(name)), chance.choice(string.ascii_lowercase)
        slips = (
            name[:at] + name[at + 1 :],
            name[:at] + letter + name[at:],
            name[:at] + letter + name[at + 1 :],
            name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
        )
        slip = chance.choice(slips)
        if slip.lower() != name.lower() and KNOWN.action(slip) is None:
            return slip


def test_slips_of_the_hand_are_found_and_the_right_action_is_named():
    chance = random.Random(20261122)
    names = [chance.choice(NAMES) for _ in range(2000)]
    verdicts = [(name, judged(one_slip(name, chance))) for name in names]
    assert sum(what == "unknown" for _, (what, _, _) in verdicts) >= 0.99 * len(names)
    assert sum(meant == name for name, (_, _, meant) in verdicts) >= 0.95 * len(names)


def test_an_ended_service_is_retired_and_a_typo_in_it_is_not():
    assert judged("codestar:CreateProject")[0] == "retired"
    assert judged("qldb:SendCommand")[0] == "retired"
    assert judged("qldb:SendComand") == ("unknown", "qldb:SendComand is no action of AWS", "qldb:SendCommand")
    assert judged("cloudhsm:GetConfig")[0] == "retired"


@pytest.mark.parametrize(
    ("key", "kind"),
    [("AWS:sourceip", "IPAddress"), ("aws:ResourceTag/team", "String"), ("kms:ViaService", "String"),
     ("s3:ExistingObjectTag/colour", "String"), ("aws:Nothing", None), ("s3:nothing", None)],
)  # fmt: skip
def test_a_condition_key_has_a_type(key, kind):
    assert KNOWN.condition_key_type(key) == kind


def test_a_template_of_a_key_stands_for_every_tag():
    assert key_is_one_of("aws:requesttag/A", ("aws:RequestTag/${TagKey}",))
    assert not key_is_one_of("aws:RequestTag/", ("aws:RequestTag/${TagKey}",))


# --- the compiler ------------------------------------------------------------


def an_action(name, level="Write", uses=(), keys=()):
    uses = [{"name": use, "required": required, "conditionKeys": []} for use, required in uses]
    return {"name": name, "accessLevel": level, "resourceTypes": uses, "conditionKeys": keys}


def test_what_is_compiled_is_read_back():
    types = [{"key": "thing", "arn": "arn:${Partition}:toy:::${Name}", "conditionKeys": ["toy:Colour"]}]
    keys = [{"key": "toy:Colour", "type": "String"}, {"key": "toy:Size", "type": "Numeric"}]
    actions = [
        an_action("MakeThing", uses=[("thing", True)], keys=["toy:Size"]),
        an_action("AllowThing", "Permissions management, Write"),
    ]
    service = Service(json.loads(json.dumps(compiled_service("toy", "Toys", actions, types, keys))))
    made, allowed = service.action("makething"), service.action("AllowThing")
    assert made is not None
    assert made.resource_types[0].required
    assert made.condition_keys == ("toy:Size",)
    assert allowed is not None
    assert allowed.access_level == "Permissions management"
    assert service.resource_types["thing"].condition_keys == ("toy:Colour",)
    assert service.condition_keys == {"toy:Colour": "String", "toy:Size": "Numeric"}


def test_what_vanishes_from_the_reference_is_remembered_as_retired_and_what_returns_is_not():
    history = {"retired_services": {}, "retired_actions": {"toy:Back": "2025"}, "undocumented_actions": ["toy:Quiet"]}
    old, new = {"toy": {"Gone", "Kept"}}, {"toy": {"Kept", "Back", "Quiet"}}
    after = remembered(history, old, new, "2026-10-27")
    assert after["retired_actions"] == {"toy:Gone": "2026-10-27"}
    assert after["undocumented_actions"] == []
    assert list(changes(old, new)) == ["+ toy: Back, Quiet", "- toy: Gone"]


def test_the_committed_index_is_what_the_installed_reference_compiles_to():
    compiled, committed = compile_index(), INDEX.read_text().splitlines()
    if json.loads(compiled[0])["version"] == json.loads(committed[0])["version"]:
        assert compiled == committed
    else:  # a newer reference is installed than the index was made from: make iam-data
        assert json.loads(compiled[0])["date"] > json.loads(committed[0])["date"]
    assert sum(map(len, actions_in(committed).values())) > 20_000
