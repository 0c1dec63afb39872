"""Reading policy documents: every mistake is named where it stands, and what is right is kept."""

import json
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opsctl.errors import UsageError
from opsctl.findings import Place
from opsctl.hcl.symbols import Unknown
from opsctl.iam.documents import offsets, read_document, read_documents
from opsctl.iam.policy import Condition, Principal

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


def policy(*statements, **fields):
    return {"Version": "2012-10-17", "Statement": list(statements), **fields}


def test_strings_and_lists_a_single_statement_and_many_read_alike():
    one = read_document(json.dumps({"Version": "2012-10-17", "Statement": GOOD}))
    many = read_document(policy({**GOOD, "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]}))
    assert one.problems == many.problems == ()
    assert one.statements == many.statements
    assert one.statements[0].actions == ("s3:GetObject",)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ({**GOOD, "Resources": "*"}, '"Resources" is no field of a statement; is Resource meant?'),
        ({**GOOD, "effect": "Allow"}, '"effect" is no field of a statement; is Effect meant?'),
        ({"Action": "s3:*", "Resource": "*"}, "statement 1 has no Effect"),
        ({"Effect": "Allow", "Resource": "*"}, "statement 1 has neither Action nor NotAction"),
        ({"Effect": "Allow", "Action": "s3:*"}, "statement 1 has neither Resource nor NotResource"),
        ({**GOOD, "NotAction": "s3:*"}, "statement 1 has both Action and NotAction; AWS takes one of them"),
        ({**GOOD, "Effect": "allow"}, 'Effect of statement 1 is "allow", which is neither "Allow" nor "Deny"'),
        ({**GOOD, "Effect": ["Allow"]}, 'Effect of statement 1 is ["Allow"], which is neither "Allow" nor "Deny"'),
        ({**GOOD, "Action": 5}, "Action of statement 1 is a number, not a string or a list of them"),
        ({**GOOD, "Action": ["s3:GetObject", {}]}, "Action of statement 1 holds an object, not a string"),
        ({**GOOD, "Action": []}, "Action of statement 1 is an empty list"),
        ({**GOOD, "Sid": 1}, "Sid of statement 1 is a number, not a string"),
        ({**GOOD, "Condition": []}, "Condition of statement 1 is a list, not an object"),
        ({**GOOD, "Condition": {"Bool": "x"}}, '"Bool" in Condition of statement 1 holds a string, not an object'),
        ({**GOOD, "Condition": {"Bool": {"a:b": None}}},
         '"a:b" in Condition of statement 1 must be compared with strings'),
        ({**GOOD, "Principal": {"Services": "a"}},
         '"Services" is no kind of principal (statement 1); is Service meant?'),
        ({**GOOD, "Principal": "me"},
         'Principal of statement 1 is "me"; it must be "*" or an object such as {"AWS": …}'),
        ("s3:*", "statement 1 is a string, not an object"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_the_next_statement_stands(statement, said):
    document = read_document(policy(statement, GOOD))
    assert said in document.problems
    assert document.statements[-1].index == 1


def test_a_misspelt_field_is_read_as_what_it_means():
    document = read_document(policy({"Effect": "Allow", "action": "s3:GetObject", "Resources": ["*"]}))
    assert (document.statements[0].actions, document.statements[0].resources) == (("s3:GetObject",), ("*",))


def test_a_statement_whose_resource_or_condition_cannot_be_read_grants_nothing():
    assert read_document(policy({**GOOD, "Resource": {"a": 1}})).statements == ()
    assert read_document(policy({**GOOD, "Condition": "MFA"})).statements == ()


def test_values_that_are_no_strings_are_taken_as_aws_takes_them():
    condition = {"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"s3:max-keys": [5]}}
    assert read_document(policy({**GOOD, "Condition": condition})).statements[0].conditions == (
        Condition("Bool", "aws:SecureTransport", ("true",)),
        Condition("NumericLessThan", "s3:max-keys", ("5",)),
    )


def test_principals_of_every_form_are_read():
    principal = {"AWS": ["123456789012", "*"], "Service": "lambda.amazonaws.com"}
    statement = read_document(policy({**GOOD, "Principal": principal})).statements[0]
    assert statement.principals == (
        Principal("AWS", "123456789012"), Principal("AWS", "*"), Principal("Service", "lambda.amazonaws.com"),
    )  # fmt: skip
    assert read_document(policy({**GOOD, "Principal": "*"})).statements[0].principals[0].is_everybody


@pytest.mark.parametrize(
    "wrapped",
    [
        {"PolicyVersion": {"Document": policy(GOOD), "VersionId": "v1"}},
        {"RoleName": "r", "PolicyDocument": quote(json.dumps(policy(GOOD)))},
        {"Role": {"RoleName": "r", "AssumeRolePolicyDocument": policy(GOOD)}},
        {"Policy": json.dumps(policy(GOOD))},
    ],
)
def test_what_aws_interfaces_answer_is_unwrapped(wrapped):
    document = read_document(json.dumps(wrapped))
    assert document.problems == ()
    assert document.statements[0].actions == ("s3:GetObject",)


def test_a_percent_encoded_text_and_one_with_a_byte_order_mark_are_read():
    text = json.dumps(policy(GOOD))
    assert read_document(quote(text)).statements == read_document("\ufeff" + text).statements != ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Statement": [', "not JSON: Expecting value, line 1, column 16"),
        ("[" * 100_000, "nested too deeply to be a policy"),
        ('{"a":' * 100_000, "nested too deeply to be a policy"),
        (" " * (10 << 20), "It has 10.0 MiB; AWS takes no policy of more than 32 KiB"),
        ("5", "a policy is an object with a Statement, not a number"),
        ("null", "a policy is an object with a Statement, not null"),
        ("{}", "the policy has no Statement"),
        ('{"Statement": []}', "Statement is empty: AWS takes no policy without a statement"),
        ('{"Version": "2012-10-18", "Statement": []}',
         'Version is "2012-10-18"; AWS knows "2012-10-17" and "2008-10-17"'),
        ("9" * 5000, "not JSON that can be read"),
    ],
)  # fmt: skip
def test_a_broken_text_is_said_to_be_so(text, said):
    document = read_document(text)
    assert document.statements == ()
    assert any(problem.startswith(said) for problem in document.problems)


def test_what_is_not_known_before_an_apply_is_said_and_the_rest_stands():
    unknown = Unknown("data.x.y", "made by the apply")
    document = read_document({"Version": "2012-10-17", "Statement": [unknown, {**GOOD, "Resource": unknown}]})
    assert document.problems == ()
    assert document.extra["unknown"] == ("statement 1 is ⟦data.x.y⟧, which isn't known before an apply",)
    assert document.statements[0].resources == ("⟦data.x.y⟧",)


TEXT = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
    {
      "Effect": "Allow",
      "Action": [
        "s3:PutObject",
        "s3:DeleteObject"
      ],
      "Resource": "arn:aws:s3:::b/*",
      "Condition": {
        "Bool": {"aws:SecureTransport": "true"}
      }
    }
  ]
}
"""


@pytest.mark.parametrize("wrap", [False, True])
def test_everything_in_a_file_has_its_line(wrap):
    text = f'{{"PolicyVersion": {{"Document":\n{TEXT}}}}}' if wrap else TEXT
    document = read_document(text, file="p.json")
    down = int(wrap)
    assert [statement.place.line - down for statement in document.statements] == [4, 5]
    assert document.places["1.actions.1"] == Place("p.json", 9 + down, 9)
    assert document.places["1.resources.0"].line == 11 + down
    assert document.places["1.conditions.Bool.aws:SecureTransport"].line == 13 + down
    assert document.places.get("7.actions.0") is None


def test_a_key_that_is_written_twice_is_named():
    document = read_document('{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}')
    assert '"Effect" is written twice in one object; only the last one counts' in document.problems


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Statement", "Action", "Effect", "Principal", "Condition", "Resource"]), inner
        )
    ),
    max_leaves=20,
)


@given(JSON)
@example({"Statement": {"Statement": [None]}})
@settings(max_examples=150)
def test_no_json_breaks_the_reader_and_none_without_statements_is_silent(value):
    document = read_document(json.dumps(value), file="x.json")
    assert document.statements or document.problems
    for number, _ in enumerate(document.problems):
        assert document.places[f"problem.{number}"].line == 1


@given(JSON.filter(lambda value: isinstance(value, dict)))
@settings(max_examples=100)
def test_the_offset_of_a_member_is_that_of_its_key(value):
    text = json.dumps(value, indent=1)
    for path, offset in offsets(text).items():
        if path and isinstance(path[-1], str):
            assert text.startswith(json.dumps(path[-1]), offset)


# --- files ------------------------------------------------------------


def test_a_folder_is_read_whole_and_one_broken_file_is_a_problem_of_its_own(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "reader.json").write_text(json.dumps(policy(GOOD)))
    (tmp_path / "broken.json").write_text('{"Statement": [}')
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.json").write_text("{")
    estate = read_documents(tmp_path)
    found = {principal.name: principal for principal in estate.principals}
    assert sorted(found) == ["broken", "reader"]
    assert found["reader"].kind == "anonymous"
    broken = found["broken"].policies[0].document
    assert broken is not None
    assert (broken.place.file, broken.place.line) == (str(tmp_path / "broken.json"), 1)
    assert estate.analysed == {"documents": 2, "statements": 1, "skipped": 1}


def test_trust_and_resource_policies_are_told_apart(tmp_path):
    service = {"Service": "lambda.amazonaws.com"}
    trust = {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}
    (tmp_path / "trust.json").write_text(json.dumps(policy(trust)))
    (tmp_path / "bucket.json").write_text(json.dumps(policy({**GOOD, "Principal": "*"})))
    estate = read_documents(tmp_path)
    assert [(each.kind, each.name, each.trust is not None) for each in estate.principals] == [("role", "trust", True)]
    assert [each.name for each in estate.loose] == ["bucket"]


@pytest.mark.parametrize(
    ("text", "said"),
    [('{"a": ]', "not JSON"), ('{"name": "x"}', "it has no Statement"), ("\xff", "not UTF-8"),
     ("[" * 99999, "too deeply")],
)  # fmt: skip
def test_a_single_file_that_holds_no_policy_is_an_error(tmp_path, text, said):
    file = tmp_path / "p.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=said) as error:
        read_documents(file)
    assert str(file) in error.value.where


def test_an_error_in_a_single_file_has_line_and_column(tmp_path):
    file = tmp_path / "p.json"
    file.write_text('{\n  "Statement": ]\n}')
    with pytest.raises(UsageError) as error:
        read_documents(file)
    assert error.value.where == f"{file}:2:16"


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_documents(tmp_path / "none.json")


def test_a_policy_of_ten_megabytes_is_refused_without_reading_it(tmp_path):
    file = tmp_path / "big.json"
    file.write_text(json.dumps(policy({**GOOD, "Action": ["s3:GetObject"] * 700_000})))
    with pytest.raises(UsageError, match=r"10\.\d MiB"):
        read_documents(file)


@pytest.mark.parametrize(
    ("statements", "said"),
    [(GOOD, "the policy has no Statement"), ([GOOD], "a policy is an object with a Statement, not a list")],
)
def test_statements_without_a_policy_around_them_are_said_in_a_folder(tmp_path, statements, said):
    (tmp_path / "bare.json").write_text(json.dumps(statements))
    (principal,) = read_documents(tmp_path).principals
    document = principal.policies[0].document
    assert document is not None
    assert said in document.problems
    assert document.place.file == str(tmp_path / "bare.json")


def test_a_folder_in_which_nothing_is_a_policy_is_refused_and_its_plan_named(tmp_path):
    (tmp_path / "package.json").write_text('{"name": "x"}')
    with pytest.raises(UsageError, match="No JSON file of the folder is a policy document"):
        read_documents(tmp_path)
    (tmp_path / "plan.json").write_text('{"format_version": "1.2", "terraform_version": "1.9.5", "planned_values": {}}')
    with pytest.raises(UsageError) as refused:
        read_documents(tmp_path)
    assert refused.value.next.endswith("plan.json")
