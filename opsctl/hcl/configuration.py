"""A configuration as data: every resource instance with its values and the lines where they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from opsctl.findings import NOWHERE, Place


@dataclass(frozen=True)
class Resource:
    """One instance of a resource or data source.

    Attributes:
        address: as Terraform writes it: module.photos["a"].aws_sqs_queue.this[0].
        values: attributes and blocks as a plan has them: a nested block is a list of mappings. Values are JSON's own
            (str, int, float, bool, None, list, dict), strings with symbols in them, or `Unknown`. What the
            configuration doesn't say is missing (a plan adds defaults and what the provider computed).
        place: of its block's first line.
        places: where an attribute is written: "policy", "ingress[0].cidr_blocks"; dotted, blocks indexed.
        module: address of its module ("" for the root).
        count_unknown: how many there will be isn't known; this one stands for all.
        action: "create", "update", "no-op", … where a plan says so, else "".
    """

    address: str
    mode: Literal["managed", "data"]
    type: str
    name: str
    values: Mapping[str, Any]
    place: Place = NOWHERE
    places: Mapping[str, Place] = field(default_factory=dict)
    module: str = ""
    count_unknown: bool = False
    action: str = ""

    def place_of(self, path: str) -> Place:
        """Where an attribute is written; the nearest thing around it, else the block."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition(".")[0]
        return self.place

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)


@dataclass(frozen=True)
class Problem:
    """What could not be read or evaluated. Never silence: each becomes a finding `not-analysed`.

    Attributes:
        what: one sentence.
        resource: the address that it leaves a hole in, where it does; attribute: which of its attributes.
        severe: the file or module is lost, not one value.
    """

    what: str
    place: Place = NOWHERE
    resource: str = ""
    attribute: str = ""
    severe: bool = False


@dataclass(frozen=True)
class Configuration:
    """What a folder of Terraform, or a plan with or without its folder, says.

    Attributes:
        resources: in the order of modules and files.
        folder: the root module's folder ("" where only a plan was given).
        root: where it lies in the folder that was named ("" : it is that folder, or came of a plan).
        modules: module address → its source folder.
        variables: the root module's, as far as they are known.
        outputs: the root module's.
        from_plan: values were joined with a plan's.
        references: address.attribute → the addresses that the expression names, where an evaluation found any; what
            draws edges between resources whose values are symbols.
        unknown_in_plan: address.attribute of what somebody wrote and the plan doesn't know at all.
        providers: the root module's, "aws" or "aws.us_east_1" → its values ("default_tags" as a block).
        moved: address → what it was called before, by the `moved` blocks of all modules.
        provider_places: "aws.access_key" → where one of the provider's blocks says it.
    """

    resources: tuple[Resource, ...]
    problems: tuple[Problem, ...] = ()
    folder: str = ""
    root: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    from_plan: bool = False
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provider_places: Mapping[str, Place] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)
    unknown_in_plan: frozenset[str] = frozenset()

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Managed resources of these types, in order."""
        return (each for each in self.resources if each.type in types and each.mode == "managed")

    def at(self, address: str) -> Resource | None:
        """Cost: linear; callers that ask often make their own mapping."""
        return next((each for each in self.resources if each.address == address), None)
