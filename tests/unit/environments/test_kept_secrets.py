"""Secrets that are made up once and stay the same from one command to the next."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.aws.errors import NotFound
from opsctl.environments.ports import Ports
from opsctl.environments.secrets import meaning_key, origin_secret


@pytest.fixture
def store(aws: Any, ports: Ports) -> Any:
    """With the state bucket, and a Secrets Manager."""

    def get_secret_value(SecretId: str) -> Any:  # noqa: N803
        if SecretId not in aws.secrets:
            raise NotFound(SecretId)
        return {"SecretString": aws.secrets[SecretId]}

    aws.get_secret_value = get_secret_value
    aws.buckets[ports.bucket.name] = {}
    return aws


def test_before_the_first_apply_the_origin_secret_is_the_same_for_every_plan(ports: Ports, store: Any) -> None:
    first = origin_secret(ports.environment, store)
    assert len(first) >= 43
    assert origin_secret(ports.environment, store) == first


def test_after_it_the_one_in_secrets_manager_is_taken(ports: Ports, store: Any) -> None:
    origin_secret(ports.environment, store)
    store.secrets["shop-local/origin-secret"] = "changed by a person"
    assert origin_secret(ports.environment, store) == "changed by a person"


def test_the_secret_and_the_key_tell_nothing_of_each_other_and_no_two_environments_share_them(
    ports: Ports, store: Any
) -> None:
    secret, key = origin_secret(ports.environment, store), meaning_key(ports.environment, store)
    assert len(key) == 32
    [seed] = [body for name, body in store.buckets[ports.bucket.name].items() if name == "local/seed"]
    assert len({seed, key, secret.encode()}) == 3
    del store.buckets[ports.bucket.name]["local/seed"]
    assert meaning_key(ports.environment, store) != key


def test_of_two_that_make_one_up_at_once_both_take_the_first(ports: Ports, store: Any) -> None:
    create, seen = store.put_object, []

    def somebody_is_faster(**parameters: Any) -> Any:
        store.buckets[ports.bucket.name].setdefault("local/seed", b"theirs")
        seen.append(parameters["Key"])
        return create(**parameters)

    store.put_object = somebody_is_faster
    one = meaning_key(ports.environment, store)
    store.put_object = create
    assert seen == ["local/seed"]
    assert store.buckets[ports.bucket.name]["local/seed"] == b"theirs"
    assert meaning_key(ports.environment, store) == one
