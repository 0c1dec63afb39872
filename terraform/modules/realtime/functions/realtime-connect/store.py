"""The table of connections and the API's callback address, which boto3 reads from its environment variable."""

from __future__ import annotations

import os
import time

import boto3
from botocore.config import Config
from connections import Connections

TABLE = os.environ["TABLE"]
table = boto3.resource("dynamodb").Table(TABLE)
connections = Connections(
    table,
    # A client that takes nothing must not hold up the others.
    boto3.client(
        "apigatewaymanagementapi",
        config=Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 3}, max_pool_connections=16),
    ),
    time.time,
)
