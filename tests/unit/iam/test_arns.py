"""ARNs before the resources are there."""

from __future__ import annotations

import pytest

from opsctl.hcl.configuration import Configuration, Resource
from opsctl.hcl.symbols import Unknown, symbol
from opsctl.iam.arns import SHAPES, Surroundings, arn_of, expand, parted


def resource(address: str, /, **values: object) -> Resource:
    mode = "data" if ".data." in f".{address}" else "managed"
    parts = parted(f"{address}.id")
    assert parts
    return Resource(address, mode, parts[1], "x", values)  # type: ignore[arg-type]


def around(*resources: Resource) -> Surroundings:
    return Surroundings.of(Configuration(resources))


@pytest.mark.parametrize(
    ("made", "arn"),
    [
        (resource("aws_sqs_queue.q", name="jobs"), "arn:aws:sqs:⟦region⟧:⟦account⟧:jobs"),
        (resource("aws_s3_bucket.b", bucket="photos"), "arn:aws:s3:::photos"),
        (resource("aws_iam_role.r", name="worker"), "arn:aws:iam::⟦account⟧:role/worker"),
        (resource("aws_iam_role.r", name="worker", path="/team/"), "arn:aws:iam::⟦account⟧:role/team/worker"),
        (resource("aws_iam_role.r", name_prefix="w-"), "arn:aws:iam::⟦account⟧:role/w-⟦aws_iam_role.r.name_suffix⟧"),
        (resource("aws_kms_key.k"), "arn:aws:kms:⟦region⟧:⟦account⟧:key/⟦aws_kms_key.k.key_id⟧"),
        (resource("aws_ssm_parameter.p", name="/a/b"), "arn:aws:ssm:⟦region⟧:⟦account⟧:parameter/a/b"),
        (resource("aws_cloudwatch_event_rule.r", name="r"), "arn:aws:events:⟦region⟧:⟦account⟧:rule/r"),
        (
            resource("aws_cloudwatch_event_rule.r", name="r", event_bus_name="orders"),
            "arn:aws:events:⟦region⟧:⟦account⟧:rule/orders/r",
        ),
        (
            resource("aws_iam_openid_connect_provider.o", url="https://a.test/x"),
            "arn:aws:iam::⟦account⟧:oidc-provider/a.test/x",
        ),
        (resource("aws_lb.l", name="web", load_balancer_type="network"), "loadbalancer/net/web/"),
        (resource("data.aws_iam_policy.p", name="ReadOnlyAccess"), "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        (resource("data.aws_iam_policy.p", name="ours"), "arn:aws:iam::⟦account⟧:policy/ours"),
        (resource("data.aws_sqs_queue.q", name="theirs"), "arn:aws:sqs:⟦region⟧:⟦account⟧:theirs"),
        (resource("aws_sqs_queue.q", arn="arn:aws:sqs:a:1:known", name="x"), "arn:aws:sqs:a:1:known"),
        (resource("aws_route.r"), ""),
    ],
)
def test_a_resource_has_its_arn_before_it_is_there(made: Resource, arn: str) -> None:
    assert arn in arn_of(made) if arn.startswith("loadbalancer") else arn_of(made) == arn


def test_a_text_keeps_what_is_known_around_what_is_not() -> None:
    here = around(resource('module.a["x.y"].aws_s3_bucket.b', bucket_prefix="in-"))
    text = expand('x:⟦module.a["x.y"].aws_s3_bucket.b.arn⟧/*', here)
    assert text == 'x:arn:aws:s3:::in-⟦module.a["x.y"].aws_s3_bucket.b.bucket_suffix⟧/*'
    assert expand("⟦var.nobody⟧-⟦aws_sqs_queue.q⟧", here) == "⟦var.nobody⟧-⟦aws_sqs_queue.q⟧"


def test_ids_that_are_names_urls_or_arns_are_those() -> None:
    here = around(
        resource("aws_iam_role.r", name="worker"),
        resource("aws_sqs_queue.q", name="jobs"),
        resource("aws_sns_topic.t", name="news"),
        resource("aws_lambda_function.f", function_name="f"),
    )
    assert here.expand("⟦aws_iam_role.r.id⟧") == "worker"
    assert here.expand("⟦aws_sqs_queue.q.id⟧") == "https://sqs.⟦region⟧.amazonaws.com/⟦account⟧/jobs"
    assert here.expand("⟦aws_sns_topic.t.id⟧") == "arn:aws:sns:⟦region⟧:⟦account⟧:news"
    assert here.expand("⟦aws_lambda_function.f.invoke_arn⟧").endswith(":function:f/invocations")


def test_account_and_region_are_known_where_the_plan_has_read_them() -> None:
    here = around(
        resource("data.aws_caller_identity.me", account_id="123456789012"),
        resource("data.aws_region.here", name="eu-west-1"),
        resource("aws_sqs_queue.q", name="jobs"),
    )
    assert here.expand("⟦aws_sqs_queue.q.arn⟧") == "arn:aws:sqs:eu-west-1:123456789012:jobs"
    assert here.expand("⟦account⟧/⟦data.aws_region.other.name⟧") == "123456789012/eu-west-1"


def test_two_regions_are_told_as_none() -> None:
    here = around(resource("data.aws_region.a", name="eu-west-1"), resource("data.aws_region.b", name="us-east-1"))
    assert here.region == "⟦region⟧"


def test_names_that_are_made_from_each_other_end() -> None:
    here = around(
        resource("aws_sqs_queue.a", name=symbol("aws_sqs_queue.b.name")),
        resource("aws_sqs_queue.b", name=symbol("aws_sqs_queue.a.name")),
    )
    assert here.expand("⟦aws_sqs_queue.a.arn⟧").startswith("arn:aws:sqs:⟦region⟧:⟦account⟧:⟦aws_sqs_queue.")


def test_an_unknown_in_a_list_is_its_symbol() -> None:
    here = around(resource("aws_sqs_queue.q", name="jobs"))
    assert here.expanded({"Resource": [Unknown("aws_sqs_queue.q.arn"), 1, None]}) == {
        "Resource": ["arn:aws:sqs:⟦region⟧:⟦account⟧:jobs", 1, None]
    }


def test_every_shape_makes_an_arn_for_a_resource_that_says_nothing() -> None:
    assert len(SHAPES) >= 120
    for name in SHAPES:
        arn = arn_of(resource(f"{name}.x"))
        assert arn.startswith("arn:aws:"), name
        assert "{" not in arn, name
