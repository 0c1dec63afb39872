"""What is open: roles that others may take, resources that others may use, data and credentials that are given away.

Trust and resource policies are judged by who is left when their conditions hold; identity policies by what remains
after Deny and boundary (`opsctl.iam.evaluation.grants_of`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from opsctl.findings import NOWHERE, Finding, Rule, Severity
from opsctl.hcl import is_symbolic
from opsctl.iam.check import Check
from opsctl.iam.estate import Estate, Guarded
from opsctl.iam.estate import Principal as Holder
from opsctl.iam.evaluation import Grant, grants_of
from opsctl.iam.patterns import matches
from opsctl.iam.policy import Condition, Document, Principal, Statement

Said = TypeVar("Said")
GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide"

PUBLIC_TRUST = Rule(
    "trust/public",
    "A role that anybody may take",
    Severity.CRITICAL,
    "Every AWS account of the world can assume it and do what it may do.",
    "Name the accounts, roles or services that are meant; or narrow it with aws:PrincipalOrgID.",
    (f"{GUIDE}/reference_policies_elements_principal.html#principal-anonymous",),
    ("public",),
)
WITHOUT_EXTERNAL_ID = Rule(
    "trust/cross-account-without-external-id",
    "Another account may take a role without an external id",
    Severity.MEDIUM,
    "Where that account serves several customers, one can have it act on another's role (the confused deputy).",
    "Require a secret agreed with them: StringEquals on sts:ExternalId; within an organisation aws:PrincipalOrgID.",
    (f"{GUIDE}/id_roles_common-scenarios_third-party.html",),
    ("confused-deputy",),
)
TRUST_WITHOUT_SOURCE = Rule(
    "trust/service-without-source",
    "A service may take a role on behalf of any of its customers' resources",
    Severity.LOW,
    "Without aws:SourceArn or aws:SourceAccount the service does not ask whose resource it acts for.",
    "Add a condition on aws:SourceArn (or aws:SourceAccount) that names what uses the role.",
    (f"{GUIDE}/confused-deputy.html#cross-service-confused-deputy-prevention",),
    ("confused-deputy",),
)
WITHOUT_SUBJECT = Rule(
    "trust/oidc-without-subject",
    "Anybody with a token of an identity provider may take a role",
    Severity.HIGH,
    "An OpenID Connect provider such as GitHub's signs tokens for all its users: without a subject, any will do.",
    "Require the provider's `sub` (repo:OWNER/REPO:environment:NAME) and its `aud`.",
    (f"{GUIDE}/id_roles_create_for-idp_oidc.html#idp_oidc_Create_GitHub",),
    ("oidc",),
)
SAML_WITHOUT_AUDIENCE = Rule(
    "trust/saml-without-audience",
    "SAML assertions that were made for others are taken",
    Severity.MEDIUM,
    "Without SAML:aud an assertion that the provider made for another service opens this role.",
    'Require "SAML:aud": "https://signin.aws.amazon.com/saml".',
    (f"{GUIDE}/id_roles_create_for-idp_saml.html",),
)
WITHOUT_AUDIENCE = Rule(
    "trust/oidc-without-audience",
    "Tokens that were made for others are taken",
    Severity.LOW,
    "A token whose audience isn't asked for may have been handed out for another service.",
    "Require the provider's `aud` (sts.amazonaws.com).",
    (f"{GUIDE}/id_roles_create_for-idp_oidc.html",),
    ("oidc",),
)
PUBLIC_RESOURCE = Rule(
    "resource/public",
    "A resource that anybody may use",
    Severity.HIGH,
    "The policy on it lets in everybody, signed in or not.",
    "Name who is meant, or narrow it: aws:SourceAccount, aws:SourceArn, aws:PrincipalOrgID, aws:SourceVpce.",
    (f"{GUIDE}/reference_policies_elements_principal.html#principal-anonymous",),
    ("public",),
)
RESOURCE_WITHOUT_SOURCE = Rule(
    "resource/service-without-source",
    "A service may use a resource on behalf of any of its customers",
    Severity.MEDIUM,
    "Anybody can point a bucket, topic or rule of their own account at it, and the service lets them in.",
    "Add aws:SourceArn (source_arn of aws_lambda_permission) or aws:SourceAccount.",
    (f"{GUIDE}/confused-deputy.html#cross-service-confused-deputy-prevention",),
    ("confused-deputy",),
)
CROSS_ACCOUNT = Rule(
    "resource/cross-account",
    "Another account may use a resource",
    Severity.LOW,
    "Who may do what there is decided in an account that is not in this plan.",
    "Check that this account is meant; name its role rather than the whole account.",
    (f"{GUIDE}/reference_policies-cross-account-resource-access.html",),
)
PASS_ANY_ROLE = Rule(
    "exposure/pass-any-role",
    "Any role may be passed",
    Severity.MEDIUM,
    "With one call that starts something it is as good as the strongest role, today's or tomorrow's; where that call "
    "is granted too, it is an escalation of its own.",
    "Name the roles in Resource, and the service in a condition on iam:PassedToService.",
    (f"{GUIDE}/id_roles_use_passrole.html",),
    ("pass-role",),
)
DATA = Rule(
    "exposure/data",
    "All data of a kind may be read",
    Severity.MEDIUM,
    "One leaked credential of this principal gives away every bucket, table, secret or parameter of the account.",
    "Name the buckets, tables, secrets or parameters that are meant.",
    (f"{GUIDE}/best-practices.html#grant-least-privilege",),
    ("exfiltration",),
)
CREDENTIALS = Rule(
    "exposure/credentials",
    "Credentials are handed out",
    Severity.MEDIUM,
    "The answer of the call is a credential; whoever gets it keeps it after this principal is shut out.",
    "Take the permission away, or name the one resource whose credentials are meant.",
    (f"{GUIDE}/security-creds.html",),
    ("credentials",),
)
SHARING = Rule(
    "exposure/sharing",
    "Any resource may be opened to others",
    Severity.MEDIUM,
    "Snapshots, images, buckets, keys and functions can be shared with another account, and the data leaves with them.",
    "Name the resources, or take the permission away.",
    (f"{GUIDE}/access_policies_identity-vs-resource.html",),
    ("exfiltration",),
)
INSTANCE_ADMIN = Rule(
    "exposure/instance-may-do-anything",
    "A machine that may do anything",
    Severity.HIGH,
    "Whoever gets one request through to the metadata service of the instance has the whole account.",
    "Give the instance's role only what its programs call.",
    ("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html",),
)

# Conditions that leave somebody in particular, whoever the principal is. Keys that a caller chooses freely
# (aws:UserAgent, aws:Referer) don't.
NARROWING = frozenset({
    "aws:principalorgid", "aws:principalorgpaths", "aws:principalarn", "aws:principalaccount", "aws:sourcearn",
    "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip",
    "aws:vpcsourceip", "aws:userid", "aws:username", "aws:sourceowner", "aws:principalservicename",
    "kms:calleraccount", "lambda:functionurlauthtype", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
    "elasticfilesystem:accessedviamounttarget", "aws:ec2instancesourcevpc", "sts:externalid",
    "lambda:principal", "events:creatoraccount", "secretsmanager:resource/allowrotationlambdaarn",
})  # fmt: skip
SOURCE = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"})
ANYBODY = re.compile(r"^[*?:/]*$")
NEGATED = re.compile(r"Not|Null", re.IGNORECASE)
READING = re.compile(r"^[a-z0-9-]+:(get|list|describe|head|batchget|batchcheck|download)", re.IGNORECASE)
OPEN_NETWORKS = frozenset({"0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1"})

# Services that say whose resource they act for when they take a role ("Cross-service confused deputy prevention" in the
# guide of each). Compute (lambda, ec2) takes a role only for what its owner started: no role is passed across accounts.
ASKS_FOR_SOURCE = frozenset({
    "amplify", "apprunner", "appsync", "autoscaling", "backup", "bedrock", "bedrock-agentcore", "cloudtrail",
    "codebuild", "codepipeline", "comprehend", "config", "connect", "databrew", "datasync", "dms", "events", "firehose",
    "forecast", "fsx", "glue", "greengrass", "imagebuilder", "iot", "iotsitewise", "kinesisanalytics", "kendra", "lex",
    "logs", "mediaconvert", "monitoring.rds", "personalize", "pipes", "polly", "rekognition", "sagemaker", "scheduler",
    "sns", "ssm", "states", "textract", "timestream", "transcribe", "transfer", "vpc-flow-logs",
})  # fmt: skip

ONLY_LIMITS = frozenset({"vpc_endpoint"})
"""Kinds whose policy lets nobody in: it takes away from what others allow ("VPC endpoint policies", VPC guide)."""

AUDIENCE_IS_ENOUGH: Mapping[str, str] = {
    "cognito-identity.amazonaws.com": ":aud", "accounts.google.com": ":aud", "www.amazon.com": ":app_id",
    "graph.facebook.com": ":app_id",
}  # fmt: skip
"""Providers whose tokens are for one pool or application, which this key names ("Creating a role for web identity")."""

READS_DATA: Mapping[str, tuple[str, Severity]] = {
    "secretsmanager:GetSecretValue": ("secrets", Severity.HIGH),
    "ssm:GetParameter": ("parameters", Severity.MEDIUM),
    "ssm:GetParameters": ("parameters", Severity.MEDIUM),
    "ssm:GetParametersByPath": ("parameters", Severity.MEDIUM),
    "s3:GetObject": ("objects", Severity.MEDIUM),
    "dynamodb:Scan": ("tables", Severity.MEDIUM),
    "dynamodb:GetItem": ("tables", Severity.MEDIUM),
    "dynamodb:Query": ("tables", Severity.MEDIUM),
    "dynamodb:ExportTableToPointInTime": ("tables", Severity.MEDIUM),
    "kinesis:GetRecords": ("streams", Severity.MEDIUM),
    "sqs:ReceiveMessage": ("queues", Severity.MEDIUM),
    "rds-data:ExecuteStatement": ("databases", Severity.MEDIUM),
    "redshift-data:ExecuteStatement": ("databases", Severity.MEDIUM),
    "athena:GetQueryResults": ("query results", Severity.MEDIUM),
    "ebs:GetSnapshotBlock": ("disks", Severity.MEDIUM),
    "logs:GetLogEvents": ("logs", Severity.LOW),
    "kms:Decrypt": ("whatever any key encrypted", Severity.MEDIUM),
}
"""What a call on any resource gives away, and how bad that is (cloudsplaining's "data exfiltration" is the start)."""

HANDS_OUT: Mapping[str, str] = {
    "iam:CreateAccessKey": "access keys",
    "iam:CreateLoginProfile": "a password for the console",
    "iam:UpdateLoginProfile": "a password for the console",
    "iam:CreateServiceSpecificCredential": "a password for CodeCommit or Keyspaces",
    "iam:ResetServiceSpecificCredential": "a password for CodeCommit or Keyspaces",
    "rds-db:connect": "a session in a database",
    "redshift:GetClusterCredentials": "a password of a cluster",
    "redshift:GetClusterCredentialsWithIAM": "a password of a cluster",
    "redshift-serverless:GetCredentials": "a password of a workgroup",
    "ec2:GetPasswordData": "the administrator's password of an instance",
    "ec2-instance-connect:SendSSHPublicKey": "a shell on an instance",
    "lightsail:GetInstanceAccessDetails": "a key to an instance",
    "lightsail:DownloadDefaultKeyPair": "a key to all instances",
    "lightsail:GetRelationalDatabaseMasterUserPassword": "the password of a database",
    "codepipeline:PollForThirdPartyJobs": "credentials of a pipeline's artifacts",
    "cognito-identity:GetOpenIdTokenForDeveloperIdentity": "tokens of any user",
    "connect:GetFederationToken": "a session as a user",
    "gamelift:RequestUploadCredentials": "credentials of a bucket",
    "gamelift:GetInstanceAccess": "a session on an instance",
    "mediapackage:RotateChannelCredentials": "credentials of a channel",
    "mediapackage:RotateIngestEndpointCredentials": "credentials of a channel",
    "snowball:GetJobUnlockCode": "the code that opens a device",
    "sts:GetFederationToken": "a session that outlives a changed key",
    "sso:GetRoleCredentials": "credentials of a role",
    "apigateway:CreateApiKey": "an API key",
    "appsync:CreateApiKey": "an API key",
    "transfer:ImportSshPublicKey": "a sign-in to a file server",
}
"""Calls whose answer is a credential, and of what."""

OPENS_TO_OTHERS = dict.fromkeys((
    "ec2:ModifySnapshotAttribute", "ec2:ModifyImageAttribute", "rds:ModifyDBSnapshotAttribute",
    "rds:ModifyDBClusterSnapshotAttribute", "s3:PutBucketPolicy", "s3:PutBucketAcl", "s3:PutObjectAcl",
    "s3:PutBucketPublicAccessBlock", "s3:PutAccountPublicAccessBlock", "kms:PutKeyPolicy", "kms:CreateGrant",
    "lambda:AddPermission", "lambda:AddLayerVersionPermission", "sqs:AddPermission", "sqs:SetQueueAttributes",
    "sns:AddPermission", "sns:SetTopicAttributes", "secretsmanager:PutResourcePolicy", "ecr:SetRepositoryPolicy",
    "es:UpdateDomainConfig", "glacier:SetVaultAccessPolicy", "dynamodb:PutResourcePolicy", "ram:CreateResourceShare",
    "redshift:AuthorizeSnapshotAccess", "backup:PutBackupVaultAccessPolicy",
))  # fmt: skip


# --- trust ----------------------------------------------------------------------------------------------------------


def trust_findings(estate: Estate) -> Iterator[Finding]:
    """Who may take a role that should not; a document without its role is judged as the role's."""
    for holder in estate.principals:
        if holder.trust is not None:
            yield from judge_trusts(f"Role {holder.name}", holder.address or holder.arn, holder.trust, estate)
    for policy in estate.loose:
        if policy.document is not None:
            yield from judge_trusts(f"Document {policy.name}", policy.address, policy.document, estate)


def judge_trusts(name: str, resource: str, document: Document, estate: Estate) -> Iterator[Finding]:
    for statement in document.statements:
        if statement.effect == "Allow" and is_trust(statement):
            for principal in principals_of(statement):
                if judged := judge_trust(statement, principal, estate):
                    rule, message = judged
                    yield Finding(
                        rule.id, rule.severity, f"{name}: {message}.", principal=principal.value or "*",
                        resource=resource, place=statement.place, fix=rule.mend,
                    )  # fmt: skip


def is_trust(statement: Statement) -> bool:
    """Whether it is about taking a role rather than using a resource."""
    return bool(statement.principals or statement.not_principals) and any(
        action.lower().startswith("sts:") for action in statement.actions
    )


def judge_trust(statement: Statement, principal: Principal, estate: Estate) -> tuple[Rule, str] | None:
    """What is wrong with letting this principal take a role: the rule, and the end of a sentence."""
    keys = required_keys(statement)
    if principal.is_everybody:
        return None if keys & NARROWING else (PUBLIC_TRUST, "anybody may take it")
    if principal.kind == "Service":
        service = principal.value.removesuffix(".amazonaws.com").split(".amazonaws.")[0]
        if service in ASKS_FOR_SOURCE and not keys & SOURCE:
            return TRUST_WITHOUT_SOURCE, f"{principal.value} may take it for any resource"
    if principal.kind == "Federated":
        return judge_federated(statement, principal, keys)
    account = account_of(principal.value) if principal.kind == "AWS" else ""
    if account not in ("", estate.account) and not is_known(principal.value, estate):
        shared = {"sts:externalid", "aws:principalorgid", "aws:principalorgpaths"}
        if not keys & shared and any(matches(action.lower(), "sts:assumerole") for action in statement.actions):
            return WITHOUT_EXTERNAL_ID, f"account {account} may take it without an external id"
    return None


def is_known(arn: str, estate: Estate) -> bool:
    """Whether a principal is one of the estate, whose own account isn't known."""
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    name = name.rpartition("/")[2]
    return is_symbolic(estate.account) and any((each.kind, each.name) == (kind, name) for each in estate.principals)


def judge_federated(statement: Statement, principal: Principal, keys: frozenset[str]) -> tuple[Rule, str] | None:
    if ":saml-provider/" in principal.value:
        return None if "saml:aud" in keys else (SAML_WITHOUT_AUDIENCE, "any assertion of the SAML provider opens it")
    provider = principal.value.rpartition("oidc-provider/")[2] or principal.value
    subjects = [
        value
        for condition in positive(statement)
        if condition.key.lower().endswith((":sub", ":id", ":oaud", ":job_workflow_ref", ":repository"))
        or condition.key.lower().startswith("token.actions.githubusercontent.com:repository")
        for value in condition.values
    ]
    if audience := AUDIENCE_IS_ENOUGH.get(provider):
        asked = any(key.endswith(audience) for key in keys)
        return None if asked else (WITHOUT_SUBJECT, f"any token of {provider} opens it")
    if not subjects or any(is_open_subject(value) for value in subjects):
        return WITHOUT_SUBJECT, f"any token of {provider} opens it"
    if not any(key.endswith(":aud") for key in keys):
        return WITHOUT_AUDIENCE, f"tokens of {provider} for any audience open it"
    return None


def is_open_subject(subject: str) -> bool:
    """Whether a pattern for `sub` names nobody: "*", "project_path:*", "repo:acme*" (acme-too fits as well)."""
    kind, _, named = subject.removeprefix("system:").partition(":")
    if not named:
        kind, named = "", kind
    owner = named.partition("/")[0] if kind == "repo" else named[:1]
    return bool(ANYBODY.match(named)) or "*" in owner or "?" in owner


# --- resources ------------------------------------------------------------------------------------------------------


def resource_findings(estate: Estate) -> Iterator[Finding]:
    """Resources that everybody, other accounts, or a service for anybody may use."""
    for guarded in estate.guarded:
        if guarded.policy and guarded.policy.document and guarded.kind not in ONLY_LIMITS:
            yield from judge_resource(guarded, guarded.policy.document, estate)
    for policy in estate.loose:
        if policy.document is not None:
            nameless = Guarded("document", policy.name, "", policy.address, policy, place=policy.place)
            yield from judge_resource(nameless, policy.document, estate)


def judge_resource(guarded: Guarded, document: Document, estate: Estate) -> Iterator[Finding]:
    for statement in document.statements:
        if statement.effect != "Allow" or is_trust(statement) or is_denied(statement, document):
            continue
        keys = required_keys(statement)
        for principal in principals_of(statement):
            rule, severity, message = RESOURCE_WITHOUT_SOURCE, RESOURCE_WITHOUT_SOURCE.severity, ""
            stranger = principal.kind == "AWS" and account_of(principal.value) not in ("", estate.account)
            if principal.is_everybody and not keys & NARROWING:
                rule, severity = PUBLIC_RESOURCE, Severity.INFO if guarded.shut else severity_of(statement)
                message = f"anybody may {doing(statement)}"
            elif principal.kind == "Service" and not keys & SOURCE and guarded.kind != "kms_key":
                message = f"{principal.value} may {doing(statement)} for any of its customers"
            elif stranger and (guarded.kind == "document" or not is_symbolic(estate.account)):
                rule, severity = CROSS_ACCOUNT, CROSS_ACCOUNT.severity
                message = f"account {account_of(principal.value)} may {doing(statement)}"
            if message:
                kind = guarded.kind.replace("_", " ")
                yield Finding(
                    rule.id, severity, f"{kind[0].upper()}{kind[1:]} {guarded.name}: {message}.",
                    principal=principal.value or "*", resource=guarded.address or guarded.arn, place=statement.place,
                    fix=rule.mend,
                )  # fmt: skip


def severity_of(statement: Statement) -> Severity:
    """Open to everybody: what can be changed is worse than what can be read."""
    changes = statement.not_actions or not all(READING.match(action) for action in statement.actions)
    return Severity.CRITICAL if changes else Severity.HIGH


def is_denied(statement: Statement, document: Document) -> bool:
    """Whether a Deny without conditions takes the same actions from everybody."""
    wanted = {action.lower() for action in statement.actions}
    for other in document.statements:
        if other.effect == "Deny" and not other.conditions and any(each.is_everybody for each in other.principals):
            denied = {action.lower() for action in other.actions}
            if "*" in denied or (wanted and wanted <= denied):
                return True
    return False


def doing(statement: Statement) -> str:
    """Its actions in a sentence: "sqs:SendMessage and 2 more"."""
    actions = statement.actions or tuple(f"anything but {action}" for action in statement.not_actions)
    more = f" and {len(actions) - 1} more" if len(actions) > 1 else ""
    return "do anything" if actions[:1] == ("*",) else f"call {actions[0]}{more}" if actions else "do nothing"


# --- what one principal gives away ----------------------------------------------------------------------------------


def identity_findings(estate: Estate) -> Iterator[Finding]:
    """Roles handed to anything, data read at large, credentials handed out, resources opened to others."""
    carriers = {carrier.role: carrier for carrier in estate.carriers if carrier.service.startswith("ec2")}
    for holder in estate.principals:
        services = services_at_large(holder)
        if not services:
            continue
        grants = grants_of(holder, estate)
        if everything := widest(
            grants.can("iam:PutRolePolicy"), grants.can("s3:DeleteBucket"), grants.can("kms:Decrypt")
        ):
            # An administrator gives away everything: one sentence, not a hundred.
            if carrier := carriers.get(holder.arn):
                message = (
                    f"{carrier.kind.replace('_', ' ')} {carrier.name} runs as {holder.name}, which may do anything"
                )
                yield finding(INSTANCE_ADMIN, holder, everything, message)
            continue
        yield from passing_findings(holder, grants.can("iam:PassRole"))
        for action, (what, severity) in of_services(READS_DATA, services):
            if grant := widest(grants.can(action)):
                yield finding(DATA, holder, grant, f"{holder.name} may read all {what} ({action})", severity)
        for action, what in of_services(HANDS_OUT, services):
            if grant := widest(grants.can(action)):
                yield finding(CREDENTIALS, holder, grant, f"{holder.name} may get {what} ({action})")
        for action, _ in of_services(OPENS_TO_OTHERS, services):
            if grant := widest(grants.can(action)):
                yield finding(SHARING, holder, grant, f"{holder.name} may open any resource to others ({action})")


def services_at_large(holder: Holder) -> frozenset[str]:
    """Services of which a principal may be allowed something on any resource, "*" for all, without expanding."""
    found = set()
    for policy in holder.policies:
        for statement in policy.document.statements if policy.document else ():
            if statement.effect == "Allow" and (statement.not_resources or any(map(is_any, statement.resources))):
                named = {action.partition(":")[0].lower() for action in statement.actions}
                found |= {"*"} if statement.not_actions or any("*" in name or "?" in name for name in named) else named
    return frozenset(found)


def of_services(actions: Mapping[str, Said], services: frozenset[str]) -> Iterator[tuple[str, Said]]:
    """Those of a table that are of these services."""
    everything = "*" in services
    return ((action, said) for action, said in actions.items() if everything or action.partition(":")[0] in services)


def passing_findings(holder: Holder, grants: Iterable[Grant]) -> Iterator[Finding]:
    for grant in grants:
        if not is_any(grant.resource, "role"):
            continue
        keys = {condition.key.lower() for condition in grant.conditions}
        if not keys:
            yield finding(PASS_ANY_ROLE, holder, grant, f"{holder.name} may pass any role to any service")
        elif keys == {"iam:passedtoservice"}:
            message = f"{holder.name} may pass any role to the services of a condition"
            yield finding(PASS_ANY_ROLE, holder, grant, message, Severity.LOW)


def finding(rule: Rule, holder: Holder, grant: Grant, message: str, severity: Severity | None = None) -> Finding:
    """On the line of the statement; AWS's own policies have none, so there on that of the attachment."""
    written = (grant.statement.place, grant.policy.place if grant.policy else NOWHERE, holder.place)
    place = next((each for each in written if each.file), NOWHERE)
    return Finding(
        rule.id, rule.severity if severity is None else severity, f"{message}.", principal=holder.arn,
        resource=grant.policy.address if grant.policy else holder.address, place=place, fix=rule.mend,
    )  # fmt: skip


def widest(*found: Iterable[Grant]) -> Grant | None:
    """A grant on any resource, without a condition, of each of these; None where one of them has none."""
    last = None
    for grants in found:
        last = next((grant for grant in grants if is_any(grant.resource) and not grant.conditions), None)
        if last is None:
            return None
    return last


def is_any(resource: str, kind: str = "") -> bool:
    """Whether a pattern means every resource of its kind: "*", "arn:aws:s3:::*", "arn:aws:iam::*:role/*"."""
    if resource in ("*", "**"):
        return True
    name = resource.split(":", 5)[-1] if resource.startswith("arn:") else resource
    for prefix in (
        f"{kind}/" if kind else "",
        "table/",
        "secret:",
        "parameter/",
        "stream/",
        "key/",
        "snapshot/",
        "role/",
    ):
        name = name.removeprefix(prefix)
    return bool(name) and all(character in "*/:" for character in name)


# --- conditions and principals --------------------------------------------------------------------------------------


def principals_of(statement: Statement) -> Iterator[Principal]:
    """Who a statement lets in. NotPrincipal with Allow lets in everybody else."""
    yield from statement.principals
    if statement.not_principals:
        yield Principal("*", "*")


def positive(statement: Statement) -> Iterator[Condition]:
    """Conditions that ask for a value that must be there (ForAllValues and IfExists hold where none is)."""
    for condition in statement.conditions:
        sets, _, operator = condition.operator.rpartition(":")
        if sets.lower() != "forallvalues" and not NEGATED.search(operator) and not operator.endswith("IfExists"):
            yield condition


def required_keys(statement: Statement) -> frozenset[str]:
    """The condition keys, lower case, whose values leave somebody in particular."""
    found = set()
    for condition in positive(statement):
        if condition.values and not any(map(leaves_everybody, condition.values)):
            found.add(condition.key.lower())
    return frozenset(found)


def leaves_everybody(value: str) -> bool:
    """Whether a condition's value fits anybody: "*", every network, any organisation, an ARN in any account."""
    if ANYBODY.match(value) or value in OPEN_NETWORKS or value == "o-*":
        return True
    parts = value.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6:
        return False
    # A bucket's ARN has no account: its name says whose it is.
    return parts[4][:1] in ("*", "?") or (not parts[4] and parts[5][:1] in ("*", "?"))


def account_of(value: str) -> str:
    """The account that a principal is of, where it is written as digits; else ""."""
    found = re.fullmatch(r"(\d{12})|arn:[a-z-]+:(?:iam|sts)::(\d{12}):.*", value)
    return (found.group(1) or found.group(2)) if found else ""


CHECKS: tuple[Check, ...] = (
    Check(PUBLIC_TRUST, trust_findings),
    Check(WITHOUT_EXTERNAL_ID),
    Check(TRUST_WITHOUT_SOURCE),
    Check(WITHOUT_SUBJECT),
    Check(WITHOUT_AUDIENCE),
    Check(SAML_WITHOUT_AUDIENCE),
    Check(PUBLIC_RESOURCE, resource_findings),
    Check(RESOURCE_WITHOUT_SOURCE),
    Check(CROSS_ACCOUNT),
    Check(PASS_ANY_ROLE, identity_findings),
    Check(DATA),
    Check(CREDENTIALS),
    Check(SHARING),
    Check(INSTANCE_ADMIN),
)
