"""A value with its interval, as everything that is shown of a measurement is."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; nan where it was not measured, infinite where it has no end."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        return math.isfinite(self.value)

    @property
    def bounded(self) -> bool:
        return self.known and math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def clear(self) -> bool:
        """Is all of it on one side of zero?"""
        return self.low > 0 or self.high < 0


UNKNOWN = Estimate()
