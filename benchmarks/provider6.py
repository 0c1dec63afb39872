"""Plan, apply, plan again and destroy the stack with a 6.x provider: `make provider6`.

Takes the newest 6.x that this machine has or can get; where there is neither mirror nor registry it is built from the
Go module proxy (13 min and 7 GB on 2 cores), once.
"""

from __future__ import annotations

import os
import sys

from benchmarks.environment import trial

VERSION = "6.47.1"


def main() -> int:
    version = os.environ.get("OPSCTL_PROVIDER_VERSION", VERSION)
    with trial(OPSCTL_PROVIDER_VERSION=version) as made:
        up, _ = made.opsctl("up", "local", "--yes")
        plan = made.json("plan", "local")
        made.opsctl("smoke", "local")
        down, _ = made.opsctl("down", "local", "--yes")
    changes = [f"{change['action']} {change['address']} {change['changed_attributes']}" for change in plan["changes"]]
    print(f"provider {version}: up {up:.0f} s, down {down:.0f} s, second plan: {len(changes)} changes")
    print("\n".join(changes))
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
