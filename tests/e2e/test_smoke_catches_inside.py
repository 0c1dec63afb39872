"""Things behind the edge are broken on purpose, the smoke check that claims each says so, and all is as it was."""

from __future__ import annotations

from opsctl.smoke import SmokeTarget
from opsctl.smoke.checks import CHECKS, INNER_CHECKS
from tests.e2e.mutations.inner import INNER_MUTATIONS
from tests.e2e.mutations.mutation import prove
from tests.e2e.project import Project


def test_each_break_behind_the_edge_is_caught_by_the_check_that_claims_it(stack: Project, target: SmokeTarget) -> None:
    take_letters_of_other_tests(target)
    proof = prove(target, INNER_MUTATIONS, CHECKS, folder=stack.root / ".opsctl" / "broken")
    assert proof.complaints == []


def take_letters_of_other_tests(target: SmokeTarget) -> None:
    """What is to be healthy when all is restored: an alarm rings rightly as long as somebody's letters lie there."""
    for url in target.aws.pages("sqs", "list_queues", "QueueUrls[]", QueueNamePrefix=f"{target.prefix}-"):
        if url.endswith(("-dead-letters", "-failures")):
            target.aws.call("sqs", "purge_queue", QueueUrl=url)


def test_every_check_of_the_inside_is_claimed_by_a_break() -> None:
    assert {check.name for check in INNER_CHECKS} == {broken.check for broken in INNER_MUTATIONS}
