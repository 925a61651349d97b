"""The state of a network in the place where `generate` has a key-value cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor


class States:
    """The network's state after `seen` tokens of every row, padding included.

    tree: dictionaries and lists of tensors, all [batch, ...]. Reading makes a new record; the one
    that was given stays what it was.
    """

    is_initialized = True
    is_compileable = False
    is_croppable = False
    is_linear = (False,)  # `generate` leaves out of a prompt what the record has seen of it

    def __init__(self, tree: Any, seen: int) -> None:
        self.tree, self.seen = tree, seen

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens seen."""
        return self.seen

    def get_max_cache_shape(self, layer_idx: int = 0) -> int:
        """No maximum."""
        return -1

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Row i becomes what row `beam_idx[i]` was."""
        self.tree = mapped(self.tree, lambda x: x.index_select(0, beam_idx.to(x.device)))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keeps the rows at `indices`."""
        self.tree = mapped(self.tree, lambda x: x[indices.to(x.device)])

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Every row `repeats` times."""
        self.tree = mapped(self.tree, lambda x: x.repeat_interleave(repeats, 0))

    def crop(self, max_length: int) -> None:
        """A state that forgets tokens cannot be had back from the one that has read them."""
        raise ValueError(
            "a recurrent state cannot be cropped, which assisted and contrastive generation ask "
            "for: generate greedily, by sampling or with beams"
        )


def mapped(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The tree with every tensor changed."""
    if isinstance(tree, torch.Tensor):
        return change(tree)
    if isinstance(tree, dict):
        named = cast("dict[str, Any]", tree)
        return {name: mapped(value, change) for name, value in named.items()}
    if isinstance(tree, (list, tuple)):
        items = cast("list[Any]", tree)
        return type(items)(mapped(value, change) for value in items)
    return tree
