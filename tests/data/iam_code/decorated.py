# needs: glue:StartJobRun glue:GetJobRun batch:SubmitJob
import functools
import time

import boto3

glue = boto3.client("glue")


def retried(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except Exception:
                    time.sleep(2**attempt)
            raise TimeoutError

        return wrapper

    return decorate


@retried(3)
def start(client, job):
    return client.start_job_run(JobName=job)["JobRunId"]


@retried(times=2)
def submit(client, **given):
    return client.submit_job(jobName="x", jobQueue="q", jobDefinition="d", **given)


def handler(event, context):
    run = start(glue, job=event["job"])
    submit(boto3.client("batch"), parameters={"run": run})
    return glue.get_job_run(JobName=event["job"], RunId=run)["JobRun"]["JobRunState"]
