"""Terraform's command lines, made by python-terraform. Nothing else of that package is used.

Its process handling is not safe (docs/terraform.md says what was measured); turning arguments into words is.
"""

from __future__ import annotations

import os
from typing import Any

from opsctl.terraform.binary import TerraformBinary


def command_line(binary: TerraformBinary, command: str, *arguments: str, **options: Any) -> tuple[str, ...]:
    """The words of `terraform COMMAND [-options] [arguments]`.

    Args:
        command: such as "plan" or "state pull".
        options: `detailed_exitcode=True` is the flag `-detailed-exitcode`, `lock=False` is `-lock=false`, None and
            True/False of flags follow python-terraform; a list repeats the option. A dict is refused: it would put
            values on the command line or into a temporary file.
    """
    from python_terraform import IsFlagged
    from python_terraform import Terraform as Words

    if wrong := [name for name, value in options.items() if isinstance(value, dict)]:
        raise TypeError(f"{wrong[0]} can't be a dict: values belong in a file of ours")
    flags = {name: IsFlagged if value is True else value for name, value in options.items()}
    # The folder must hold no state: python-terraform reads a terraform.tfstate that it finds in the current one.
    words = Words(working_dir=os.devnull, terraform_bin_path="terraform").generate_cmd_string(
        command, *arguments, **flags
    )
    return (*binary.argv, *words[1:])
