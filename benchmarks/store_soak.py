"""Kills, for as long as wanted: `python benchmarks/store_soak.py [--seconds 60] [--seed 0]`.

Rows S1 (a search of two workers with children, of which something is killed all the time) and S4
(eight processes on one store, killed at random) of the scoreboard: what is lost, recorded or
charged twice, torn or left running; S5: whether an archive depends on the number of workers. Each
round has seeds of its own and appends lines to `benchmarks/ledger/store_soak.jsonl`;
`benchmarks/scoreboard.py` adds them up.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEDGER = ROOT / "benchmarks" / "ledger" / "store_soak.jsonl"
sys.path.insert(0, str(ROOT))

from asiarch.fuzz.ledger import commit  # noqa: E402
from asiarch.search.loop.session import session  # noqa: E402
from tests.search import fake_search  # noqa: E402
from tests.unit.search.killing import killed_search  # noqa: E402
from tests.unit.search.swarm import swarm  # noqa: E402


def kills(seed: int) -> tuple[int, list[str]]:
    """Row S1: how many were killed, and what was wrong afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        found, victims = killed_search(Path(folder), jobs=400, kills=30, seed=seed)
    return sum(victims.values()), found


def processes(seed: int) -> tuple[int, list[str]]:
    """Row S4: how many jobs there were, and what was wrong afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        return 1000, swarm(path, count=1000, processes=8, kills=40, seed=seed)


def archives(seed: int) -> tuple[int, list[str]]:
    """Row S5: one search by 1, 2 and 8 workers, in a world that trains nothing."""
    made: dict[int, str] = {}
    for workers in (1, 2, 8):
        with tempfile.TemporaryDirectory() as folder:
            settings = fake_search.settings("full", 4, workers, seed)
            with session(Path(folder) / "store.db", settings, kinds=fake_search.KINDS) as opened:
                made[workers] = opened.search().archive()
    others = [n for n in made if made[n] != made[1]]
    return 1, [f"{n} workers give another archive than one" for n in others]


ROWS = {"S1": kills, "S4": processes, "S5": archives}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    given = parser.parse_args()
    until, seed = time.monotonic() + given.seconds, given.seed
    print("| row | seed | n | wrong |\n|---|---|---|---|")
    while time.monotonic() < until:
        for row in given.rows:
            n, found = ROWS[row](seed)
            print(f"| {row} | {seed} | {n} | {'; '.join(found) or 'nothing'} |", flush=True)
            line = {
                "suite": row, "seed": seed, "n": n, "failures": len(found), "found": found[:5],
                "commit": commit(), "date": date.today().isoformat(),
                "machine": f"{platform.machine()} CPU",
            }  # fmt: skip
            with LEDGER.open("a", encoding="utf-8") as ledger:
                ledger.write(json.dumps(line, sort_keys=True) + "\n")
        seed += 1


if __name__ == "__main__":
    main()
