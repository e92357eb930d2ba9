"""Files of a grammar, through every loader: a ValueError or OSError that names the file, and nothing written."""

import contextlib
import io
import json
import os
import shutil
import struct
import sys
import zipfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from unittest import mock

import numpy as np

from decision_making import SoftmaxPolicy
from decision_making.problems import GymnasiumProblem
from decision_making.training import (
    Configuration,
    evaluate_run,
    load_checkpoint,
    load_policy,
    resume,
    run,
    save_checkpoint,
    save_policy,
    sweep,
    table,
)
from decision_making.training.runs import read_configuration, read_metrics
from decision_making.training.sweeps import run_folders
from tests.fuzzing.fuzz_numbers import one_of
from tests.fuzzing.harness import fuzzer
from tests.test_hostile_files import MEGABYTE, modest

SMALL = {"env": "SimpleRegulator", "updates": 4, "trajectories": 5, "checkpoint_every": 2}
LIVE = {
    **{"env": "CartPole-v1", "updates": 4, "checkpoint_every": 2, "steps_per_update": 16, "n_envs": 2, "hidden": [2]},
    **{"normalize_observations": True, "scale_rewards": True},
}


@cache
def originals():
    """A folder of good files: two runs that were broken off, policies of two kinds, a sweep."""
    place = Path(mkdtemp())

    def stop(row, taken):
        if row["update"] == 3:
            raise KeyboardInterrupt

    with mock.patch.dict(sys.modules, {"decision_making.pictures.curves": None}):
        for name, settings in (("small", SMALL), ("live", LIVE)):
            with contextlib.suppress(KeyboardInterrupt):
                run(Configuration(settings), place / name, callbacks=[stop])
        sweep({**SMALL, "updates": 1}, place / "sweep")
    save_policy(place / "table.npz", SoftmaxPolicy(2, 3), np.arange(6.0))
    P = GymnasiumProblem("Pendulum-v1", 0.9, n_envs=1, normalize_observations=True)
    π = P.policy((2,))
    P.collect(π, π.init(0), 4, rng=0)
    save_policy(place / "live.npz", π, π.init(0), P)
    return place


# ---- a grammar of texts and numbers

NUMBERS = (
    *(0, 1, -1, 2, 7, 1000, 2**31, 2**62, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 1.5, -0.0, 1e308, 5e-324),
    *(float("nan"), float("inf"), -float("inf"), 1e400, True, False, None),
)
TEXTS = (
    *(
        "",
        "x",
        "θ",
        chr(0x3D1),
        "\x00",
        "\x1b[31m",
        "\u202e",
        "=1+1",
        "../x",
        "/etc/passwd",
        "a" * 300,
        "\n",
        '"',
        "'",
        "\\",
    ),
    *(
        "NaN",
        "1e999",
        "SimpleRegulator",
        "CartPole-v1",
        "os:system",
        "module:Env-v0",
        "None",
        "\ufeff",
        chr(0xFB01),
        chr(0x1D4AA),
        "é",
    ),
)
NAMES = ("θ", "φ", "rows", "returns", "meta.json", "x", "problem.steps", "problem.observed_mean", "action.low", "β")


def value(rng, depth=2):
    kind = rng.integers(8 if depth else 5)
    if kind < 3:
        return NUMBERS[rng.integers(len(NUMBERS))]
    if kind < 5:
        return TEXTS[rng.integers(len(TEXTS))]
    below = [value(rng, depth - 1) for _ in range(rng.integers(0, 4))]
    if kind == 5:
        return below
    if kind == 6:
        return {TEXTS[rng.integers(len(TEXTS))] + str(i) * int(rng.integers(2)): x for i, x in enumerate(below)}
    return [[]] * int(rng.integers(1, 50))


def as_json(rng, x):
    try:
        text = json.dumps(x, ensure_ascii=bool(rng.integers(2)))
    except ValueError:
        text = "1" + "0" * 5000
    return one_of(rng, text, text, text[: rng.integers(len(text) + 1)], "[" * 100_000, text + text, '{"a":' * 500)


DTYPES = (
    *("<f8", "<f8", "<f8", ">f8", "<f4", "<i8", "|b1", "<U3", "<U0", "|S4", "|O", "|V8", "<M8[s]", "<m8[ns]", "<c16"),
    *("f8", "<f16", "<f2", "<i1", "|u1", "<f9", "x", "", "<U999999999", "(3,)<f8", "<f8,<i4", "<f8\\x00", "=f8", "|f8"),
    *("<g", ">U2", "float64", "datetime64", "<T", "N", "<f8'", "<f08"),
)


def header(rng):
    sizes = (0, 1, 2, 3, 6, -1, 2**31, 2**62, 2**63, 2**64, 10**30, True, 1.0, "x", None, "", (1,), 10**4000)
    shape = tuple(
        sizes[rng.integers(len(sizes)) if rng.random() < 0.3 else rng.integers(6)] for _ in range(rng.integers(4))
    )
    try:
        shown = repr(shape)
    except ValueError:
        shown = "(" + "9" * 4000 + ",)"
    descr = DTYPES[rng.integers(len(DTYPES))]
    descr = one_of(rng, repr(descr), repr(descr), repr(descr), f"[('a', {descr!r})]", f"({descr!r}, (2,))", "None")
    text = one_of(
        rng,
        *(f"{{'descr': {descr}, 'fortran_order': {bool(rng.integers(2))}, 'shape': {shown}, }}",) * 6,
        f"{{'shape': {shown}, 'descr': {descr}, 'fortran_order': 1}}",
        f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shown}, 'x': 1}}",
        f"{{'descr': {descr}, 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}}",
        *(f"dict(descr={descr})", "", "(" * 300, "{}", "None", "__import__('os')", "'" * 7, "0x" + "f" * 3000),
        f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shown}}}".replace("'", '"'),
        f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shown}}} #",
        f"{{'descr': {descr}, 'fortran_order': False, 'shape': ({'9' * 5000},)}}",
    )
    version = one_of(rng, b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x04\x00", b"\x00\x00", b"\xff\xff")
    raw = text.encode(one_of(rng, "utf-8", "utf-8", "utf-16"), "replace") + b"\n"
    raw += b" " * int(rng.integers(64)) * int(rng.integers(2))
    size = one_of(rng, len(raw), len(raw), len(raw), len(raw) + 3, 0, 2**16 - 1, max(len(raw) - 2, 0))
    packed = struct.pack("<H", size % 2**16) if version == b"\x01\x00" else struct.pack("<I", size)
    return one_of(rng, b"\x93NUMPY", b"\x93NUMPY", b"\x93NUMPY", b"\x93NUMPX", b"") + version + packed + raw


def member(rng):
    kind = rng.integers(5)
    if kind < 3:
        return header(rng) + bytes(one_of(rng, 0, 8, 16, 24, 48, 7, 1000)) * one_of(rng, 1, 1, 1, 40)
    buffer = io.BytesIO()
    x = one_of(
        rng,
        np.array(as_json(rng, value(rng, 3))[:2000]),
        np.full(one_of(rng, (), (1,), (6,), (2, 3), (0,)), one_of(rng, 0.0, np.nan, np.inf, 1e308, -1.0)),
        np.arange(6),
        np.zeros((2, 2), np.float32),
        np.array(["a", "\U0010ffff"]),
    )
    np.save(buffer, x)
    data = buffer.getvalue()
    return data if kind == 3 else data[: rng.integers(len(data))]


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        i = int(rng.integers(len(data) + 1))
        kind = rng.integers(6)
        if kind == 0 and i < len(data):
            data[i] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[i:]
        elif kind == 2:
            del data[i : i + int(rng.integers(1, 60))]
        elif kind == 3:
            data[i:i] = rng.bytes(int(rng.integers(1, 20)))
        elif kind == 4:
            data[i : i + 4] = one_of(rng, b"\xff" * 4, b"\x00" * 4, b"\xff\xff\xff\x7f", b"PK\x05\x06")
        else:
            data[i:i] = data[max(0, i - 40) : i]
    return bytes(data)


def archive(rng, original):
    """An archive like the original with members replaced, added, left out, and perhaps spoilt bytes."""
    if rng.random() < 0.25:
        return mutated(rng, original)
    with zipfile.ZipFile(io.BytesIO(original)) as file:
        members = {x.filename: file.read(x) for x in file.infolist()}
    for _ in range(rng.integers(1, 4)):
        name = one_of(rng, *members, *(f"{x}.npy" for x in NAMES), *(f"{x}.npy" for x in TEXTS), "x", "θ.NPY")
        kind = rng.integers(6)
        if kind == 0:
            members.pop(name, None)
        elif kind == 1 and "meta.json.npy" in members:
            buffer = io.BytesIO()
            meta = json.loads(str(np.load(io.BytesIO(original_member(original, "meta.json.npy")))))
            key = one_of(rng, *meta, *TEXTS) if meta else "x"
            meta[key] = value(rng, 3)
            np.save(buffer, np.array(as_json(rng, meta)))
            members["meta.json.npy"] = buffer.getvalue()
        else:
            members[name] = member(rng)
    buffer = io.BytesIO()
    compression = one_of(rng, *(zipfile.ZIP_STORED,) * 8, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            info.extra = one_of(rng, b"", b"", b"", b"\x01\x00\x08\x00" + b"\xff" * 8)
            info.comment = one_of(rng, b"", b"", b"x" * 60_000)
            file.writestr(info, data)
        if rng.random() < 0.1:
            file.comment = b"y" * 30
    data = buffer.getvalue()
    return one_of(rng, data, data, data, mutated(rng, data), b"#!/bin/sh\n" + data)


def original_member(data, name):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return file.read(name)


def toml(rng, original):
    lines = original.splitlines()
    for _ in range(rng.integers(1, 4)):
        i = int(rng.integers(len(lines) + 1))
        keys = [x.split(" =")[0] for x in lines if " =" in x] + ["x", '"\\u001b"', "a.b", "versions.x", "", "θ", "env"]
        x = value(rng)
        shown = one_of(
            rng,
            as_json(rng, x)[:3000],
            *("0x" + "f" * 400, "1979-05-27T07:32:00Z", "nan", "-inf", "{a = 1}", "'''x'''", '"\\ud800"', "1_0", "+1"),
            *(
                "[" * 2000,
                "{" * 200,
                '"""',
                "0b1",
                "07:32:00",
                "[1, 'a']",
                "[[]]",
                "1e400",
                "-0.0",
                '"\\u0000"',
                "True",
            ),
        )
        line = f"{keys[rng.integers(len(keys))]} = {shown}"
        lines[i : i + int(rng.integers(2))] = [one_of(rng, line, line, line, "[versions]", "[a.b]", "[[a]]", "# \x01")]
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return one_of(
        rng, data, data, data, mutated(rng, data), b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r"), b"\xff"
    )


def csv(rng, original):
    rows = [row.split(",") for row in original.splitlines()]
    for _ in range(rng.integers(1, 4)):
        i = int(rng.integers(len(rows)))
        j = int(rng.integers(len(rows[i]) + 1))
        cell = one_of(
            rng, *map(str, NUMBERS[:12]), *TEXTS, "nan", "1e400", '"', '"a,b"', "0x1", "1_0", "٣", " 1", "infinity"
        )
        rows[i][j : j + int(rng.integers(2))] = [cell]
    data = "\n".join(map(",".join, rows)).encode("utf-8", "surrogatepass")
    return one_of(rng, data, data, data, mutated(rng, data), data.replace(b"\n", b"\r\n"), data + b"\x00", b"")


def contents(folder):
    return {x.relative_to(folder): x.read_bytes() for x in sorted(folder.rglob("*")) if x.is_file()}


def refused(call, path, named, *, limit=8 * MEGABYTE):
    """What a loader gives, or None where it refuses the file by name; what is in the folder stays as it was."""
    before = contents(path if path.is_dir() else path.parent)
    size = sum(map(len, before.values()))
    try:
        with modest(limit + 3 * size):
            return call(path)
    except (ValueError, OSError) as error:
        said = str(error)
    assert named in said, said
    assert contents(path if path.is_dir() else path.parent) == before
    return None


@fuzzer
def archives(rng, folder):
    place, path = originals(), folder / "some.npz"
    kind = rng.integers(4)
    name = ("table.npz", "live.npz", "small/checkpoint.npz", "live/checkpoint.npz")[kind]
    data = archive(rng, (place / name).read_bytes())
    path.write_bytes(data)
    found = refused(load_checkpoint, path, "some.npz")
    if found is not None:
        arrays, meta = found
        assert all(x.dtype.kind in "fiubcUS" for x in arrays.values())
        save_checkpoint(folder / "again.npz", arrays, meta)
        again, meta_again = load_checkpoint(folder / "again.npz")
        assert repr(meta) == repr(meta_again)
        for key, x in arrays.items():
            assert x.tobytes() == again[key].tobytes()
    policy = refused(load_policy, path, "some.npz")
    if policy is not None:
        width = policy.π.sizes[0] if hasattr(policy.π, "sizes") else None
        s = np.zeros((3, width)) if width else np.zeros(3, int)
        a = policy.act(s)
        assert np.isfinite(np.asarray(a, float)).all()
        assert policy.act(s, mode=False, rng=0).shape == a.shape


def copied(name, folder):
    shutil.copytree(originals() / name, folder / name)
    return folder / name


@fuzzer
def folders(rng, folder):
    """A run with one file spoilt: it is refused, with all files as they were, or goes on to a good end."""
    name = one_of(rng, "small", "live")
    place = copied(name, folder)
    which = one_of(rng, "checkpoint.npz", "checkpoint.npz", "config.toml", "metrics.csv", "policy.npz")
    file = place / which
    if not file.exists():
        return
    data = file.read_bytes()
    if which.endswith(".npz"):
        file.write_bytes(archive(rng, data))
    else:
        file.write_bytes((toml if which == "config.toml" else csv)(rng, data.decode()))
    limit = 64 * MEGABYTE
    c = refused(read_configuration, place, "config.toml" if which == "config.toml" else which)
    refused(read_metrics, place, "metrics.csv")
    if c is not None and c.values != read_configuration(originals() / name).values:
        return  # another run, perhaps a long one
    with mock.patch.dict(sys.modules, {"decision_making.pictures.curves": None}):
        history = refused(resume, place, which, limit=limit)
        if history is not None:
            assert np.isfinite(history.θ).all()
            assert len(history) == 4
            load_checkpoint(place / "checkpoint.npz")
            load_policy(place / "policy.npz")
            assert read_metrics(place)["update"] == [1, 2, 3, 4]
    if which == "policy.npz":
        refused(lambda x: evaluate_run(x, episodes=2), place, "policy.npz", limit=limit)


@fuzzer
def settings_of_files(rng, folder):
    (folder / "run").mkdir()
    original = (originals() / one_of(rng, "small", "live") / "config.toml").read_text()
    (folder / "run" / "config.toml").write_bytes(toml(rng, original))
    found = refused(read_configuration, folder / "run", "config.toml")
    if found is not None:
        try:
            with modest():
                c = Configuration(found.values)
        except ValueError:
            return
        assert Configuration.from_toml(c.to_toml()).values == c.values


@fuzzer
def tables_of_sweeps(rng, folder):
    place = copied("sweep", folder)
    (inside,) = run_folders(place)
    which = one_of(rng, "config.toml", "result.json", "result.json", "metrics.csv")
    file = inside / which
    if which == "result.json":
        row = json.loads(file.read_text())
        row[one_of(rng, *row, *TEXTS)] = value(rng)
        data = as_json(rng, row).encode("utf-8", "surrogatepass")
        file.write_bytes(one_of(rng, data, data, mutated(rng, data)))
    else:
        file.write_bytes((toml if which == "config.toml" else csv)(rng, file.read_text()))
    rows = refused(table, place, which)
    if rows is not None:
        (row,) = rows
        assert isinstance(row["reason"], str)
        assert all(x is None or type(x) in (int, float) for x in (row["return"], row["steps"], row["seconds"]))
    assert os.path.exists(file)
