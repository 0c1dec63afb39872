# needs: autoscaling:SetDesiredCapacity ssm:StartAutomationExecution ssm:SendCommand xray:GetTraceSummaries
import boto3


class Actions:
    _clients: dict = {}  # noqa: RUF012

    def __getattr__(self, name):
        raise AttributeError(name)

    @classmethod
    def client(cls, name):
        return cls._clients.setdefault(name, boto3.client(name))

    @staticmethod
    def document(name):
        return f"AWS-{name}"


def handler(event, context):
    match event:
        case {"scale": int(size)}:
            Actions.client("autoscaling").set_desired_capacity(AutoScalingGroupName="a", DesiredCapacity=size)
        case {"automate": str(name)}:
            Actions.client("ssm").start_automation_execution(DocumentName=Actions.document(name))
        case _:
            if summaries := boto3.client("xray").get_trace_summaries(StartTime=0, EndTime=1):
                Actions.client("ssm").send_command(DocumentName="AWS-RunShellScript", Parameters=summaries)
