"""AWS's own managed policies, by ARN."""

from __future__ import annotations

from opsctl.iam import managed

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def test_what_administrators_may_do_is_known_without_an_account() -> None:
    document = managed.document_of(ADMINISTRATOR)
    assert document is not None
    assert [(each.effect, each.actions, each.resources) for each in document.statements] == [("Allow", ("*",), ("*",))]


def test_every_policy_has_statements_and_nothing_that_could_not_be_read() -> None:
    documents = {name: managed.document_of(managed.arn_named(name)) for name in managed.names()}
    assert len(documents) > 1500
    assert [name for name, document in documents.items() if not document or not document.statements] == []


def test_a_policy_below_a_path_is_found_by_its_name() -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    assert managed.arn_named("AWSLambdaBasicExecutionRole") == arn
    assert managed.document_of(arn) is not None


def test_an_account_s_own_policy_of_the_same_name_is_not_aws_s() -> None:
    assert managed.document_of("arn:aws:iam::123456789012:policy/AdministratorAccess") is None
    assert managed.document_of("arn:aws:iam::aws:policy/some-path/AdministratorAccess") is None
    assert managed.document_of("arn:aws:iam::aws:policy/NoSuchPolicy") is None


def test_what_is_compiled_is_the_same_for_the_same_policies() -> None:
    policy = {"Path": "/", "UpdateDate": "2026-01-02T00:00:00Z", "Document": {"Statement": []}}
    assert managed.compiled({"A": policy, "B": policy}) == managed.compiled({"B": policy, "A": policy})
