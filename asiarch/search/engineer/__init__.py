"""The engineer: designs are checked, matched, trained and compared; see `engineer` for the calls.

`Design` is what is measured, `Engineer` asks a lab for it (`checks`, `rates`, `scores`),
`measure_panel` makes the yardstick, `race` a tier's verdicts, `confirmed` those of a claim.
"""

from __future__ import annotations

from asiarch.search.engineer.confirmation import Verdict, audited, confirmed
from asiarch.search.engineer.design import Design, of_library, sizes_of
from asiarch.search.engineer.engineer import Engineer, Rate
from asiarch.search.engineer.jobs import KINDS, Setting, step_job
from asiarch.search.engineer.race import Raced, further, posteriors, race
from asiarch.search.engineer.scores import Score, Scores
from asiarch.search.engineer.yardstick import Yardstick, measure_panel

__all__ = [
    "KINDS",
    "Design",
    "Engineer",
    "Raced",
    "Rate",
    "Score",
    "Scores",
    "Setting",
    "Verdict",
    "Yardstick",
    "audited",
    "confirmed",
    "further",
    "measure_panel",
    "of_library",
    "posteriors",
    "race",
    "sizes_of",
    "step_job",
]
