from ..clients import get


class Store:
    def __init__(self, name):
        self.name = name

    @property
    def _dynamodb(self):
        return get("dynamodb")

    def load(self, order):
        return self._dynamodb.get_item(TableName=self.name, Key={"id": {"S": order}})

    def save(self, order):
        self._dynamodb.put_item(TableName=self.name, Item={"id": {"S": order}})
