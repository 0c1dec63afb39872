"""What holds right after an `up`, before the other tests fill the environment."""

from tests.e2e.project import Project


def test_the_emulators_stay_below_500_mb(stack: Project) -> None:
    assert stack.json("local", "status")["daemon_mb"] < 500
