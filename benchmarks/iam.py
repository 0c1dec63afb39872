"""`opsctl iam check` and `opsctl policy lint`: whole processes beside the field's tools, in one run.

    python -m benchmarks.iam [--peers FOLDER]

Inputs are made here: one policy; 1,000 of AWS's managed policies (moto ships them); plans of 300 to 20,000 resources
and the HCL of the smallest. Peers (checkov, cloudsplaining, parliament, policyuniverse) are installed by uv into a
folder of their own, never beside opsctl. A process's seconds are the median of three; its memory is what the kernel
says (ru_maxrss). Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from opsctl.iam.vocabulary import vocabulary

RUNS = 3
POLICIES = 1000
PLANS = (300, 5000, 20000)
PEERS = ("checkov", "cloudsplaining", "parliament", "policyuniverse")
ACCOUNT, REGION = "111122223333", "eu-central-1"
BOUNDS = {"one policy": 0.3, "1000 policies": 1.0, "300 resources": 2.0, "5000 resources": 10.0}
BOUND_MB = 200
LIBRARIES = {
    "cloudsplaining": """
from cloudsplaining.scan.policy_document import PolicyDocument
def judge(text):
    document = PolicyDocument(json.loads(text))
    return document.allows_privilege_escalation, document.all_allowed_unrestricted_actions
""",
    "parliament": """
from parliament import analyze_policy_string
def judge(text):
    return analyze_policy_string(text).findings
""",
    "policyuniverse": """
from policyuniverse.expander_minimizer import expand_policy
def judge(text):
    return expand_policy(policy=json.loads(text))
""",
}
"""How a library of the field is asked for its opinion of one document; run in the peers' interpreter."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=Path, default=None, help="Where the peers are or will be installed.")
    print(json.dumps(measure(parser.parse_args().peers), indent=2))
    return 0


def measure(peers: Path | None = None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return of_inputs(Path(folder), install(peers or Path(folder) / "peers"))


def of_inputs(folder: Path, peers: Path) -> dict[str, Any]:
    policies = managed_policies(folder / "policies", POLICIES)
    one = next(policies.glob("*.json"))
    plans = {count: plan_of(count, folder / f"plan-{count}.json") for count in PLANS}
    hcl = hcl_of(PLANS[0], folder / "hcl")
    check = [str(Path(sys.executable).with_name("opsctl")), "iam", "check", "--json", "--fail-on", "never"]
    lint = [str(Path(sys.executable).with_name("opsctl")), "policy", "lint", "--json", "--fail-on", "never"]
    ours = {
        "one policy": timed([*check, str(one)]),
        "1000 policies": timed([*check, str(policies)]),
        **{f"{count} resources": timed([*check, str(file)]) for count, file in plans.items()},
        "300 resources, HCL": timed([*check, str(hcl)]),
        **{f"policy lint, {count} resources": timed([*lint, str(file)]) for count, file in plans.items()},
    }
    checkov = [str(peers / "bin" / "python"), str(peers / "bin" / "checkov"), "--quiet", "--compact", "-o", "json"]
    theirs = {
        "checkov, 300 resources": timed([*checkov, "-f", str(plans[300])], runs=1, good=(0, 1)),
        "checkov, 300 resources, HCL": timed([*checkov, "-d", str(hcl)], runs=1, good=(0, 1)),
        **{f"{name}, 1000 policies": library(peers, name, policies) for name in LIBRARIES},
    }
    small, middle, large = (ours[f"{count} resources"]["seconds"] for count in PLANS)
    return {
        "data_date": str(vocabulary().date),
        "ours": ours,
        "peers": theirs,
        "bounds": BOUNDS,
        "times_faster_than_checkov": {
            "plan": round(theirs["checkov, 300 resources"]["seconds"] / small, 1),
            "HCL": round(theirs["checkov, 300 resources, HCL"]["seconds"] / ours["300 resources, HCL"]["seconds"], 1),
        },
        # What a resource costs between the second and the third plan, beside between the first and the second.
        "growth": round((large - middle) / (PLANS[2] - PLANS[1]) / ((middle - small) / (PLANS[1] - PLANS[0])), 2),
    }


WATCH = """
import json, os, resource, subprocess, sys, time
begin = time.perf_counter()
with open(os.devnull, "wb") as nowhere:
    done = subprocess.run(sys.argv[1:], stdout=nowhere, stderr=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - begin, used, done.returncode, done.stderr.decode(errors="replace")[-2000:]]))
"""
"""Run by a small Python: a process's largest memory counts what it was forked from."""


def timed(words: Sequence[str], runs: int = RUNS, good: Sequence[int] = (0,)) -> dict[str, float]:
    """Median seconds and largest memory (MB) of a process whose output nobody reads.

    Raises:
        RuntimeError: its exit code is none of `good`.
    """
    seconds, most = [], 0.0
    for _ in range(runs):
        watched = subprocess.run(
            [sys.executable, "-S", "-c", WATCH, *words], capture_output=True, text=True, check=True
        )
        took, used, status, said = json.loads(watched.stdout)
        if status not in good:
            raise RuntimeError(f"{words}: exit {status}: {said}")
        seconds.append(took)
        most = max(most, used)
    return {"seconds": round(statistics.median(seconds), 3), "mb": round(most)}


def install(folder: Path) -> Path:
    """A Python of its own with the peers in it."""
    python = folder / "bin" / "python"
    if not python.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *PEERS, "setuptools<80"], check=True)
    return folder


def library(peers: Path, name: str, policies: Path) -> dict[str, float]:
    """A peer that has no command for a folder of documents, asked for one after the other in one process."""
    program = "\n".join((
        "import json, sys, pathlib, logging; logging.disable(logging.CRITICAL)",
        LIBRARIES[name],
        "failed = 0",
        "for file in sorted(pathlib.Path(sys.argv[1]).glob('*.json')):",
        "    try: judge(file.read_text())",
        "    except Exception: failed += 1",
    ))  # fmt: skip
    return timed([str(peers / "bin" / "python"), "-c", program, str(policies)], runs=1)


def managed_policies(folder: Path, count: int) -> Path:
    """AWS's own managed policies as files, the first by name."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    folder.mkdir()
    for name, policy in sorted(json.loads(aws_managed_policies_data).items())[:count]:
        (folder / f"{name}.json").write_text(json.dumps(policy["Document"]))
    return folder


# --- made inputs: groups of ten resources, as a function with all that belongs to it -------------------------


def group(number: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Type, name and values of ten resources."""
    name = f"app-{number}"

    def arn(service: str, rest: str) -> str:
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"

    trust = [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    work = [
        {
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
            "Resource": arn("sqs", f"{name}-work"),
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:PutItem", "dynamodb:GetItem"],
            "Resource": arn("dynamodb", f"table/{name}"),
        },
        {"Effect": "Allow", "Action": "s3:GetObject*", "Resource": f"arn:aws:s3:::{name}-files/*"},
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"},
    ]
    if number % 10 == 0:
        work.append({"Effect": "Allow", "Action": ["iam:PassRole", "lambda:CreateFunction"], "Resource": "*"})
    yield "aws_iam_role", "role", {"name": name, "assume_role_policy": document(trust)}
    yield "aws_iam_role_policy", "work", {"name": "work", "role": name, "policy": document(work)}
    yield "aws_lambda_function", "function", {
        "function_name": name, "role": f"arn:aws:iam::{ACCOUNT}:role/{name}", "handler": "handler.handler",
        "runtime": "python3.12", "timeout": 30, "memory_size": 256,
    }  # fmt: skip
    yield "aws_sqs_queue", "work", {"name": f"{name}-work", "visibility_timeout_seconds": 180}
    yield "aws_sqs_queue", "failures", {"name": f"{name}-failures", "sqs_managed_sse_enabled": True}
    yield "aws_dynamodb_table", "records", {"name": name, "hash_key": "id", "billing_mode": "PAY_PER_REQUEST"}
    yield "aws_s3_bucket", "files", {"bucket": f"{name}-files"}
    yield "aws_cloudwatch_log_group", "logs", {"name": f"/aws/lambda/{name}", "retention_in_days": 30}
    yield "aws_lambda_permission", "caller", {
        "function_name": name, "action": "lambda:InvokeFunction", "principal": "sns.amazonaws.com",
        "source_arn": arn("sns", f"{name}-news"),
    }  # fmt: skip
    yield "aws_sns_topic", "news", {"name": f"{name}-news"}


def document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def plan_of(count: int, file: Path) -> Path:
    """A plan that creates so many resources, as `terraform show -json` prints one."""
    provider = "registry.terraform.io/hashicorp/aws"
    planned, changes, configured = [], [], []
    for number in range(count // 10):
        for kind, local, values in group(number):
            label = f"{local}_{number}"
            common = {"address": f"{kind}.{label}", "mode": "managed", "type": kind, "name": label}
            planned.append(common | {"provider_name": provider, "schema_version": 0, "values": values})
            change = {
                "actions": ["create"],
                "before": None,
                "after": values,
                "after_unknown": {"id": True, "arn": True},
            }
            changes.append(common | {"provider_name": provider, "change": change})
            expressions = {name: {"constant_value": value} for name, value in values.items()}
            configured.append(common | {"provider_config_key": "aws", "expressions": expressions})
    plan = {
        "format_version": "1.2", "terraform_version": "1.11.4", "variables": {},
        "planned_values": {"root_module": {"resources": planned}}, "resource_changes": changes,
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name": provider}},
            "root_module": {"resources": configured},
        },
    }  # fmt: skip
    file.write_text(json.dumps(plan))
    return file


def hcl_of(count: int, folder: Path) -> Path:
    """The same resources written down; policies with jsonencode."""
    folder.mkdir()
    for number in range(count // 10):
        blocks = [
            f'resource "{kind}" "{local}_{number}" {{\n{"".join(attributes(values))}}}\n'
            for kind, local, values in group(number)
        ]
        (folder / f"app_{number}.tf").write_text("\n".join(blocks))
    return folder


def attributes(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, str) and value.startswith("{"):
            yield f"  {name} = jsonencode({value})\n"
        else:
            yield f"  {name} = {json.dumps(value)}\n"


def rows(report: Any) -> Iterable[tuple[str, str, str]]:
    """Lines of benchmarks/REPORT.md: what, figure, bound."""
    for name, figures in report["ours"].items():
        what = name if name.startswith("policy lint") else f"`iam check`, {name}"
        bound = f"≤ {report['bounds'][name]} s, ≤ {BOUND_MB} MB" if name in report["bounds"] else ""
        yield what, f"{figures['seconds']} s, {figures['mb']} MB", bound
    for name, figures in report["peers"].items():
        yield f"— {name}", f"{figures['seconds']} s, {figures['mb']} MB", ""
    faster = report["times_faster_than_checkov"]
    yield "`iam check` beside checkov, 300 resources", f"{faster['plan']} × (plan), {faster['HCL']} × (HCL)", "≥ 10 ×"
    yield "cost of a resource beyond 5,000 beside one below", f"{report['growth']} ×", "≤ 1.2"


if __name__ == "__main__":
    sys.exit(main())
