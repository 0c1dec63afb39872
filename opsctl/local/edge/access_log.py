"""API Gateway's access log format: `$context.…` variables filled in.

Source: API Gateway developer guide, "Variables for access logging for API Gateway". One without a value is a hyphen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

VARIABLE = re.compile(r"\$\{?context\.([A-Za-z][\w.-]*\w|[A-Za-z])\}?")


def render(template: str, values: Mapping[str, object]) -> str:
    """One line. Values are escaped as in a JSON string, so that a viewer can't write fields or lines of its own."""

    def fill(found: re.Match[str]) -> str:
        value = values.get(found[1])
        return "-" if value is None or value == "" else json.dumps(str(value))[1:-1]

    return VARIABLE.sub(fill, template)
