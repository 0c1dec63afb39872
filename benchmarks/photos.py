"""Photos through a whole environment: the rate, and what bounds it.

    python benchmarks/photos.py [--environment local] [--photos 200] [--concurrency 4 16]

The environment must be up. Each burst is preceded by one photo, so that a function's cold start isn't measured, and
removes what it made. Prints one JSON document: for each concurrency the photos per second over all, the seconds until
the last upload was answered, and the seconds from there to the last announcement. The burst whose rate stops growing
with the concurrency shows the bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import connect
from opsctl.smoke import SmokeTarget
from opsctl.smoke.burst import send_burst, to_json


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environment", default="local")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[4, 16])
    arguments = parser.parse_args()
    ports = connect(
        config := load_config(), load_environment(config, arguments.environment), on_event=ignore, start=False
    )
    target = SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)
    send_burst(target, 1)
    bursts = [send_burst(target, arguments.photos, concurrency=number) for number in arguments.concurrency]
    report = {
        "environment": arguments.environment,
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "bursts": [to_json(burst) for burst in bursts],
    }
    json.dump(report, sys.stdout, indent=2)
    print()
    return 0 if all(burst.complete for burst in bursts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
