"""A long convolution by FFT without padding: the end of the sequence wraps around to its start.

mechanism: fft
source: karpathy/nanochat#844
law: prefix
twin: the transform is twice as long
"""

import torch
from torch import Tensor, nn


class CircularConvolution(nn.Module):
    def __init__(self, dim: int, max_len: int) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.randn(dim, max_len) / max_len)

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        size = time
        spectrum = torch.fft.rfft(self.taps[:, :time], size)
        return torch.fft.irfft(torch.fft.rfft(x.mT, size) * spectrum, size)[..., :time].mT
