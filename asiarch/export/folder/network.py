"""What the wrapper asks of a network. An exported folder has the emitted module in this place."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Network(nn.Module):
    """A language model as asiarch emits it."""

    def forward(
        self,
        tokens: Tensor,
        state: dict[str, Any] | None = None,
        cu_seqlens: Tensor | None = None,
        return_state: bool = False,
    ) -> Any:
        """Logits [batch, time, vocab] of ids [batch, time]; with `return_state`, the state too.

        With `cu_seqlens` the ids are one row of documents that are cut there.
        """
        raise RuntimeError("an exported folder has the emitted module here: `asiarch export`")
