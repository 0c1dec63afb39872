# needs: dynamodb:GetItem dynamodb:PutItem ssm:GetParameters s3:GetObject
# layers: package_layer
from __future__ import annotations

from shop import config
from shop.adapters.store import Store
from shop.service import place


def handler(event, context):
    return place(event["order"], Store(config.table_name()))
