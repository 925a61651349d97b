"""Stores of long experiments, kept in the repository: packed at an end, unpacked to go on.

    python benchmarks/kept.py pack runs/experiments.db       writes docs/runs/experiments.db.xz
    python benchmarks/kept.py unpack runs/experiments.db     the other way; refuses to overwrite
    python benchmarks/kept.py show runs/full.db              what a store holds, in tables
    python benchmarks/kept.py again runs/full.db [RUN]       runs that died, by today's compiler

A store may be packed while it is written: SQLite copies a consistent state of it.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "runs"


def pack(store: Path, kept: Path, _: str = "") -> str:
    """The store's state now, compressed; what was kept before is replaced in one go."""
    if not store.is_file():
        raise SystemExit(f"there is no store {store}: nothing to keep")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        whole, packed = Path(folder) / "store.db", Path(folder) / "store.db.xz"
        source, copy = sqlite3.connect(store), sqlite3.connect(whole)
        try:
            source.backup(copy)
            copy.execute("VACUUM")
            (jobs,) = copy.execute("SELECT count(*) FROM outcomes").fetchone()
        finally:
            source.close()
            copy.close()
        packed.write_bytes(lzma.compress(whole.read_bytes(), preset=9))
        os.replace(packed, kept)
    return f"{kept}: {jobs} results, {kept.stat().st_size / 1000:,.0f} kB"


def unpack(store: Path, kept: Path, _: str = "") -> str:
    if store.exists():
        raise SystemExit(f"{store} is there already: move it away, or go on with it")
    if not kept.is_file():
        raise SystemExit(f"nothing is kept at {kept}; there is {_names() or 'nothing'}")
    store.parent.mkdir(parents=True, exist_ok=True)
    fresh = store.with_suffix(".new")
    fresh.write_bytes(lzma.decompress(kept.read_bytes()))
    os.replace(fresh, store)
    return f"{store}: {store.stat().st_size / 1000:,.0f} kB"


TABLES = {
    "runs": """
        SELECT id AS run, arm, substr(protocol_hash, 1, 12) AS protocol, master AS seed,
               datetime(at, 'unixepoch') AS begun
        FROM runs ORDER BY at""",
    "jobs": """
        SELECT j.run, j.kind, coalesce(o.status, 'not run') AS status,
               coalesce(o.reason, '') AS reason, count(*) AS jobs,
               CAST(round(coalesce(sum(o.seconds), 0) / 60) AS INTEGER) AS core_minutes
        FROM jobs j LEFT JOIN outcomes o ON o.job = j.key
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    "proposals": """
        SELECT run, verdict, count(*) AS proposals FROM proposals
        WHERE operator != 'panel' GROUP BY 1, 2 ORDER BY 1, 2""",
    "budgets": """
        SELECT run, resource, coalesce(CAST(cap AS INTEGER), '') AS cap,
               CAST(spent AS INTEGER) AS spent
        FROM budgets ORDER BY 1, 2""",
    "verdicts on fresh seeds": """
        SELECT c.run, coalesce(p.number, '') AS number, v.confirmed,
               round(json_extract(v.evidence, '$.effect'), 2) AS effect,
               round(json_extract(v.evidence, '$.low'), 2) AS low,
               round(json_extract(v.evidence, '$.high'), 2) AS high,
               round(json_extract(v.evidence, '$.p'), 3) AS p
        FROM verdicts v JOIN claims c ON c.id = v.claim
        LEFT JOIN proposals p ON p.run = c.run AND p.candidate = v.candidate
             AND p.verdict = 'accepted'
        ORDER BY 1, effect DESC""",
}


def show(store: Path, _: Path, __: str = "") -> str:
    """Markdown tables of what is in a store, empty ones left out."""
    if not store.is_file():
        raise SystemExit(f"there is no store {store}")
    opened = sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)
    try:
        for title, query in TABLES.items():
            found = opened.execute(query)
            heads, rows = [d[0] for d in found.description], found.fetchall()
            if rows:
                print(f"**{title}**\n")
                for row in (heads, ["---"] * len(heads), *rows):
                    print("| " + " | ".join(map(str, row)) + " |")
                print()
    finally:
        opened.close()
    return str(store)


def again(store: Path, _: Path, run: str = "") -> str:
    """Trains what ended in nan (of a run, or of all) once more, by the compiler of this checkout;
    writes nothing.
    """
    from asiarch.search.engineer.handlers import run_of
    from asiarch.search.job import Context, Job
    from asiarch.search.store import Store
    from asiarch.train.tasks.train import train

    if not store.is_file():
        raise SystemExit(f"there is no store {store}")
    with tempfile.TemporaryDirectory() as folder:
        whole = sqlite3.connect(store)  # a copy: opening a store may raise its version
        whole.execute("VACUUM INTO ?", (str(Path(folder) / "store.db"),))
        whole.close()
        with Store(Path(folder) / "store.db") as opened:
            died = opened.db.rows(
                "SELECT j.kind, j.spec FROM jobs j JOIN outcomes o ON o.job = j.key"
                " WHERE o.reason = 'nan' AND ?1 IN ('', j.run) ORDER BY j.spec",
                (run,),
            )
            jobs = [Job(kind, json.loads(spec)) for kind, spec in died]
            blobs = opened.blobs.take(str(job.spec["program"]) for job in jobs)
        for job in jobs:
            made = run_of(job, Context(Path(folder), math.inf, blobs))
            (result,) = train([made])
            loss = f"final loss {result.final_loss:.3f}" if result.final_loss else result.detail
            print(
                f"{made.op} {str(job.spec['program'])[7:15]}  {made.task}"
                f"  learning rate {made.learning_rate}  {result.status}: {loss}",
                flush=True,
            )
    return f"{len(died)} runs"


def _names() -> str:
    return ", ".join(sorted(p.name for p in KEPT.glob("*.db.xz")))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=("pack", "unpack", "show", "again"))
    parser.add_argument("store", type=Path)
    parser.add_argument("run", nargs="?", default="", help="of `again`")
    given = parser.parse_args()
    done = {"pack": pack, "unpack": unpack, "show": show, "again": again}[given.action]
    print(done(given.store, KEPT / f"{given.store.stem}.db.xz", given.run), file=sys.stderr)


if __name__ == "__main__":
    main()
