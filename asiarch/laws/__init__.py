"""Laws: what any sequence module must obey, and the exact ring in which equality is decided."""

from asiarch.laws.ringmode import RingError, RingMode

__all__ = ["RingError", "RingMode"]
