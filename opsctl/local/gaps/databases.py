"""RDS: an instance of MySQL or MariaDB is a database that answers, has its own address, and is restarted when it dies.

moto keeps records only: available at once, stopped at once, at a host name that nothing resolves. Here each record has
a MariaDB process (opsctl.local.databases) on a loopback address of its own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from base64 import b32encode
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from opsctl.local.databases.instance import ENGINES, Instance, loopback_address
from opsctl.local.emulators import in_moto
from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import every

SAMPLE_SECONDS = 5.0
"""RDS publishes each minute, what is an average of more than one look."""
LOG_SECONDS = 1.0
TRUST = "DB_TLS_CA"
"""Environment variable that names the authority of the databases' certificates, for functions."""

WORK: dict[str, Callable[[Instance], Awaitable[None]]] = {
    "StartDBInstance": Instance.launch,
    "StopDBInstance": Instance.halt,
    "RebootDBInstance": Instance.reboot,
}
CHANGES = ("Create", "Modify", "Delete", "Restore", "Reset")


class Databases(Gap):
    async def install(self) -> None:
        self._instances: list[tuple[str, str, Instance]] = []
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="database")
        self._change_moto()
        os.environ[TRUST] = str(self.cloud.authority.certificate_file)
        self._watching = [
            asyncio.create_task(every(SAMPLE_SECONDS, self._measure)),
            asyncio.create_task(every(LOG_SECONDS, self._publish_logs)),
        ]

    async def uninstall(self) -> None:
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*(instance.end() for _, _, instance in self._instances), return_exceptions=True)

    def wants(self, request: Request) -> bool:
        return request.service == "rds"

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        action = request.form.get("Action", "")
        if response.status == 200 and (action.startswith(CHANGES) or action in WORK):
            account_id = self.cloud.account_of(request)
            await self._reconcile(account_id, request.region)
            if action in WORK:
                for instance in self._of(account_id, request.region):
                    if instance.record.db_instance_identifier == request.form.get("DBInstanceIdentifier", "").lower():
                        instance.begin(WORK[action])
        return response

    async def _reconcile(self, account_id: str, region: str) -> None:
        """Have an instance for each record, and none without; hand on what was changed in a record or a group."""
        records = [
            record
            for record in in_moto("rds", account_id, region).databases.values()
            if hasattr(record, "loopback_address")
        ]
        for entry in [each for each in self._instances if each[:2] == (account_id, region)]:
            if entry in self._instances and not any(entry[2].record is record for record in records):
                self._instances.remove(entry)
                await entry[2].delete()
        for record in records:
            instance = next((known for known in self._of(account_id, region) if known.record is record), None)
            if instance is None:
                instance = Instance(self.cloud, account_id, region, record, self._in_thread)
                self._instances.append((account_id, region, instance))
                instance.begin(Instance.launch)
            elif instance.identifier != record.db_instance_identifier:
                record.status = "rebooting"
                instance.begin(Instance.reboot)
            else:
                applied = instance.begin(Instance.apply)
                if record.status == "available":  # nothing else is being done to it that would take long
                    await applied

    def _of(self, account_id: str, region: str) -> list[Instance]:
        return [instance for *place, instance in self._instances if place == [account_id, region]]

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *arguments))

    async def _measure(self) -> None:
        at = asyncio.get_running_loop().time()
        await asyncio.gather(*(instance.measure(at) for _, _, instance in self._instances))

    def _publish_logs(self) -> None:
        for _, _, instance in self._instances:
            instance.publish_logs()

    def _change_moto(self) -> None:
        from moto.rds.exceptions import InvalidDBInstanceStateError
        from moto.rds.models import DBInstance, RDSBackend

        work = self.cloud.work
        make, address = DBInstance.__init__, DBInstance.address
        stop, start = RDSBackend.stop_db_instance, RDSBackend.start_db_instance

        def made(record: Any, *arguments: Any, **named: Any) -> None:
            make(record, *arguments, **named)
            record.parameter_status = "in-sync"
            if record.engine.lower() in ENGINES and record.db_cluster_identifier is None:
                record.status = "creating"
                record.loopback_address = loopback_address(work, record.db_instance_arn, int(record.port))
            # moto gives all instances the same one.
            record.dbi_resource_id = f"db-{b32encode(secrets.token_bytes(20))[:26].decode()}"

        def stopping(backend: Any, *arguments: Any, **named: Any) -> Any:
            record = stop(backend, *arguments, **named)
            record.status = "stopping" if hasattr(record, "loopback_address") else record.status
            return record

        def starting(backend: Any, db_instance_identifier: str) -> Any:
            record = backend.describe_db_instances(db_instance_identifier)[0]
            if record.status in ("failed", "storage-full", "incompatible-parameters"):
                record.status = "stopped"
            record = start(backend, db_instance_identifier)
            record.status = "starting" if hasattr(record, "loopback_address") else record.status
            return record

        def rebooting(backend: Any, db_instance_identifier: str) -> Any:
            record = backend.describe_db_instances(db_instance_identifier)[0]
            if hasattr(record, "loopback_address"):
                if record.status in ("creating", "stopping", "stopped", "starting", "rebooting"):
                    raise InvalidDBInstanceStateError(db_instance_identifier, "reboot")
                record.status = "rebooting"
            return record

        def group_statuses(record: Any) -> Any:
            groups = record.db_parameter_groups()
            for group in groups:
                group.ParameterApplyStatus = record.parameter_status
            return groups

        DBInstance.__init__ = made
        DBInstance.address = property(lambda record: getattr(record, "loopback_address", "") or address.fget(record))
        DBInstance.db_parameter_group_status_list = property(group_statuses)
        RDSBackend.stop_db_instance, RDSBackend.start_db_instance = stopping, starting
        RDSBackend.reboot_db_instance = rebooting
