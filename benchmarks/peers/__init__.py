"""Our figures beside those of sb3-contrib, tianshou and quantecon: the same work in turn, on one core and thread."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy and torch are imported
