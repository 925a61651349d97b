"""One more worker on a store: `python -m asiarch.search.executor STORE --kind NAME=ENTRY`."""

from __future__ import annotations

import argparse
import signal
import sys

from asiarch.search.executor.local import LocalProcesses
from asiarch.search.executor.protocol import MIB, ExecutorError, Kind, Limits
from asiarch.search.executor.worker import Worker
from asiarch.search.store import Store, StoreError


def main(arguments: list[str] | None = None) -> int:
    """Works until nothing is queued; 130 when it was interrupted, 1 after an error."""
    options = _parser().parse_args(arguments)
    limits = Limits(options.seconds, options.memory * MIB)
    kinds = {name: Kind(entry, limits) for name, _, entry in map(_split, options.kind)}
    # Like Ctrl-C: give the jobs back, then end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            Store(options.store, create=False) as store,
            LocalProcesses(kinds, slots=options.slots, preload=options.preload) as executor,
        ):
            Worker(
                store,
                executor,
                run=options.run,
                lease_seconds=options.lease,
            ).work()
    except KeyboardInterrupt:
        print("stopped: its jobs are queued again", file=sys.stderr)
        return 130
    except (StoreError, ExecutorError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m asiarch.search.executor", description=__doc__)
    add = parser.add_argument
    add("store", help="the store's file")
    add(
        "--kind", action="append", required=True, metavar="NAME=MODULE:FUNCTION",
        help="jobs of this kind are run by this handler; may be given several times",
    )  # fmt: skip
    add("--run", help="only jobs of this run")
    add("--slots", type=int, default=1, help="how many batches run at once (1)")
    add("--preload", action="append", default=[], metavar="MODULE", help="imported once, before")
    add("--seconds", type=float, default=Limits().seconds, help="limit for a job, wall time (600)")
    add("--memory", type=int, default=Limits().memory // MIB, help="limit in MiB (4096)")
    add("--lease", type=float, default=60.0, help="seconds that a lease lives (60)")
    return parser


def _split(text: str) -> tuple[str, str, str]:
    if "=" not in text:
        raise ValueError(f"--kind is spelled NAME=MODULE:FUNCTION, not {text!r}")
    return text.partition("=")


if __name__ == "__main__":
    raise SystemExit(main())
