"""Whether two versions of the service can live on one schema: its Flyway migrations, compared and read. Pure.

While instances are replaced both versions run on the newer schema, and after a way back the older one does. So what the
newer adds must be invisible to the older: expand now, contract in a later deploy (Ambler and Sadalage, "Refactoring
Databases"). Statements are parsed (sqlglot, MySQL's dialect); what can't be understood is an objection, too.
"""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from opsctl.errors import UsageError

if TYPE_CHECKING:
    from sqlglot import exp

FOLDER = "db/migration/"
VERSIONED = re.compile(r"V(?P<version>\d+(?:[._]\d+)*)__(?P<description>.+)\.sql")
REPEATABLE = re.compile(r"R__(?P<description>.+)\.sql")
HIDDEN = re.compile(r"/\*M?!|\$\{")
"""MySQL and MariaDB execute such comments; Flyway replaces such placeholders. A parser sees neither."""
SHOWN = 90
"""Characters of a statement in a sentence."""
CANT_TELL = "it can't be told what this does to the version that runs"


class NotTheService(UsageError):
    """A file is no jar of the service."""


@dataclass(frozen=True)
class Migration:
    """One file of db/migration.

    Attributes:
        version: as Flyway orders it (1.0 is 1); empty for one that is repeated, or that we can't read.
        text: without a byte order mark, lines ended by a line feed: as Flyway's checksum sees it.
    """

    file: str
    version: tuple[int, ...]
    text: str


Migrations = Mapping[str, Migration]
"""By what Flyway tells them apart by: the version of a versioned one, the name of another."""


@dataclass(frozen=True)
class Objection:
    """Why the version without a migration can't live with it.

    Attributes:
        what: a sentence without its full stop.
    """

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def read_migrations(jar: Path | IO[bytes], shown_as: str) -> Migrations:
    """The migrations in a jar of the service.

    Raises:
        NotTheService: it is no jar, or holds none.
    """
    try:
        with zipfile.ZipFile(jar) as archive:
            found = [
                _migration(name.removeprefix(FOLDER), archive.read(name).decode("utf-8-sig", "replace"))
                for name in sorted(archive.namelist())
                if name.startswith(FOLDER) and not name.endswith("/")
            ]
    except (OSError, zipfile.BadZipFile) as error:
        raise NotTheService(f"{shown_as} is no jar: {error}.") from error
    if not found:
        raise NotTheService(f"{shown_as} is no jar of the service: it holds no {FOLDER}V…__….sql.")
    return {".".join(map(str, one.version)) or one.file: one for one in found}


def _migration(file: str, text: str) -> Migration:
    versioned = VERSIONED.fullmatch(file)
    numbers = [int(number) for number in re.split(r"[._]", versioned["version"])] if versioned else []
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return Migration(file, tuple(numbers), text.replace("\r\n", "\n").replace("\r", "\n"))


def conflicts(running: Migrations, wanted: Migrations) -> tuple[str, ...]:
    """Why Flyway of `wanted` would refuse the schema that `running` made, so that no instance ever became healthy.

    Newer migrations that it does not know are none of them: Flyway ignores those ("*:future", its default).
    Source: Flyway documentation, "Validate", "Ignore Migration Patterns" and "Out Of Order".
    """
    newest_run, newest_wanted = _newest(running), _newest(wanted)
    said = []
    for key, before in running.items():
        after = wanted.get(key)
        if after is None and before.version <= newest_wanted:
            said.append(f"{before.file} has been applied and is gone")
        elif after and before.version and (before.file, before.text) != (after.file, after.text):
            said.append(f"{before.file} has been applied and was changed{_to(before, after)}")
    said += [
        f"{after.file} comes before what has been applied already"
        for key, after in wanted.items()
        if key not in running and after.version and after.version < newest_run
    ]
    return tuple(said)


def _newest(migrations: Migrations) -> tuple[int, ...]:
    return max((one.version for one in migrations.values()), default=())


def _to(before: Migration, after: Migration) -> str:
    return f" (it is called {after.file} now)" if before.file != after.file else ""


def objections(running: Migrations, wanted: Migrations) -> tuple[Objection, ...]:
    """Why `running` and `wanted` can't both work on the newer one's schema. In either direction: for a deploy and for
    the way back to an earlier version.
    """
    import sqlglot  # only a deploy of the service parses SQL
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of each statement that it passes on unread
    newer, older = (wanted, running) if _newest(wanted) >= _newest(running) else (running, wanted)
    schema, found = Schema(), []
    for key, migration in sorted(newer.items(), key=lambda item: (not item[1].version, item[1].version, item[0])):
        is_known = key in older and older[key].text == migration.text
        try:
            if HIDDEN.search(migration.text) or not migration.file.endswith(".sql"):
                raise SqlglotError(migration.file)
            statements = [one for one in sqlglot.parse(migration.text, dialect="mysql") if one is not None]
        except SqlglotError:
            if not is_known:
                found.append(Objection(migration.file, CANT_TELL))
            continue
        for statement in statements:
            if not is_known:
                found += [Objection(migration.file, what) for what in _judge(statement, schema)]
            schema.take(statement, is_new=not is_known)
    return tuple(found)


@dataclass
class Schema:
    """What earlier migrations made, as far as a changed column has to be compared with it.

    Attributes:
        tables: name → column → its definition.
        new: tables that the older version does not know.
    """

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)

    def take(self, statement: exp.Expr, *, is_new: bool) -> None:
        from sqlglot import exp

        if isinstance(statement, exp.Create) and statement.kind == "TABLE":
            name = _table(statement)
            if is_new and name not in self.tables:
                self.new.add(name)
            self.tables.setdefault(name, {_name(one): one for one in statement.this.find_all(exp.ColumnDef)})
        elif isinstance(statement, exp.Alter):
            columns = self.tables.setdefault(_table(statement), {})
            for action in statement.args.get("actions") or ():
                column = action.this if isinstance(action, exp.ModifyColumn) else action
                if isinstance(column, exp.ColumnDef):
                    columns[_name(column)] = column


def _judge(statement: exp.Expr, schema: Schema) -> Iterator[str]:
    """What the older version would notice of a statement."""
    from sqlglot import exp

    if isinstance(statement, exp.Semicolon):
        return
    table = _table(statement)
    said: Iterator[str] = iter([CANT_TELL])
    if isinstance(statement, exp.Create) and statement.kind == "TABLE" and not statement.args.get("replace"):
        said = _new_table(statement, schema)
    elif _is_about_new(statement, schema):
        return
    elif isinstance(statement, exp.Create) and statement.kind == "INDEX":
        said = iter(["a new unique index may refuse what the older version writes"] if statement.args["unique"] else [])
    elif isinstance(statement, exp.Create) and statement.kind == "VIEW" and not statement.args.get("replace"):
        said = iter(())
    elif isinstance(statement, exp.Drop):
        said = iter([f"the older version may need the {str(statement.kind).lower()} that is dropped"])
    elif isinstance(statement, exp.TruncateTable | exp.Delete):
        said = iter([f"it deletes rows of {table}, which the older version uses"])
    elif isinstance(statement, exp.Alter) and (actions := statement.args.get("actions")):
        said = (what for action in actions for what in _judge_action(action, schema.tables.get(table, {})))
    text = " ".join(statement.sql(dialect="mysql", comments=False).split())
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    yield from (f"{what}: {shown}" for what in said)


def _table(statement: exp.Expr) -> str:
    """The table that a statement is about; for an index, the one that has it."""
    from sqlglot import exp

    if isinstance(statement, exp.Create) and statement.kind == "INDEX":
        found = statement.this.args.get("table")
    else:
        found = statement.find(exp.Table)
    return str(found.name).lower() if found is not None else ""


def _name(column: exp.Expr) -> str:
    return str(column.name).lower()


def _is_about_new(statement: exp.Expr, schema: Schema) -> bool:
    """Whether it touches nothing but tables that the older version does not know."""
    from sqlglot import exp

    if isinstance(statement, exp.Insert):  # what it reads stays as it is
        return _table(statement) in schema.new
    return {str(table.name).lower() for table in statement.find_all(exp.Table)} <= schema.new and bool(
        _table(statement)
    )


def _new_table(statement: exp.Create, schema: Schema) -> Iterator[str]:
    """Nobody uses it yet; but its foreign keys may keep the older version from deleting what they point at."""
    from sqlglot import exp

    if not isinstance(statement.this, exp.Schema):
        return
    for reference in statement.this.find_all(exp.Reference):
        parent = reference.find(exp.Table)
        if parent is None or str(parent.name).lower() in schema.new | {_table(statement)}:
            continue
        if not re.search(r"ON DELETE (CASCADE|SET NULL)", " ".join(reference.args.get("options") or ()).upper()):
            yield f"its foreign key keeps the older version from deleting rows of {parent.name}"


def _judge_action(action: exp.Expr, columns: Mapping[str, exp.ColumnDef]) -> Iterator[str]:
    """One action of an ALTER TABLE."""
    from sqlglot import exp

    if isinstance(action, exp.ColumnDef):
        yield from _new_column(action)
    elif isinstance(action, exp.ModifyColumn):
        renamed = action.args.get("rename_from")
        if renamed is not None and str(renamed.name).lower() != _name(action.this):
            yield f"the older version uses column {renamed.name} by its name"
        else:
            yield from _changed_column(columns.get(_name(action.this)), action.this)
    elif isinstance(action, exp.AddConstraint):
        yield from (what for one in action.expressions for what in _new_constraint(one))
    elif isinstance(action, exp.Drop):
        yield f"the older version may need the {str(action.args.get('kind')).lower()} that is dropped"
    elif isinstance(action, exp.AlterColumn) and action.args.get("default") is not None:
        return
    else:
        yield NOTICED.get(type(action).__name__, CANT_TELL)


NOTICED = {
    "AlterRename": "the older version uses the table by its name",
    "RenameColumn": "the older version uses the column by its name",
    "DropPrimaryKey": "the older version may need the primary key",
    "AlterColumn": "the older version may need the column's default",
}
"""What the older version notices of an action of ALTER TABLE that is never safe, by sqlglot's class."""

HARMLESS = {"CommentColumnConstraint", "CharacterSetColumnConstraint", "CollateColumnConstraint",
            "ComputedColumnConstraint", "OnUpdateColumnConstraint", "InvisibleColumnConstraint"}  # fmt: skip
"""Column constraints that the older version doesn't notice of a column that it doesn't know, by sqlglot's class."""


def _new_column(column: exp.ColumnDef) -> Iterator[str]:
    kinds = {type(one.kind).__name__: one.kind for one in column.args.get("constraints") or ()}
    default = kinds.pop("DefaultColumnConstraint", None)
    has_value = default is not None and type(default.this).__name__ != "Null"
    null = kinds.pop("NotNullColumnConstraint", None)
    filled = kinds.keys() & {"ComputedColumnConstraint", "AutoIncrementColumnConstraint"}
    if null is not None and not null.args.get("allow_null") and not has_value and not filled:
        yield f"the older version writes rows without {column.name}, which may not be null and has no default"
    unique = kinds.pop("UniqueColumnConstraint", None)
    if unique is not None and has_value:
        yield f"the older version writes the same {column.name}, its default, in every row, and it must be unique"
    kinds.pop("AutoIncrementColumnConstraint", None)
    if kinds.keys() - HARMLESS:
        yield CANT_TELL


def _new_constraint(constraint: exp.Expr) -> Iterator[str]:
    from sqlglot import exp

    if isinstance(constraint, exp.IndexColumnConstraint):
        return
    kinds: dict[type[exp.Expr], str] = {
        exp.UniqueColumnConstraint: "a new unique constraint",
        exp.ForeignKey: "a new foreign key",
        exp.CheckColumnConstraint: "a new check",
        exp.PrimaryKey: "a new primary key",
    }
    what = next((what for kind, what in kinds.items() if constraint.find(kind) is not None), None)
    yield f"{what} may refuse what the older version writes" if what else CANT_TELL


WIDER = ("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT")
LENGTHENED = {"VARCHAR", "VARBINARY", "DECIMAL"}


def _changed_column(before: exp.ColumnDef | None, after: exp.ColumnDef) -> Iterator[str]:
    """A column may become wider. Everything else that changes, one of the two versions does not expect."""
    if before is None or before.kind is None or after.kind is None:
        yield CANT_TELL
        return
    if not _holds(after.kind, before.kind):
        yield f"{after.name} may not hold what the older version writes (it was {before.kind.sql(dialect='mysql')})"
    was, now = _constraints(before), _constraints(after)
    if was.get("NotNullColumnConstraint") != now.get("NotNullColumnConstraint"):
        yield f"{after.name} changes whether it may be null, which one of the two versions does not expect"
    keys = was.keys() - {"UniqueColumnConstraint", "PrimaryKeyColumnConstraint"}  # MODIFY leaves indexes alone
    lost = {key for key in keys | now.keys() if was.get(key) != now.get(key)}
    if lost - {"NotNullColumnConstraint", "CommentColumnConstraint"}:
        yield f"{after.name} changes more than its width"


def _constraints(column: exp.ColumnDef) -> dict[str, str]:
    """Kind → as SQL. NULL is what a column is without a word, so it says nothing."""
    kinds = [one.kind for one in column.args.get("constraints") or ()]
    return {type(kind).__name__: kind.sql(dialect="mysql") for kind in kinds if not kind.args.get("allow_null")}


def _holds(after: exp.DataType, before: exp.DataType) -> bool:
    """Whether every value of type `before` is one of type `after`."""
    now, was = str(after.this.name), str(before.this.name)
    if now in WIDER and was in WIDER:
        return WIDER.index(now) >= WIDER.index(was)
    sizes, sizes_before = _numbers(after), _numbers(before)
    if now == was and now in LENGTHENED and len(sizes) == len(sizes_before) > 0:
        whole, whole_before = sizes[0] - sum(sizes[1:]), sizes_before[0] - sum(sizes_before[1:])
        return whole >= whole_before and sizes >= sizes_before and sizes[1:] >= sizes_before[1:]
    return bool(after == before)


def _numbers(kind: exp.DataType) -> list[int]:
    """Length, or precision and scale."""
    return [int(one.name) for one in kind.expressions if one.name.isdigit()]
