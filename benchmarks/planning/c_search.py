"""Builds tree_search.c and calls it on the arrays of a problem: what one core can do."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from decision_making.checks import Array
from decision_making.problems import HexWorld, packed_boards

Search = Callable[[int, int, int], tuple[Array, Array]]  # (root, m, seed) -> N, Q


def library() -> ctypes.CDLL:
    """The compiled library. RuntimeError where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler found")
    out = Path(tempfile.mkdtemp()) / "tree_search.so"
    source = Path(__file__).with_name("tree_search.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(out), "-lm"], check=True)
    return ctypes.CDLL(str(out))


def _pointer(x: Array) -> ctypes.c_void_p:
    return x.ctypes.data_as(ctypes.c_void_p)


def table_search(P: HexWorld, d: int, c: float, rollout: int) -> Search:
    """One tree on a problem with tables."""
    call, S, A = library().table_search, len(P.S), len(P.A)
    sums = np.cumsum(P.T.array, axis=2)
    sums[..., -1] = 2.0  # never passed, whatever the rounding
    R = np.array(P.R.array)
    end = np.ascontiguousarray((P.T.array[np.arange(S), :, np.arange(S)] == 1).all(axis=1) & (R == 0).all(axis=1))
    kept = sums, R, end

    def search(root: int, m: int, seed: int) -> tuple[Array, Array]:
        N, Q = np.zeros(A), np.zeros(A)
        sums, R, end = kept
        call(
            *(ctypes.c_int(S), ctypes.c_int(A), _pointer(sums), _pointer(R), _pointer(end), ctypes.c_double(P.γ)),
            *(ctypes.c_int(root), ctypes.c_int(d), ctypes.c_int(m), ctypes.c_double(c), ctypes.c_int(rollout)),
            *(ctypes.c_uint64(seed + 1), _pointer(N), _pointer(Q)),
        )
        return N, Q

    return search


def board_search(d: int, c: float, rollout: int, p_two: float = 0.8) -> Search:
    """One tree on packed boards of 2048."""
    call = library().board_search
    kept = tuple(np.ascontiguousarray(x) for x in packed_boards.line_tables()[:2])

    def search(root: int, m: int, seed: int) -> tuple[Array, Array]:
        N, Q = np.zeros(4), np.zeros(4)
        call(
            *(_pointer(kept[0]), _pointer(kept[1]), ctypes.c_uint64(root), ctypes.c_double(p_two)),
            *(ctypes.c_int(d), ctypes.c_int(m), ctypes.c_double(c), ctypes.c_int(rollout)),
            *(ctypes.c_uint64(seed + 1), _pointer(N), _pointer(Q)),
        )
        return N, Q

    return search
