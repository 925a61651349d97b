"""Token ids have no gradient; what an embedding makes of them has one.

Inside `recording`, the result of every `nn.Embedding` that is given a stream of ids as it is
becomes a leaf of autograd, [batch, time, width], so that the gradient law can ask who sends to it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from asiarch.laws.subject import Subject


@contextmanager
def recording(subject: Subject, streams: Sequence[Tensor]) -> Generator[list[Tensor]]:
    """The leaves, in the order in which the module makes them; filled while it runs."""
    leaves: list[Tensor] = []
    parts: list[nn.Module] = list(cast(Any, subject.module).modules())

    def replace(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        if not args or not any(_same(args[0], x) for x in streams):
            return out
        leaves.append(out.detach().requires_grad_())
        return leaves[-1]

    with ExitStack() as stack:
        for part in parts:
            if isinstance(part, nn.Embedding) and not subject.fresh:
                stack.callback(part.register_forward_hook(replace).remove)
        yield leaves


def _same(x: Any, y: Tensor) -> bool:
    return isinstance(x, Tensor) and x.shape == y.shape and bool(torch.equal(x, y))
