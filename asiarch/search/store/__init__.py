"""The store: one SQLite file that holds a project's runs, jobs, measurements and budgets.

Several processes and threads may use one file on one machine, each with its own `Store`.
"""

from asiarch.search.store.blobs import Blobs
from asiarch.search.store.budgets import RESOURCES, Budget, Budgets
from asiarch.search.store.claims import Claims
from asiarch.search.store.clock import WallClock
from asiarch.search.store.errors import (
    BudgetExhausted,
    Conflict,
    NotAStore,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreNewer,
)
from asiarch.search.store.events import Event, Events
from asiarch.search.store.jobs import Jobs
from asiarch.search.store.knowledge import Candidate, Edit, Knowledge, Proposal
from asiarch.search.store.lease import Beat, Lease, Retries, State
from asiarch.search.store.runs import Run, Runs
from asiarch.search.store.sink import follow
from asiarch.search.store.store import Store

__all__ = [
    "RESOURCES",
    "Beat",
    "Blobs",
    "Budget",
    "BudgetExhausted",
    "Budgets",
    "Candidate",
    "Claims",
    "Conflict",
    "Edit",
    "Event",
    "Events",
    "Jobs",
    "Knowledge",
    "Lease",
    "NotAStore",
    "Proposal",
    "Retries",
    "Run",
    "Runs",
    "State",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "StoreNewer",
    "WallClock",
    "follow",
]
