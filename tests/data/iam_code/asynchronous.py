# needs: s3:ListBucket s3:GetObject sqs:SendMessage
import asyncio
import os

import aioboto3

session = aioboto3.Session()


async def send(queue_url, text):
    async with session.client("sqs") as sqs:
        await sqs.send_message(QueueUrl=queue_url, MessageBody=text)


async def main(event):
    async with session.client("s3") as s3:
        paginator = s3.get_paginator("list_objects_v2")
        async for page in paginator.paginate(Bucket=os.environ["BUCKET"]):
            for found in page.get("Contents", []):
                answer = await s3.get_object(Bucket=os.environ["BUCKET"], Key=found["Key"])
                text = (await answer["Body"].read()).decode()
                await asyncio.gather(send(os.environ["QUEUE"], text), asyncio.sleep(0))


def handler(event, context):
    return asyncio.run(main(event))
