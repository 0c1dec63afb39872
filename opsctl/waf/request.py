"""A web request as AWS WAF sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Resource(Enum):
    """What kind of resource the request is for. Source: WAF log field httpSourceName, and the body inspection limits.

    The value is (httpSourceName, key in AssociationConfig.RequestBody, body bytes that are inspected unless the web ACL
    says otherwise). Source: AWS WAF developer guide, "Considerations for managing body inspection".
    """

    CLOUDFRONT = "CF", "CLOUDFRONT", 16_384
    API_GATEWAY = "APIGW", "API_GATEWAY", 16_384
    LOAD_BALANCER = "ALB", "", 8_192

    @property
    def source_name(self) -> str:
        return self.value[0]

    @property
    def association_key(self) -> str:
        return self.value[1]

    @property
    def body_limit(self) -> int:
        return self.value[2]


@dataclass(frozen=True)
class WebRequest:
    """A request as the firewall sees it.

    Attributes:
        path: as sent, not decoded. `query` likewise, without the question mark.
        headers: (name, value) pairs in order, names as sent.
        client_ip: the viewer's address; country: ISO 3166-1 alpha-2, "" where not known.
        request_id: CloudFront's or API Gateway's own, for the log.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client_ip: str
    country: str
    request_id: str
    http_version: str = "HTTP/1.1"

    def header_values(self, name: str) -> tuple[str, ...]:
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)
