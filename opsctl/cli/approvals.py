"""The questions that `up` and `down` ask, and how --yes answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.cli.plan_view import show_plan
from opsctl.cli.progress import Progress
from opsctl.environments.lost_cloud import LostCloud
from opsctl.ui.console import Console, literal

if TYPE_CHECKING:
    from opsctl.terraform import Plan


@dataclass
class Approval:
    """Show a plan and ask; with `must_type`, the exact words that a person has to type (the environment's name)."""

    console: Console
    progress: Progress
    yes: bool
    question: str
    must_type: str = ""

    def __call__(self, plan: Plan) -> bool:
        with self.progress.paused():
            show_plan(plan, self.console)
            if self.yes:
                return True
            if not self.must_type:
                return self.console.confirm(f"\n{self.question}")
            typed = self.console.ask(f"\n{self.question} Type [bold]{literal(self.must_type)}[/] to go on:")
            return typed.strip() == self.must_type


@dataclass
class Afresh:
    """Ask whether to start afresh when the local cloud forgot what the state lists."""

    console: Console
    progress: Progress
    yes: bool

    def __call__(self, lost: LostCloud) -> bool:
        if self.yes:
            return True
        with self.progress.paused():
            self.console.warn(
                f"The local cloud was restarted, so the {lost.resources} resources of {lost.environment} are gone."
            )
            return self.console.confirm("Start afresh? The old state is archived.")
