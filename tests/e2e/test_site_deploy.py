"""A deploy of the page on the real stack, as people do it: shown, proved, taken back.

That Terraform sees no change afterwards is what test_whole_stack looks at, after everything.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from opsctl.builds.site import version_of
from opsctl.smoke import SmokeTarget
from opsctl.smoke.edge import Edge
from tests.e2e.project import PROJECT, Project

PAGE = PROJECT / "terraform" / "modules" / "site" / "page"


def test_a_new_page_is_shown_proved_and_taken_back(stack: Project, target: SmokeTarget, tmp_path: Path) -> None:
    edge = Edge.of(target)
    before = edge.request("GET", "/").body
    page = Path(shutil.copytree(PAGE, tmp_path / "page"))
    style = page / "assets" / "style.css"
    style.write_text(style.read_text() + "\n")
    done = stack.json("deploy", "site", "local", "--folder", str(page), "--yes")
    [move] = done["moves"]
    shown = edge.request("GET", "/")
    assert (done["outcome"], move["before"]) == ("done", version_of(before))
    assert version_of(shown.body) == move["after"] != move["before"]
    assert edge.request("GET", f"/assets/{move['after']}/style.css").body == style.read_bytes()
    stack.opsctl("smoke", "local", "--tag", "site", "--only", "cache-hit")
    stack.opsctl("rollback", "local", "site", "--yes")
    assert edge.request("GET", "/").body == before
    last = stack.opsctl("history", "local", "--deploys").stdout
    assert move["before"] in last
