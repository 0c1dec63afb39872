# needs: ec2:DescribeInstances ec2:StopInstances ec2:DescribeVolumes ec2:DeleteVolume
import boto3

ec2 = boto3.client("ec2")


def handler(event, context):
    stopped = []
    for page in ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "tag:env", "Values": ["dev"]}]):
        for reservation in page["Reservations"]:
            stopped += [instance["InstanceId"] for instance in reservation["Instances"]]
    if stopped:
        ec2.stop_instances(InstanceIds=stopped)
        waiter = ec2.get_waiter("instance_stopped")
        waiter.wait(InstanceIds=stopped, WaiterConfig={"Delay": 5})
    volumes = ec2.describe_volumes(Filters=[{"Name": "status", "Values": ["available"]}])["Volumes"]
    for volume in volumes:
        ec2.delete_volume(VolumeId=volume["VolumeId"])
