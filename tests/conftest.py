"""What every test shares: one thread per worker, hypothesis without a clock, Ctrl-C that counts."""

from __future__ import annotations

import os
import signal

# Before numpy or torch is loaded: several workers with several threads each are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A shell starts what stands before `&` deaf to Ctrl-C, and children inherit that: the tests that
# interrupt a run would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from hypothesis import settings

settings.register_profile("asiarch", deadline=None, print_blob=True)
settings.load_profile("asiarch")
