"""How many drawn programs it takes until the ordinary laws find a planted bug.

Programs are drawn by the sound generator, and a program counts when the sound package passes it: a
failure under the bug is then the bug's. Two processes judge, one per copy of the package.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from asiarch.fuzz.bug import Bug, plant
from asiarch.fuzz.generate import draw
from asiarch.fuzz.worker import Worker

LIMIT = 500


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
    """Programs that the sound package passes, by seed; what was judged is kept in `memory`."""

    def __init__(self, folder: Path, memory: Path | None = None) -> None:
        self.worker, self.memory = Worker(folder), memory
        self.known: dict[int, bool] = {}
        if memory is not None and memory.exists():
            lines = memory.read_text(encoding="utf-8").splitlines()
            self.known = {int(k): v for line in lines for k, v in json.loads(line).items()}

    def programs(self, first: int) -> Iterator[tuple[int, str]]:
        """Seeds from `first` on, and their files."""
        seed = first
        while True:
            file = draw(random.Random(seed)).file
            if self.passes(seed, file):
                yield seed, file
            seed += 1

    def passes(self, seed: int, file: str) -> bool:
        if seed not in self.known:
            self.known[seed] = self.worker.judge(file, seed).law is None
            if self.memory is not None:
                with self.memory.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({seed: self.known[seed]}) + "\n")
        return self.known[seed]


def hunt(bug: Bug, sound: Sound, first: int = 0, limit: int = LIMIT) -> Find:
    """Programs of the seeds from `first` on, until a law fails or `limit` have passed."""
    with tempfile.TemporaryDirectory(prefix="asiarch-planted-") as name:
        folder = plant(Path(name), bug)
        with Worker(folder) as worker:
            for tried, (seed, file) in enumerate(sound.programs(first), 1):
                verdict = worker.judge(file, seed)
                if verdict.law is not None:
                    return Find(str(bug), first, tried, verdict.law, verdict.said or "", seed)
                if tried == limit:
                    break
    return Find(str(bug), first, limit, None)


def table(bugs: Sequence[Bug], finds: Sequence[Find]) -> str:
    """A row per bug with what found it, and the median; several finds of one bug side by side."""
    rows = ["| bug | mechanism | file | found by | programs |", "|---|---|---|---|---|"]
    for bug in bugs:
        mine = [f for f in finds if f.bug == bug.name]
        laws = ", ".join(dict.fromkeys(f.law or "nothing" for f in mine))
        counts = ", ".join(str(f.programs) if f.law else f"> {f.programs}" for f in mine)
        rows.append(f"| {bug.name} | {bug.kind} | `{bug.file}` | {laws} | {counts} |")
    found = {b.name for b in bugs} & {f.bug for f in finds if f.law}
    median = statistics.median(f.programs for f in finds) if finds else 0
    rows.append("")
    rows.append(f"{len(found)} of {len(bugs)} bugs found; median of {median:g} programs.")
    return "\n".join(rows)


def line(find: Find) -> str:
    return json.dumps(asdict(find), sort_keys=True)
