"""One more worker on a store: `python -m asiarch.search.executor STORE --kind NAME=ENTRY`.

It ends when nothing is queued, or when nothing has been for `--idle` seconds: a search queues
nothing while it decides what comes next.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from collections.abc import Callable

from asiarch.search.executor.local import LocalProcesses
from asiarch.search.executor.protocol import MIB, ExecutorError, Kind, Limits
from asiarch.search.executor.worker import Worker
from asiarch.search.store import Store, StoreError


def main(arguments: list[str] | None = None) -> int:
    """Works until nothing is queued; 130 when it was interrupted, 1 after an error."""
    options = _parser().parse_args(arguments)
    limits = Limits(options.seconds, options.memory * MIB)
    kinds = {name: Kind(entry, limits) for name, entry in options.kind}
    # Like Ctrl-C: give the jobs back, then end.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            Store(options.store, create=False) as store,
            LocalProcesses(kinds, slots=options.slots, preload=options.preload) as executor,
        ):
            if options.run is not None and options.run not in (known := store.runs.all()):
                raise StoreError(
                    f"{options.store} has no run {options.run!r}; it has"
                    f" {', '.join(known) or 'none yet'}"
                )
            worker = Worker(store, executor, run=options.run, lease_seconds=options.lease)
            worker.work(_idle(store, options.run, options.idle))
            print(f"nothing is queued any more: {worker.recorded} jobs were done here")
    except KeyboardInterrupt:
        print("stopped: its jobs are queued again", file=sys.stderr)
        return 130
    except (StoreError, ExecutorError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _idle(store: Store, run: str | None, seconds: float) -> Callable[[], bool]:
    """Has nothing been queued for so long?"""
    busy = time.monotonic()

    def idle() -> bool:
        nonlocal busy
        if store.jobs.unfinished(run):
            busy = time.monotonic()
            return False
        return time.monotonic() - busy >= seconds

    return idle


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asiarch.search.executor", description=__doc__, allow_abbrev=False
    )
    add = parser.add_argument
    add("store", metavar="STORE", help="the store's file")
    add(
        "--kind", action="append", required=True, metavar="NAME=MODULE:FUNCTION", type=_kind,
        help="jobs of this kind are run by this handler; may be given several times",
    )  # fmt: skip
    add("--run", metavar="NAME", help="only jobs of this run")
    add("--slots", type=_count, default=1, metavar="N", help="how many batches run at once (1)")
    add("--idle", type=_seconds, default=0.0, metavar="SECONDS",
        help="how long it waits for more when nothing is queued (0)")  # fmt: skip
    add("--preload", action="append", default=[], metavar="MODULE", help="imported once, before")
    add("--seconds", type=_positive, default=Limits().seconds, metavar="SECONDS",
        help="limit for a job, wall time (600)")  # fmt: skip
    add("--memory", type=_count, default=Limits().memory // MIB, metavar="MIB",
        help="limit in MiB (4096)")  # fmt: skip
    add("--lease", type=_positive, default=60.0, metavar="SECONDS",
        help="how long a lease lives without a heartbeat (60)")  # fmt: skip
    return parser


def _kind(text: str) -> tuple[str, str]:
    name, _, entry = text.partition("=")
    module, _, function = entry.partition(":")
    if not (name and module and function):
        raise argparse.ArgumentTypeError(f"a kind is spelled NAME=MODULE:FUNCTION, not {text!r}")
    return name, entry


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"a number of seconds, not {text!r}")
    return value


def _positive(text: str) -> float:
    if not (value := _seconds(text)):
        raise argparse.ArgumentTypeError("more than 0 seconds")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
