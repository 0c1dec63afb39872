"""Two versions of the service live on one schema while instances are replaced, and the older one after a way back."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.deploy.migrations import CANT_TELL, Migrations, NotTheService, conflicts, objections, read_migrations

ORDERS = """
CREATE TABLE orders (
    order_id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,
    customer VARCHAR(200) NOT NULL,
    quantity INT NOT NULL,
    price DECIMAL(10, 2) NOT NULL DEFAULT 0,
    note VARCHAR(100) NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
"""


def jar(**files: str) -> Migrations:
    """`V1__orders=…` is db/migration/V1__orders.sql."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in {"V1__orders": ORDERS, **files}.items():
            archive.writestr(f"db/migration/{name}.sql", text)
    return read_migrations(body, "the jar")


RUNNING = jar()

INVISIBLE = (
    "ALTER TABLE orders ADD COLUMN colour VARCHAR(20)",
    "ALTER TABLE orders ADD COLUMN colour VARCHAR(20) NULL COMMENT 'of the parcel' AFTER customer",
    "ALTER TABLE orders ADD COLUMN colour VARCHAR(20) NOT NULL DEFAULT 'red', ADD INDEX by_colour (colour)",
    "ALTER TABLE orders ADD COLUMN added TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
    "ALTER TABLE orders ADD COLUMN total DECIMAL(12,2) GENERATED ALWAYS AS (quantity * price) STORED",
    "ALTER TABLE orders ADD COLUMN coupon VARCHAR(20) UNIQUE",
    "ALTER TABLE orders ADD COLUMN colour INT, ALGORITHM=INPLACE, LOCK=NONE",
    "CREATE INDEX by_customer ON orders (customer)",
    "ALTER TABLE orders ADD FULLTEXT INDEX words (note)",
    "CREATE TABLE parcels (id INT PRIMARY KEY, colour VARCHAR(20) UNIQUE)",
    "CREATE TABLE parcels (id INT); ALTER TABLE parcels DROP COLUMN id; DROP TABLE parcels",
    "CREATE TABLE parcels (id INT); INSERT INTO parcels SELECT quantity FROM orders; UPDATE parcels SET id = 1",
    "CREATE TABLE a (id CHAR(36), FOREIGN KEY (id) REFERENCES orders (order_id) ON DELETE CASCADE)",
    "CREATE VIEW many AS SELECT * FROM orders WHERE quantity > 100",
    "ALTER TABLE orders MODIFY COLUMN customer VARCHAR(400) NOT NULL",
    "ALTER TABLE orders MODIFY quantity BIGINT NOT NULL",
    "ALTER TABLE orders MODIFY price DECIMAL(14, 4) NOT NULL DEFAULT 0",
    "ALTER TABLE orders ALTER COLUMN note SET DEFAULT 'none'",
    "-- nothing but a comment\n;",
)  # fmt: skip

NOTICED = {
    "ALTER TABLE orders DROP COLUMN note": "may need the column that is dropped",
    "ALTER TABLE orders DROP note": "may need the column that is dropped",
    "ALTER TABLE orders ADD COLUMN a INT, DROP COLUMN note": "may need the column that is dropped",
    "DROP TABLE orders": "may need the table that is dropped",
    "DROP INDEX by_customer ON orders": "may need the index that is dropped",
    "ALTER TABLE orders DROP FOREIGN KEY parent": "may need the foreign key that is dropped",
    "ALTER TABLE orders DROP PRIMARY KEY": "may need the primary key",
    "ALTER TABLE orders RENAME COLUMN note TO remark": "uses the column by its name",
    "ALTER TABLE orders CHANGE COLUMN note remark VARCHAR(100)": "uses column note by its name",
    "ALTER TABLE orders RENAME TO old_orders": "uses the table by its name",
    "CREATE TABLE fresh (id INT); ALTER TABLE fresh RENAME TO orders": "uses the table by its name",
    "ALTER TABLE orders ADD COLUMN colour VARCHAR(20) NOT NULL": "may not be null and has no default",
    "ALTER TABLE orders ADD COLUMN colour VARCHAR(20) NOT NULL DEFAULT NULL": "may not be null and has no default",
    "ALTER TABLE orders ADD COLUMN code INT DEFAULT 7 UNIQUE": "it must be unique",
    "ALTER TABLE orders MODIFY COLUMN customer VARCHAR(100) NOT NULL": "may not hold what the older version writes",
    "ALTER TABLE orders MODIFY COLUMN quantity SMALLINT NOT NULL": "may not hold what the older version writes",
    "ALTER TABLE orders MODIFY COLUMN price DECIMAL(10, 4) NOT NULL DEFAULT 0": "may not hold",
    "ALTER TABLE orders MODIFY COLUMN customer TEXT NOT NULL": "may not hold what the older version writes",
    "ALTER TABLE orders MODIFY COLUMN note VARCHAR(100) NOT NULL": "whether it may be null",
    "ALTER TABLE orders MODIFY COLUMN customer VARCHAR(200)": "whether it may be null",
    "ALTER TABLE orders MODIFY COLUMN price DECIMAL(10, 2) NOT NULL": "changes more than its width",
    "ALTER TABLE orders MODIFY COLUMN customer VARCHAR(200) CHARACTER SET ascii NOT NULL": "more than its width",
    "ALTER TABLE orders ALTER COLUMN price DROP DEFAULT": "may need the column's default",
    "CREATE UNIQUE INDEX one ON orders (customer)": "unique index may refuse",
    "ALTER TABLE orders ADD UNIQUE KEY one (customer)": "unique constraint may refuse",
    "ALTER TABLE orders ADD CONSTRAINT one UNIQUE (customer)": "unique constraint may refuse",
    "ALTER TABLE orders ADD CONSTRAINT one CHECK (quantity > 1)": "check may refuse",
    "ALTER TABLE orders ADD CONSTRAINT one FOREIGN KEY (customer) REFERENCES customers (id)": "foreign key may refuse",
    "ALTER TABLE orders ADD PRIMARY KEY (customer)": "primary key may refuse",
    "CREATE TABLE a (id CHAR(36), FOREIGN KEY (id) REFERENCES orders (order_id))": "from deleting rows of orders",
    "CREATE TABLE a (id CHAR(36) REFERENCES orders (order_id))": "from deleting rows of orders",
    "CREATE TABLE a (id INT); ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES orders (order_id)": "a new foreign key",
    "CREATE TABLE a (id INT); DELETE orders FROM a JOIN orders ON a.id = orders.order_id": "deletes rows",
    "TRUNCATE TABLE orders": "deletes rows of orders",
    "DELETE FROM orders WHERE quantity = 0": "deletes rows of orders",
}  # fmt: skip

UNCLEAR = (
    "UPDATE orders SET note = 'none'",
    "INSERT INTO orders (order_id) VALUES ('1')",
    "ALTER TABLE orders ADD COLUMN (a INT, b INT)",
    "ALTER TABLE orders CONVERT TO CHARACTER SET utf8mb4",
    "ALTER TABLE orders MODIFY COLUMN nobody_knows INT",
    "ALTER TABLE orders ADD COLUMN a INT CHECK (a > 1)",
    "RENAME TABLE orders TO old_orders",
    "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = 1",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "CREATE OR REPLACE TABLE orders (id INT)",
    "SET foreign_key_checks = 0",
    "/*!50001 DROP TABLE orders */",
    "/*M! DROP TABLE orders */",
    "ALTER TABLE ${table} DROP COLUMN note",
    "this is no SQL at all (",
)


def said(sql: str) -> list[str]:
    return [objection.what for objection in objections(RUNNING, jar(V2__next=sql))]


@pytest.mark.parametrize("sql", INVISIBLE)
def test_what_only_adds_lets_the_older_version_live_on(sql: str) -> None:
    assert said(sql) == []


@pytest.mark.parametrize(("sql", "reason"), NOTICED.items())
def test_what_the_older_version_would_notice_is_named_with_its_statement(sql: str, reason: str) -> None:
    [what] = said(sql)
    assert reason in what


@pytest.mark.parametrize("sql", UNCLEAR)
def test_what_cant_be_understood_is_an_objection(sql: str) -> None:
    assert any(CANT_TELL in what for what in said(sql))


def test_a_column_is_compared_with_what_the_migrations_before_made_of_it() -> None:
    wide = "ALTER TABLE orders MODIFY COLUMN note VARCHAR(300) NULL"
    running = jar(V2__wide=wide)
    [found] = objections(running, jar(V2__wide=wide, V3__narrow="ALTER TABLE orders MODIFY COLUMN note VARCHAR(200)"))
    assert found.file == "V3__narrow.sql"
    assert "may not hold" in found.what


def test_only_what_is_new_is_judged() -> None:
    drop = "ALTER TABLE orders DROP COLUMN note"
    assert objections(jar(V2__drop=drop), jar(V2__drop=drop)) == ()


def test_the_way_back_is_judged_by_what_the_older_version_does_not_know() -> None:
    newer = jar(V2__colour="ALTER TABLE orders ADD COLUMN colour INT")
    broken = jar(V2__colour="ALTER TABLE orders DROP COLUMN note")
    assert (conflicts(newer, RUNNING), objections(newer, RUNNING)) == ((), ())
    assert conflicts(broken, RUNNING) == ()
    assert "may need the column" in objections(broken, RUNNING)[0].what


def test_a_table_that_was_there_before_is_not_free_to_be_dropped() -> None:
    assert "may need the table" in said("CREATE TABLE IF NOT EXISTS orders (id INT); DROP TABLE orders")[0]


def test_a_repeated_migration_is_judged_when_it_is_new_or_changed() -> None:
    view = "CREATE OR REPLACE VIEW v AS SELECT 1"
    assert CANT_TELL in objections(RUNNING, jar(R__view=view))[0].what
    assert objections(jar(R__view=view), jar(R__view=view)) == ()


TABLE = "CREATE TABLE a (id INT)"


@pytest.mark.parametrize(
    ("running", "wanted", "reason"),
    [
        (jar(V2__a=TABLE), jar(V2__a="CREATE TABLE a (id BIGINT)"), "V2__a.sql has been applied and was changed"),
        (jar(V2__a=TABLE), jar(V2__b=TABLE), "it is called V2__b.sql now"),
        (jar(V2__a=TABLE), jar(V3__b="CREATE TABLE b (id INT)"), "V2__a.sql has been applied and is gone"),
        (jar(V2__a=TABLE), jar(V2__a=TABLE, V1_5__b="CREATE TABLE b (id INT)"), "V1_5__b.sql comes before"),
        (jar(R__view="CREATE VIEW v AS SELECT 1"), jar(), "R__view.sql has been applied and is gone"),
    ],
)
def test_what_flyway_would_refuse_is_found_before_an_instance_meets_it(
    running: Migrations, wanted: Migrations, reason: str
) -> None:
    assert any(reason in conflict for conflict in conflicts(running, wanted))


def test_line_ends_and_a_byte_order_mark_change_nothing_as_for_flyway() -> None:
    assert conflicts(jar(V2__a="CREATE TABLE a (\nid INT)"), jar(V2__a="\ufeffCREATE TABLE a (\r\nid INT)")) == ()


def test_newer_migrations_are_none_of_flyways_business_on_the_way_back() -> None:
    assert conflicts(jar(V2__a="CREATE TABLE a (id INT)", V3__b="CREATE TABLE b (id INT)"), RUNNING) == ()


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 not quite", b"a text"])
def test_a_file_that_is_no_jar_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NotTheService, match=r"order\.jar is no jar"):
        read_migrations(io.BytesIO(body), "order.jar")


def test_a_jar_without_migrations_is_not_the_service() -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "")
    with pytest.raises(NotTheService, match=r"holds no db/migration"):
        read_migrations(body, "other.jar")


@given(st.text(max_size=80))
def test_no_text_breaks_the_judgement_and_none_but_comments_is_passed_unread(text: str) -> None:
    for objection in objections(RUNNING, jar(V2__any=text)):
        assert objection.what
