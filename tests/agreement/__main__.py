"""Every supported Python there is makes the same results of the recorded trajectories, to 1e-10.

Interpreters are looked for by name, python3.11 and so on, also among those of pyenv; one that is missing is said. Each
gets an environment of its own in .venv-agreement, with the newest packages; the first one a second, with the oldest
that pyproject.toml allows. The table goes to the screen and to tests/agreement/agreement.md.
Exit status 1 where two disagree, or an environment cannot be made; `make test-all` runs it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PYTHONS = ("3.11", "3.12", "3.13")
BOUND = 1e-10
VERSIONS = """
import platform
from importlib.metadata import version
print(platform.python_version(), *map(version, ("numpy", "scipy", "autograd")))
"""


def interpreter(version):
    """The path of a working Python of this version, or None."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for path in (shutil.which(name), *sorted(pyenv.glob(f"{version}*/bin/{name}"))):
        if path and says(path, "import sys; print('%d.%d' % sys.version_info[:2])") == version:
            return str(path)
    return None


def says(python, code):
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def dependencies(oldest):
    """Those of the library, as pyproject.toml has them, or each in the oldest version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [re.sub(r">=([\d.]+).*", r"==\1", x) if oldest else x for x in project["dependencies"]]


def environment(version, python, oldest, folder=ROOT / ".venv-agreement"):
    """The python of an environment with the library's dependencies."""
    path = folder / f"{version}-{'oldest' if oldest else 'newest'}"
    made = path / "bin" / "python"
    if not (path / ".ready").exists():
        subprocess.run([python, "-m", "venv", "--clear", path], check=True)
        pip = [made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
        subprocess.run([*pip, *dependencies(oldest)], check=True)
        (path / ".ready").touch()
    return str(made)


def results_of(python):
    """What tests/agreement/results.py makes of the recorded trajectories there."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.npz"
        subprocess.run([python, HERE / "results.py", file], check=True, env=variables, cwd=folder)
        with np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}


def difference(a, b):
    """The largest, relative to the largest number of its array or to 1, and where; infinite if they cannot agree."""
    if a.keys() != b.keys():
        return np.inf, ", ".join(sorted(a.keys() ^ b.keys()))
    worst = 0.0, "nowhere"
    for name, x in a.items():
        y = b[name]
        same = x.shape == y.shape and np.isfinite(x).all() and np.isfinite(y).all()
        d = np.max(abs(x - y), initial=0) / max(1, np.max(abs(x), initial=0)) if same else np.inf
        worst = max(worst, (float(d), name))
    return worst


def main(out=HERE / "agreement.md", pythons=PYTHONS):
    found, missing, lines = [], [], []
    for version in pythons:
        python = interpreter(version)
        if python is None:
            missing.append(f"python{version} was not found, so nothing is known about it")
        else:
            found += [(version, python, oldest) for oldest in ((True, False) if not found else (False,))]
    first, agree, number = None, True, 0
    for given in found:
        python = environment(*given)
        mine = results_of(python)
        first, number = first or mine, len(mine)
        d, where = difference(first, mine)
        agree &= d <= BOUND
        versions = " | ".join(says(python, VERSIONS).split())
        shown = "compared with" if mine is first else f"{d:.1e} ({where})" if d else "0"
        lines.append(f"| {versions} | {shown} |")
        print(lines[-1], flush=True)
    text = ["| Python | NumPy | SciPy | autograd | largest difference |", "|---|---|---|---|---|", *lines, ""]
    text += [f"{number} results; differences relative to the largest number of a result, or to 1; bound {BOUND:.0e}."]
    text += [f"Missing: {x}." for x in missing]
    out.write_text("\n".join([*text, ""]), encoding="utf-8")
    print("\n".join(text[-1 - len(missing) :]))
    return 0 if agree and len(found) > 1 else 1


if __name__ == "__main__":
    sys.exit(main())
