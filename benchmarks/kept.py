"""Stores of long experiments, kept in the repository: packed at an end, unpacked to go on.

    python benchmarks/kept.py pack runs/experiments.db       writes docs/runs/experiments.db.xz
    python benchmarks/kept.py unpack runs/experiments.db     the other way; refuses to overwrite

A store may be packed while it is written: SQLite copies a consistent state of it.
"""

from __future__ import annotations

import argparse
import lzma
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "runs"


def pack(store: Path, kept: Path) -> str:
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


def unpack(store: Path, kept: Path) -> str:
    if store.exists():
        raise SystemExit(f"{store} is there already: move it away, or go on with it")
    if not kept.is_file():
        raise SystemExit(f"nothing is kept at {kept}; there is {_names() or 'nothing'}")
    store.parent.mkdir(parents=True, exist_ok=True)
    fresh = store.with_suffix(".new")
    fresh.write_bytes(lzma.decompress(kept.read_bytes()))
    os.replace(fresh, store)
    return f"{store}: {store.stat().st_size / 1000:,.0f} kB"


def _names() -> str:
    return ", ".join(sorted(p.name for p in KEPT.glob("*.db.xz")))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=("pack", "unpack"))
    parser.add_argument("store", type=Path)
    given = parser.parse_args()
    done = {"pack": pack, "unpack": unpack}[given.action]
    print(done(given.store, KEPT / f"{given.store.stem}.db.xz"), file=sys.stderr)


if __name__ == "__main__":
    main()
