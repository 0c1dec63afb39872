# needs:
# cannot-tell: *
import subprocess


def handler(event, context):
    subprocess.run(["aws", "s3", "sync", "/tmp/out", f"s3://{event['bucket']}"], check=True)
    return subprocess.check_output(["ls", "-l"])
