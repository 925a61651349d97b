"""Training steps through `torch.compile`: pointwise chains become kernels of their own.

Worth it for long runs on one shape: the first step waits for the compiler, a minute or more for a
model of a few layers. What it made stays in torch's cache (`TORCHINDUCTOR_CACHE_DIR`) for the next
run. Sums may be taken in another order than without it, so a run resumes as it began.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from asiarch.train.errors import CompilerError

Forward = Callable[[torch.Tensor], torch.Tensor]


def compiled(module: nn.Module) -> Forward:
    """The module's forward, for ids `[batch, time]` of one shape. Compiles when first called."""
    return cast("Any", torch).compile(module, dynamic=False)


@contextmanager
def explained() -> Generator[None]:
    """What torch's compiler raises, as a `CompilerError` that says what to do."""
    try:
        yield
    except TorchDynamoException as error:
        first = str(error).strip().split("\n")[0][:300]
        raise CompilerError(
            f"torch.compile failed: {first}. It needs a C++ compiler (g++ or clang) on a CPU; "
            "without --compile the same run needs none"
        ) from error
