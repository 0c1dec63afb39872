"""An API's method asks nobody who they are. OPTIONS is how browsers ask before they send credentials. A method
that needs an API key, an API that only a VPC reaches or whose policy denies by condition are not open to
everybody. Of a WebSocket API only $connect can be authorised."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_known, is_written, listed, look, statements, truth

RULE = Rule(
    id="api/authorizer",
    title="An API's method asks nobody who they are",
    severity=Severity.MEDIUM,
    why=(
        "Everybody on the Internet can call it. That may be meant for signing in or health; it is an accident more "
        "often."
    ),
    mend=(
        'Set an authorizer (authorization = "CUSTOM", "COGNITO_USER_POOLS", "JWT" or "AWS_IAM"); waive it with a '
        "reason where it is meant."
    ),
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html",),
    tags=(
        "S3",
        "S8",
        "public-access",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for method in stack.of_type("aws_api_gateway_method"):
        if look(method, "authorization") != "NONE" or look(method, "http_method") == "OPTIONS":
            continue
        if truth(look(method, "api_key_required", False)) is False and not _is_guarded(stack, method):
            yield stack.finding(RULE, method, f"{method.address} is open to everybody.", at="authorization")
    for route in stack.of_type("aws_apigatewayv2_route"):
        key = look(route, "route_key")
        asks = look(route, "authorization_type", "NONE") != "NONE" or is_written(look(route, "authorizer_id"))
        if asks or not isinstance(key, str) or key.startswith("OPTIONS "):
            continue
        if " " in key or key == "$connect" or (key == "$default" and not _is_websocket(stack, route)):
            yield stack.finding(RULE, route, f"{route.address} is open to everybody.", at="authorization_type")


def _is_guarded(stack: Stack, method: Resource) -> bool:
    for api in stack.named(look(method, "rest_api_id"), "aws_api_gateway_rest_api"):
        types = look(api, "endpoint_configuration.types", [])
        if not is_known(types) or "PRIVATE" in listed(types):
            return True
        policies = [
            look(each, "policy") for each in stack.naming(api, "aws_api_gateway_rest_api_policy", "rest_api_id")
        ]
        if is_written(look(api, "policy")):
            policies.append(look(api, "policy"))
        for policy in policies:
            read = statements(policy)
            if read is None or any(each.get("Condition") or each.get("Effect") == "Deny" for each in read):
                return True
    return False


def _is_websocket(stack: Stack, route: Resource) -> bool:
    apis = list(stack.named(look(route, "api_id"), "aws_apigatewayv2_api"))
    return not apis or any(look(api, "protocol_type") != "HTTP" for api in apis)
