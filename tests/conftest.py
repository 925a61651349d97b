"""What every test shares: one thread per worker, and hypothesis without a clock."""

from __future__ import annotations

import os

# Before numpy or torch is loaded: several workers with several threads each are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("asiarch", deadline=None, print_blob=True)
settings.load_profile("asiarch")
