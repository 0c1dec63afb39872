# needs: apigateway:GET apigateway:PATCH cloudfront:CreateInvalidation route53:ChangeResourceRecordSets
# needs: acm:DescribeCertificate elasticloadbalancing:DescribeTargetHealth
import time

import boto3


def clients(*names):
    return [boto3.client(name) for name in names]


api, cdn, dns, acm, elb = clients("apigateway", "cloudfront", "route53", "acm", "elbv2")


def handler(event, context):
    for rest in api.get_rest_apis()["items"]:
        api.update_stage(restApiId=rest["id"], stageName="live", patchOperations=[])
    cdn.create_invalidation(
        DistributionId=event["id"],
        InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": str(time.time())},
    )
    dns.change_resource_record_sets(HostedZoneId="Z", ChangeBatch={"Changes": []})
    acm.describe_certificate(CertificateArn=event["certificate"])
    return elb.describe_target_health(TargetGroupArn=event["group"])
