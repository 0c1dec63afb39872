"""Which country an address is in, locally: a table over networks that nobody has (documentation, loopback).

Sources of the networks: RFC 5737 (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24), RFC 3849 (2001:db8::/32). Which
country each half stands for is our own choice.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

COUNTRIES: dict[str, str] = {
    "192.0.2.0/25": "US",
    "192.0.2.128/25": "IE",
    "198.51.100.0/25": "DE",
    "198.51.100.128/25": "AT",
    "203.0.113.0/25": "CH",
    "203.0.113.128/25": "KP",
    "2001:db8:1::/48": "US",
    "2001:db8:2::/48": "IE",
    "2001:db8:3::/48": "DE",
    "2001:db8:4::/48": "AT",
    "2001:db8:5::/48": "CH",
    "2001:db8:6::/48": "KP",
    "127.0.0.0/8": "DE",
    "::1/128": "DE",
}
UNKNOWN = "XX"
"""What AWS WAF says when it can't tell (developer guide, "Geographic match rule statement")."""

_NETWORKS = tuple((ip_network(network), country) for network, country in COUNTRIES.items())


@lru_cache(maxsize=4096)
def country_of(address: str) -> str:
    """ISO 3166-1 alpha-2; UNKNOWN outside the table and for what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return UNKNOWN
    return next((country for network, country in _NETWORKS if found in network), UNKNOWN)
