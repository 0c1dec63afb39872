"""Checks on single policy documents: what they name, what fits, how wide they are, what AWS would refuse."""

from opsctl.iam.action_checks import breadth, fit, grammar, names

CHECKS = (*names.CHECKS, *fit.CHECKS, *breadth.CHECKS, *grammar.CHECKS)
