"""Every break that a check claims to notice."""

from __future__ import annotations

from tests.e2e.mutations.edge import EDGE_MUTATIONS
from tests.e2e.mutations.inner import INNER_MUTATIONS
from tests.e2e.mutations.mutation import Break

MUTATIONS: tuple[Break, ...] = (*EDGE_MUTATIONS, *INNER_MUTATIONS)
