"""What a search keeps: elites by mechanism, arms by what they bring, rounds that replay."""

from __future__ import annotations

from asiarch.search.archive.bandit import Arm, Bandit, improvement
from asiarch.search.archive.elites import Archive, ArchiveView, Elite, snapshot
from asiarch.search.archive.niche import Niche, niche
from asiarch.search.archive.rounds import Draw, Round, Slot, fill

__all__ = [
    "Archive",
    "ArchiveView",
    "Arm",
    "Bandit",
    "Draw",
    "Elite",
    "Niche",
    "Round",
    "Slot",
    "fill",
    "improvement",
    "niche",
    "snapshot",
]
