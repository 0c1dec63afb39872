# needs:
import hashlib
import json
import os
import urllib.request


class Cache(dict):
    def put_item(self, key, value):
        self[key] = value


cache = Cache()


def handler(event, context):
    cache.put_item(event["id"], event)
    with urllib.request.urlopen(os.environ["URL"], timeout=3) as answer:
        body = answer.read()
    return json.dumps({"hash": hashlib.sha256(body).hexdigest(), "cached": len(cache)})
