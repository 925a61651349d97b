"""How many drawn programs it takes until the ordinary laws find a planted bug.

Programs are drawn by the sound generator. A failure is the bug's when the sound package passes the
program. Two processes judge, one per copy of the package.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from asiarch.fuzz.bug import Bug, plant
from asiarch.fuzz.checks import EVERY, RUNNING
from asiarch.fuzz.generate import draw
from asiarch.fuzz.worker import Verdict, Worker

LIMIT = 500
MEANING = ("accepted", "surface", "spelling", "calls")
GRADES = ("accepted", "grade", "causal")
SEEN_BY = {
    "kernels/": RUNNING,
    "codegen/": RUNNING,
    "language/documents.py": ("format",),
    "elaborate/": MEANING,
    "ir/flatten.py": MEANING,
    "ir/domains/tokens.py": MEANING,
    "ir/domains/affine.py": RUNNING,
    "ir/forms.py": RUNNING,
    "ir/normal.py": RUNNING,
    "ir/polynomial.py": RUNNING,
    "ir/reads.py": RUNNING,
    "ir/uses.py": RUNNING,
    "ir/interval.py": ("range",),
    "ir/offsets.py": GRADES,
    "ir/domains/grade.py": GRADES,
    "ir/domains/cost.py": ("cost",),
    "ir/domains/ranges.py": ("range",),
}
"""Laws that do not look at what a file decides are left out; the others run in their order. What
the reference and a module have in common, no law that compares the two can see.
"""


def laws_of(bug: Bug) -> tuple[str, ...]:
    return next((laws for start, laws in SEEN_BY.items() if bug.file.startswith(start)), EVERY)


@dataclass(frozen=True, slots=True)
class Find:
    """`programs` that were tried, the last of seed `seed`; `law` is None when none failed."""

    bug: str
    first: int
    programs: int
    law: str | None
    said: str = ""
    seed: int = -1


class Sound:
    """Programs that the sound package passes; what was judged is kept in `memory`, a file."""

    def __init__(self, folder: Path, memory: Path | None = None) -> None:
        self.worker, self.memory = Worker(folder), memory
        self.known: dict[str, bool] = {}
        self.texts: dict[int, str] = {}
        if memory is not None and memory.exists():
            for line in memory.read_text(encoding="utf-8").splitlines():
                self.known |= json.loads(line)

    def passes(self, seed: int, file: str, laws: Sequence[str] = EVERY) -> bool:
        key = f"{seed} {laws[0]} to {laws[-1]}"
        if key not in self.known:
            self.known[key] = self.worker.judge(file, seed, laws).law is None
            if self.memory is not None:
                with self.memory.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({key: self.known[key]}) + "\n")
        return self.known[key]

    def emitted(self, seed: int, file: str) -> str:
        if seed not in self.texts:
            self.texts[seed] = self.worker.emitted(file)
        return self.texts[seed]


def hunt(bug: Bug, sound: Sound, first: int = 0, limit: int = LIMIT) -> Find:
    """Programs of the seeds from `first` on, until a law fails or `limit` have passed.

    A program that the sound package fails as well does not count. Laws that run a module are not
    asked where both packages emit the same text: they could not tell one from the other.
    """
    laws, tried, seed = laws_of(bug), 0, first - 1
    with tempfile.TemporaryDirectory(prefix="asiarch-planted-") as name:
        folder = plant(Path(name), bug)
        with Worker(folder) as worker:
            while tried < limit:
                seed += 1
                file = draw(random.Random(seed)).file
                if laws == RUNNING and worker.emitted(file) == sound.emitted(seed, file):
                    tried += 1
                    continue
                verdict = worker.judge(file, seed, laws)
                if verdict.law is not None and not sound.passes(seed, file, _until(laws, verdict)):
                    continue
                tried += 1
                if verdict.law is not None:
                    return Find(str(bug), first, tried, verdict.law, verdict.said or "", seed)
    return Find(str(bug), first, limit, None)


def _until(laws: Sequence[str], verdict: Verdict) -> Sequence[str]:
    """The laws that were asked until one failed; all where the process ended."""
    return laws[: laws.index(verdict.law) + 1] if verdict.law in laws else laws


def table(bugs: Sequence[Bug], finds: Sequence[Find]) -> str:
    """A row per bug with what found it, and the median; several finds of one bug side by side.

    In the median a bug that was not found counts as one that takes more programs than any other.
    """
    rows = ["| bug | mechanism | file | found by | programs |", "|---|---|---|---|---|"]
    for bug in bugs:
        mine = [f for f in finds if f.bug == bug.name]
        if not mine:
            continue
        laws = ", ".join(dict.fromkeys(f.law or "nothing" for f in mine))
        counts = ", ".join(str(f.programs) if f.law else f"> {f.programs}" for f in mine)
        rows.append(f"| {bug.name} | {bug.kind} | `{bug.file}` | {laws} | {counts} |")
    hunted = {b.name for b in bugs} & {f.bug for f in finds}
    found = hunted & {f.bug for f in finds if f.law}
    needed = [f.programs if f.law else math.inf for f in finds]
    median = statistics.median(needed) if needed else 0
    rows.append("")
    rows.append(f"{len(found)} of {len(hunted)} hunted bugs found, {len(bugs) - len(hunted)} not "
                f"hunted yet; median of {median:g} programs.")  # fmt: skip
    return "\n".join(rows)


def line(find: Find) -> str:
    return json.dumps(asdict(find), sort_keys=True)
