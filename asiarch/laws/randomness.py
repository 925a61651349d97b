"""Random numbers inside a module: the same in each call, and the caller's own left as they were."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch

SEED = 20


@contextmanager
def seeded(seed: int = SEED) -> Generator[None]:
    """Inside, the generators of torch, numpy and Python start from a seed; afterwards they go on
    where they were.
    """
    ours, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)
