import boto3

_made = {}


def get(service):
    if service not in _made:
        _made[service] = boto3.client(service)
    return _made[service]
