"""DynamoDB: metrics of each table, namespace AWS/DynamoDB. MiniStack publishes none.

Source: DynamoDB developer guide, "DynamoDB metrics and dimensions"
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html). Throttling never happens
here, and so is never published, as on AWS. Units of a read are the emulator's (0.5 or 1, whatever the size); those of
batches and transactions come from what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric
from opsctl.local.observing import observe

Data = dict[str, Any]

NOT_USER_ERRORS = (b"ConditionalCheckFailed", b"ProvisionedThroughputExceeded")
COUNT = re.compile(rb'"Count":\s*(\d+)')
"""Of the answer itself: an attribute of that name has an object for a value."""


def _one(data: Data) -> Iterable[str]:
    return [data["TableName"]] if "TableName" in data else []


def _batch(data: Data) -> Iterable[str]:
    return data.get("RequestItems") or {}


def _transaction(data: Data) -> Iterable[str]:
    items = data.get("TransactItems") or []
    return {action["TableName"]: None for item in items for action in item.values() if "TableName" in action}


OPERATIONS: dict[str, tuple[str, Callable[[Data], Iterable[str]]]] = {
    "PutItem": ("_put_item", _one),
    "GetItem": ("_get_item", _one),
    "UpdateItem": ("_update_item", _one),
    "DeleteItem": ("_delete_item", _one),
    "Query": ("_query", _one),
    "Scan": ("_scan", _one),
    "BatchWriteItem": ("_batch_write_item", _batch),
    "BatchGetItem": ("_batch_get_item", _batch),
    "TransactWriteItems": ("_transact_write_items", _transaction),
    "TransactGetItems": ("_transact_get_items", _transaction),
}
"""Operation → the emulator's function, and the tables of a request."""


class TableMetrics(Gap):
    async def install(self) -> None:
        from ministack.core import responses
        from ministack.services import dynamodb

        self._dynamodb, self._scope = dynamodb, responses
        self._capacity = dynamodb._add_consumed_capacity
        observe(dynamodb, "_add_consumed_capacity", self._consumed)
        for operation, (function, tables) in OPERATIONS.items():
            observe(dynamodb, function, partial(self._answered, operation, tables))

    def _record(self, name: str, value: float, unit: str = "Count", **dimensions: str) -> None:
        account_id, region = self._scope.get_account_id(), self._scope.get_region()
        measured = metric(account_id, region, "AWS/DynamoDB", name, tuple(dimensions.items()), unit)
        self.cloud.metrics.record(measured, value)

    def _answered(
        self, operation: str, tables: Callable[[Data], Iterable[str]], answer: tuple[int, Any, bytes], seconds: float,
        data: Data,
    ) -> None:  # fmt: skip
        status, _, body = answer
        content = body if isinstance(body, bytes) else str(body).encode()
        names = [_name(table) for table in tables(data)]
        if status == 400 and not any(error in content for error in NOT_USER_ERRORS):
            self._record("UserErrors", 1)  # of the account: it has no dimension
        for table in names:
            if status == 200:
                self._record(
                    "SuccessfulRequestLatency", round(seconds * 1000, 2), "Milliseconds",
                    TableName=table, Operation=operation,
                )  # fmt: skip
            elif status >= 500:
                self._record("SystemErrors", 1, TableName=table, Operation=operation)
            elif b"ConditionalCheckFailed" in content:
                self._record("ConditionalCheckFailedRequests", 1, TableName=table)
        if status == 200 and operation in ("Query", "Scan") and (found := COUNT.search(content)):
            self._record("ReturnedItemCount", int(found[1]), TableName=names[0], Operation=operation)
        if status == 200:
            self._consumed_together(operation, data)

    def _consumed(self, _: None, __: float, result: Data, data: Data, table: str, *rest: Any, **more: Any) -> None:
        """One item, or one page of a query, by the emulator's own reckoning."""
        found: Data = {}
        self._capacity(found, {**data, "ReturnConsumedCapacity": "INDEXES"}, table, *rest, **more)
        capacity = found["ConsumedCapacity"]
        writes = bool(more.get("write") or (rest and rest[0]))
        name = "ConsumedWriteCapacityUnits" if writes else "ConsumedReadCapacityUnits"
        table = _name(table)
        self._record(name, capacity["Table"]["CapacityUnits"], TableName=table)
        for index, units in (capacity.get("GlobalSecondaryIndexes") or {}).items():
            self._record(name, units["CapacityUnits"], TableName=table, GlobalSecondaryIndexName=index)

    def _consumed_together(self, operation: str, data: Data) -> None:
        """Batches and transactions; a transaction costs twice."""
        if operation == "BatchWriteItem":
            for table, requests in data["RequestItems"].items():
                units = sum(self._units(request.get("PutRequest", {}).get("Item")) for request in requests)
                self._record("ConsumedWriteCapacityUnits", units, TableName=_name(table))
        elif operation == "BatchGetItem":
            for table, wanted in data["RequestItems"].items():
                units = len(wanted["Keys"]) * (1.0 if wanted.get("ConsistentRead") else 0.5)
                self._record("ConsumedReadCapacityUnits", units, TableName=_name(table))
        elif operation.startswith("Transact"):
            name = "ConsumedWriteCapacityUnits" if operation == "TransactWriteItems" else "ConsumedReadCapacityUnits"
            for item in data["TransactItems"]:
                for action in item.values():
                    self._record(name, 2 * self._units(action.get("Item")), TableName=_name(action["TableName"]))

    def _units(self, item: Data | None) -> float:
        return float(self._dynamodb._capacity_kb(self._dynamodb._item_size_bytes(item) if item else 0))


def _name(table: str) -> str:
    """A table may be named by its ARN."""
    return table.rpartition("table/")[2]
