from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look
from opsctl.policy.secrets import secret_in

RULE = Rule(
    id="functions/environment-secrets",
    title="A function's environment carries a secret",
    severity=Severity.HIGH,
    why=(
        "Environment variables are shown by the console and by GetFunctionConfiguration, stand in Terraform's "
        "state, and are logged by many a framework: everybody who may read the function has the secret."
    ),
    mend="Keep the secret in Secrets Manager or as a SecureString, and give the function its ARN.",
    links=(
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html",
    ),
    tags=(
        "S12",
        "secrets",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for function in stack.of_type("aws_lambda_function"):
        variables = look(function, "environment.variables", {})
        for name, value in variables.items() if isinstance(variables, Mapping) else ():
            if what := secret_in(name, value):
                yield stack.finding(
                    RULE,
                    function,
                    f"{function.address} has {what} in its variable {name}.",
                    at=f"environment[0].variables.{name}",
                )
