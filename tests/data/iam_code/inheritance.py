# needs: sqs:ReceiveMessage sqs:DeleteMessage sns:Publish
import abc
import os

import boto3


class Step(abc.ABC):
    service = ""

    def __init__(self):
        self.client = boto3.client(self.service)

    @abc.abstractmethod
    def run(self, given): ...

    def __call__(self, given):
        return self.run(given)


class Take(Step):
    service = "sqs"

    def run(self, given):
        found = self.client.receive_message(QueueUrl=os.environ["QUEUE"], MaxNumberOfMessages=1).get("Messages", [])
        for message in found:
            self.client.delete_message(QueueUrl=os.environ["QUEUE"], ReceiptHandle=message["ReceiptHandle"])
        return found


class Tell(Step):
    service = "sns"

    def run(self, given):
        for message in given:
            self.client.publish(TopicArn=os.environ["TOPIC"], Message=message["Body"])


STEPS = [Take(), Tell()]


def handler(event, context):
    value = event
    for step in STEPS:
        value = step(value)
    return value
