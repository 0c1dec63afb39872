"""How the cloud of one environment is reached, the same for boto3 and for Terraform's provider."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Access:
    """Region, account and, for the embedded local cloud, the endpoint that stands for all of AWS.

    Attributes:
        endpoint_url: None for real AWS.
        profile: a named profile of the normal credential chain; None takes the chain as it is.
        edge_port, authority_file: where viewers connect to the local cloud by TLS (loopback), and whom they must trust
            there; 0 and None on AWS, whose names and certificates are public.
    """

    region: str
    account_id: str
    endpoint_url: str | None = None
    profile: str | None = None
    edge_port: int = 0
    authority_file: Path | None = None

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    def process_environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment variables of a child process (Terraform, a Lambda build) that works with this cloud.

        Locally the access key is the account id (both emulators read the account from it), and every AWS_* setting of
        the caller is dropped, so that nothing can reach a real account by accident.
        """
        inherited = dict(os.environ if base is None else base)
        if self.is_local:
            inherited = {name: value for name, value in inherited.items() if not name.startswith("AWS_")}
            assert self.endpoint_url is not None
            inherited |= {
                "AWS_ENDPOINT_URL": self.endpoint_url,
                "AWS_ACCESS_KEY_ID": self.account_id,
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                # For hosts such as 111122223333.127.0.0.1, which no resolver knows: S3 Control puts the account before
                # the endpoint's host. Loopback itself never goes through a proxy (Go's net/http), https not this one.
                "HTTP_PROXY": self.endpoint_url,
            }
        elif self.profile:
            inherited["AWS_PROFILE"] = self.profile
        return inherited | {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
