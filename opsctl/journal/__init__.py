"""What was done to an environment, by whom and with what result; kept beside the environment's state."""

from opsctl.journal.record import Entry, Record, chain, verify
from opsctl.journal.store import Journal, ObjectStore

__all__ = ["Entry", "Journal", "ObjectStore", "Record", "chain", "verify"]
