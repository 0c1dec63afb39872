"""A tiny service of one Java class, and the resources that run it, for the tests of instances and load balancers."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_clouds import REGION, Client

PORT = 8080
JAVA = """
import com.sun.net.httpserver.*;
import java.net.*;
import java.util.concurrent.*;

/** Answers with what it was asked. /gate waits for /open; /health/ready is 503 after /break, 200 after /mend. */
public class Service {
    static final CountDownLatch gate = new CountDownLatch(1);
    static final java.util.concurrent.atomic.AtomicInteger waiting = new java.util.concurrent.atomic.AtomicInteger();
    static volatile boolean broken = false;

    public static void main(String[] arguments) throws Exception {
        System.setProperty("sun.net.httpserver.nodelay", "true");
        int port = Integer.parseInt(System.getenv("SERVICE_PORT"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 512);
        server.setExecutor(Executors.newFixedThreadPool(32));
        server.createContext("/", exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            String path = exchange.getRequestURI().getRawPath();
            int status = 200;
            if (path.equals("/health/ready")) status = broken ? 503 : 200;
            if (path.equals("/break")) broken = true;
            if (path.equals("/mend")) broken = false;
            if (path.equals("/open")) gate.countDown();
            if (path.equals("/gate")) { waiting.incrementAndGet(); pass(); }
            if (path.equals("/hang-up")) { System.out.println("hung up"); exchange.close(); return; }
            StringBuilder text = new StringBuilder();
            text.append(exchange.getRequestMethod() + " " + exchange.getRequestURI() + "\\n");
            exchange.getRequestHeaders().forEach((name, values) -> text.append(name + "=" + values + "\\n"));
            for (String name : new String[] {"AWS_ENDPOINT_URL", "DB_HOST", "LOG_GROUP"})
                text.append(name + "=" + System.getenv(name) + "\\n");
            exchange.getResponseHeaders().add("X-Instance-Port", String.valueOf(port));
            exchange.getResponseHeaders().add("X-Waiting", waiting.toString());
            exchange.getResponseHeaders().add("Set-Cookie", "a=1");
            exchange.getResponseHeaders().add("Set-Cookie", "b=2");
            byte[] answer = path.equals("/echo") ? body : text.toString().getBytes();
            exchange.getResponseHeaders().add("Content-Type", path.equals("/echo") ? "image/png" : "text/plain");
            exchange.sendResponseHeaders(status, answer.length == 0 ? -1 : answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("asked to end")));
        server.start();
        System.out.println("listening");
    }

    static void pass() {
        try { gate.await(); } catch (InterruptedException error) { throw new RuntimeException(error); }
    }
}
"""


def service_jar(folder: Path) -> bytes:
    """Compile the service and pack it."""
    (folder / "Service.java").write_text(JAVA)
    subprocess.run(["javac", "-d", folder / "classes", folder / "Service.java"], check=True)
    jar = folder / "service.jar"
    subprocess.run(
        ["jar", "--create", "--file", jar, "--main-class", "Service", "-C", folder / "classes", "."], check=True
    )
    return jar.read_bytes()


def user_data(bucket: str, sha256: str, log_group: str) -> str:
    """As terraform/modules/service/user_data.sh.tftpl renders it, without what the local cloud does not read."""
    return f"""#!/bin/bash
ARTIFACT_SHA256='{sha256}'

cat > /etc/service/environment <<'EOF'
AWS_REGION={REGION}
DB_HOST=127.1.2.3
SERVICE_PORT={PORT}
LOG_GROUP={log_group}
EOF
aws s3 cp --only-show-errors "s3://{bucket}/service/$ARTIFACT_SHA256.jar" /opt/service/service.jar
cat > /etc/systemd/system/service.service <<'EOF'
ExecStart=/usr/bin/java -XX:MaxRAMPercentage=70 -jar /opt/service/service.jar
EOF
"""


@dataclass(frozen=True)
class Stack:
    """What stands: a VPC with two subnets, an artifact, security groups and a Network Load Balancer before nothing."""

    client: Client
    name: str
    subnets: tuple[str, str]
    bucket: str
    sha256: str
    service_group: str
    balancer_group: str
    balancer_arn: str
    balancer_host: str
    target_group_arn: str

    def health(self) -> dict[str, str]:
        """State of each target by its id."""
        found = self.client("elbv2").describe_target_health(TargetGroupArn=self.target_group_arn)
        return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found["TargetHealthDescriptions"]}

    def launch_template(self, sha256: str | None = None) -> str:
        data = user_data(self.bucket, sha256 or self.sha256, f"/{self.name}/service")
        template = self.client("ec2").create_launch_template(
            LaunchTemplateName=self.name,
            LaunchTemplateData={
                "ImageId": "ami-12c6146b", "InstanceType": "t3.small",
                "UserData": base64.b64encode(data.encode()).decode(),
                "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [self.service_group]}],
            },
        )  # fmt: skip
        return str(template["LaunchTemplate"]["LaunchTemplateId"])

    def group(self, template: str, size: int, **settings: Any) -> None:
        """An Auto Scaling group of the load balancer's target group."""
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=self.name, MinSize=size, MaxSize=4, DesiredCapacity=size,
            VPCZoneIdentifier=",".join(self.subnets), TargetGroupARNs=[self.target_group_arn],
            **({
                "LaunchTemplate": {"LaunchTemplateId": template, "Version": "$Default"},
                "HealthCheckType": "ELB", "HealthCheckGracePeriod": 30,
            } | settings),
        )  # fmt: skip

    def described(self) -> dict[str, Any]:
        groups = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])
        return dict(groups["AutoScalingGroups"][0])

    def healthy(self, count: int) -> Callable[[], bool]:
        return lambda: list(self.health().values()) == ["healthy"] * count

    def remove(self) -> None:
        groups = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])
        if groups["AutoScalingGroups"]:
            self.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=self.name, ForceDelete=True)
        self.client("elbv2").delete_load_balancer(LoadBalancerArn=self.balancer_arn)


def build_stack(client: Client, name: str, jar: bytes) -> Stack:
    ec2, elb = client("ec2"), client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    first, second = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("ab")
    )
    subnets = (first["Subnet"]["SubnetId"], second["Subnet"]["SubnetId"])
    service, balancer = (
        ec2.create_security_group(GroupName=f"{name}-{role}", Description=role, VpcId=vpc)["GroupId"]
        for role in ("service", "balancer")
    )
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=balancer, IpPermissions=everything)
    ec2.authorize_security_group_egress(GroupId=balancer, IpPermissions=[rule(service)])
    ec2.authorize_security_group_ingress(GroupId=service, IpPermissions=[rule(balancer)])
    bucket, sha256 = f"{name}-artifacts", hashlib.sha256(jar).hexdigest()
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket=bucket, Key=f"service/{sha256}.jar", Body=jar)
    client("logs").create_log_group(logGroupName=f"/{name}/service")
    made = elb.create_load_balancer(
        Name=name, Type="network", Scheme="internal", Subnets=list(subnets), SecurityGroups=[balancer]
    )["LoadBalancers"][0]
    elb.set_security_groups(
        LoadBalancerArn=made["LoadBalancerArn"], SecurityGroups=[balancer],
        EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off",
    )  # fmt: skip
    targets = elb.create_target_group(
        Name=name, Protocol="TCP", Port=PORT, VpcId=vpc, TargetType="instance", HealthCheckProtocol="HTTP",
        HealthCheckPath="/health/ready", HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=2, UnhealthyThresholdCount=2, Matcher={"HttpCode": "200"},
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.modify_target_group_attributes(
        TargetGroupArn=targets,
        Attributes=[
            {"Key": "deregistration_delay.timeout_seconds", "Value": "30"},
            {"Key": "deregistration_delay.connection_termination.enabled", "Value": "true"},
        ],
    )
    elb.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"], Protocol="TCP", Port=PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}],
    )  # fmt: skip
    return Stack(
        client, name, subnets, bucket, sha256, service, balancer, made["LoadBalancerArn"], made["DNSName"], targets
    )


def rule(group: str) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "UserIdGroupPairs": [{"GroupId": group}]}


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def private_api(stack: Stack, *, link: str | None = None, uri: str = "", connected: bool = True) -> tuple[str, str]:
    """A REST API whose methods /orders and /orders/{proxy+} go through a VPC link. Gives the API's and link's ids."""
    gateway = stack.client("apigateway")
    api = gateway.create_rest_api(name=stack.name, binaryMediaTypes=["image/png"])["id"]
    if link is None:
        link = gateway.create_vpc_link(name=stack.name, targetArns=[stack.balancer_arn])["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    host = uri or f"http://{stack.balancer_host}:{PORT}"
    for parent, part, path in ((root, "{proxy+}", "/{proxy}"),):
        resource = gateway.create_resource(restApiId=api, parentId=parent, pathPart=part)["id"]
        gateway.put_method(
            restApiId=api, resourceId=resource, httpMethod="ANY", authorizationType="NONE",
            requestParameters={"method.request.path.proxy": True},
        )  # fmt: skip
        gateway.put_integration(
            restApiId=api, resourceId=resource, httpMethod="ANY", type="HTTP_PROXY", integrationHttpMethod="ANY",
            uri=host + path,
            requestParameters={
                "integration.request.path.proxy": "method.request.path.proxy",
                "integration.request.header.X-Request-Id": "context.requestId",
            },
            **({"connectionType": "VPC_LINK", "connectionId": link} if connected else {}),
        )  # fmt: skip
    gateway.create_deployment(restApiId=api, stageName="v1")
    return str(api), str(link)
