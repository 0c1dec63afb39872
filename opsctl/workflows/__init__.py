"""State machines as data: what is wrong with a definition, by the language and by our rules. Pure."""

from opsctl.workflows.asl import RULES, Problem, Rule, lint, problems

__all__ = ["RULES", "Problem", "Rule", "lint", "problems"]
