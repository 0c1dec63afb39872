# needs: ssm:GetParameter
# cannot-tell: es:*
import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

session = boto3.Session()
endpoint = session.client("ssm").get_parameter(Name="/search/endpoint")["Parameter"]["Value"]


def handler(event, context):
    request = AWSRequest("GET", f"{endpoint}/_search", data=event["query"])
    SigV4Auth(session.get_credentials(), "es", "eu-west-1").add_auth(request)
    return requests.get(endpoint, headers=dict(request.headers), timeout=5).json()
