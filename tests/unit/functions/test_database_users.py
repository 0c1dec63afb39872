from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
from conftest import function_modules

EVENT = {"user": "orders_service", "schema": "orders", "authentication": "iam"}


@pytest.fixture(scope="module")
def users() -> Iterator[ModuleType]:
    with function_modules("database-user", "database") as load:
        yield load("users")


def test_with_iam_the_user_has_rdss_plugin_and_no_password(users: ModuleType) -> None:
    create, alter, _ = users.statements(users.parse(EVENT), None)
    assert create == (
        "CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'",
        ("orders_service",),
    )
    assert alter[0].endswith("IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL")


def test_a_password_is_a_value_and_no_part_of_the_sql(users: ModuleType) -> None:
    made = users.statements(users.parse({**EVENT, "authentication": "password"}), "a'secret")
    assert not any("secret" in sql for sql, _ in made)
    assert [values for _, values in made] == [("orders_service", "a'secret")] * 2 + [("orders_service",)]


def test_a_user_may_migrate_and_work_on_its_own_schema_and_nothing_else(users: ModuleType) -> None:
    *_, (grant, _) = users.statements(users.parse(EVENT), None)
    assert grant == (
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON `orders`.* TO %s@'%%'"
    )


def test_an_underscore_in_the_schema_stands_for_itself(users: ModuleType) -> None:
    *_, (grant, _) = users.statements(users.parse({**EVENT, "schema": "my_orders"}), None)
    assert "ON `my\\_orders`.*" in grant


def test_a_password_with_iam_or_none_without_is_refused(users: ModuleType) -> None:
    with pytest.raises(users.BadRequest):
        users.statements(users.parse(EVENT), "secret")
    with pytest.raises(users.BadRequest):
        users.statements(users.parse({**EVENT, "authentication": "password"}), None)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"user": "Robert'); DROP TABLE orders;--"}, "user"),
        ({"user": ""}, "user"),
        ({"user": None}, "user"),
        ({"schema": "orders`.*"}, "schema"),
        ({"schema": "orders\n"}, "schema"),
        ({"authentication": "none"}, "authentication"),
    ],
)
def test_what_can_not_be_done_is_refused_by_name(users: ModuleType, change: dict[str, object], what: str) -> None:
    with pytest.raises(users.BadRequest, match=what):
        users.parse({**EVENT, **change})
