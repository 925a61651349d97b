"""Which document every token belongs to: the one record that dense and packed rows share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


class Rows:
    """Documents of a batch. Dense: `batch` rows of `time` tokens. Packed: one row cut at
    `cu_seqlens`.

    count: documents N; starts, lengths: their N first tokens and sizes in the row (Python
    integers); pos: [time] position in the document; doc: [time] its number (None when dense).
    """

    def __init__(self, x: Tensor, cu_seqlens: Tensor | None = None) -> None:
        batch, time = x.shape[:2]
        self.time = time
        ramp = torch.arange(time, device=x.device)
        self.packed = cu_seqlens is not None
        if cu_seqlens is None:
            self.count = batch
            self.starts, self.lengths = [0] * batch, [time] * batch
            self.pos, self.doc = ramp, None
            return
        cuts = cu_seqlens.tolist()
        if batch != 1 or cuts[0] != 0 or cuts[-1] != time or sorted(cuts) != cuts:
            raise ValueError(
                f"packed rows want one row and cu_seqlens rising from 0 to {time}, got {cuts[:8]}"
            )
        self.count = len(cuts) - 1
        self.starts = cuts[:-1]
        self.lengths = [end - start for start, end in pairwise(cuts)]
        self.doc = torch.searchsorted(cu_seqlens.to(x.device)[1:].contiguous(), ramp, right=True)
        self.pos = ramp - cu_seqlens.to(x.device)[self.doc]
