# needs: ssm:GetParameter ssm:GetParametersByPath secretsmanager:GetSecretValue
# needs: appconfig:StartConfigurationSession appconfig:GetLatestConfiguration
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters import SSMProvider, get_secret

logger, tracer, metrics = Logger(), Tracer(), Metrics(namespace="x")
ssm = SSMProvider()


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    logger.info(
        "hello", extra={"flag": parameters.get_app_config(name="flags", environment="prod", application="shop")}
    )
    one = parameters.get_parameter("/shop/one", max_age=300)
    many = ssm.get_multiple("/shop/")
    return {"one": one, "many": many, "secret": get_secret("shop/key")}
