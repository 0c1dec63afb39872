"""From a configuration to who may do what."""

from __future__ import annotations

import json
from typing import Any

from opsctl.findings import Place
from opsctl.hcl.configuration import Configuration, Problem, Resource
from opsctl.hcl.symbols import Unknown
from opsctl.iam.arns import parted
from opsctl.iam.estate import Estate, Principal
from opsctl.iam.gathering import gather

TRUST = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}


def policy(*actions: str, resource: Any = "*") -> str:
    statements = [{"Effect": "Allow", "Action": each, "Resource": resource} for each in actions]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, ensure_ascii=False)


def resource(address: str, /, *, places: dict[str, Place] | None = None, **values: Any) -> Resource:
    mode = "data" if address.startswith("data.") else "managed"
    parts = parted(f"{address}.id")
    assert parts
    return Resource(address, mode, parts[1], address.rpartition(".")[2], values, Place("main.tf", 1), places or {})  # type: ignore[arg-type]


def role(name: str = "worker", **values: Any) -> Resource:
    return resource(f"aws_iam_role.{name}", name=name, assume_role_policy=json.dumps(TRUST), **values)


def estate(*resources: Resource, **more: Any) -> Estate:
    return gather(Configuration(resources, **more))


def actions(principal: Principal) -> list[str]:
    return [
        action for each in principal.policies if each.document for s in each.document.statements for action in s.actions
    ]


def test_a_role_has_its_inline_attached_and_managed_policies() -> None:
    made = estate(
        role(managed_policy_arns=["arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess"]),
        resource("aws_iam_role_policy.a", role="⟦aws_iam_role.worker.id⟧", policy=policy("s3:GetObject")),
        resource("aws_iam_policy.b", name="b", policy=policy("sqs:SendMessage")),
        resource("aws_iam_role_policy_attachment.b", role="worker", policy_arn="⟦aws_iam_policy.b.arn⟧"),
    )
    (worker,) = made.principals
    assert worker.arn == "arn:aws:iam::⟦account⟧:role/worker"
    assert worker.trust is not None
    assert {"s3:GetObject", "sqs:SendMessage"} < set(actions(worker))
    assert any(each.arn.endswith("aws:policy/AWSLambda_ReadOnlyAccess") and each.document for each in worker.policies)
    assert made.not_analysed == ()


def test_a_user_has_what_its_groups_have() -> None:
    made = estate(
        resource("aws_iam_user.ann", name="ann"),
        resource("aws_iam_group.g", name="g"),
        resource("aws_iam_group_policy.g", group="g", policy=policy("s3:*")),
        resource("aws_iam_user_group_membership.m", user="ann", groups=["⟦aws_iam_group.g.name⟧"]),
    )
    (ann,) = (each for each in made.principals if each.kind == "user")
    assert (actions(ann), ann.groups) == (["s3:*"], ("g",))


def test_a_policy_for_a_role_that_is_elsewhere_still_has_a_holder() -> None:
    made = estate(resource("aws_iam_role_policy.a", role="theirs", policy=policy("iam:*")))
    assert [(each.name, each.address, actions(each)) for each in made.principals] == [("theirs", "", ["iam:*"])]


def test_a_policy_that_is_not_known_is_said_and_never_missing() -> None:
    made = estate(role(), resource("aws_iam_role_policy.a", role="worker", policy=Unknown("terraform_data.x.output")))
    assert [(each.address, each.attribute) for each in made.not_analysed] == [("aws_iam_role_policy.a", "policy")]
    assert [each.document for each in made.principals[0].policies] == [None]


def test_a_hole_in_a_policy_leaves_its_other_statements() -> None:
    text = '{"Statement": [{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}, ⟦module.a["k"].made.statement⟧]}'
    made = estate(role(), resource("aws_iam_role_policy.a", role="worker", policy=text))
    assert actions(made.principals[0]) == ["s3:GetObject"]
    assert len(made.not_analysed) == 1


def test_both_branches_of_an_unknown_condition_are_judged() -> None:
    either = Unknown("cond", options=(policy("s3:GetObject"), policy("s3:*")))
    made = estate(role(), resource("aws_iam_role_policy.a", role="worker", name="p", policy=either))
    assert actions(made.principals[0]) == ["s3:GetObject", "s3:*"]
    assert [each.name for each in made.principals[0].policies] == ["p (alternative 1 of 2)", "p (alternative 2 of 2)"]


def test_quotes_in_a_symbol_do_not_break_the_text_around_it() -> None:
    text = '{"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "⟦aws_sqs_queue.q["a.b"].arn⟧"}}'
    made = estate(
        role(),
        resource('aws_sqs_queue.q["a.b"]', name="jobs"),
        resource("aws_iam_role_policy.a", role="worker", policy=text),
    )
    (document,) = (each.document for each in made.principals[0].policies)
    assert document
    assert document.statements[0].resources == ("arn:aws:sqs:⟦region⟧:⟦account⟧:jobs",)


def test_a_data_source_s_blocks_are_the_policy_with_their_lines() -> None:
    data = resource(
        "data.aws_iam_policy_document.d",
        places={"statement[0]": Place("main.tf", 10), "statement[1]": Place("main.tf", 20)},
        statement=[
            {"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/&{aws:username}/*"],
             "condition": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}]},
            {"effect": "Deny", "not_actions": ["s3:*"], "resources": ["*"]},
        ],
    )  # fmt: skip
    made = estate(
        role(), data, resource("aws_iam_role_policy.a", role="worker", policy="⟦data.aws_iam_policy_document.d.json⟧")
    )
    (document,) = (each.document for each in made.principals[0].policies)
    assert document
    first, second = document.statements
    assert first.resources == ("arn:aws:s3:::b/${aws:username}/*",)
    assert (first.conditions[0].operator, first.conditions[0].key) == ("Bool", "aws:SecureTransport")
    assert (second.effect, second.not_actions) == ("Deny", ("s3:*",))
    assert [each.place.line for each in document.statements] == [10, 20]


def test_an_override_replaces_the_statement_of_its_sid() -> None:
    def data(name: str, sid: str, action: str, **more: Any) -> Resource:
        block = {"sid": sid, "actions": [action], "resources": ["*"]}
        return resource(f"data.aws_iam_policy_document.{name}", statement=[block], **more)

    made = estate(
        role(),
        data("base", "A", "s3:*"),
        data("over", "A", "s3:GetObject"),
        data("all", "B", "sqs:*", source_policy_documents=["⟦data.aws_iam_policy_document.base.json⟧"],
             override_policy_documents=["⟦data.aws_iam_policy_document.over.json⟧"]),
        resource("aws_iam_role_policy.a", role="worker", policy="⟦data.aws_iam_policy_document.all.json⟧"),
    )  # fmt: skip
    assert actions(made.principals[0]) == ["s3:GetObject", "sqs:*"]


def test_documents_that_merge_each_other_are_a_hole() -> None:
    def data(name: str, other: str) -> Resource:
        return resource(
            f"data.aws_iam_policy_document.{name}",
            source_policy_documents=[f"⟦data.aws_iam_policy_document.{other}.json⟧"],
        )

    held = resource("aws_iam_role_policy.a", role="worker", policy="⟦data.aws_iam_policy_document.a.json⟧")
    made = estate(role(), data("a", "b"), data("b", "a"), held)
    assert "made from itself" in made.not_analysed[0].what


def test_an_instance_carries_the_role_of_its_profile() -> None:
    made = estate(
        role(),
        resource("aws_iam_instance_profile.p", name="web", role="⟦aws_iam_role.worker.name⟧"),
        resource("aws_instance.i", iam_instance_profile="⟦aws_iam_instance_profile.p.name⟧"),
        resource("aws_launch_template.t", name="t", iam_instance_profile=[{"arn": "⟦aws_iam_instance_profile.p.arn⟧"}]),
        resource("aws_autoscaling_group.g", name="g", launch_template=[{"id": "⟦aws_launch_template.t.id⟧"}]),
    )
    carried = {each.kind: each.role for each in made.carriers}
    worker = "arn:aws:iam::⟦account⟧:role/worker"
    assert carried == {"instance": worker, "launch_template": worker, "autoscaling_group": worker}


def test_a_profile_that_nobody_knows_is_a_hole() -> None:
    made = estate(resource("aws_instance.i", iam_instance_profile="theirs"))
    assert "theirs" in made.not_analysed[0].what


def test_lambda_permissions_are_the_function_s_policy() -> None:
    made = estate(
        resource("aws_lambda_function.f", function_name="f", role="arn:aws:iam::1:role/r"),
        resource("aws_sns_topic.t", name="news"),
        resource("aws_lambda_permission.a", function_name="⟦aws_lambda_function.f.arn⟧", principal="sns.amazonaws.com",
                 action="lambda:InvokeFunction", source_arn="⟦aws_sns_topic.t.arn⟧"),
        resource("aws_lambda_permission.b", function_name="f", principal="123456789012", qualifier="live"),
    )  # fmt: skip
    (function,) = (each for each in made.guarded if each.kind == "lambda_function")
    assert function.policy
    assert function.policy.document
    one, two = function.policy.document.statements
    assert (one.principals[0].kind, one.conditions[0].values) == ("Service", ("arn:aws:sns:⟦region⟧:⟦account⟧:news",))
    assert two.principals[0].value == "arn:aws:iam::123456789012:root"
    assert two.resources == ("arn:aws:lambda:⟦region⟧:⟦account⟧:function:f:live",)


def test_a_bucket_has_its_policy_its_key_and_its_shutters() -> None:
    blocks = dict.fromkeys(
        ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True
    )
    rule = {"apply_server_side_encryption_by_default": [{"kms_master_key_id": "⟦aws_kms_key.k.arn⟧"}]}
    made = estate(
        resource("aws_kms_key.k"),
        resource("aws_s3_bucket.b", bucket="photos"),
        resource("aws_s3_bucket_policy.p", bucket="⟦aws_s3_bucket.b.id⟧", policy=policy("s3:GetObject")),
        resource("aws_s3_bucket_public_access_block.p", bucket="photos", **blocks),
        resource("aws_s3_bucket_server_side_encryption_configuration.p", bucket="photos", rule=[rule]),
    )
    (bucket,) = (each for each in made.guarded if each.kind == "s3_bucket")
    assert bucket.shut
    assert bucket.customer_key.endswith("key/⟦aws_kms_key.k.key_id⟧")
    assert bucket.policy
    assert bucket.policy.address == "aws_s3_bucket_policy.p"


def test_a_policy_of_a_type_that_nobody_lists_is_loose() -> None:
    made = estate(resource("aws_brand_new_thing.x", name="x", access_rules=policy("s3:*")))
    assert [(each.address, bool(each.document)) for each in made.loose] == [("aws_brand_new_thing.x", True)]


def test_an_unknown_policy_of_a_type_that_nobody_lists_is_a_hole() -> None:
    made = estate(resource("aws_brand_new_thing.x", resource_policy="⟦terraform_data.x.output⟧"))
    assert [each.attribute for each in made.not_analysed] == ["resource_policy"]


def test_policies_that_are_none_are_left_alone() -> None:
    made = estate(
        resource("aws_sqs_queue.q", name="q", redrive_policy='{"deadLetterTargetArn": "⟦aws_sqs_queue.d.arn⟧"}'),
        resource("aws_autoscaling_policy.p", name="p", policy="⟦x.y⟧"),
        resource("aws_lb_listener.l", ssl_policy="⟦var.tls⟧"),
    )
    assert (made.loose, made.not_analysed) == ((), ())


def test_what_is_deleted_has_no_access() -> None:
    gone = Resource("aws_iam_role.r", "managed", "aws_iam_role", "r", {"name": "r"}, action="delete")
    assert gather(Configuration((gone,))).principals == ()


def test_a_lost_module_is_said() -> None:
    made = estate(problems=(Problem("module.a can't be read", Place("main.tf", 3), severe=True),))
    assert [each.place.line for each in made.not_analysed] == [3]


def test_an_attached_policy_that_is_elsewhere_is_a_hole_and_has_no_document() -> None:
    arn = "arn:aws:iam::123456789012:policy/theirs"
    made = estate(role(), resource("aws_iam_role_policy_attachment.a", role="worker", policy_arn=arn))
    assert [(each.arn, each.document) for each in made.principals[0].policies] == [(arn, None)]
    assert arn in made.not_analysed[0].what


def test_a_boundary_is_read_as_one() -> None:
    made = estate(
        role(permissions_boundary="⟦aws_iam_policy.b.arn⟧"),
        resource("aws_iam_policy.b", name="b", policy=policy("s3:*")),
    )
    boundary = made.principals[0].boundary
    assert boundary
    assert boundary.document
    assert made.principals[0].policies == ()


def document(address: str, *actions: str, **more: Any) -> Resource:
    statement = [{"actions": list(actions), "resources": ["*"], **more.pop("statement", {})}]
    return resource(f"data.aws_iam_policy_document.{address}", statement=statement, **more)


def nobodys(made: Estate) -> list[tuple[str, list[str]]]:
    return [(each.address, actions(each)) for each in made.principals if each.kind == "anonymous"]


def test_a_managed_policy_that_nobody_holds_is_its_own_anonymous_principals() -> None:
    made = estate(role(), resource("aws_iam_policy.p", name="p", policy=policy("iam:AttachUserPolicy")))
    assert nobodys(made) == [("aws_iam_policy.p", ["iam:AttachUserPolicy"])]


def test_a_managed_policy_that_somebody_holds_is_judged_as_theirs_alone() -> None:
    attached = {"role": "worker", "policy_arn": "⟦aws_iam_policy.p.arn⟧"}
    held = resource("aws_iam_policy.p", name="p", policy=policy("s3:GetObject"))
    for holding in (
        (role(), resource("aws_iam_role_policy_attachment.a", **attached)),
        (role(managed_policy_arns=["arn:aws:iam::⟦account⟧:policy/p"]),),
        (role(permissions_boundary="⟦aws_iam_policy.p.arn⟧"),),
    ):
        made = estate(held, *holding)
        assert nobodys(made) == []
        assert len(made.principals) == 1


def test_a_policy_that_a_condition_asks_for_as_boundary_limits_and_allows_nothing() -> None:
    asked = {"StringEquals": {"iam:PermissionsBoundary": "⟦aws_iam_policy.limit.arn⟧"}}
    statement = {"Effect": "Allow", "Action": "iam:CreateRole", "Resource": "*", "Condition": asked}
    made = estate(
        resource("aws_iam_policy.limit", name="limit", policy=policy("*")),
        resource("aws_iam_policy.own", name="own", policy=json.dumps({"Statement": [statement]}, ensure_ascii=False)),
    )
    assert nobodys(made) == [("aws_iam_policy.limit", []), ("aws_iam_policy.own", ["iam:CreateRole"])]
    assert made.principals[0].boundary


def test_a_service_control_policy_allows_nothing() -> None:
    made = estate(resource("aws_organizations_policy.all", name="all", content=policy("*")))
    assert nobodys(made) == [("aws_organizations_policy.all", [])]
    assert made.loose == ()


def test_a_policy_document_that_nothing_reads_is_its_own_anonymous_principals() -> None:
    made = estate(document("lost", "iam:PutGroupPolicy"))
    assert nobodys(made) == [("data.aws_iam_policy_document.lost", ["iam:PutGroupPolicy"])]


def test_a_trust_policy_that_nothing_reads_is_nobodys_permission() -> None:
    everybody = {"resources": [], "principals": [{"type": "AWS", "identifiers": ["*"]}]}
    made = estate(document("trust", "sts:AssumeRole", statement=everybody))
    assert made.principals == ()
    assert [each.address for each in made.loose] == ["data.aws_iam_policy_document.trust"]


def test_policy_documents_that_something_reads_are_judged_there() -> None:
    json_of = "⟦data.aws_iam_policy_document.{}.json⟧".format
    made = estate(
        document("own", "s3:GetObject"),
        document("base", "sqs:SendMessage"),
        document("whole", "sns:Publish", source_policy_documents=[json_of("base")]),
        document("elsewhere", "s3:PutObject"),
        role(inline_policy=[{"name": "a", "policy": json_of("own")}]),
        resource("aws_new_thing.x", settings=[{"text": f"of {json_of('elsewhere')}"}]),
    )
    assert nobodys(made) == [("data.aws_iam_policy_document.whole", ["sqs:SendMessage", "sns:Publish"])]


def test_a_document_that_a_plan_knows_is_not_judged_again_beside_the_policy_that_has_its_statements() -> None:
    wide, same = policy("s3:GetObject", "sqs:SendMessage"), policy("sqs:SendMessage", "s3:GetObject")
    made = estate(
        resource("data.aws_iam_policy_document.own", json=same),
        resource("aws_iam_role_policy.a", role="worker", policy=wide),
        resource("data.aws_iam_policy_document.base", json=policy("iam:PutUserPolicy")),
        resource(
            "data.aws_iam_policy_document.top", json=same, override_policy_documents=[policy("iam:PutUserPolicy")]
        ),
        role(),
    )
    assert nobodys(made) == []


def test_what_calls_what_is_drawn() -> None:
    made = estate(
        resource("aws_sqs_queue.q", name="q"),
        resource("aws_sqs_queue.dead", name="dead"),
        resource("aws_lambda_function.f", function_name="f", role="r"),
        resource("aws_lambda_event_source_mapping.m", event_source_arn="⟦aws_sqs_queue.q.arn⟧", function_name="f",
                 destination_config=[{"on_failure": [{"destination_arn": "⟦aws_sqs_queue.dead.arn⟧"}]}]),
        resource("aws_cloudwatch_event_target.t", rule="⟦aws_cloudwatch_event_rule.r.name⟧",
                 arn="⟦aws_sqs_queue.q.arn⟧"),
        resource("aws_cloudwatch_event_rule.r", name="r"),
    )  # fmt: skip
    drawn = {(each.kind, each.source.rpartition(":")[2], each.target.rpartition(":")[2]) for each in made.invocations}
    assert drawn == {
        ("lambda_event_source_mapping", "q", "f"),
        ("lambda_event_source_mapping_destination", "f", "dead"),
        ("cloudwatch_event_target", "rule/r", "q"),
    }


def test_two_of_one_name_are_both_there_each_with_its_own_policies() -> None:
    made = estate(
        resource("module.a.aws_iam_role.r", name="worker"),
        resource("module.b.aws_iam_role.r", name="worker"),
        resource("module.a.aws_iam_role_policy.p", role="⟦module.a.aws_iam_role.r.id⟧", policy=policy("s3:*")),
        resource("module.b.aws_iam_role_policy.p", role="⟦module.b.aws_iam_role.r.id⟧", policy=policy("sqs:*")),
        resource("module.a.aws_sns_topic.t", name="news", policy=policy("sns:Publish")),
        resource("module.b.aws_sns_topic.t", name="news", policy=policy("sns:Subscribe")),
    )
    assert [(each.address, actions(each)) for each in made.principals] == [
        ("module.a.aws_iam_role.r", ["s3:*"]),
        ("module.b.aws_iam_role.r", ["sqs:*"]),
    ]
    assert [
        each.policy.document.statements[0].actions for each in made.guarded if each.policy and each.policy.document
    ] == [
        ("sns:Publish",),
        ("sns:Subscribe",),
    ]


def test_a_layer_that_everybody_may_use_is_guarded_by_just_that() -> None:
    made = estate(
        resource("aws_lambda_layer_version_permission.p", layer_name="shared", version_number=3, principal="*",
                 action="lambda:GetLayerVersion", organization_id="o-1"),
    )  # fmt: skip
    (layer,) = made.guarded
    assert layer.arn == "arn:aws:lambda:⟦region⟧:⟦account⟧:layer:shared:3"
    assert layer.policy
    assert layer.policy.document
    (statement,) = layer.policy.document.statements
    assert statement.principals[0].is_everybody
    assert [(each.key, each.values) for each in statement.conditions] == [("aws:PrincipalOrgID", ("o-1",))]
