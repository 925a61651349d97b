"""How a run is shown while it goes on: a live line in a terminal, plain lines elsewhere.

Decides wording and rhythm only; the trainer calls `start`, `step`, `note` and `close`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TextIO


@dataclass(frozen=True, slots=True)
class Step:
    """Where a run stands, in bits per byte; `held_out` is measured now and then, on a part."""

    step: int
    steps: int
    bits: float
    held_out: float | None
    bytes_per_second: float
    seconds_left: float

    def __str__(self) -> str:
        held_out = "" if self.held_out is None else f"  held-out {self.held_out:.3f}"
        return (
            f"step {self.step}/{self.steps}  bits per byte {self.bits:.3f}{held_out}  "
            f"{self.bytes_per_second:,.0f} bytes/s  {clock(self.seconds_left)} to go"
        )


class Progress(Protocol):
    """What the trainer tells."""

    def start(self, steps: int, done: int) -> None: ...
    def step(self, step: Step) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...


class Silent:
    """Tells nothing."""

    def start(self, steps: int, done: int) -> None:
        pass

    def step(self, step: Step) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class Plain:
    """One line every few seconds, and the last step's; for logs and pipes."""

    def __init__(
        self,
        stream: TextIO | None = None,
        every: float = 5.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = stream or sys.stderr
        self.every = every
        self.now = now
        self.next = 0.0

    def start(self, steps: int, done: int) -> None:
        self.next = self.now() + min(1.0, self.every)

    def step(self, step: Step) -> None:
        if self.now() >= self.next or step.step == step.steps:
            self.next = self.now() + self.every
            self.note(str(step))

    def note(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        pass


class Live:
    """A bar that redraws in place, with the time to go; needs rich and a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self.bar: Any = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            console=Console(file=stream or sys.stderr),
        )
        self.task: Any = None

    def start(self, steps: int, done: int) -> None:
        self.task = self.bar.add_task("", total=steps, completed=done)
        self.bar.start()

    def step(self, step: Step) -> None:
        self.bar.update(self.task, completed=step.step, description=str(step))

    def note(self, text: str) -> None:
        self.bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self.bar.stop()


def choose(stream: TextIO | None = None) -> Progress:
    """Live where the stream is a terminal and rich is installed, else plain lines."""
    shown = sys.stderr if stream is None else stream
    if shown.isatty():
        try:
            return Live(shown)
        except ImportError:
            pass
    return Plain(shown)


def clock(seconds: float) -> str:
    """Seconds as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, left = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
