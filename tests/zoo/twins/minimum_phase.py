"""A filter is said to be minimum-phase, and so causal; its spectrum is made by hand and is not.

mechanism: fft
source: GAIR-NLP/ASI-Arch, spectral_fusion
law: prefix
twin: taps before time 0 are cut off
"""

import torch
from torch import Tensor, nn


class PowerLaw(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.rand(dim, 1) / 2)

    def forward(self, x: Tensor) -> Tensor:
        time, size = x.shape[1], 512
        frequency = torch.fft.rfftfreq(size)
        size_of = (1 + (32 * frequency) ** 2) ** (-self.power / 2)
        phase = -self.power * torch.atan(32 * frequency)
        taps = torch.fft.irfft(torch.polar(size_of, phase), size)
        taps = taps * (torch.arange(size) < size // 2)
        spectrum = torch.fft.rfft(x.mT, size) * torch.fft.rfft(taps, size)
        return torch.fft.irfft(spectrum, size)[..., :time].mT
