"""Work queues and what could not be worked off: look at it, and put it back.

outputs → stores → letters → put back (send, then delete), at least once, never lost.
"""

from opsctl.queues.letters import Letter
from opsctl.queues.redrive import Report, redrive
from opsctl.queues.stores import Kind, NoSuchQueue, Store, find_store, stores_of
from opsctl.queues.survey import State, read_letters, survey

__all__ = [
    "Kind",
    "Letter",
    "NoSuchQueue",
    "Report",
    "State",
    "Store",
    "find_store",
    "read_letters",
    "redrive",
    "stores_of",
    "survey",
]
