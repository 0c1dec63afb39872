"""The techniques, as data, by AWS's semantics: which calls take a role or credentials, and which make them run.

A call that only creates something is not enough where AWS runs nothing until another call is made (a function is
invoked, a job started), and is enough where it does (a notebook's lifecycle script, a stack, a training job). Calls
that only find targets (List, Describe) count where the API can't be used without what they answer. Roles that a
service uses to move data, with nothing in it that the caller writes (Comprehend, Kendra, DataSync, Firehose), are not
here: they give a way to data, not to the role. Nor is cognito-identity:GetOpenIdTokenForDeveloperIdentity, which AWS
counts as reading (it is in ReadOnlyAccess).

Sources: Service Authorization Reference (dependent actions, resource types), each service's API reference; Rhino
Security Labs' "AWS IAM Privilege Escalation" (2018), Bishop Fox' "IAM Vulnerable", PMapper's edges,
pathfinding.cloud.
"""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.iam.escalation.technique import Technique, Through, variants

PASSING = "iam:PassRole"
IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html"
GUIDE = "https://docs.aws.amazon.com/"


def _own() -> Iterator[Technique]:
    """Change what a principal may do, or whom it is let be."""
    own = Through.SELF
    versions = GUIDE + "IAM/latest/UserGuide/access_policies_managed-versioning.html"
    for action, kind in (
        ("iam:CreatePolicyVersion", "writes a new default version of {target} that allows everything"),
        ("iam:SetDefaultPolicyVersion", "makes an older, wider version of {target} the default"),
    ):
        title = "Can change the managed policy that limits it"
        yield Technique("change-policy-version", title, own, ((action,),), kind, page=versions)
    inline = GUIDE + "IAM/latest/UserGuide/access_policies_manage-attach-detach.html"
    for kind in ("User", "Role", "Group"):
        yield Technique(
            "put-policy", "Can write an inline policy for itself", own, ((f"iam:Put{kind}Policy",),),
            "writes an inline policy that allows everything on {target}", page=inline,
        )  # fmt: skip
        yield Technique(
            "attach-policy", "Can attach any managed policy to itself", own, ((f"iam:Attach{kind}Policy",),),
            "attaches AdministratorAccess, or another policy that leads to everything, to {target}", page=inline,
        )  # fmt: skip
    yield Technique(
        "join-group", "Can add itself to a group", Through.GROUP, (("iam:AddUserToGroup",),), "joins {target}",
        page=GUIDE + "IAM/latest/UserGuide/id_groups.html",
    )  # fmt: skip
    yield Technique(
        "rewrite-trust", "Can rewrite whom a role trusts", Through.ROLE, (("iam:UpdateAssumeRolePolicy",),),
        "makes {target} trust it, and assumes it",
        page=GUIDE + "IAM/latest/UserGuide/id_roles_update-role-trust-policy.html",
    )  # fmt: skip
    yield Technique(
        "make-administrator", "Can make a principal with any permissions and become it", Through.ANYTHING,
        variants("iam:CreateRole", "iam:PutRolePolicy | iam:AttachRolePolicy")
        + variants(
            "iam:CreateUser",
            "iam:PutUserPolicy | iam:AttachUserPolicy | iam:AddUserToGroup",
            "iam:CreateAccessKey | iam:CreateLoginProfile",
        ),
        "makes a new principal, gives it everything and becomes it",
        page=GUIDE + "IAM/latest/UserGuide/id_roles_create.html",
    )  # fmt: skip


def _become() -> Iterator[Technique]:
    """Become a principal that is there."""
    keys = GUIDE + "IAM/latest/UserGuide/id_credentials_access-keys.html"
    for name, action, title, step in (
        ("access-key", "iam:CreateAccessKey", "Can make access keys of other users", "makes an access key of {target}"),
        ("login-profile", "iam:CreateLoginProfile", "Can give other users a password", "sets a password for {target}"),
        ("login-profile", "iam:UpdateLoginProfile", "Can give other users a password", "changes {target}'s password"),
        (
            "service-credential", "iam:CreateServiceSpecificCredential | iam:ResetServiceSpecificCredential",
            "Can make credentials of other users for single services",
            "makes {target}'s credential for a service (CodeCommit, Keyspaces, Bedrock)",
        ),
        (
            "service-credential", "iam:UploadSSHPublicKey", "Can make credentials of other users for single services",
            "puts its SSH key on {target} for CodeCommit",
        ),
    ):  # fmt: skip
        yield Technique(name, title, Through.USER, variants(action), step, page=keys)
    yield Technique(
        "assume-role", "Can assume a role with more than it was given", Through.TRUST, (("sts:AssumeRole",),),
        "assumes {target}", page=GUIDE + "STS/latest/APIReference/API_AssumeRole.html",
    )  # fmt: skip
    elsewhere = (
        (
            "assume-root", "Can be root of a member account", "sts:AssumeRoot", "takes a root session of an account",
            "STS/latest/APIReference/API_AssumeRoot.html",
        ),
        (
            "identity-provider", "Can take over an identity provider that roles trust",
            "iam:UpdateSAMLProvider | iam:UpdateOpenIDConnectProviderThumbprint",
            "replaces the provider's signing material and assumes, without any permission, roles that trust it",
            "IAM/latest/APIReference/API_UpdateSAMLProvider.html",
        ),
        (
            "roles-anywhere", "Can take over a trust anchor of IAM Roles Anywhere", "rolesanywhere:UpdateTrustAnchor",
            "puts its own certificate authority into the trust anchor and takes sessions of its profiles' roles",
            "rolesanywhere/latest/APIReference/API_UpdateTrustAnchor.html",
        ),
        (
            "identity-center", "Can change who is who in IAM Identity Center",
            "sso:CreateAccountAssignment | sso:PutInlinePolicyToPermissionSet + sso:ProvisionPermissionSet"
            " | sso:AttachManagedPolicyToPermissionSet + sso:ProvisionPermissionSet"
            " | sso:AttachCustomerManagedPolicyReferenceToPermissionSet + sso:ProvisionPermissionSet"
            " | identitystore:CreateGroupMembership | sso-directory:AddMemberToGroup | sso-directory:UpdatePassword",
            "gives itself, or a user whose password it sets, a wider permission set",
            "singlesignon/latest/APIReference/API_CreateAccountAssignment.html",
        ),
        (
            "cloud9-membership", "Can join a Cloud9 environment of somebody else", "cloud9:CreateEnvironmentMembership",
            "joins the environment and uses its owner's credentials", "cloud9/latest/user-guide/share-environment.html",
        ),
        (
            "render-farm-role", "Can take a queue's or fleet's role from Deadline Cloud",
            "deadline:AssumeQueueRoleForUser | deadline:AssumeFleetRoleForWorker | deadline:AssumeQueueRoleForWorker",
            "asks Deadline Cloud for its credentials", "deadline-cloud/latest/APIReference/Welcome.html",
        ),
    )  # fmt: skip
    for name, title, needs, step, page in elsewhere:
        yield Technique(name, title, Through.ELSEWHERE, variants(needs), step, page=GUIDE + page)


# Service; suffix of the id; whom the role must trust; what happens; needs beside iam:PassRole; page.
RUN_FUNCTION = (
    "lambda:InvokeFunction | lambda:InvokeAsync | lambda:CreateEventSourceMapping | lambda:AddPermission"
    " | lambda:PutResourcePolicy | lambda:CreateFunctionUrlConfig + lambda:InvokeFunctionUrl"
    " | lambda:PutProvisionedConcurrencyConfig"
)
NEW: tuple[tuple[str, str, str, str, tuple[str, ...], str], ...] = (
    (
        "Lambda", "lambda", "lambda", "creates a function that runs as {target}, and has it run",
        ("lambda:CreateFunction", RUN_FUNCTION), "lambda/latest/dg/lambda-intro-execution-role.html",
    ),
    (
        "Lambda MicroVMs", "lambda-microvm", "lambda", "starts a virtual machine that runs as {target}",
        ("lambda:RunMicrovm", "lambda:CreateMicrovmImage | lambda:CreateMicrovmShellAuthToken"),
        "lambda/latest/dg/welcome.html",
    ),
    (
        "EC2", "ec2", "ec2", "starts an instance that runs as {target}, with user data of its own",
        (
            "ec2:RunInstances | ec2:RequestSpotInstances | ec2:RequestSpotFleet"
            " | ec2:CreateLaunchTemplate + ec2:CreateFleet | ec2:CreateLaunchTemplateVersion + ec2:CreateFleet"
            " | ec2:RunScheduledInstances",
        ),
        "AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html",
    ),
    (
        "EC2 instance profiles", "instance-profile", "ec2", "gives an instance that it is on {target}",
        ("ec2:AssociateIamInstanceProfile | ec2:ReplaceIamInstanceProfileAssociation",),
        "AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html",
    ),
    (
        "EC2 Auto Scaling", "autoscaling", "ec2", "has a group start instances that run as {target}",
        (
            "autoscaling:CreateLaunchConfiguration | ec2:CreateLaunchTemplate",
            "autoscaling:CreateAutoScalingGroup | autoscaling:UpdateAutoScalingGroup",
        ),
        "autoscaling/ec2/userguide/us-iam-role.html",
    ),
    (
        "ECS", "ecs", "ecs-tasks", "runs a task of its own as {target}",
        (
            "ecs:RegisterTaskDefinition",
            "ecs:RunTask | ecs:StartTask | ecs:CreateService | ecs:UpdateService | ecs:CreateTaskSet",
        ),
        "AmazonECS/latest/developerguide/task-iam-roles.html",
    ),
    (
        "ECS daemons", "ecs-daemon", "ecs-tasks", "runs a daemon of its own as {target}",
        ("ecs:RegisterDaemonTaskDefinition", "ecs:CreateDaemon | ecs:UpdateDaemon"),
        "AmazonECS/latest/developerguide/task-iam-roles.html",
    ),
    (
        "ECS Express Mode", "ecs-express", "ecs-tasks", "runs a container of its own as {target}",
        ("ecs:CreateExpressGatewayService | ecs:UpdateExpressGatewayService",),
        "AmazonECS/latest/developerguide/task-iam-roles.html",
    ),
    (
        "Batch", "batch", "ecs-tasks", "submits a job of its own that runs as {target}",
        ("batch:RegisterJobDefinition", "batch:SubmitJob | batch:SubmitServiceJob"),
        "batch/latest/userguide/job_definition_parameters.html",
    ),
    (
        "Batch compute environments", "batch-environment", "ec2", "has instances started that run as {target}",
        ("batch:CreateComputeEnvironment | batch:UpdateComputeEnvironment",
         "ec2:CreateLaunchTemplate | ec2:CreateLaunchTemplateVersion"),
        "batch/latest/userguide/launch-templates.html",
    ),
    (
        "Glue development endpoints", "glue-endpoint", "glue", "opens a development endpoint that runs as {target}",
        ("glue:CreateDevEndpoint",), "glue/latest/dg/dev-endpoint.html",
    ),
    (
        "Glue", "glue", "glue", "has a job of its own run as {target}",
        ("glue:CreateJob | glue:UpdateJob", "glue:StartJobRun | glue:CreateTrigger"),
        "glue/latest/dg/getting-started-access.html",
    ),
    (
        "Glue blueprints", "glue-blueprint", "glue", "has a blueprint's script of its own run as {target}",
        ("glue:CreateBlueprint | glue:UpdateBlueprint", "glue:StartBlueprintRun"),
        "glue/latest/dg/developing-blueprints.html",
    ),
    (
        "Glue sessions", "glue-session", "glue", "runs statements in a session that runs as {target}",
        ("glue:CreateSession", "glue:RunStatement"), "glue/latest/dg/interactive-sessions.html",
    ),
    (
        "CloudFormation", "cloudformation", "cloudformation", "has a stack of its own made by {target}",
        ("cloudformation:CreateStack | cloudformation:UpdateStack"
         " | cloudformation:CreateChangeSet + cloudformation:ExecuteChangeSet",),
        "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
    ),
    (
        "CloudFormation StackSets", "stack-set", "cloudformation", "has stacks of its own made by {target}",
        ("cloudformation:CreateStackSet + cloudformation:CreateStackInstances | cloudformation:UpdateStackSet",),
        "AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html",
    ),
    (
        "Cloud Control API", "cloud-control", "cloudformation", "has any resource made by {target}",
        ("cloudformation:CreateResource | cloudformation:UpdateResource",),
        "cloudcontrolapi/latest/APIReference/API_CreateResource.html",
    ),
    (
        "CloudFormation Git sync", "git-sync", "cloudformation", "has {target} deploy a template of its repository",
        ("codeconnections:CreateSyncConfiguration | codestar-connections:CreateSyncConfiguration",),
        "AWSCloudFormation/latest/UserGuide/git-sync.html",
    ),
    (
        "Service Catalog", "service-catalog", "servicecatalog", "has a product of its own launched by {target}",
        ("servicecatalog:CreateConstraint",
         "servicecatalog:CreateProduct | servicecatalog:CreateProvisioningArtifact",
         "servicecatalog:ProvisionProduct | servicecatalog:UpdateProvisionedProduct"),
        "servicecatalog/latest/adminguide/constraints-launch.html",
    ),
    (
        "Data Pipeline", "data-pipeline", "datapipeline", "has a pipeline of its own run as {target}",
        ("datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition", "datapipeline:ActivatePipeline"),
        "datapipeline/latest/DeveloperGuide/dp-iam-roles.html",
    ),
    (
        "CodeBuild", "codebuild", "codebuild", "runs a build of its own as {target}",
        ("codebuild:CreateProject | codebuild:UpdateProject",
         "codebuild:StartBuild | codebuild:StartBuildBatch | codebuild:CreateWebhook"),
        "codebuild/latest/userguide/setting-up-service-role.html",
    ),
    (
        "CodePipeline", "codepipeline", "codepipeline", "has a pipeline of its own run as {target}",
        ("codepipeline:CreatePipeline | codepipeline:UpdatePipeline",),
        "codepipeline/latest/userguide/action-reference-Commands.html",
    ),
    (
        "CodeStar", "codestar", "codestar", "has a project's toolchain made by {target}",
        ("codestar:CreateProject",), "codestar/latest/userguide/access-permissions.html",
    ),
    (
        "Proton", "proton", "proton", "has an environment of its own template made by {target}",
        ("proton:CreateEnvironmentTemplateVersion", "proton:CreateEnvironment | proton:UpdateEnvironment"),
        "proton/latest/userguide/ag-environment-roles.html",
    ),
    (
        "Elastic Beanstalk", "beanstalk", "ec2", "runs an application of its own as {target}",
        ("elasticbeanstalk:CreateApplicationVersion", "elasticbeanstalk:CreateEnvironment"),
        "elasticbeanstalk/latest/dg/iam-instanceprofile.html",
    ),
    (
        "SageMaker notebooks", "sagemaker-notebook", "sagemaker", "opens a notebook that runs as {target}",
        ("sagemaker:CreateNotebookInstance",
         "sagemaker:CreatePresignedNotebookInstanceUrl | sagemaker:CreateNotebookInstanceLifecycleConfig"),
        "sagemaker/latest/dg/sagemaker-roles.html",
    ),
    (
        "SageMaker jobs", "sagemaker-job", "sagemaker", "runs a container of its own as {target}",
        ("sagemaker:CreateTrainingJob | sagemaker:CreateProcessingJob | sagemaker:CreateHyperParameterTuningJob"
         " | sagemaker:CreateMonitoringSchedule | sagemaker:CreateCluster"
         " | sagemaker:CreatePipeline + sagemaker:StartPipelineExecution"
         " | sagemaker:UpdatePipeline + sagemaker:StartPipelineExecution",),
        "sagemaker/latest/dg/sagemaker-roles.html",
    ),
    (
        "SageMaker models", "sagemaker-model", "sagemaker", "serves a model whose container runs as {target}",
        ("sagemaker:CreateModel",
         "sagemaker:CreateTransformJob | sagemaker:CreateEndpointConfig + sagemaker:CreateEndpoint"
         " | sagemaker:CreateEndpointConfig + sagemaker:UpdateEndpoint"),
        "sagemaker/latest/dg/sagemaker-roles.html",
    ),
    (
        "SageMaker Studio", "sagemaker-studio", "sagemaker", "opens a Studio profile that runs as {target}",
        ("sagemaker:CreateUserProfile | sagemaker:CreateDomain + sagemaker:CreateUserProfile"
         " | sagemaker:UpdateUserProfile | sagemaker:UpdateDomain",
         "sagemaker:CreatePresignedDomainUrl"),
        "sagemaker/latest/dg/sagemaker-roles.html",
    ),
    (
        "App Runner", "apprunner", "tasks.apprunner", "runs a service of its own as {target}",
        ("apprunner:CreateService",), "apprunner/latest/dg/security_iam_service-with-iam.html",
    ),
    (
        "Bedrock AgentCore code interpreters", "code-interpreter", "bedrock-agentcore",
        "runs code in an interpreter that runs as {target}",
        ("bedrock-agentcore:CreateCodeInterpreter", "bedrock-agentcore:StartCodeInterpreterSession",
         "bedrock-agentcore:InvokeCodeInterpreter"),
        "bedrock-agentcore/latest/devguide/code-interpreter-tool.html",
    ),
    (
        "Bedrock AgentCore runtimes", "agent-runtime", "bedrock-agentcore", "runs an agent of its own as {target}",
        ("bedrock-agentcore:CreateAgentRuntime | bedrock-agentcore:UpdateAgentRuntime"
         " | bedrock-agentcore:CreateHarness | bedrock-agentcore:UpdateHarness",
         "bedrock-agentcore:InvokeAgentRuntime | bedrock-agentcore:InvokeAgentRuntimeForUser"
         " | bedrock-agentcore:InvokeAgentRuntimeWithWebSocketStream | bedrock-agentcore:InvokeAgentRuntimeCommand"
         " | bedrock-agentcore:InvokeAgentRuntimeCommandShell | bedrock-agentcore:InvokeHarness"),
        "bedrock-agentcore/latest/devguide/runtime-permissions.html",
    ),
    (
        "Bedrock AgentCore browsers", "agent-browser", "bedrock-agentcore", "drives a browser that runs as {target}",
        ("bedrock-agentcore:CreateBrowser", "bedrock-agentcore:StartBrowserSession",
         "bedrock-agentcore:ConnectBrowserAutomationStream"),
        "bedrock-agentcore/latest/devguide/browser-tool.html",
    ),
    (
        "Step Functions", "step-functions", "states", "has a state machine call any API as {target}",
        ("states:CreateStateMachine + states:StartExecution | states:CreateStateMachine + states:StartSyncExecution"
         " | states:UpdateStateMachine + states:StartExecution | states:UpdateStateMachine + states:StartSyncExecution"
         " | states:TestState",),
        "step-functions/latest/dg/procedure-create-iam-role.html",
    ),
    (
        "EventBridge", "eventbridge", "events", "has a rule act on its targets as {target}",
        ("events:PutTargets", "events:PutRule"), "eventbridge/latest/userguide/eb-events-iam-roles.html",
    ),
    (
        "EventBridge Scheduler", "scheduler", "scheduler", "schedules any API call as {target}",
        ("scheduler:CreateSchedule | scheduler:UpdateSchedule",),
        "scheduler/latest/UserGuide/managing-targets-universal.html",
    ),
    (
        "EventBridge Pipes", "pipes", "pipes", "has a pipe act on its target as {target}",
        ("pipes:CreatePipe | pipes:UpdatePipe",), "eventbridge/latest/userguide/eb-pipes-permissions.html",
    ),
    (
        "Systems Manager Automation", "ssm-automation", "ssm", "runs a runbook as {target}",
        ("ssm:StartAutomationExecution | ssm:RegisterTaskWithMaintenanceWindow | ssm:UpdateMaintenanceWindowTask",),
        "systems-manager/latest/userguide/automation-setup-iam.html",
    ),
    (
        "Systems Manager hybrid nodes", "ssm-activation", "ssm", "makes its own machine a node that runs as {target}",
        ("ssm:CreateActivation | ssm:UpdateManagedInstanceRole",),
        "systems-manager/latest/userguide/hybrid-activation-managed-nodes.html",
    ),
    (
        "Incident Manager", "incident-manager", "ssm-incidents", "has a response plan run a runbook as {target}",
        ("ssm-incidents:CreateResponsePlan | ssm-incidents:UpdateResponsePlan", "ssm-incidents:StartIncident"),
        "incident-manager/latest/userguide/tutorials-runbooks.html",
    ),
    (
        "AWS Config", "config-remediation", "ssm", "has a remediation run a runbook as {target}",
        ("config:PutRemediationConfigurations", "config:StartRemediationExecution"),
        "config/latest/developerguide/remediation.html",
    ),
    (
        "Fault Injection Service", "fis", "fis", "runs commands in an experiment as {target}",
        ("fis:CreateExperimentTemplate | fis:UpdateExperimentTemplate", "fis:StartExperiment"),
        "fis/latest/userguide/getting-started-iam-service-role.html",
    ),
    (
        "Budgets", "budgets", "budgets", "has a budget action attach any policy as {target}",
        ("budgets:CreateBudgetAction | budgets:UpdateBudgetAction", "budgets:ExecuteBudgetAction"),
        "cost-management/latest/userguide/budgets-controls.html",
    ),
    (
        "chat applications", "chatbot", "chatbot", "runs commands from a chat channel as {target}",
        ("chatbot:CreateSlackChannelConfiguration | chatbot:CreateMicrosoftTeamsChannelConfiguration"
         " | chatbot:UpdateSlackChannelConfiguration | chatbot:UpdateMicrosoftTeamsChannelConfiguration",),
        "chatbot/latest/adminguide/understanding-permissions.html",
    ),
    (
        "IoT credentials", "iot", "credentials.iot", "takes credentials of {target} with a certificate of its own",
        ("iot:CreateRoleAlias | iot:UpdateRoleAlias", "iot:CreatePolicy",
         "iot:AttachPolicy | iot:AttachPrincipalPolicy",
         "iot:CreateKeysAndCertificate | iot:CreateCertificateFromCsr | iot:RegisterCertificate"
         " | iot:RegisterCertificateWithoutCA"),
        "iot/latest/developerguide/authorizing-direct-aws.html",
    ),
    (
        "IAM Roles Anywhere", "roles-anywhere", "rolesanywhere", "takes sessions of {target} with its own certificate",
        ("rolesanywhere:CreateProfile | rolesanywhere:UpdateProfile",
         "rolesanywhere:CreateTrustAnchor | rolesanywhere:UpdateTrustAnchor"),
        "rolesanywhere/latest/userguide/trust-model.html",
    ),
    (
        "Cognito identity pools", "identity-pool", "cognito-identity", "lets an identity pool give out {target}",
        ("cognito-identity:SetIdentityPoolRoles",), "cognito/latest/developerguide/iam-roles.html",
    ),
    (
        "Amplify", "amplify", "amplify", "runs a build of its own as {target}",
        ("amplify:CreateApp + amplify:CreateBranch | amplify:UpdateApp | amplify:UpdateBranch", "amplify:StartJob"),
        "amplify/latest/userguide/how-to-service-role-amplify-console.html",
    ),
    (
        "AppSync", "appsync", "appsync", "has a resolver sign any API call as {target}",
        ("appsync:CreateDataSource | appsync:UpdateDataSource", "appsync:CreateResolver | appsync:UpdateResolver",
         "appsync:CreateApiKey | appsync:GraphQL"),
        "appsync/latest/devguide/tutorial-http-resolvers.html",
    ),
    (
        "EMR", "emr", "ec2", "runs steps of its own as {target}", ("elasticmapreduce:RunJobFlow",),
        "emr/latest/ManagementGuide/emr-iam-roles.html",
    ),
    (
        "EMR Serverless", "emr-serverless", "emr-serverless", "runs a job of its own as {target}",
        ("emr-serverless:StartJobRun | emr-serverless:StartSession",),
        "emr/latest/EMR-Serverless-UserGuide/jobs-using-runtime-role.html",
    ),
    (
        "Athena for Spark", "athena-spark", "athena", "runs calculations of its own as {target}",
        ("athena:CreateWorkGroup | athena:UpdateWorkGroup", "athena:StartSession", "athena:StartCalculationExecution"),
        "athena/latest/ug/notebooks-spark-getting-started.html",
    ),
    (
        "Cloud9", "cloud9", "cloud9", "opens an environment whose instance runs as {target}",
        ("cloud9:CreateEnvironmentEC2",), "cloud9/latest/user-guide/ec2-ssm.html",
    ),
    (
        "GameLift", "gamelift", "gamelift", "runs a game server of its own as {target}",
        ("gamelift:CreateBuild + gamelift:CreateFleet | gamelift:CreateScript + gamelift:CreateFleet"
         " | gamelift:CreateContainerGroupDefinition + gamelift:CreateContainerFleet",),
        "gameliftservers/latest/developerguide/gamelift-sdk-server-resources.html",
    ),
    (
        "Image Builder", "image-builder", "ec2", "builds an image with commands of its own as {target}",
        ("imagebuilder:CreateInfrastructureConfiguration", "imagebuilder:CreateComponent",
         "imagebuilder:CreateImageRecipe | imagebuilder:CreateContainerRecipe",
         "imagebuilder:CreateImage | imagebuilder:CreateImagePipeline + imagebuilder:StartImagePipelineExecution"),
        "imagebuilder/latest/userguide/security-iam-awsmanpol.html",
    ),
    (
        "Managed Service for Apache Flink", "flink", "kinesisanalytics", "runs an application of its own as {target}",
        ("kinesisanalytics:CreateApplication | kinesisanalytics:UpdateApplication",
         "kinesisanalytics:StartApplication"),
        "managed-flink/latest/java/security-iam.html",
    ),
    (
        "Managed Workflows for Apache Airflow", "airflow", "airflow", "runs DAGs of its own as {target}",
        ("airflow:CreateEnvironment | airflow-serverless:CreateWorkflow + airflow-serverless:StartWorkflowRun",),
        "mwaa/latest/userguide/mwaa-create-role.html",
    ),
    (
        "AppStream", "appstream", "appstream", "streams a desktop that runs as {target}",
        ("appstream:CreateImageBuilder + appstream:CreateImageBuilderStreamingURL"
         " | appstream:CreateFleet + appstream:CreateStreamingURL"
         " | appstream:CreateAppBlockBuilder + appstream:CreateAppBlockBuilderStreamingURL",),
        "appstream2/latest/developerguide/using-iam-roles-to-grant-permissions-to-applications-scripts-streaming-instances.html",
    ),
    (
        "WorkSpaces Instances", "workspaces-instance", "ec2", "starts an instance that runs as {target}",
        ("workspaces-instances:CreateWorkspaceInstance",), "workspaces-instances/latest/userguide/what-is.html",
    ),
    (
        "Braket", "braket", "braket", "runs a hybrid job of its own as {target}", ("braket:CreateJob",),
        "braket/latest/developerguide/braket-jobs.html",
    ),
    (
        "HealthOmics", "omics", "omics", "runs a workflow of its own as {target}",
        ("omics:StartRun", "omics:CreateWorkflow | omics:CreateWorkflowVersion"),
        "omics/latest/dev/permissions-service.html",
    ),
    (
        "Synthetics", "synthetics", "lambda", "runs a canary of its own as {target}",
        ("synthetics:CreateCanary | synthetics:UpdateCanary", "synthetics:StartCanary | synthetics:StartCanaryDryRun"),
        "AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_CanaryPermissions.html",
    ),
    (
        "MSK Connect", "kafka-connect", "kafkaconnect", "runs a plugin of its own as {target}",
        ("kafkaconnect:CreateConnector", "kafkaconnect:CreateCustomPlugin"),
        "msk/latest/developerguide/msk-connect-service-execution-role.html",
    ),
    (
        "Device Farm", "device-farm", "devicefarm", "runs tests of its own as {target}",
        ("devicefarm:ScheduleRun", "devicefarm:CreateUpload"),
        "devicefarm/latest/developerguide/custom-test-environments-iam-roles.html",
    ),
    (
        "Deadline Cloud", "deadline", "credentials.deadline", "takes the credentials of a queue that runs as {target}",
        ("deadline:CreateQueue | deadline:UpdateQueue", "deadline:AssumeQueueRoleForUser | deadline:CreateJob"),
        "deadline-cloud/latest/userguide/security-iam.html",
    ),
    (
        "EKS Pod Identity", "eks-pod-identity", "pods.eks", "runs a pod as {target}",
        ("eks:CreatePodIdentityAssociation | eks:UpdatePodIdentityAssociation",
         "eks:CreateAccessEntry + eks:AssociateAccessPolicy"),
        "eks/latest/userguide/pod-identities.html",
    ),
    (
        "EKS capabilities", "eks-capability", "capabilities.eks", "has a capability of a cluster act as {target}",
        ("eks:CreateCapability | eks:UpdateCapability", "eks:CreateAccessEntry + eks:AssociateAccessPolicy"),
        "eks/latest/userguide/capabilities.html",
    ),
    (
        "Mainframe Modernization", "mainframe", "m2", "runs an application of its own as {target}",
        ("m2:CreateApplication", "m2:CreateDeployment", "m2:StartApplication | m2:StartBatchJob"),
        "m2/latest/userguide/security-iam.html",
    ),
    (
        "Parallel Computing Service", "pcs", "ec2", "starts nodes that run as {target}",
        ("pcs:CreateComputeNodeGroup | pcs:UpdateComputeNodeGroup",),
        "pcs/latest/userguide/security-instance-profiles.html",
    ),
    (
        "Transfer Family", "transfer", "transfer", "logs in as a user whose files are {target}'s",
        ("transfer:CreateUser | transfer:UpdateUser + transfer:ImportSshPublicKey",),
        "transfer/latest/userguide/requirements-roles.html",
    ),
)  # fmt: skip


def _new() -> Iterator[Technique]:
    """Pass a role to something new."""
    for service, suffix, trusted, step, needs, page in NEW:
        yield Technique(
            f"pass-role-{suffix}", f"Can pass a role to {service} and act as it", Through.PASSED,
            variants(PASSING, *needs), step, services=(f"{trusted}.amazonaws.com",), page=GUIDE + page,
        )  # fmt: skip


# Id; kinds of carrier; title; what happens; needs; page. SEEN: those that count only where a plan shows the carrier.
HELD: tuple[tuple[str, tuple[str, ...], str, str, tuple[str, ...], str], ...] = (
    (
        "function-code", ("lambda_function",), "Can change the code of a function",
        "puts its code into {target}",
        ("lambda:UpdateFunctionCode | lambda:UpdateFunctionConfiguration",),
        "lambda/latest/dg/lambda-intro-execution-role.html",
    ),
    (
        "microvm-shell", ("lambda_microvm",), "Can open a shell in a Lambda MicroVM", "opens a shell in {target}",
        ("lambda:CreateMicrovmShellAuthToken",), "lambda/latest/dg/welcome.html",
    ),
    (
        "instance-user-data", ("instance",), "Can change what an instance runs when it starts",
        "puts commands into the user data of {target} and restarts it",
        ("ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances"),
        "AWSEC2/latest/UserGuide/user-data.html",
    ),
    (
        "launch-template", ("launch_template",), "Can change what new instances of a launch template run",
        "makes a version of {target} with its commands the default",
        ("ec2:ModifyLaunchTemplate", "ec2:CreateLaunchTemplateVersion"),
        "autoscaling/ec2/userguide/launch-templates.html",
    ),
    (
        "instance-shell", ("instance",), "Can run commands on an instance", "runs commands on {target}",
        ("ssm:StartSession | ssm:SendCommand | ssm:CreateAssociation | ssm:CreateAssociationBatch"
         " | ssm:UpdateAssociation | ec2-instance-connect:SendSerialConsoleSSHPublicKey"
         " | ec2-instance-connect:SendSSHPublicKey + ec2:DescribeInstances",),
        "systems-manager/latest/userguide/session-manager-getting-started-restrict-access.html",
    ),
    (
        "container-shell", ("ecs_task",), "Can run commands in a container",
        "runs commands in {target}",
        ("ecs:ExecuteCommand", "ecs:DescribeTasks"), "AmazonECS/latest/developerguide/ecs-exec.html",
    ),
    (
        "build-override", ("codebuild_project",), "Can run its own commands in a build project",
        "starts {target} with a build specification of its own", ("codebuild:StartBuild | codebuild:StartBuildBatch",),
        "codebuild/latest/APIReference/API_StartBuild.html",
    ),
    (
        "glue-endpoint-key", ("glue_dev_endpoint",), "Can put its key on a Glue development endpoint",
        "puts its SSH key on {target}", ("glue:UpdateDevEndpoint",), "glue/latest/dg/dev-endpoint.html",
    ),
    (
        "notebook", ("sagemaker_notebook_instance",), "Can open a notebook, or have it run a script",
        "opens {target}",
        ("sagemaker:CreatePresignedNotebookInstanceUrl"
         " | sagemaker:UpdateNotebookInstance + sagemaker:CreateNotebookInstanceLifecycleConfig"
         " + sagemaker:StopNotebookInstance + sagemaker:StartNotebookInstance"
         " | sagemaker:UpdateNotebookInstanceLifecycleConfig + sagemaker:StopNotebookInstance"
         " + sagemaker:StartNotebookInstance",),
        "sagemaker/latest/dg/security_iam_id-based-policy-examples.html",
    ),
    (
        "studio", ("sagemaker_user_profile", "sagemaker_domain"), "Can open somebody's SageMaker Studio",
        "opens {target}", ("sagemaker:CreatePresignedDomainUrl | sagemaker:StartSession",),
        "sagemaker/latest/APIReference/API_CreatePresignedDomainUrl.html",
    ),
    (
        "stack-update", ("cloudformation_stack",), "Can change a stack that has a service role",
        "changes the template of {target}",
        ("cloudformation:UpdateStack | cloudformation:ExecuteChangeSet + cloudformation:CreateChangeSet",),
        "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
    ),
    (
        "apprunner-update", ("apprunner_service",), "Can change what an App Runner service runs",
        "puts its image and start command into {target}", ("apprunner:UpdateService",),
        "apprunner/latest/api/API_UpdateService.html",
    ),
    (
        "code-interpreter", ("bedrockagentcore_code_interpreter",), "Can run code in a code interpreter with a role",
        "runs code in {target}",
        ("bedrock-agentcore:InvokeCodeInterpreter", "bedrock-agentcore:StartCodeInterpreterSession"),
        "bedrock-agentcore/latest/devguide/code-interpreter-tool.html",
    ),
    (
        "agent-runtime-shell", ("bedrockagentcore_agent_runtime",), "Can run commands in an agent's runtime",
        "runs commands in {target}",
        ("bedrock-agentcore:InvokeAgentRuntimeCommand | bedrock-agentcore:InvokeAgentRuntimeCommandShell",),
        "bedrock-agentcore/latest/devguide/runtime-permissions.html",
    ),
    (
        "state-machine-update", ("sfn_state_machine",), "Can change what a state machine does",
        "changes the definition of {target} and runs it",
        ("states:UpdateStateMachine", "states:StartExecution | states:StartSyncExecution | states:RedriveExecution"),
        "step-functions/latest/apireference/API_UpdateStateMachine.html",
    ),
    (
        "emr-steps", ("emr_cluster",), "Can run steps on a cluster", "adds steps to {target}",
        ("elasticmapreduce:AddJobFlowSteps | elasticmapreduce:OpenEditorInConsole",),
        "emr/latest/APIReference/API_AddJobFlowSteps.html",
    ),
    (
        "emr-containers-job", ("emrcontainers_virtual_cluster",), "Can run jobs on a virtual cluster, as its roles",
        "runs a job of its own on {target}", ("emr-containers:StartJobRun",),
        "emr/latest/EMR-on-EKS-DevelopmentGuide/iam-execution-role.html",
    ),
    (
        "codedeploy-revision", ("codedeploy_deployment_group",), "Can deploy its own revision to instances",
        "deploys a revision with its scripts to the instances of {target}", ("codedeploy:CreateDeployment",),
        "codedeploy/latest/APIReference/API_CreateDeployment.html",
    ),
    (
        "beanstalk-version", ("elastic_beanstalk_environment",), "Can deploy its own version to an environment",
        "deploys its code to {target}",
        ("elasticbeanstalk:UpdateEnvironment", "elasticbeanstalk:CreateApplicationVersion"),
        "elasticbeanstalk/latest/dg/iam-instanceprofile.html",
    ),
    (
        "flink-update", ("kinesisanalyticsv2_application",), "Can change the code of a Flink application",
        "puts its code into {target}", ("kinesisanalytics:UpdateApplication",),
        "managed-flink/latest/java/security-iam.html",
    ),
    (
        "airflow-update", ("mwaa_environment",), "Can change which DAGs an Airflow environment runs",
        "points {target} at DAGs of its own", ("airflow:UpdateEnvironment",),
        "mwaa/latest/userguide/mwaa-create-role.html",
    ),
    (
        "appstream-session", ("appstream_fleet", "appstream_image_builder"), "Can open a streaming session with a role",
        "opens a session on {target}", ("appstream:CreateImageBuilderStreamingURL | appstream:CreateStreamingURL",),
        "appstream2/latest/APIReference/API_CreateStreamingURL.html",
    ),
    (
        "cluster-access", ("eks_cluster",), "Can make itself administrator of a Kubernetes cluster",
        "gives itself access to {target} and takes its nodes' and pods' roles",
        ("eks:CreateAccessEntry", "eks:AssociateAccessPolicy"), "eks/latest/userguide/access-entries.html",
    ),
    (
        "product-version", ("servicecatalog_provisioned_product",), "Can change what a product's launch role makes",
        "has {target} provisioned from a template of its own",
        ("servicecatalog:CreateProvisioningArtifact",
         "servicecatalog:ProvisionProduct | servicecatalog:UpdateProvisionedProduct"),
        "servicecatalog/latest/adminguide/constraints-launch.html",
    ),
    (
        "codestar-member", (), "Can make or join a CodeStar project, with the rights that it gives",
        "makes itself an owner of a project",
        ("codestar:CreateProjectFromTemplate | codestar:AssociateTeamMember",),
        "codestar/latest/userguide/access-permissions.html",
    ),
)  # fmt: skip
SEEN: tuple[tuple[str, tuple[str, ...], str, str, tuple[str, ...], str], ...] = (
    (
        "batch-override", ("batch_job_definition",), "Can submit a job with its own command",
        "submits {target} with a command of its own", ("batch:SubmitJob",),
        "batch/latest/APIReference/API_SubmitJob.html",
    ),
    (
        "task-override", ("ecs_task_definition",), "Can run a task with its own command",
        "runs {target} with a command of its own",
        ("ecs:RunTask + iam:PassRole | ecs:StartTask + iam:PassRole",),
        "AmazonECS/latest/APIReference/API_RunTask.html",
    ),
    (
        "build-project", ("codebuild_project",), "Can change what a build project runs",
        "puts its commands into {target} for its next build", ("codebuild:UpdateProject",),
        "codebuild/latest/APIReference/API_UpdateProject.html",
    ),
    (
        "state-machine-update", ("sfn_state_machine",), "Can change what a state machine does",
        "changes the definition of {target} for its next run", ("states:UpdateStateMachine",),
        "step-functions/latest/apireference/API_UpdateStateMachine.html",
    ),
    (
        "pipeline-update", ("codepipeline",), "Can change what a pipeline does", "changes the actions of {target}",
        ("codepipeline:UpdatePipeline + iam:PassRole",), "codepipeline/latest/APIReference/API_UpdatePipeline.html",
    ),
    (
        "canary-update", ("synthetics_canary",), "Can change the code of a canary", "puts its code into {target}",
        ("synthetics:UpdateCanary",),
        "AmazonSynthetics/latest/APIReference/API_UpdateCanary.html",
    ),
    (
        "data-pipeline-definition", ("datapipeline_pipeline",), "Can change what a data pipeline runs",
        "puts its commands into {target}", ("datapipeline:PutPipelineDefinition",),
        "datapipeline/latest/APIReference/API_PutPipelineDefinition.html",
    ),
)  # fmt: skip


INSTANCES = ("spot_instance_request", "autoscaling_group", "launch_template", "launch_configuration", "eks_node_group")
LOOSELY: dict[str, tuple[str, ...]] = {
    "instance-shell": INSTANCES,
    "codedeploy-revision": ("instance", *INSTANCES),
    "container-shell": ("ecs_task_definition",),
    "emr-containers-job": ("emrcontainers_job_template",),
    "cluster-access": ("eks_node_group", "eks_pod_identity_association", "eks_fargate_profile", "eks_addon"),
}
# Of several roles of one thing, that of the service whose code the caller decides.
RUNS_AS: dict[str, str] = {
    "emr_cluster": "ec2.amazonaws.com",
    "apprunner_service": "tasks.apprunner.amazonaws.com",
    "eks_cluster": "",
    "codedeploy_deployment_group": "",
}
# Services that act as a role by themselves, with nothing in it that a caller writes: nobody holds its session.
OPERATED: frozenset[str] = frozenset(
    f"{name}.amazonaws.com"
    for name in (
        "apigateway", "appsync", "autoscaling", "backup", "batch", "cloudtrail", "cognito-idp", "config",
        "delivery.logs", "dlm", "dms", "dynamodb", "ecs", "eks", "elasticloadbalancing", "events", "firehose",
        "lakeformation", "logs", "monitoring.rds", "ops.apigateway", "osis.pipelines", "pipes", "rds", "redshift", "s3",
        "scheduler", "securitylake", "sns", "spotfleet", "transfer", "vpc-flow-logs",
    )
)  # fmt: skip


def _held() -> Iterator[Technique]:
    """Take over something that runs as a role."""
    for seen_only, rows in ((False, HELD), (True, SEEN)):
        for name, carriers, title, step, needs, page in rows:
            through = Through.CARRIER if carriers else Through.ELSEWHERE
            yield Technique(
                name, title, through, variants(*needs), step, carriers=carriers, loosely=LOOSELY.get(name, ()),
                seen_only=seen_only, page=GUIDE + page,
            )  # fmt: skip


TECHNIQUES: tuple[Technique, ...] = (*_own(), *_become(), *_new(), *_held())
LIMITS: frozenset[str] = frozenset(
    f"iam:{call}{kind}".lower()
    for kind in ("RolePermissionsBoundary", "UserPermissionsBoundary", "RolePolicy", "UserPolicy")
    for call in ("Delete", "Put" if "Boundary" in kind else "Detach")
)
ACTIONS: frozenset[str] = LIMITS | {
    action.lower() for technique in TECHNIQUES for needs in technique.needs for action in needs
}
