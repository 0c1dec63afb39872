"""A process that uses python-terraform as it comes: `python … STACK WORK init|plan|apply|destroy`.

The one thing added is what `destroy` can't do without: its own `-force` is an option that Terraform no longer has.
"""

from __future__ import annotations

import sys

from python_terraform import IsFlagged, Terraform


def main(stack: str, command: str) -> int:
    terraform = Terraform(working_dir=stack)
    calls = {
        "init": lambda: terraform.init(),
        "plan": lambda: terraform.plan(detailed_exitcode=None),
        "apply": lambda: terraform.apply(skip_plan=True),
        "destroy": lambda: terraform.destroy(force=None, auto_approve=IsFlagged),
    }
    for step in dict.fromkeys(("init", command)):
        status, out, err = calls[step]()
        print(out, err, flush=True)
        if status:
            return int(status)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3]))
