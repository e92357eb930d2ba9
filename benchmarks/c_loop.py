"""Builds natural_update.c, a plain C loop over NumPy's own ziggurat normals: the limit of what one core can do."""

import ctypes
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from decision_making.checks import Array

Update: TypeAlias = Callable[[Array, int, int, float, float, int], Array]


def build() -> tuple[Update | None, str]:
    """natural_update(θ, m, d, γ, ε, seed) in C, or a reason why there is none."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None, "no C compiler found"
    library = Path(tempfile.mkdtemp()) / "natural_update.so"
    random = Path(np.random.__file__).parent / "lib"
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
    paths = ["-I", np.get_include(), "-I", sysconfig.get_paths()["include"], "-L", str(random)]
    source = Path(__file__).with_name("natural_update.c")
    made = subprocess.run(
        [compiler, *flags, str(source), "-o", str(library), *paths, "-lnpyrandom", "-lm"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        return None, made.stderr.strip().splitlines()[-1]
    call = ctypes.CDLL(str(library)).natural_update

    def natural_update(start: Array, m: int, d: int, γ: float, ε: float, seed: int) -> Array:
        θ = np.array(start, float)
        c = ctypes
        call(θ.ctypes.data_as(c.c_void_p), c.c_long(m), c.c_int(d), c.c_double(γ), c.c_double(ε), c.c_uint64(seed))
        return θ

    return natural_update, ""
