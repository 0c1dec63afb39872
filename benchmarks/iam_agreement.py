"""Whether `opsctl iam diff` agrees with brute force: `python -m benchmarks.iam_agreement [CASES] [SEED]`.

Each case is a principal with random policies, and a change to them. Brute force is written here once more and shares
nothing with the engine but the list of real actions: every action, as a bit of one integer; every resource and every
context of a pool. The two agree when they name the same actions as newly allowed, over the pool and the engine's own
counterexamples together, and when brute force accepts each counterexample.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Literal

from opsctl.iam.comparing import NewAccess, new_access
from opsctl.iam.estate import Estate, Policy, Principal
from opsctl.iam.policy import Condition, Document, Statement
from opsctl.iam.vocabulary import vocabulary

ACCOUNT = "111122223333"
RESOURCES = (
    "*", "arn:aws:s3:::*", "arn:aws:s3:::photos", "arn:aws:s3:::photos/*", "arn:aws:s3:::photos/a*",
    "arn:aws:s3:::photos/*.jpg", "arn:aws:s3:::photos/*/x*y", "arn:aws:s3:::p?otos/*", "arn:aws:s3:::*/a",
    "arn:aws:s3:::photos/${aws:username}/*", "arn:aws:s3:::${aws:PrincipalTag/team}-*/*",
    f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q", f"arn:aws:sqs:*:{ACCOUNT}:q*", "arn:aws:sqs:eu-*-1:*:q?",
    f"arn:aws:iam::{ACCOUNT}:role/*", f"arn:aws:iam::{ACCOUNT}:role/app-*", "arn:aws:*", "arn:aws:sqs:*",
    f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/orders", "arn:aws:dynamodb:*:*:table/orders/index/*",
    f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/aws/*:*", f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:*",
)  # fmt: skip
CONDITIONS: Mapping[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    "aws:RequestedRegion": (
        ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
         "StringLikeIfExists"),
        (("eu-west-1",), ("eu-west-1", "us-east-1"), ("EU-WEST-1",), ("eu-*",), ("*",), ("eu-west-?",)),
    ),
    "aws:SecureTransport": (("Bool", "BoolIfExists", "Null"), (("true",), ("false",))),
    "aws:SourceIp": (("IpAddress", "NotIpAddress"), (("10.0.0.0/8",), ("10.1.0.0/16", "192.0.2.1"), ("0.0.0.0/0",))),
    "aws:MultiFactorAuthAge": (
        ("NumericLessThan", "NumericGreaterThanEquals", "NumericEquals", "NumericLessThanIfExists", "Null"),
        (("300",), ("3600",), ("true",)),
    ),
    "aws:CurrentTime": (
        ("DateGreaterThan", "DateLessThanEquals"), (("2026-01-01T00:00:00Z",), ("2027-01-01T00:00:00Z",)),
    ),
    "aws:TagKeys": (
        ("ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAnyValue:StringNotEquals",
         "ForAllValues:StringLike"),
        (("team",), ("team", "cost"), ("t*",)),
    ),
    "aws:SourceVpce": (
        ("StringEquals", "StringNotEqualsIfExists", "Null"), (("vpce-1",), ("vpce-2", "vpce-1"), ("true",)),
    ),
    "iam:PolicyARN": (("ArnLike", "ArnNotEquals"), (("arn:aws:iam::aws:policy/*",), ("arn:aws:iam::*:policy/Read*",))),
}  # fmt: skip
SAMPLES: Mapping[str, tuple[tuple[str, ...] | None, ...]] = {
    "aws:requestedregion": (("eu-west-1",), ("us-east-1",), ("EU-west-1",), ("eu-north-1",), None),
    "aws:securetransport": (("true",), ("false",), None),
    "aws:sourceip": (("10.1.2.3",), ("10.200.0.1",), ("192.0.2.1",), ("8.8.8.8",), None),
    "aws:multifactorauthage": (("0",), ("300",), ("1000",), ("3600",), ("9999",), None),
    "aws:currenttime": (("2025-06-01T00:00:00Z",), ("2026-06-01T00:00:00Z",), ("2027-06-01T00:00:00Z",), None),
    "aws:tagkeys": (("team",), ("cost",), ("team", "cost"), ("other",), ("team", "other"), ("tx",), (), None),
    "aws:sourcevpce": (("vpce-1",), ("vpce-2",), ("vpce-3",), None),
    "iam:policyarn": (
        ("arn:aws:iam::aws:policy/ReadX",), ("arn:aws:iam::1:policy/ReadX",), ("arn:aws:iam::1:policy/W",), None,
    ),
    "aws:principaltag/team": (("web",), ("photos",), None),
}  # fmt: skip
Context = Mapping[str, tuple[str, ...] | None]


# Random policies ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disagreement:
    """A case in which the two differ: what only one of them calls new."""

    case: int
    base: Principal
    head: Principal
    missed: tuple[str, ...]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        said = (
            f"case {self.case}: missed {len(self.missed)} {self.missed[:3]}, wrong {len(self.wrong)} {self.wrong[:3]}"
        )
        return "\n".join(
            (said, *(f"  {name}: {_shown(who)}" for name, who in (("base", self.base), ("head", self.head))))
        )


def _shown(principal: Principal) -> str:
    policies = [*principal.policies, *([principal.boundary] if principal.boundary else [])]
    return "; ".join(f"{each.name}: {each.document.statements if each.document else None}" for each in policies)


class _Dice:
    """Random policies of a few services, so that statements meet."""

    def __init__(self, random: random.Random) -> None:
        self.random = random
        self.services = random.sample(("s3", "sqs", "iam", "dynamodb", "logs", "ec2", "kms", "lambda", "sts"), 2)
        self.services.append(random.choice(sorted(vocabulary().services)))
        self.resources = random.sample(RESOURCES, 5)
        self.keys = random.sample(sorted(CONDITIONS), 2)

    def action(self) -> str:
        service = self.random.choice(self.services)
        names = vocabulary().expand(f"{service}:*") or (f"{service}:Nothing",)
        name = self.random.choice(names).partition(":")[2]
        cut = self.random.randint(1, len(name))
        return self.random.choice((
            f"{service}:{name}", f"{service}:{name.lower()}", f"{service}:{name[:cut]}*", f"{service}:*{name[cut:]}",
            f"{service}:{name[: cut - 1]}?{name[cut:]}", f"{service}:*", "*",
            re.sub("^(Get|List|Describe|Put|Create|Delete).*", r"\1*", f"{name}").join((f"{service}:", "")),
        ))  # fmt: skip

    def some(self, make: Iterable[str], most: int = 3) -> tuple[str, ...]:
        pool = list(dict.fromkeys(make))
        return tuple(self.random.sample(pool, min(len(pool), self.random.randint(1, most))))

    def conditions(self) -> tuple[Condition, ...]:
        if self.random.random() < 0.6:
            return ()
        made = []
        for key in self.random.sample(self.keys, self.random.choice((1, 1, 2))):
            operators, values = CONDITIONS[key]
            operator = self.random.choice(operators)
            value = self.random.choice(values)
            if operator == "Null":
                value = (self.random.choice(("true", "false")),)
            made.append(Condition(operator, self.random.choice((key, key.lower())), value))
        return tuple(made)

    def statement(self, deny: float = 0.3) -> Statement:
        actions = self.some(self.action() for _ in range(3))
        resources = self.some(self.resources)
        inverse_action, inverse_resource = self.random.random() < 0.1, self.random.random() < 0.1
        return Statement(
            "Deny" if self.random.random() < deny else "Allow",
            actions=() if inverse_action else actions, not_actions=actions if inverse_action else (),
            resources=() if inverse_resource else resources, not_resources=resources if inverse_resource else (),
            conditions=self.conditions(),
        )  # fmt: skip

    def policy(self, name: str, most: int = 4, deny: float = 0.3) -> Policy:
        statements = tuple(self.statement(deny) for _ in range(self.random.randint(1, most)))
        return Policy(name, Document(statements, self.random.choice(("2012-10-17",) * 5 + ("2008-10-17",))))

    def principal(self) -> Principal:
        kinds: tuple[Literal["user", "role"], ...] = ("user", "role")
        kind = self.random.choice(kinds)
        boundary = self.policy("wall", 2, 0.2) if self.random.random() < 0.25 else None
        tags = {"team": "web"} if self.random.random() < 0.3 else {}
        return Principal(
            kind, "alice", f"arn:aws:iam::{ACCOUNT}:{kind}/alice", "x", (self.policy("work"),), boundary, tags=tags
        )

    def changed(self, before: Principal) -> Principal:
        """What a pull request would do to it."""
        document = before.policies[0].document
        assert document is not None
        statements = list(document.statements)
        at = self.random.randrange(len(statements))
        one = statements[at]
        what = self.random.randrange(9)
        if what == 0:
            statements.append(self.statement())
        elif what == 1:
            del statements[at]
        elif what == 2:
            statements[at] = replace(one, conditions=self.conditions())
        elif what == 3 and one.actions:
            statements[at] = replace(one, actions=(*one.actions, self.action()))
        elif what == 4 and one.resources:
            statements[at] = replace(one, resources=(*one.resources, self.random.choice(RESOURCES)))
        elif what == 5 and one.resources:
            statements[at] = replace(one, resources=self.some(RESOURCES))
        elif what == 6:
            return replace(before, boundary=None if before.boundary else self.policy("wall", 2, 0.2))
        elif what == 7:
            self.random.shuffle(statements)  # which changes nothing
        else:
            statements[at] = self.statement()
        return replace(before, policies=(Policy("work", Document(tuple(statements), document.version)),))


# Brute force --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _actions() -> tuple[str, ...]:
    return vocabulary().expand("*")


@lru_cache(maxsize=1 << 14)
def _bits(pattern: str) -> int:
    shape = re.compile("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern), re.IGNORECASE)
    service = pattern.lower().partition(":")[0]
    names = _actions() if "*" in service or "?" in service else vocabulary().expand(f"{service}:*")
    return _as_bits(filter(shape.fullmatch, names))


@lru_cache(maxsize=1 << 18)
def _glob(pattern: tuple[str, ...], text: str) -> bool:
    """Token by token: "*" (any), "*:" (up to a colon), "?" and "?:", or a letter."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head in ("*", "*:"):
        return _glob(rest, text) or bool(text and (head == "*" or text[0] != ":") and _glob(pattern, text[1:]))
    if not text:
        return False
    fits = head == text[0] if head[0] != "?" or head == "??" else (head == "?" or text[0] != ":")
    return fits and _glob(rest, text[1:])


@lru_cache(maxsize=1 << 14)
def _resource_tokens(pattern: str) -> tuple[str, ...]:
    made = []
    for index, letter in enumerate(pattern):
        inside = pattern[:index].count(":") < 5
        ends = index + 1 == len(pattern) or pattern[index + 1] in ":*"
        made.append("*:" if letter == "*" and inside and not ends else "?:" if letter == "?" and inside else letter)
    return tuple(made)


def _filled(text: str, context: Context, variables: bool) -> str | None:
    if not variables:
        return text
    for key in re.findall(r"\$\{([^}]*)\}", text):
        values = context.get(key.lower())
        if not values or len(values) != 1:
            return None
        text = text.replace("${" + key + "}", values[0])
    return text


def _one_holds(name: str, wanted: str, given: str) -> bool:
    if name.startswith("arn"):
        parts, others = wanted.split(":", 5), given.split(":", 5)
        return len(parts) == len(others) and all(_glob(tuple(a), b) for a, b in zip(parts, others, strict=True))
    if name == "stringlike":
        return _glob(tuple(wanted), given)
    if name in ("stringequalsignorecase", "bool"):
        return wanted.lower() == given.lower()
    if name == "ipaddress":
        return ip_address(given) in ip_network(wanted)
    if name.startswith(("numeric", "date")):
        one, other = (
            float(each) if name.startswith("numeric") else datetime.fromisoformat(each).timestamp()
            for each in (given, wanted)
        )
        how = name.removeprefix("numeric").removeprefix("date")
        return {"lessthan": one < other, "lessthanequals": one <= other, "equals": one == other,
                "greaterthan": one > other, "greaterthanequals": one >= other}[how]  # fmt: skip
    return wanted == given


def _holds(condition: Condition, context: Context) -> bool:
    name = condition.operator.lower()
    given = context.get(condition.key.lower())
    if name == "null":
        return (not given) == (condition.values[0] == "true")
    quantifier, _, name = name.rpartition(":")
    optional, name = name.endswith("ifexists"), name.removesuffix("ifexists")
    negated, name = "not" in name, name.replace("not", "").replace("arnequals", "arnlike")
    if not given:
        return optional or quantifier == "forallvalues" or (negated and not quantifier)

    def passes(one: str) -> bool:
        try:
            return any(_one_holds(name, value, one) for value in condition.values) != negated
        except ValueError:
            return negated

    return all(map(passes, given)) if quantifier == "forallvalues" else any(map(passes, given))


@lru_cache(maxsize=1 << 17)
def _within(pattern: str, resource: str) -> bool:
    return _glob(_resource_tokens(pattern), resource)


@lru_cache(maxsize=1 << 12)
def _about(actions: tuple[str, ...], inverse: bool) -> int:
    bits = 0
    for action in actions:
        bits |= _bits(action)
    return (1 << len(_actions())) - 1 & ~bits if inverse else bits


def _layer(policies: Iterable[Policy], resource: str, context: Context) -> tuple[int, int]:
    allowed = denied = 0
    for policy in policies:
        assert policy.document is not None
        variables = policy.document.version == "2012-10-17"
        for one in policy.document.statements:
            patterns = [_filled(each, context, variables) for each in (*one.resources, *one.not_resources)]
            within = any(each is not None and _within(each, resource) for each in patterns)
            if within == bool(one.not_resources) or not all(_holds(each, context) for each in one.conditions):
                continue
            bits = _about((*one.actions, *one.not_actions), bool(one.not_actions))
            if one.effect == "Allow":
                allowed |= bits
            else:
                denied |= bits
    return allowed, denied


def _allowed(principal: Principal, resource: str, context: Context) -> int:
    """All actions that a principal may do to one resource in one context, as bits."""
    own = {f"aws:principaltag/{key}": (value,) for key, value in principal.tags.items()}
    if principal.kind == "user":
        own["aws:username"] = (principal.name,)
        context = {key: value for key, value in context.items() if not key.startswith("aws:principaltag/")}
    context = {**context, **own}
    allowed, denied = _layer(principal.policies, resource, context)
    if principal.boundary is not None:
        limit, more = _layer((principal.boundary,), resource, context)
        allowed, denied = allowed & limit, denied | more
    return allowed & ~denied


def _pool(base: Principal, head: Principal) -> tuple[list[str], list[Context]]:
    statements = [
        one for who in (base, head) for policy in (*who.policies, *([who.boundary] if who.boundary else []))
        if policy.document for one in policy.document.statements
    ]  # fmt: skip
    resources = dict.fromkeys(("nothing", "arn:aws:s3:::photos/b/xay.jpg", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q1"))
    for one in statements:
        for text in (*one.resources, *one.not_resources):
            text = text.replace("${aws:username}", "alice").replace("${aws:PrincipalTag/team}", "web")
            for star, mark in (("", "1"), ("a", "h"), ("a/x:y", "1")):
                resources[text.replace("*", star).replace("?", mark)] = None
    keys = {condition.key.lower() for one in statements for condition in one.conditions}
    if any("PrincipalTag" in text for one in statements for text in (*one.resources, *one.not_resources)):
        keys.add("aws:principaltag/team")
    ordered = sorted(keys)
    return list(resources), [
        dict(zip(ordered, values, strict=True)) for values in product(*(SAMPLES[key] for key in ordered))
    ]


def _names(bits: int) -> list[str]:
    return [name for index, name in enumerate(_actions()) if bits >> index & 1] if bits else []


@lru_cache(maxsize=1)
def _places() -> Mapping[str, int]:
    return {name: index for index, name in enumerate(_actions())}


def _as_bits(names: Iterable[str]) -> int:
    flags = bytearray(b"0") * len(_actions())
    for name in names:
        flags[-1 - _places()[name]] = ord("1")
    return int(flags, 2)


def compare(case: int, base: Principal, head: Principal) -> Disagreement | None:
    """One case by both ways."""
    told = new_access(Estate(principals=(base,), account=ACCOUNT), Estate(principals=(head,), account=ACCOUNT))
    resources, contexts = _pool(base, head)
    own = [(resource, _lower(each)) for each in told for resource in each.resources]
    new = 0
    for resource, context in (*product(resources, contexts), *own):
        after = _allowed(head, resource, context)
        if after & ~new:
            new |= after & ~_allowed(base, resource, context)
    said = 0
    wrong: list[str] = []
    for each in told:
        said |= _as_bits(each.actions)
        proof = _allowed(head, each.resource, _lower(each)) & ~_allowed(base, each.resource, _lower(each))
        if not each.action or not proof >> _places()[each.action] & 1:
            wrong.append(each.message)
    missed = tuple(_names(new & ~said))
    wrong += _names(said & ~new)
    return Disagreement(case, base, head, missed, tuple(wrong)) if missed or wrong else None


def _lower(each: NewAccess) -> Context:
    return {key.lower(): value for key, value in each.context.items()}


def agreement(cases: int, seed: int) -> tuple[int, tuple[Disagreement, ...]]:
    """(in how many of `cases` random cases both agree, the others). Cost: about 10 ms a case."""
    agreed, others = 0, []
    for case in range(cases):
        dice = _Dice(random.Random(seed * 1_000_003 + case))
        base = dice.principal()
        found = compare(case, base, dice.changed(base))
        agreed += found is None
        if found is not None:
            others.append(found)
    return agreed, tuple(others)


def main(arguments: Sequence[str]) -> int:
    cases, seed = (int(each) for each in (*arguments, *("10000", "1")[len(arguments) :]))
    began = time.perf_counter()
    agreed, others = agreement(cases, seed)
    print(f"{agreed} of {cases} random changes (seed {seed}) judged as by brute force over {len(_actions())} actions, "
          f"{time.perf_counter() - began:.1f} s")  # fmt: skip
    for each in others[:5]:
        print(each)
    return 0 if agreed == cases else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
