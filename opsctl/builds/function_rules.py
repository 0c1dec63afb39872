"""What can go wrong with a function's package and layers, as rules: size, number of layers, secrets, slow starts.

plan or built packages → bundles (a function's package and its layers) → findings. `RULES` is the list; a bundle is
judged the same whether it comes out of a plan or out of a build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl.builds.archives import Archive, read_archive
from opsctl.builds.packages import LARGEST_UNZIPPED_BYTES, LARGEST_ZIPPED_BYTES
from opsctl.errors import Refused
from opsctl.terraform.planned_functions import PlannedFunction

MEGABYTE = 1024**2
# "Lambda quotas" in the developer guide.
MOST_LAYERS = 5
MOST_EXTENSIONS = 10
# A cold start reads and compiles what the function imports; benchmarks/functions.py measures what a layer adds.
SLOW_START_BYTES = 100 * MEGABYTE


@dataclass(frozen=True)
class Bundle:
    """All that Lambda unpacks for one function.

    Attributes:
        where: the function's address in Terraform, or its name.
        package, layers: None and missing where the zip isn't on this machine: see `unmeasured`.
        handed_over: the names of the zips that go to Lambda through its API, not through S3.
        unmeasured: what could not be looked into: zips that aren't there, ARNs of layers of others.
        approved_extensions: which ones the project wants.
    """

    where: str
    package: Archive | None
    layers: tuple[Archive, ...] = ()
    handed_over: frozenset[str] = frozenset()
    unmeasured: tuple[str, ...] = ()
    approved_extensions: frozenset[str] = frozenset()

    @property
    def archives(self) -> tuple[Archive, ...]:
        return (self.package, *self.layers) if self.package else self.layers

    @property
    def unzipped_bytes(self) -> int:
        """Package and layers together, which is what AWS's quota is about."""
        return sum(archive.unzipped_bytes for archive in self.archives)

    @property
    def zipped_bytes(self) -> int:
        return sum(archive.zipped_bytes for archive in self.archives)

    @property
    def extensions(self) -> tuple[str, ...]:
        """Extensions in a package are no extensions: Lambda looks for them in /opt only."""
        return tuple(extension for layer in self.layers for extension in layer.extensions)


@dataclass(frozen=True)
class Rule:
    """One risk.

    Attributes:
        refuses: whether a plan with it must not be applied; others are told.
        check: sentences about what is wrong with a bundle; none when nothing is.
    """

    name: str
    risk: str
    refuses: bool
    check: Callable[[Bundle], Iterator[str]]


@dataclass(frozen=True)
class Finding:
    """A rule that a function's bundle breaks."""

    rule: str
    where: str
    what: str
    refuses: bool


class FunctionsRefused(Refused):
    """A plan has functions that AWS would refuse, or that carry secrets."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        found = list(findings)
        super().__init__(
            "The plan was refused: " + " ".join(sorted({finding.what for finding in found})),
            where=", ".join(sorted({finding.where for finding in found})),
            next="Take it out of the package or layer; terraform/modules/function_layer/README.md says what counts.",
        )


def unzipped_size(bundle: Bundle) -> Iterator[str]:
    if bundle.unzipped_bytes > LARGEST_UNZIPPED_BYTES:
        parts = ", ".join(f"{archive.name} {_megabytes(archive.unzipped_bytes)}" for archive in bundle.archives)
        yield (
            f"Package and layers have {_megabytes(bundle.unzipped_bytes)} unzipped ({parts}); "
            f"AWS Lambda takes {_megabytes(LARGEST_UNZIPPED_BYTES)}."
        )


def zipped_size(bundle: Bundle) -> Iterator[str]:
    for archive in bundle.archives:
        if archive.name in bundle.handed_over and archive.zipped_bytes > LARGEST_ZIPPED_BYTES:
            yield (
                f"{archive.name} has {_megabytes(archive.zipped_bytes)} zipped; handed over as a file "
                f"AWS Lambda takes {_megabytes(LARGEST_ZIPPED_BYTES)}."
            )


def number_of_layers(bundle: Bundle) -> Iterator[str]:
    layers = len(bundle.layers) + sum(name.startswith("arn:") for name in bundle.unmeasured)
    if layers > MOST_LAYERS:
        yield f"It has {layers} layers; AWS Lambda takes {MOST_LAYERS}."


def secrets(bundle: Bundle) -> Iterator[str]:
    for archive in bundle.archives:
        for secret in archive.secrets:
            yield f"{archive.name} carries a secret: {secret}."


def number_of_extensions(bundle: Bundle) -> Iterator[str]:
    if len(bundle.extensions) > MOST_EXTENSIONS:
        yield f"It would start {len(bundle.extensions)} extensions; AWS Lambda takes {MOST_EXTENSIONS}."


def unapproved_extensions(bundle: Bundle) -> Iterator[str]:
    for layer in bundle.layers:
        for extension in layer.extensions:
            if extension not in bundle.approved_extensions:
                yield (
                    f"The layer {layer.name} starts the extension {extension}, which delays each start "
                    "and sees what the function sees."
                )


def slow_start(bundle: Bundle) -> Iterator[str]:
    if SLOW_START_BYTES < bundle.unzipped_bytes <= LARGEST_UNZIPPED_BYTES:
        yield (
            f"Package and layers have {_megabytes(bundle.unzipped_bytes)} unzipped; above "
            f"{_megabytes(SLOW_START_BYTES)} a cold start is slow."
        )


def not_looked_into(bundle: Bundle) -> Iterator[str]:
    for name in bundle.unmeasured:
        yield f"{name} could not be looked into: its size does not count here, and it may carry anything."


RULES: tuple[Rule, ...] = (
    Rule("function-unzipped-size", "AWS refuses what is larger than 250 MB with its layers", True, unzipped_size),
    Rule("function-zipped-size", "AWS refuses more than 50 MB through its API", True, zipped_size),
    Rule("function-layers", "AWS refuses more than five layers", True, number_of_layers),
    Rule("function-extensions", "AWS refuses more than ten extensions", True, number_of_extensions),
    Rule("function-secrets", "who may read the function's code has the secret", True, secrets),
    Rule("function-unapproved-extension", "it delays starts and sees all data", False, unapproved_extensions),
    Rule("function-slow-start", "the first request waits for what is imported", False, slow_start),
    Rule("function-unknown-layer", "what isn't ours can't be measured or searched", False, not_looked_into),
)


def judge(bundles: Iterable[Bundle], rules: Iterable[Rule] = RULES) -> tuple[Finding, ...]:
    """Every rule that a bundle breaks, in the order of the bundles and rules."""
    table = tuple(rules)
    return tuple(
        Finding(rule.name, bundle.where, what, rule.refuses)
        for bundle in bundles
        for rule in table
        for what in rule.check(bundle)
    )


def refuse(findings: Iterable[Finding]) -> None:
    """Raises FunctionsRefused when one of the findings refuses."""
    if refusing := [finding for finding in findings if finding.refuses]:
        raise FunctionsRefused(refusing)


def planned_bundles(
    functions: Iterable[PlannedFunction], *, packages: Path, cache: Path | None = None,
    approved_extensions: frozenset[str] = frozenset(),
) -> tuple[Bundle, ...]:  # fmt: skip
    """What the functions of a plan will be made of, by the zips in the folder `packages`."""
    read: dict[str, Archive | None] = {}

    def archive(name: str) -> Archive | None:
        if name not in read:
            file = packages / name
            read[name] = read_archive(file, cache=cache) if file.is_file() else None
        return read[name]

    bundles = []
    for function in functions:
        names = (function.package, *function.layers)
        found: Mapping[str, Archive | None] = {name: archive(name) for name in names}
        layers = tuple(layer for name in function.layers if (layer := found[name]))
        package = found[function.package]
        as_files = {layer.name for layer in layers} | ({package.name} if package and function.handed_over else set())
        missing = tuple(name for name in names if not found[name])
        bundles.append(
            Bundle(
                function.address, package, layers, frozenset(as_files), (*missing, *function.foreign_layers),
                approved_extensions,
            )
        )  # fmt: skip
    return tuple(bundles)


def built_bundles(
    functions: Iterable[str], layers: Iterable[str], *, packages: Path, cache: Path | None = None,
    approved_extensions: frozenset[str] = frozenset(),
) -> tuple[Bundle, ...]:  # fmt: skip
    """What functions are made of that were built into the folder `packages`, each with all of `layers`.

    Args:
        functions, layers: names of their packages (`Source.package`).
    """
    zips = tuple(f"{layer}.zip" for layer in layers)
    planned = [PlannedFunction(name, "", name, f"{name}.zip", handed_over=False, layers=zips) for name in functions]
    return planned_bundles(planned, packages=packages, cache=cache, approved_extensions=approved_extensions)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / MEGABYTE:.1f} MB"
