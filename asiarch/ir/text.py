"""The text form of a function: an SSA listing, printed and read back to the very same nodes.

    op @ema
      axis D = {D}
      input x = %0
      state m %3 from %2 to %8
      return %8
      %0 : Seq[D] = input(index=0, name=x, of=ema)
      %3 : Seq[D] = state(name=m, of=ema, serial=1)
      %8 : Seq[D] = add(%6, %7) ; m

Functions that nodes hold (`@name`) follow the first. What the text leaves out is what has no meaning: the
places in the source, claims, bindings, and equations that nothing uses.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from asiarch.ir.function import Function, ParamInfo, StateInfo
from asiarch.ir.node import Node, make, topological
from asiarch.ir.primitive import registry
from asiarch.ir.node import LEAVES
from asiarch.ir.literal import Literals, TextError
from asiarch.ir.size import Size
