"""The loop: researcher, engineer and archive over one store, as one deterministic program.

`Search(settings, lab, record).result()` runs it; `ARMS` are the arms that it knows.
"""

from __future__ import annotations

from asiarch.search.loop.arms import ARMS, Arm
from asiarch.search.loop.record import Memory, Record, StoreRecord
from asiarch.search.loop.result import Found, Settings
from asiarch.search.loop.search import Search
from asiarch.search.loop.watch import Leader, Silent, Standing, Watch

__all__ = [
    "ARMS",
    "Arm",
    "Found",
    "Leader",
    "Memory",
    "Record",
    "Search",
    "Settings",
    "Silent",
    "Standing",
    "StoreRecord",
    "Watch",
]
