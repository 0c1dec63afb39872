"""What was done to an environment, by whom and with what result; kept beside the environment's state."""

from opsctl.journal.outbox import Outbox
from opsctl.journal.record import ABANDONED, Entry, Head, Record, chain
from opsctl.journal.store import Begun, CorruptJournal, Journal, NotRecorded, ObjectStore, Parallel, Unreadable
from opsctl.journal.verification import Finding, Verdict, verify
from opsctl.journal.witness import Seen, Witness, state_folder

__all__ = [
    "ABANDONED",
    "Begun",
    "CorruptJournal",
    "Entry",
    "Finding",
    "Head",
    "Journal",
    "NotRecorded",
    "ObjectStore",
    "Outbox",
    "Parallel",
    "Record",
    "Seen",
    "Unreadable",
    "Verdict",
    "Witness",
    "chain",
    "state_folder",
    "verify",
]
