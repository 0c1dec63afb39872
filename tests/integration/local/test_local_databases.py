"""An RDS instance is a database: one MariaDB for all tests of this file, in the cloud that the folder shares."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest
from local_clouds import Client, processes_of

from opsctl.local import LocalCloud, Running

SECONDS = 120


def until(true: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@dataclass
class Database:
    """What a test asks of the instance `orders-db`."""

    client: Client
    group: str
    authority: Path
    work: Path
    name: str = "orders-db"

    def describe(self) -> dict[str, Any]:
        return dict(self.client("rds").describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0])

    def wait_for(self, status: str) -> dict[str, Any]:
        until(lambda: self.describe()["DBInstanceStatus"] == status, f"{self.name} is {status}")
        return self.describe()

    def master(self) -> dict[str, str]:
        arn = self.describe()["MasterUserSecret"]["SecretArn"]
        return dict(json.loads(self.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]))

    def connect(self, **settings: Any) -> pymysql.connections.Connection[Any]:
        endpoint, login = self.describe()["Endpoint"], self.master()
        defaults: dict[str, Any] = {
            "host": endpoint["Address"], "port": endpoint["Port"], "user": login["username"],
            "password": login["password"], "database": "orders", "autocommit": True, "connect_timeout": 5,
            "ssl": ssl.create_default_context(cafile=str(self.authority)),
        }  # fmt: skip
        return pymysql.connect(**{**defaults, **settings})

    def rows(self, statement: str) -> list[Any]:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def process(self) -> int | None:
        """The one server that runs, or None while there is none."""
        return next((pid for pid in processes_of(self.work) if _program(pid) == "mariadbd"), None)

    def open_to_us(self) -> None:
        self._rule("authorize_security_group_ingress")

    def close_to_us(self) -> None:
        self._rule("revoke_security_group_ingress")

    def _rule(self, action: str) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": 3307, "ToPort": 3307, "IpRanges": [{"CidrIp": "127.0.0.1/32"}]}
        getattr(self.client("ec2"), action)(GroupId=self.group, IpPermissions=[rule])


def _program(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def create(client: Client, group: str, name: str, **settings: Any) -> None:
    client("rds").create_db_instance(
        DBInstanceIdentifier=name, Engine="mysql", EngineVersion="8.4", DBInstanceClass="db.t4g.micro", DBName="orders",
        MasterUsername="master", AllocatedStorage=20, Port=3307, VpcSecurityGroupIds=[group],
        EnableCloudwatchLogsExports=["error", "slowquery"], **({"ManageMasterUserPassword": True} | settings),
    )  # fmt: skip


@pytest.fixture(scope="session")
def database(client: Client, running: Running) -> Iterator[Database]:
    work = Path(f"/proc/{running.pid}/cwd").readlink()
    vpc = client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = client("ec2").create_security_group(GroupName="orders-db", Description="MySQL", VpcId=vpc)["GroupId"]
    client("rds").create_db_parameter_group(
        DBParameterGroupName="orders-db", DBParameterGroupFamily="mysql8.4", Description="TLS only"
    )
    set_parameters(
        client, require_secure_transport="1", max_connections="60", slow_query_log="1", long_query_time="1",
        log_output="FILE", gtid_mode="ON",
    )  # fmt: skip
    for kind in ("error", "slowquery"):
        client("logs").create_log_group(logGroupName=f"/aws/rds/instance/orders-db/{kind}")
    database = Database(client, group, work / "authority" / "authority.crt", work)
    create(client, group, "orders-db", DBParameterGroupName="orders-db")
    assert database.describe()["DBInstanceStatus"] == "creating"
    database.wait_for("available")
    database.open_to_us()
    yield database
    client("rds").delete_db_instance(DBInstanceIdentifier="orders-db", SkipFinalSnapshot=True)


def set_parameters(client: Client, method: str = "immediate", **values: str) -> None:
    client("rds").modify_db_parameter_group(
        DBParameterGroupName="orders-db",
        Parameters=[
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method} for name, value in values.items()
        ],
    )


def events(client: Client, kind: str) -> list[str]:
    group = f"/aws/rds/instance/orders-db/{kind}"
    return [event["message"] for event in client("logs").filter_log_events(logGroupName=group)["events"]]


def test_the_master_user_signs_in_with_tls_and_the_managed_password(database: Database) -> None:
    assert database.describe()["Endpoint"]["Address"].startswith("127.")
    assert database.describe()["Endpoint"]["Port"] == 3307
    rows = database.rows("SHOW STATUS LIKE 'Ssl_version'")
    assert rows[0][1] in ("TLSv1.2", "TLSv1.3")
    assert database.rows("SELECT @@innodb_flush_log_at_trx_commit, DATABASE()") == [(1, "orders")]


def test_a_connection_without_tls_is_refused(database: Database) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="insecure transport"):
        database.connect(ssl=None, ssl_disabled=True)


def test_nobody_signs_in_as_root(database: Database) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        database.connect(user="root", password="", database=None)


def test_who_no_rule_lets_in_gets_no_connection(database: Database) -> None:
    database.close_to_us()
    try:
        with pytest.raises(pymysql.err.OperationalError):
            database.connect()
    finally:
        database.open_to_us()
    assert database.rows("SELECT 1") == [(1,)]


def test_settings_of_the_parameter_group_are_the_servers(database: Database, client: Client) -> None:
    assert database.rows("SELECT @@max_connections, @@require_secure_transport") == [(60, 1)]
    set_parameters(client, max_connections="70")
    assert database.rows("SELECT @@max_connections") == [(70,)]
    set_parameters(client, max_connections="60")


def test_a_setting_that_mariadb_does_not_know_is_told_in_the_error_log(database: Database, client: Client) -> None:
    until(lambda: any("gtid_mode" in line for line in events(client, "error")), "a line about gtid_mode")


def test_a_static_setting_waits_for_a_reboot(database: Database, client: Client) -> None:
    set_parameters(client, method="pending-reboot", tls_version="TLSv1.3")
    assert database.rows("SELECT @@tls_version") != [("TLSv1.3",)]
    assert database.describe()["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    client("rds").reboot_db_instance(DBInstanceIdentifier="orders-db")
    database.wait_for("available")
    assert database.rows("SELECT @@tls_version") == [("TLSv1.3",)]
    assert database.describe()["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


def test_rows_outlive_a_stop(database: Database, client: Client) -> None:
    database.rows("CREATE TABLE kept (n INT PRIMARY KEY)")
    database.rows("INSERT INTO kept VALUES (1), (2)")
    assert client("rds").stop_db_instance(DBInstanceIdentifier="orders-db")["DBInstance"]["DBInstanceStatus"] == (
        "stopping"
    )
    endpoint = database.wait_for("stopped")["Endpoint"]
    with pytest.raises(OSError), socket.create_connection((endpoint["Address"], endpoint["Port"]), timeout=2):
        pass
    client("rds").start_db_instance(DBInstanceIdentifier="orders-db")
    database.wait_for("available")
    assert database.rows("SELECT n FROM kept ORDER BY n") == [(1,), (2,)]


def test_a_new_master_password_is_in_the_secret_and_in_the_server(database: Database, client: Client) -> None:
    old = database.master()["password"]
    client("rds").modify_db_instance(
        DBInstanceIdentifier="orders-db", RotateMasterUserPassword=True, ApplyImmediately=True
    )
    assert database.master()["password"] != old
    assert database.rows("SELECT 1") == [(1,)]
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        database.connect(password=old)


def test_a_slow_statement_is_in_the_log_group(database: Database, client: Client) -> None:
    database.rows("SELECT SLEEP(1.1) AS dawdling")
    event = until(
        lambda: next((each for each in events(client, "slowquery") if "dawdling" in each), None), "the slow statement"
    )
    assert "Query_time: 1.1" in event


def test_a_killed_server_is_started_again_and_no_acknowledged_row_is_lost(database: Database, client: Client) -> None:
    database.rows("CREATE TABLE written (n INT PRIMARY KEY)")
    acknowledged: list[int] = []
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            with contextlib.suppress(pymysql.Error, OSError), contextlib.closing(database.connect()) as connection:
                while not ended.is_set():
                    number += 1
                    with connection.cursor() as cursor:
                        cursor.execute(f"INSERT INTO written VALUES ({number})")
                    acknowledged.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            until(lambda: len(acknowledged) > 20, "rows are written")
            killed = database.process()
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            until(lambda: database.process() not in (killed, None), "another server runs")  # noqa: B023
            before = len(acknowledged)
            until(lambda: len(acknowledged) > before + 20, "the writer goes on")  # noqa: B023
    finally:
        ended.set()
        writer.join(SECONDS)
    stored = {row[0] for row in database.rows("SELECT n FROM written")}
    assert set(acknowledged) <= stored
    assert len(acknowledged) > 60
    until(lambda: any("ended (-9) by itself" in line for line in events(client, "error")), "a line about the crash")


def test_metrics_are_published_as_rds_does(database: Database, client: Client) -> None:
    def average(metric: str, unit: str) -> float | None:
        now = datetime.now(UTC)
        points = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/RDS", MetricName=metric, Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "orders-db"}],
            StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=2), Period=60,
            Statistics=["Average"], Unit=unit,
        )["Datapoints"]  # fmt: skip
        return points[-1]["Average"] if points else None

    with contextlib.closing(database.connect()):
        until(lambda: (average("DatabaseConnections", "Count") or 0) > 0, "a connection is counted")
    free = average("FreeStorageSpace", "Bytes")
    assert free is not None
    assert 0 < free < 20 * 2**30
    assert (average("FreeableMemory", "Bytes") or 0) > 2**20
    until(lambda: average("CPUUtilization", "Percent") is not None, "CPUUtilization")
    until(lambda: average("WriteIOPS", "Count/Second") is not None, "WriteIOPS")


def test_an_instance_with_a_given_password_takes_another_and_leaves_nothing_when_deleted(
    database: Database, client: Client
) -> None:
    create(client, database.group, "short-lived", ManageMasterUserPassword=False, MasterUserPassword="the first one")
    short = Database(client, database.group, database.authority, database.work, "short-lived")
    address = short.wait_for("available")["Endpoint"]["Address"]
    known = {"host": address, "user": "master", "password": "the first one"}
    database.connect(**known).close()
    client("rds").modify_db_instance(
        DBInstanceIdentifier="short-lived", MasterUserPassword="another", ApplyImmediately=True
    )
    database.connect(**{**known, "password": "another"}).close()
    folder = next((database.work / "databases").glob("*/*/short-lived"))
    client("rds").delete_db_instance(DBInstanceIdentifier="short-lived", SkipFinalSnapshot=True)
    assert not folder.exists()
    with pytest.raises(OSError), socket.create_connection((address, 3307), timeout=2):
        pass
    assert database.rows("SELECT 1") == [(1,)]


def test_a_broken_data_folder_ends_in_a_status_and_can_be_mended(client: Client, database: Database) -> None:
    create(client, database.group, "broken")
    broken = Database(client, database.group, database.authority, database.work, "broken")
    broken.wait_for("available")
    folder = next((database.work / "databases").glob("*/*/broken"))
    client("rds").stop_db_instance(DBInstanceIdentifier="broken")
    broken.wait_for("stopped")
    good = (folder / "data" / "ibdata1").read_bytes()
    (folder / "data" / "ibdata1").write_bytes(b"\0" * 1000)
    client("rds").start_db_instance(DBInstanceIdentifier="broken")
    broken.wait_for("failed")
    (folder / "data" / "ibdata1").write_bytes(good)
    client("rds").start_db_instance(DBInstanceIdentifier="broken")
    broken.wait_for("available")
    client("rds").delete_db_instance(DBInstanceIdentifier="broken", SkipFinalSnapshot=True)


def test_a_setting_that_no_server_can_take_is_a_status_until_it_is_mended(database: Database, client: Client) -> None:
    set_parameters(client, method="pending-reboot", sql_mode="NO_SUCH_MODE")
    client("rds").reboot_db_instance(DBInstanceIdentifier="orders-db")
    database.wait_for("incompatible-parameters")
    until(lambda: any("NO_SUCH_MODE" in line for line in events(client, "error")), "a line about sql_mode")
    set_parameters(client, method="pending-reboot", sql_mode="STRICT_TRANS_TABLES")
    client("rds").reboot_db_instance(DBInstanceIdentifier="orders-db")
    database.wait_for("available")
    assert database.rows("SELECT @@sql_mode") == [("STRICT_TRANS_TABLES",)]


def test_storage_outlives_the_cloud_and_no_process_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from local_clouds import ACCOUNT, REGION, client_of

    monkeypatch.setenv("OPSCTL_LOCAL_PORT", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    cloud = LocalCloud(tmp_path, ACCOUNT, REGION)
    try:
        for number in (1, 2):
            running = cloud.start()

            def client(service: str, *, running: Running = running) -> Any:
                return client_of(running, service)

            vpc = client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
            group = client("ec2").create_security_group(GroupName="a", Description="a", VpcId=vpc)["GroupId"]
            create(client, group, "orders-db")
            database = Database(client, group, tmp_path / "authority" / "authority.crt", tmp_path)
            database.wait_for("available")
            database.open_to_us()
            if number == 1:
                database.rows("CREATE TABLE kept (n INT PRIMARY KEY)")
                # The worst that can happen to the daemon: its database stays behind until somebody stops the cloud.
                os.kill(running.pid, signal.SIGKILL)
            else:
                assert database.rows("SHOW TABLES") == [("kept",)]
            cloud.stop()
            assert processes_of(tmp_path) == []
    finally:
        cloud.stop()
