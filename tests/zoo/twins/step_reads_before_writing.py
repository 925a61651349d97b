"""`step` reads the state before it writes; forward writes first.

mechanism: step and forward
source: synthetic
law: stepping
twin: both write first
"""

from torch import Tensor, nn


class Accumulator(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).cumsum(1)

    def initial_state(self, batch: int) -> Tensor:
        return self.proj.weight.new_zeros(batch, self.proj.out_features)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        after = state + self.proj(x)
        return after, after
