"""Which values of a security header are good."""

from __future__ import annotations

import pytest

from opsctl.smoke.edge import Answer
from opsctl.smoke.edge_checks import HEADERS
from opsctl.smoke.guards import page_assets

STRICT = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("check", "value", "good"),
    [
        ("hsts", "max-age=63072000; includeSubDomains", True),
        ("hsts", "max-age=31536000;includeSubDomains; preload", True),
        ("hsts", "max-age=31535999; includeSubDomains", False),
        ("hsts", "max-age=63072000", False),
        ("hsts", "includeSubDomains", False),
        ("content-policy", STRICT, True),
        ("content-policy", STRICT + "; img-src 'self' data:", True),
        ("content-policy", STRICT + "; script-src 'self' 'unsafe-inline'", False),
        ("content-policy", STRICT + "; script-src *", False),
        ("content-policy", STRICT.replace("default-src 'self'", "default-src *"), False),
        ("content-policy", STRICT.replace("; frame-ancestors 'none'", ""), False),
        ("content-policy", "", False),
        ("content-sniffing", "nosniff", True),
        ("content-sniffing", "sniff", False),
        ("framing", "DENY", True),
        ("framing", "SAMEORIGIN", False),
        ("referrer", "strict-origin-when-cross-origin", True),
        ("referrer", "unsafe-url", False),
    ],
)
def test_a_security_header_is_good_or_not(check: str, value: str, good: bool) -> None:
    assert HEADERS[check][2](value) is good


def test_a_page_loads_its_own_files_and_neither_anchors_nor_other_sites() -> None:
    page = b'<link href="assets/1/style.css"><script src="/assets/1/app.js"></script><a href="#top"><a href="https://e.test">'
    answer = Answer("GET", "/", 200, {}, page, 0.0)
    assert page_assets(answer) == ["/assets/1/app.js", "/assets/1/style.css"]
