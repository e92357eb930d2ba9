"""Our figures beside those of sb3-contrib and tianshou: the same work in turn, one process, core and thread."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy and torch are imported
