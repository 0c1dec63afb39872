"""The rules of `escalation/…`, made from the techniques: one for all techniques that share an id."""

from __future__ import annotations

from collections.abc import Iterable

from opsctl.findings import Rule, Severity
from opsctl.iam.escalation.technique import Technique, Through
from opsctl.iam.escalation.techniques import TECHNIQUES

CATALOGUE = "https://pathfinding.cloud/"
PREFIX = "escalation/"
WHY = {
    Through.SELF: "Whoever may change the policies that limit them isn't limited: one call, and all is allowed.",
    Through.ANYTHING: "A principal that is made on the spot, with any policy, can be used by whoever made it.",
    Through.GROUP: "A member has everything that the group has.",
    Through.USER: "A credential of another user is that user, with everything the user may do, while it stays.",
    Through.ROLE: "Whoever decides whom a role trusts can have it trust them.",
    Through.TRUST: "A session of the role may do everything that the role may, whatever its caller was given.",
    Through.PASSED: "What runs as the role has the role's credentials, and its caller decides what runs: the caller "
    "has every permission of any role that may be passed and that trusts the service.",
    Through.CARRIER: "What runs there runs with the credentials of its role; whoever decides what runs has them. "
    "No role is passed, so iam:PassRole doesn't help against it.",
    Through.ELSEWHERE: "It gives a session or a credential of somebody who may do more.",
}  # fmt: skip
MEND = {
    Through.SELF: "Leave changing policies to a role that people use for nothing else; where it must be, require a "
    "permissions boundary (condition iam:PermissionsBoundary) and Deny changes of the own principal.",
    Through.ANYTHING: "Require a permissions boundary (condition iam:PermissionsBoundary) for everything that is made.",
    Through.GROUP: "Name in Resource only groups that have less.",
    Through.USER: "Allow it on the own user only: arn:aws:iam::*:user/${aws:username}.",
    Through.ROLE: "Leave it to the role that deploys IAM; name in Resource only roles that have less.",
    Through.TRUST: "Name in Resource the roles that it needs, and in the roles' trust policies the principals, not "
    "the account.",
    Through.PASSED: "Name in the Resource of iam:PassRole the roles that it needs, and in the condition "
    "iam:PassedToService the service.",
    Through.CARRIER: "Name in Resource what it needs to change; give what it may change a role with no more than "
    "it has.",
    Through.ELSEWHERE: "Leave it to the role that administers identities; name in Resource what it needs.",
}  # fmt: skip
LIFT = Rule(
    f"{PREFIX}lift-limits",
    "Can take away the permissions boundary or the Deny that limits it",
    Severity.CRITICAL,
    "A limit that its holder may remove is none: what the other policies grant is what it has.",
    "Deny the calls that change boundaries and policies on the own principal, in the boundary itself.",
    ("https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html", CATALOGUE),
    ("least-privilege", "escalation"),
)


def rule_of(techniques: Iterable[Technique]) -> Rule:
    """The rule of techniques with one id; severity is that of a document without a principal."""
    first, *_ = techniques = list(techniques)
    sets = dict.fromkeys(" + ".join(need) for technique in techniques for need in technique.needs)
    shown = list(sets)[:6]
    more = f", and {len(sets) - len(shown)} more sets" if len(sets) > len(shown) else ""
    return Rule(
        PREFIX + first.id,
        first.title,
        Severity.HIGH,
        f"{WHY[first.through]} Needs {', or '.join(shown)}{more}.",
        MEND[first.through],
        (*dict.fromkeys(technique.page for technique in techniques if technique.page), CATALOGUE),
        ("least-privilege", "escalation"),
    )


def _by_id() -> dict[str, list[Technique]]:
    found: dict[str, list[Technique]] = {}
    for technique in TECHNIQUES:
        found.setdefault(technique.id, []).append(technique)
    return found


RULES: dict[str, Rule] = {name: rule_of(techniques) for name, techniques in _by_id().items()}
