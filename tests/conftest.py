"""What all tests share: one thread a test process, and hypothesis without a clock or a dice."""

from __future__ import annotations

import os

# Before torch and numpy are imported: several pools of threads on the same cores stall each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1000)  # --hypothesis-profile
settings.load_profile("repeatable")
