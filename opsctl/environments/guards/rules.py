"""An environment's guards as data, and what each of them objects to. Pure: the facts are handed in.

A guard has the name of its field in opsctl.toml, which is also what --override names. Adding one is a field of
`Guards`, a function and a row of `PLACE_GUARDS` (judged before anything begins) or `PLAN_GUARDS` (judged by the plan).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opsctl.environments.approvals.policy import ApprovalPolicy
from opsctl.environments.git import Repository
from opsctl.environments.guards.freeze import Window

if TYPE_CHECKING:
    from opsctl.terraform import Change

GATES: Mapping[str, str] = {
    "functions": "no function that AWS would refuse, or that carries a secret (held for every environment)",
    "workflows": "no state machine that breaks a rule of `opsctl.workflows`",
    "mapping-templates": "no logic in a mapping template of API Gateway",
    "policy": "no finding of `opsctl policy lint` of high severity or above, with this environment's variables",
    "iam": "no finding of `opsctl iam check` of high severity or above, with this environment's variables",
    "smoke": "every smoke check passes after the apply; else the command ends with 4",
}
"""Checks that an environment may require. Source of the rules: terraform/README.md."""

NOT_OVERRIDABLE: Mapping[str, str] = {
    "accounts": "another account is another environment: give it a table of its own in opsctl.toml",
    "regions": "another region is another environment: give it a table of its own in opsctl.toml",
    "reason_required": "give the reason itself: --why",
    "approvals": "who could override an approval would not need one",
    "functions": "AWS would refuse the function, or everybody who may read it would have the secret",
    "smoke": "it speaks after the apply",
}
"""Guards and gates that hold always, and why."""

NO_APPROVAL = ApprovalPolicy()
SHOWN = 6
"""Names in one sentence; more are counted."""


@dataclass(frozen=True)
class Guards:
    """What an environment's own configuration forbids. Without a value, a guard forbids nothing.

    Attributes:
        accounts, regions: the only ones (account: 12 digits).
        branches: globs ("release/*") of the branches that the sources may come from; `*` matches "/" as well.
        clean_tree: nothing may differ from the commit, nor be new to git.
        freeze: windows in which nothing is changed.
        protected: resource types, addresses, modules or globs of them that must not be destroyed or replaced.
        protect_stateful: so must all types in `opsctl.terraform.plan.STATEFUL`.
        max_destroys: largest number of deletes and replacements in one plan of `up`.
        gates: names in `GATES`.
        approvals: who has to agree (see `opsctl.environments.approvals.required`).
        reason_required: --why must be given.
        ephemeral: whether `opsctl env new --from` may copy the environment.
    """

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    clean_tree: bool = False
    freeze: tuple[Window, ...] = ()
    protected: tuple[str, ...] = ()
    protect_stateful: bool = False
    max_destroys: int | None = None
    gates: tuple[str, ...] = ()
    approvals: ApprovalPolicy = NO_APPROVAL
    reason_required: bool = False
    ephemeral: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """What --override could name: each guard that forbids something, and each gate."""
        said = {field.name for field in fields(self) if getattr(self, field.name) != field.default}
        if self.protect_stateful:
            said.add("protected")
        if not self.approvals.required:
            said.discard("approvals")
        said -= {"protect_stateful", "gates", "ephemeral"}
        return tuple(field.name for field in fields(self) if field.name in said) + self.gates

    def for_ephemeral(self) -> Guards:
        """The guards of a short-lived copy: where it may live, and nothing about what it may lose."""
        return Guards(accounts=self.accounts, regions=self.regions)


UNGUARDED = Guards()


@dataclass(frozen=True)
class Place:
    """Where, when and why a command is run.

    Attributes:
        account_id, region: the environment's.
        identity_account_id, identity_arn: as AWS STS gives them.
        repository: around the stack; None where no guard asks for it.
        now: aware.
        why: the person's reason; "" for none.
    """

    account_id: str
    region: str
    identity_account_id: str
    identity_arn: str
    repository: Repository | None
    now: datetime
    why: str


@dataclass(frozen=True)
class Losses:
    """What a plan destroys or replaces, and the command that would apply it."""

    command: str
    changes: Sequence[Change]


@dataclass(frozen=True)
class Violation:
    """One thing that a guard objects to.

    Attributes:
        what: one sentence without its full stop.
        next: how to comply, as an imperative.
    """

    guard: str
    what: str
    next: str

    @property
    def overridable(self) -> bool:
        return self.guard not in NOT_OVERRIDABLE

    @property
    def where(self) -> str:
        """Path below the environment's table in opsctl.toml."""
        return f"guards -> {'gates' if self.guard in GATES else self.guard}"

    @property
    def override(self) -> str:
        """The option that lets it pass once; "" where there is none."""
        return f'--override {self.guard}="…"' if self.overridable else ""

    def to_json(self) -> dict[str, Any]:
        """As `plan --json` prints it."""
        return {"guard": self.guard, "what": self.what, "next": self.next, "overridable": self.overridable}


Subject = TypeVar("Subject")
Objections = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Guard(Generic[Subject]):
    """One guard. `finds` gives (what it objects to, how to comply), nothing when all is well."""

    name: str
    finds: Callable[[Guards, Subject], Objections]

    def judge(self, guards: Guards, subject: Subject) -> Iterator[Violation]:
        return (Violation(self.name, what, comply) for what, comply in self.finds(guards, subject))


def judge_place(guards: Guards, place: Place) -> tuple[Violation, ...]:
    """What the guards object to before anything is planned: where, from what sources, when and why."""
    return tuple(violation for guard in PLACE_GUARDS for violation in guard.judge(guards, place))


def judge_plan(guards: Guards, changes: Sequence[Change], command: str) -> tuple[Violation, ...]:
    """What the guards object to in a plan.

    Args:
        changes: those that delete or replace.
        command: "up" or "down"; a `down` destroys everything, so the number of destroys says nothing there.
    """
    losses = Losses(command, changes)
    return tuple(violation for guard in PLAN_GUARDS for violation in guard.judge(guards, losses))


def account(guards: Guards, place: Place) -> Objections:
    comply = f"Sign in to {listed(guards.accounts)}, or correct account_id in opsctl.toml"
    if guards.accounts and place.account_id not in guards.accounts:
        yield f"account {place.account_id} is none of those that are allowed ({listed(guards.accounts)})", comply
    if guards.accounts and place.identity_account_id not in (*guards.accounts, place.account_id):
        yield f"{place.identity_arn} belongs to account {place.identity_account_id}, which is not allowed", comply


def region(guards: Guards, place: Place) -> Objections:
    if guards.regions and place.region not in guards.regions:
        yield (
            f"region {place.region} is none of those that are allowed ({listed(guards.regions)})",
            "Correct region in opsctl.toml",
        )


def branch(guards: Guards, place: Place) -> Objections:
    if not guards.branches:
        return
    wanted = f"Check out {listed(guards.branches, ' or ')}"
    repository = place.repository or Repository(problem="nobody asked git")
    if repository.problem:
        yield f"the branch is not known: {repository.problem}", f"{wanted} in a git repository"
    elif not repository.branch:
        yield f"no branch is checked out (commit {repository.commit[:12]})", wanted
    elif not any(matches(pattern, repository.branch) for pattern in guards.branches):
        yield f"the sources are of branch {repository.branch}", wanted


def clean_tree(guards: Guards, place: Place) -> Objections:
    if not guards.clean_tree:
        return
    repository = place.repository or Repository(problem="nobody asked git")
    if repository.problem:
        yield f"whether the sources were changed is not known: {repository.problem}", "Run it in a git repository"
    elif not repository.commit:
        yield "nothing was committed yet", "Commit the sources"
    elif repository.changes:
        yield f"the sources differ from the commit in {listed(repository.changes)}", "Commit or stash them"


def freeze(guards: Guards, place: Place) -> Objections:
    for window in guards.freeze:
        if span := window.covering(place.now):
            reason = f": {window.why}" if window.why else ""
            left = age(span.ends - place.now)
            yield (
                f"frozen until {span.ends:%Y-%m-%d %H:%M} UTC, {left} from now ({window.text}){reason}",
                "Wait until then",
            )


def reason(guards: Guards, place: Place) -> Objections:
    if guards.reason_required and not place.why.strip():
        yield "no reason was given", 'Say why: --why "…"'


def protected(guards: Guards, losses: Losses) -> Objections:
    lost = [change for change in losses.changes if is_protected(guards, change)]
    if lost:
        names = listed([f"{change.address} ({change.action.value}{_loss(change)})" for change in lost])
        number = "a protected resource" if len(lost) == 1 else f"{len(lost)} protected resources"
        yield f"{number} would be destroyed or replaced: {names}", "Change the Terraform so that it stays"


def max_destroys(guards: Guards, losses: Losses) -> Objections:
    number = len(losses.changes)
    if guards.max_destroys is not None and losses.command != "down" and number > guards.max_destroys:
        names = listed([change.address for change in losses.changes])
        yield (
            f"{number} resources would be destroyed or replaced, {guards.max_destroys} are allowed: {names}",
            "Take it in smaller steps",
        )


PLACE_GUARDS: tuple[Guard[Place], ...] = (
    Guard("accounts", account),
    Guard("regions", region),
    Guard("branches", branch),
    Guard("clean_tree", clean_tree),
    Guard("freeze", freeze),
    Guard("reason_required", reason),
)
PLAN_GUARDS: tuple[Guard[Losses], ...] = (Guard("protected", protected), Guard("max_destroys", max_destroys))


KEY = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
"""Of a resource or module made by count or for_each, in its address."""


def is_protected(guards: Guards, change: Change) -> bool:
    """Whether a resource must not be destroyed or replaced.

    A pattern is a type (aws_db_instance), an address with or without its keys, or a module (all that is in it).
    """
    if guards.protect_stateful and change.is_stateful:
        return True
    return any(
        matches(pattern, name) or matches(f"{pattern}.*", name)
        for pattern in guards.protected
        for name in (change.type, change.address, KEY.sub("", change.address))
    )


def matches(pattern: str, text: str) -> bool:
    """Whether `text` as a whole is what a glob says: `*` stands for anything and `?` for one character. `[` stands for
    itself, since addresses have it (aws_sqs_queue.jobs["a"])."""
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def listed(names: Sequence[str], between: str = ", ") -> str:
    """The first few names, and how many more there are."""
    more = len(names) - SHOWN
    return between.join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def age(time: timedelta) -> str:
    """A time in its largest unit: 3 days, 7 h, 20 min."""
    minutes = max(1, round(time.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 48 * 60 else f"{round(minutes / (24 * 60))} days"


def _loss(change: Change) -> str:
    return f"; it {change.loses}" if change.loses else ""
