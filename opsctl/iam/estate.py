"""Everything that decides who may do what, gathered: principals, their policies, what carries roles, what is guarded.

Configuration (HCL, plan, or both) or a folder of documents → `Estate`. The gatherer is `opsctl.iam.gathering`; checks,
the engine and the escalation graph read nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from opsctl.findings import NOWHERE, Place
from opsctl.iam.policy import Document


@dataclass(frozen=True)
class Policy:
    """A document and what it is attached as.

    Attributes:
        name: of the policy ("work"), for people.
        address: the Terraform resource that holds it, or the document's file.
        arn: of a managed policy ("arn:aws:iam::aws:policy/ReadOnlyAccess"), else "".
        document: None where it is known to be there and can't be read (then the estate's `not_analysed` says so).
    """

    name: str
    document: Document | None
    address: str = ""
    arn: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True)
class Principal:
    """A role, user, group, or whoever holds a document that nobody is named in.

    Attributes:
        kind: "anonymous" for a document judged as if its own principal held it.
        arn: with symbols for what isn't known ("arn:aws:iam::⟦account⟧:role/local-photos").
        policies: inline, attached, and those of its groups.
        boundary: its permissions boundary; None: none. `Policy(document=None)`: one that can't be read.
        trust: a role's assume role policy.
        tags: its own.
    """

    kind: Literal["role", "user", "group", "anonymous", "account"]
    name: str
    arn: str
    address: str = ""
    policies: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    trust: Document | None = None
    groups: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    place: Place = NOWHERE


@dataclass(frozen=True)
class Carrier:
    """Compute, or a service, that acts as a role.

    Attributes:
        kind: Terraform type without "aws_": "lambda_function", "instance", "launch_template", "sfn_state_machine",
            "ecs_task_definition", "batch_job_definition", "glue_job", "codebuild_project", "cloudformation_stack", …
        role: ARN of the role that it acts as (of an instance profile: of its role).
        service: whose name the role trusts ("lambda.amazonaws.com").
        code: folder or file of its code where that is on this machine, else "".
        handler: "handler.handler" for a function.
        definition: a state machine's document, container command, user data … as text.
        environment: environment variables that the code reads.
        layers: folders of Python layers on this machine that are on its path.
        settings: what the service does as this role besides running the code → with what: "log_group" (ARN), "tracing"
            ("Active"), "network" (""), "dead_letters" (ARN), "on_success", "on_failure" (ARN), "file_system" (ARN),
            "image" (a container's: its code isn't here).
    """

    kind: str
    name: str
    arn: str
    role: str
    service: str
    address: str = ""
    code: str = ""
    handler: str = ""
    definition: str = ""
    environment: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    place: Place = NOWHERE
    layers: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True)
class Guarded:
    """A resource, with the policy on it and the key that encrypts it.

    Attributes:
        kind: Terraform type without "aws_": "s3_bucket", "sqs_queue", "kms_key", "lambda_function", …
        policy: its resource policy, None where it has none.
        customer_key: ARN of a customer managed KMS key that encrypts it; "" for none or AWS's own.
        shut: what AWS closes whatever the policy says: an S3 bucket with all four public access blocks.
    """

    kind: str
    name: str
    arn: str
    address: str = ""
    policy: Policy | None = None
    customer_key: str = ""
    shut: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True)
class Invocation:
    """Something that AWS does on a resource's behalf: an event source mapping, a subscription, a target, a schedule.

    Attributes:
        source: ARN of what it reads from or fires on; target: ARN of what it calls.
        role: ARN that it acts as ("" where the target's resource policy lets it in, or the function's role reads).
    """

    kind: str
    source: str
    target: str
    role: str = ""
    address: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True)
class NotAnalysed:
    """A hole: there is a policy, and it could not be read. Each becomes a finding `not-analysed`."""

    what: str
    address: str = ""
    attribute: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True)
class Estate:
    """All of it.

    Attributes:
        partition, account, region: "aws", and symbols where nothing says more.
        profiled: ARNs of the roles that are in an instance profile.
        aliases: of KMS keys ("alias/app") → the key's ARN.
        root: path of its root module below the folder that was named; "" where that is one itself.
        analysed: counts for the report: documents, statements, statements_recovered, unknown_in_plan, …
    """

    principals: tuple[Principal, ...] = ()
    carriers: tuple[Carrier, ...] = ()
    guarded: tuple[Guarded, ...] = ()
    invocations: tuple[Invocation, ...] = ()
    not_analysed: tuple[NotAnalysed, ...] = ()
    loose: tuple[Policy, ...] = ()
    partition: str = "aws"
    account: str = "⟦account⟧"
    region: str = "⟦region⟧"
    profiled: frozenset[str] = frozenset()
    root: str = ""
    aliases: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    analysed: dict[str, int | float | str] = field(default_factory=dict, hash=False, compare=False)

    def documents(self) -> tuple[tuple[str, Document], ...]:
        """(what it is: "identity", "boundary", "trust", "resource", "loose"; document), each once."""
        found: dict[int, tuple[str, Document]] = {}
        for principal in self.principals:
            for policy in principal.policies:
                if policy.document is not None:
                    found.setdefault(id(policy.document), ("identity", policy.document))
            if principal.boundary is not None and principal.boundary.document is not None:
                found.setdefault(id(principal.boundary.document), ("boundary", principal.boundary.document))
            if principal.trust is not None:
                found.setdefault(id(principal.trust), ("trust", principal.trust))
        for guarded in self.guarded:
            if guarded.policy is not None and guarded.policy.document is not None:
                found.setdefault(id(guarded.policy.document), ("resource", guarded.policy.document))
        for policy in self.loose:
            if policy.document is not None:
                found.setdefault(id(policy.document), ("loose", policy.document))
        return tuple(found.values())
