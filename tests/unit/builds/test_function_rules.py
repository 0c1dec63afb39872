"""S12: each risk of packages, layers and extensions is found, in a plan and in a built package."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.builds.archives import Archive, Secret, read_archive, secrets_in
from opsctl.builds.function_rules import (
    MEGABYTE,
    RULES,
    Bundle,
    FunctionsRefused,
    built_bundles,
    judge,
    planned_bundles,
    refuse,
)
from opsctl.exit_codes import ExitCode
from opsctl.terraform.planned_functions import PlannedFunction, planned_functions

LAYER_ARN = "arn:aws:lambda:eu-central-1:111122223333:layer:shop-shared:3"
FOREIGN_ARN = "arn:aws:lambda:eu-central-1:580247275435:layer:LambdaInsightsExtension:53"


def archive(name: str = "thumbnail", megabytes: float = 20, **more: Any) -> Archive:
    return Archive(name, zipped_bytes=int(megabytes * MEGABYTE / 3), unzipped_bytes=int(megabytes * MEGABYTE), **more)


LAYER = archive("shared-layer", 5)
GOOD = Bundle("aws_lambda_function.thumbnail", archive(), (LAYER,), handed_over=frozenset({"shared-layer"}))
HEAVY = Archive("thumbnail", zipped_bytes=51 * MEGABYTE, unzipped_bytes=60 * MEGABYTE)

CASES: dict[str, tuple[Bundle, Bundle]] = {
    "function-unzipped-size": (
        replace(GOOD, package=archive(megabytes=245)),
        replace(GOOD, package=archive(megabytes=245.1)),
    ),
    "function-zipped-size": (
        replace(GOOD, package=HEAVY),  # by S3
        replace(GOOD, package=HEAVY, handed_over=frozenset({"thumbnail"})),
    ),
    "function-layers": (
        replace(GOOD, layers=(LAYER,) * 5),
        replace(GOOD, layers=(LAYER,) * 5, unmeasured=(FOREIGN_ARN,)),
    ),
    "function-extensions": (
        replace(GOOD, layers=(replace(LAYER, extensions=("agent",) * 10),)),
        replace(GOOD, layers=(replace(LAYER, extensions=("agent",) * 11),)),
    ),
    "function-secrets": (GOOD, replace(GOOD, layers=(replace(LAYER, secrets=(Secret("private key", "a.pem", 1),)),))),
    "function-unapproved-extension": (
        replace(GOOD, layers=(replace(LAYER, extensions=("agent",)),), approved_extensions=frozenset({"agent"})),
        replace(GOOD, layers=(replace(LAYER, extensions=("agent",)),)),
    ),
    "function-slow-start": (replace(GOOD, package=archive(megabytes=95)), replace(GOOD, package=archive(megabytes=96))),
    "function-unknown-layer": (GOOD, replace(GOOD, unmeasured=(FOREIGN_ARN,))),
}


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_each_rule_lets_the_good_pass_and_catches_the_bad(rule: str) -> None:
    good, bad = CASES[rule]
    assert [finding for finding in judge([good]) if finding.rule == rule] == []
    [finding] = [finding for finding in judge([bad]) if finding.rule == rule]
    assert finding.where == "aws_lambda_function.thumbnail"


def test_every_rule_says_what_is_at_risk() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == len(CASES)
    assert all(rule.risk for rule in RULES)


def test_a_plan_over_the_limit_is_refused_with_what_takes_the_room() -> None:
    with pytest.raises(FunctionsRefused) as caught:
        refuse(judge([replace(GOOD, package=archive(megabytes=246))]))
    assert caught.value.exit_code is ExitCode.REFUSED
    assert caught.value.what == (
        "The plan was refused: Package and layers have 251.0 MB unzipped (thumbnail 246.0 MB, shared-layer 5.0 MB); "
        "AWS Lambda takes 250.0 MB."
    )
    assert caught.value.where == "aws_lambda_function.thumbnail"


def test_what_is_only_slow_or_unknown_does_not_refuse_a_plan() -> None:
    refuse(judge([replace(GOOD, package=archive(megabytes=120), unmeasured=(FOREIGN_ARN,))]))


# Secrets are put together here, so that no file of this project looks as if it held one.
KEY_BODY = "MIIEpAIBAAKCAQEA" + "x7" * 24
FOUND = {
    "private key": f"-----BEGIN RSA {'PRIVATE'} KEY-----\n{KEY_BODY}\n",
    "private key in JSON": f'{{"key": "-----BEGIN {"PRIVATE"} KEY-----\\n{KEY_BODY}"}}',
    "AWS access key": "key = 'AKIA" + "QWERTYUIOP234567'",
    "AWS secret key": "aws_secret_access_key = " + "wJalrXUtnFEMIK7MDENGbPxRfiCY" + "a" * 12,
    "GitHub token": "ghp_" + "a1B2" * 9,
    "GitLab token": "glpat-" + "a1B2c" * 4,
    "Slack token": "xoxb-" + "123456789012-" + "abcdefghijkl",
    "Stripe key": "sk_live_" + "a1B2" * 6,
    "Google API key": "AIza" + "a1B2c" * 7,
    "npm token": "npm_" + "a1B2" * 9,
    "PyPI token": "pypi-AgE" + "a1B2c" * 11,
    "JSON Web Token": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N" * 2,
}


@pytest.mark.parametrize("kind", FOUND)
def test_a_secret_is_named_with_its_place_and_never_with_its_value(kind: str) -> None:
    [secret] = secrets_in("config/settings.py", b"# settings\n" + FOUND[kind].encode())
    assert kind.startswith(secret.kind)
    assert str(secret) == f"{secret.kind} in config/settings.py, line 2"


@pytest.mark.parametrize(
    "harmless",
    [
        'BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"',  # the code of the library cryptography
        "AKIAIOSFODNN7EXAMPLE",  # AWS's documents
        "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "-----BEGIN CERTIFICATE-----\n" + KEY_BODY,
        "-----BEGIN PUBLIC KEY-----\n" + KEY_BODY,
        "sk_test_" + "a1B2" * 6,
    ],
)
def test_what_only_looks_like_a_secret_is_none(harmless: str) -> None:
    assert list(secrets_in("docs.py", harmless.encode())) == []


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (".env", True), ("app/.env.production", True), ("id_rsa", True), ("certs/server.p12", True),
        (".aws/credentials", True), ("terraform.tfstate", True), (".env.example", False),
        ("environment.py", False), ("rds-roots.pem", False),
    ],
)  # fmt: skip
def test_files_that_hold_secrets_are_told_by_their_names(name: str, secret: bool) -> None:
    assert [found.line for found in secrets_in(name, b"")] == ([0] if secret else [])


@given(st.text(max_size=40), st.binary(max_size=400))
def test_any_file_can_be_searched(name: str, content: bytes) -> None:
    assert all(secret.file == name for secret in secrets_in(name, content))


def write_zip(file: Path, **members: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name, content)
    return file


LAYER_FILES = {"python/words.py": "a" * 3000, "extensions/agent": "#!/bin/sh", "extensions/lib/help.sh": ""}


def test_a_zip_is_measured_and_its_extensions_are_listed(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "shared-layer.zip", **LAYER_FILES)
    found = read_archive(file)
    assert (found.name, found.unzipped_bytes, found.zipped_bytes) == ("shared-layer", 3009, file.stat().st_size)
    assert found.extensions == ("agent",)


def test_what_was_found_is_kept_for_the_same_content_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_archive(write_zip(tmp_path / "one.zip", **{".env": "A=1"}), cache=tmp_path / "cache")
    with monkeypatch.context() as no_zips:
        no_zips.setattr(zipfile, "ZipFile", None)
        assert read_archive(tmp_path / "one.zip", cache=tmp_path / "cache") == first
    assert [str(secret) for secret in first.secrets] == ["file of secrets in .env"]
    assert read_archive(write_zip(tmp_path / "one.zip", a="A=1"), cache=tmp_path / "cache").secrets == ()


class Plan:
    """A plan's JSON: one function, and layers of the same stack."""

    def __init__(self) -> None:
        self.function: dict[str, Any] = {"function_name": "shop-thumbnail", "filename": "/elsewhere/thumbnail.zip"}
        self.layers: list[dict[str, Any]] = [{"filename": "/elsewhere/shared-layer.zip"}]

    def read(self) -> tuple[PlannedFunction, ...]:
        def resource(address: str, values: dict[str, Any]) -> dict[str, Any]:
            kind = address.split(".")[-2]
            return {"address": address, "mode": "managed", "type": kind, "name": "this", "values": values}

        layers = [
            resource(f"module.function_layer.aws_lambda_layer_version.l{number}", values)
            for number, values in enumerate(self.layers)
        ]
        function = resource("module.photos.aws_lambda_function.this", self.function)
        modules = [{"resources": layers}, {"child_modules": [{"resources": [function]}]}]
        return planned_functions({"planned_values": {"root_module": {"child_modules": modules}}})


def test_of_a_layer_that_is_only_planned_the_zip_counts() -> None:
    plan = Plan()  # `layers` is left out: not known before the apply
    [function] = plan.read()
    assert (function.package, function.layers, function.foreign_layers) == ("thumbnail.zip", ("shared-layer.zip",), ())
    assert (function.module, function.name, function.handed_over) == ("photos", "shop-thumbnail", True)


def test_of_layers_that_are_there_only_those_count_that_the_function_names() -> None:
    plan = Plan()
    plan.layers = [
        {"filename": "shared-layer.zip", "arn": LAYER_ARN},
        {"filename": "other-layer.zip", "arn": "arn:other"},
    ]
    plan.function |= {"layers": [LAYER_ARN, FOREIGN_ARN], "filename": None, "s3_key": "packages/test/thumbnail.zip"}
    [function] = plan.read()
    assert (function.package, function.handed_over) == ("thumbnail.zip", False)
    assert (function.layers, function.foreign_layers) == (("shared-layer.zip",), (FOREIGN_ARN,))


def test_a_function_without_layers_and_one_of_a_container_image_are_told_apart() -> None:
    plan = Plan()
    plan.function |= {"layers": None}
    assert [function.layers for function in plan.read()] == [()]
    plan.function |= {"filename": None, "image_uri": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/a:1"}
    assert plan.read() == ()


def test_a_plan_is_judged_by_the_zips_that_were_built_for_it(tmp_path: Path) -> None:
    write_zip(tmp_path / "thumbnail.zip", **{"handler.py": "", "config/.env": "PASSWORD=1"})
    write_zip(tmp_path / "shared-layer.zip", **LAYER_FILES)
    [bundle] = planned_bundles(Plan().read(), packages=tmp_path)
    assert {finding.rule for finding in judge([bundle])} == {"function-secrets", "function-unapproved-extension"}
    assert bundle.unzipped_bytes == 3009 + 10
    with pytest.raises(
        FunctionsRefused, match=r"thumbnail carries a secret: file of secrets in config/\.env\."
    ) as caught:
        refuse(judge([bundle]))
    assert "PASSWORD" not in json.dumps([caught.value.what, caught.value.where])


def test_built_packages_are_judged_by_the_same_rules(tmp_path: Path) -> None:
    write_zip(tmp_path / "thumbnail.zip", **{"handler.py": ""})
    write_zip(tmp_path / "shared-layer.zip", **LAYER_FILES)
    bundles = built_bundles(["thumbnail"], ["shared-layer"], packages=tmp_path)
    assert [(bundle.where, bundle.unzipped_bytes) for bundle in bundles] == [("thumbnail", 3009)]
    assert [finding.rule for finding in judge(bundles)] == ["function-unapproved-extension"]


def test_a_zip_that_is_not_on_this_machine_is_said_to_be_unmeasured(tmp_path: Path) -> None:
    [bundle] = planned_bundles(Plan().read(), packages=tmp_path)
    assert bundle.unmeasured == ("thumbnail.zip", "shared-layer.zip")
    assert {finding.rule for finding in judge([bundle])} == {"function-unknown-layer"}
