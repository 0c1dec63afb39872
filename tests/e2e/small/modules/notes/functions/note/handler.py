"""A function without dependencies, so that the small stack has a package to build."""


def handler(event, context):
    return event
