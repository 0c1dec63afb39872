"""The signal matrix with the real AWS provider: topics in the local cloud, the state in S3. One run of each cell."""

from __future__ import annotations

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.signals import DRIVERS, PROVISIONER, SHAPES, Cell, Place, counted, play, slow_server, table
from opsctl.aws import Access
from opsctl.config import cache_folder
from opsctl.local import LocalCloud
from opsctl.terraform import find_provider

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ACCOUNT, REGION, BUCKET = "111122223333", "eu-central-1", "signals-states"
AT_ONCE = 3

TOPICS = """terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
  backend "s3" {
    bucket                      = "BUCKET"
    key                         = "MARK/terraform.tfstate"
    region                      = "REGION"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_requesting_account_id  = true
    skip_region_validation      = true
  }
}
provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}
resource "aws_sns_topic" "first" {
  name = "MARK-first"
}
resource "terraform_data" "slow" {
  depends_on = [aws_sns_topic.first]
  PROVISIONER
}
resource "aws_sns_topic" "last" {
  count      = 4
  name       = "MARK-last-${count.index}"
  depends_on = [terraform_data.slow]
}
"""


@dataclass
class TopicsPlace(Place):
    """A run whose resources and state are in the local cloud."""

    access: Access | None = None
    cli_config: Path | None = None
    s3: S3Client | None = None

    def code(self) -> str:
        when = "destroy" if self.cell.command == "destroy" else "create"
        code = TOPICS.replace("PROVISIONER", PROVISIONER.replace("WHEN", when))
        return code.replace("BUCKET", BUCKET).replace("REGION", REGION).replace("MARK", self.mark)

    def variables(self) -> dict[str, str]:
        assert self.access is not None
        named = {"DRIVER_CLI_CONFIG": str(self.cli_config), "TF_CLI_CONFIG_FILE": str(self.cli_config)}
        return self.access.process_environment(super().variables()) | (named if self.cli_config else {})

    def apply_first(self) -> None:
        if self.start(quick=True, command="apply").wait(300):
            raise RuntimeError(self.said[-2000:])
        shutil.rmtree(self.work / "logs", ignore_errors=True)  # what this one said is not what is looked for

    def stored(self) -> bytes | None:
        assert self.s3 is not None
        if f"{self.mark}/terraform.tfstate" not in self._keys():
            return None
        body: bytes = self.s3.get_object(Bucket=BUCKET, Key=f"{self.mark}/terraform.tfstate")["Body"].read()
        return body

    def state_is_locked(self) -> bool:
        return f"{self.mark}/terraform.tfstate.tflock" in self._keys()

    def _keys(self) -> list[str]:
        assert self.s3 is not None
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.mark}/")
        return [item["Key"] for item in found.get("Contents", [])]


def measure() -> dict[str, Any]:
    """Counts per tool and cell, as `benchmarks.signals.measure`."""
    import boto3

    begin = time.monotonic()
    chosen = [Cell(tool, shape, command, at_once=tool == "opsctl" and shape == "SIGKILL")
              for tool in DRIVERS for shape in SHAPES for command in ("apply", "destroy")]  # fmt: skip
    with tempfile.TemporaryDirectory() as base, slow_server() as server, ThreadPoolExecutor(AT_ONCE) as pool:
        cloud = LocalCloud(Path(base) / "cloud", ACCOUNT, REGION)
        try:
            access = Access(REGION, ACCOUNT, endpoint_url=cloud.start().endpoint_url)
            s3 = boto3.client("s3", endpoint_url=access.endpoint_url, region_name=REGION,
                              aws_access_key_id=ACCOUNT, aws_secret_access_key="local")  # fmt: skip
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            config = find_provider(cache=cache_folder()).cli_config
            places = [TopicsPlace(cell, Path(base) / str(number), server, access=access, cli_config=config, s3=s3,
                                  patience_seconds=300)
                      for number, cell in enumerate(chosen)]  # fmt: skip
            played = list(zip(chosen, pool.map(play, places), strict=True))
        finally:
            cloud.stop()
    return {"runs": 1, "cells": counted(played), "seconds": round(time.monotonic() - begin, 1)}


def rows(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """One line per tool."""
    from benchmarks import signals

    return [(f"with the real provider: {what.replace('init, plan, ', '')}", text, goal)
            for what, text, goal in signals.rows(report)]  # fmt: skip


if __name__ == "__main__":
    made = measure()
    print(table(made))
    for name, counts in made["cells"]["opsctl"].items():
        for trouble in counts["trouble"]:
            print(name, trouble)
    print(made["seconds"], "s")
