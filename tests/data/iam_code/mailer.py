# needs: ses:SendRawEmail ses:SendEmail s3:GetObject logs:CreateLogStream logs:PutLogEvents
import email.message
import os

import boto3

mail = boto3.client("ses")
mail2 = boto3.client("sesv2")
s3 = boto3.resource("s3")
logs = boto3.client("logs")


def handler(event, context):
    attachment = s3.Object(os.environ["BUCKET"], event["key"]).get()["Body"].read()
    message = email.message.EmailMessage()
    message.add_attachment(attachment, maintype="application", subtype="pdf")
    mail.send_raw_email(RawMessage={"Data": message.as_bytes()})
    mail2.send_email(FromEmailAddress="a@example.com", Destination={"ToAddresses": [event["to"]]}, Content={})
    logs.create_log_stream(logGroupName="audit", logStreamName=context.aws_request_id)
    logs.put_log_events(logGroupName="audit", logStreamName=context.aws_request_id, logEvents=[])
