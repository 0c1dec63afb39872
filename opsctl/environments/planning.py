"""name → Environment → packages → saved plan: the stages that `plan`, `up` and `down` share; none changes AWS."""

from __future__ import annotations

import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from opsctl.builds.function_rules import Bundle, judge, planned_bundles, refuse
from opsctl.builds.packages import build_packages, find_functions, find_jobs, find_layers
from opsctl.builds.service_jar import build_service_jar
from opsctl.config import cache_folder
from opsctl.environments.approvals.required import check_plan_file
from opsctl.environments.bootstrap import NotBootstrapped, bootstrap
from opsctl.environments.environment import Environment
from opsctl.environments.ports import Ports
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.terraform import Plan, Terraform


class MissingFile(UsageError):
    """A file that the environment needs isn't there."""


def check_files(environment: Environment) -> None:
    """Raises MissingFile when the stack, the variables or the backend file isn't there."""
    for path, meaning in (
        (environment.stack / "main.tf", "Terraform stack"),
        (environment.variables_file, "variables file"),
        (environment.backend_file, "backend file"),
    ):
        if not path.is_file():
            raise MissingFile(
                f"The {meaning} of {environment.name} is missing.",
                where=str(path),
                next="Write it (terraform/README.md says what belongs there) or correct `terraform` in opsctl.toml.",
            )


def function_runtime(environment: Environment) -> str:
    """The Lambda runtime to build and deploy for: on AWS python3.11, locally the interpreter that runs the workers."""
    major, minor = sys.version_info[:2] if environment.is_local else (3, 11)
    return f"python{major}.{minor}"


def function_architecture(environment: Environment, machine: str = platform.machine()) -> str:
    """Lambda's name of the processor to build for: on AWS x86_64, locally the one that runs the workers."""
    return "arm64" if environment.is_local and machine in ("aarch64", "arm64") else "x86_64"


def prepare(ports: Ports, *, destroy: bool = False) -> Terraform:
    """Build what the plan needs and initialise Terraform."""
    environment = ports.environment
    check_files(environment)
    require_bucket(ports)
    if not destroy:
        build(ports)
    return initialise(ports, ports.terraform())


def initialise(ports: Ports, terraform: Terraform) -> Terraform:
    """Have Terraform's work folder ready, with the environment's state behind it."""
    environment = ports.environment
    with ports.stage("terraform init") as result:
        terraform.init(
            backend_file=environment.backend_file,
            backend_settings={
                "bucket": ports.bucket.name,
                "key": environment.state_key,
                "region": environment.region,
                "use_lockfile": "true",
            },
        )
        result(f"Terraform {terraform.binary.version}, provider {terraform.provider.version}")
    return terraform


def require_bucket(ports: Ports) -> None:
    """Have the state bucket: locally it is made here, on AWS once per account.

    Raises:
        NotBootstrapped: the account has none.
    """
    if ports.bucket.exists():
        return
    if not ports.environment.is_local:
        raise NotBootstrapped(ports)
    bootstrap(ports)


def build(ports: Ports) -> None:
    """Build what the stack's modules deploy: packages of functions, layers and jobs, and the service if it has one."""
    environment = ports.environment
    modules = environment.stack.parent / "modules"
    service = modules / "service" / "app"
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="service-jar") as pool:
        jar = service.is_dir() and pool.submit(
            build_service_jar, service, into=ports.packages, cache=cache_folder(), on_event=ports.on_event
        )
        with ports.stage("function packages") as result:
            built = build_packages(
                [*find_functions(modules), *find_layers(modules), *find_jobs(modules)],
                into=ports.packages,
                cache=cache_folder(),
                runtime=function_runtime(environment),
                architecture=function_architecture(environment),
                on_event=ports.on_event,
            )
            fresh = sum(not package.cached for package in built)
            result(f"{len(built)} ready" + (f", {fresh} built" if fresh else ""))
        if jar:
            with ports.stage("service") as result:
                result("ready" if jar.result().cached else "built")


def upload_packages(ports: Ports) -> None:
    """Put the functions' packages where Lambda takes them from when Terraform makes a function.

    They go through the state bucket: of packages in files, the provider makes one function after the other, 5 s each.
    """
    packages = [
        ports.packages / f"{function.package}.zip"
        for function in find_functions(ports.environment.stack.parent / "modules")
    ]
    with ports.stage("upload of packages") as result:
        ports.aws.map(
            lambda file: ports.bucket.write(f"{ports.environment.package_prefix}/{file.name}", file.read_bytes()),
            packages,
        )
        result(f"{len(packages)} uploaded")


def bundles(ports: Ports, plan: Plan) -> tuple[Bundle, ...]:
    """What the functions of a plan will be made of."""
    return planned_bundles(plan.functions, packages=ports.packages, cache=cache_folder())


def check_functions(ports: Ports, plan: Plan) -> None:
    """Before anybody approves what AWS would refuse half-way, or what would carry a secret out.

    Raises:
        FunctionsRefused: a package with its layers is too large, or holds a secret.
    """
    refuse(judge(bundles(ports, plan)))


def saved_plan(ports: Ports, plan_file: Path) -> Plan:
    """A plan that was saved earlier, here or elsewhere, as data.

    Raises:
        PlanStale: it is not there, or not what opsctl saved for this environment.
    """
    check_plan_file(ports.environment, plan_file)
    terraform = prepare(ports, destroy=True)  # for which nothing is built
    with ports.stage("read the saved plan"):
        return terraform.show(plan_file)


def plan_down(ports: Ports, *, out: Path | None = None) -> tuple[Terraform, Plan]:
    """A saved plan of what `down` would destroy."""
    terraform = prepare(ports, destroy=True)
    return terraform, make_plan(ports, terraform, destroy=True, out=out)


def check_out(file: Path) -> None:
    """Raises UsageError when saving a plan to `file` would overwrite something that is no plan."""
    from opsctl.terraform.plan import binding_file

    if file.is_dir() or (file.exists() and file.stat().st_size and not binding_file(file).exists()):
        raise UsageError(
            f"{file} is there and is not a plan that opsctl saved.", next="Name another file, such as --out my.tfplan."
        )


def variables(ports: Ports) -> dict[str, Any]:
    """What the stack is told of its environment; the rest is in its variables file."""
    environment = ports.environment
    return {
        **environment.overrides,
        "project": environment.project,
        "environment": environment.name,
        "account_id": environment.account_id,
        "region": environment.region,
        "local": str(environment.is_local).lower(),
        # As Terraform sees it from the stack: an absolute one would be another in every checkout.
        "package_dir": os.path.relpath(ports.packages.resolve(), environment.stack.resolve()),
        "function_runtime": function_runtime(environment),
    }


def given_to_stack(ports: Ports) -> dict[str, Any]:
    """How whoever reads the stack without Terraform is told the same: arguments of `lint`, `check`, `estate_of`."""
    return {"var_files": [ports.environment.variables_file], "variables": variables(ports)}


def make_plan(ports: Ports, terraform: Terraform, *, destroy: bool = False, out: Path | None = None) -> Plan:
    """A saved plan of what Terraform would change, in `out` or else in the work folder."""
    from opsctl.terraform.plan import Origin

    environment = ports.environment
    # A `plan` and an `up` that begin in the same second must not write one file: the up could not apply its own.
    stamp = f"{ports.clock.now():%Y%m%dT%H%M%SZ}-{token_hex(3)}-{'down' if destroy else 'up'}.tfplan"
    with ports.stage("terraform plan"):
        return terraform.plan(
            variables_file=environment.variables_file,
            variables=variables(ports),
            out=out or environment.work / "plans" / stamp,
            destroy=destroy,
            origin=Origin(
                environment.account_id, environment.region, ports.identity.arn,
                ports.clock.now().isoformat(timespec="seconds"),
            ),
        )  # fmt: skip
