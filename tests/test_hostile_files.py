"""Files from strangers, or from a disk that decays: loaded as they were written or refused, nothing executed."""

import io
import json
import os
import pickle
import tracemalloc
import warnings
import zipfile
from contextlib import contextmanager
from functools import cache

import gymnasium
import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making import SoftmaxPolicy
from decision_making.pictures.films import film
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

MEGABYTE = 1 << 20
ARRAYS = {"θ": np.arange(6.0), "rows": np.ones((2, 3), np.float32), "flags": np.array([True, False])}
META = {"seed": 3, "β": None, "names": ["a", "ö"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@cache
def whole(tmp):
    """The bytes of one valid file of each kind."""
    save_checkpoint(tmp / "c.npz", ARRAYS, META)
    save_policy(tmp / "p.npz", SoftmaxPolicy(2, 3), np.arange(6.0))
    folder = tmp / "sweep"
    sweep({"env": "SimpleRegulator", "updates": 2, "trajectories": 5}, folder)
    (inside,) = run_folders(folder)
    return {
        "checkpoint": (tmp / "c.npz").read_bytes(),
        "policy": (tmp / "p.npz").read_bytes(),
        **{name: (inside / name).read_bytes() for name in ("config.toml", "metrics.csv", "result.json")},
    }


@contextmanager
def modest(limit=8 * MEGABYTE):
    """No warning, and no more memory than this at any moment."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracemalloc.start()
        try:
            yield
            assert tracemalloc.get_traced_memory()[1] < limit
        finally:
            tracemalloc.stop()


def loaded_or_refused(load, path):
    """What a loader gives, or None where it refuses the file by its one documented error, which names it."""
    with modest():
        try:
            return load(path)
        except ValueError as error:
            refusal = str(error)
    assert path.name in refusal
    return None


@st.composite
def mutations(draw, most=6):
    """A change of some bytes: flipped bits, a piece cut out, doubled, moved or replaced, the end cut off."""

    def change(data):
        data = bytearray(data)
        for kind, x, y, new in steps:
            i, j = sorted((int(x * len(data)), int(y * len(data))))
            if kind == "flip" and data:
                data[min(i, len(data) - 1)] ^= 1 << len(new) % 8
            elif kind == "cut":
                del data[i : min(j, i + 64)]
            elif kind == "double":
                data[i:i] = data[i:j]
            elif kind == "replace":
                data[i : i + len(new)] = new
            elif kind == "truncate":
                del data[i:]
        return bytes(data)

    kinds = st.sampled_from(["flip", "flip", "cut", "double", "replace", "truncate"])
    fraction = st.floats(0, 1, exclude_max=True)
    steps = draw(st.lists(st.tuples(kinds, fraction, fraction, st.binary(max_size=12)), min_size=1, max_size=most))
    return change


def same(found, expected):
    """Whether two loaded checkpoints are the same bit for bit."""
    (arrays, meta), (others, other) = found, expected
    alike = arrays.keys() == others.keys() and all(
        x.dtype == others[name].dtype and x.shape == others[name].shape and x.tobytes() == others[name].tobytes()
        for name, x in arrays.items()
    )
    return alike and meta == other


# ---- fuzz


@given(st.one_of(st.binary(max_size=400), st.binary(max_size=200).map(lambda x: b"PK\x03\x04" + x)))
def test_random_bytes_are_no_checkpoint_and_no_policy(place, data):
    path = place / "random.npz"
    path.write_bytes(data)
    assert loaded_or_refused(load_checkpoint, path) is None
    assert loaded_or_refused(load_policy, path) is None


@given(mutations())
def test_mutated_checkpoint_is_what_was_written_or_refused(place, change):
    path = place / "mutated.npz"
    path.write_bytes(change(whole(place)["checkpoint"]))
    found = loaded_or_refused(load_checkpoint, path)
    assert found is None or same(found, (ARRAYS, META))


@given(mutations())
def test_mutated_policy_is_what_was_written_or_refused(place, change):
    path = place / "mutated.npz"
    path.write_bytes(change(whole(place)["policy"]))
    found = loaded_or_refused(load_policy, path)
    assert found is None or (found.π == SoftmaxPolicy(2, 3) and found.θ.tolist() == [0, 1, 2, 3, 4, 5])


def member(shape, descr, payload, version=b"\x01\x00", in_columns=False):
    """The bytes of an .npy file whose header says what it likes."""
    text = f"{{'descr': {descr!r}, 'fortran_order': {in_columns}, 'shape': {shape}, }}\n".encode("latin1", "replace")
    return header(text, version) + payload


def header(text, version=b"\x01\x00"):
    """What an .npy file begins with."""
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version[0] == 1 else 4, "little") + text


names = st.sampled_from(
    ["θ.npy", "rows.npy", "meta.json.npy", "../θ.npy", "/etc/x.npy", "a\\b.npy", "θ", "θ.npy.npy", "C:θ.npy", ".npy"]
)
sizes = st.sampled_from([0, 1, 2, 3, -1, 10**6, 10**12, 2**62, 2**64, True])
descrs = st.sampled_from(
    ["<f8", ">f4", "|O", "|V8", "<U3", "<U0", "|S0", "|b1", "<c16", "<M8[s]", "<f3", "x", [("a", "|O")], [], ""]
)


@given(
    st.lists(
        st.tuples(
            names,
            *(st.lists(sizes, max_size=3).map(tuple), descrs, st.binary(max_size=48)),
            *(st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"]), st.booleans()),
            st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]),
        ),
        max_size=4,
    ),
    st.sampled_from(
        ["{}", '{"arrays": []}', "[]", "1", "{", "NaN", "[" * 3000, '{"policy": {"name": "SoftmaxPolicy"}}']
    ),
)
def test_archive_of_any_members_is_refused_or_has_plain_arrays(place, members, meta):
    path = place / "built.npz"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as file:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, shape, descr, payload, version, in_columns, compression in members:
            file.writestr(name, member(shape, descr, payload, version, in_columns), compression)
        buffer = io.BytesIO()
        np.save(buffer, np.array(meta))
        file.writestr("meta.json.npy", buffer.getvalue())
    found = loaded_or_refused(load_checkpoint, path)
    assert loaded_or_refused(load_policy, path) is None
    if found is not None:
        arrays, told = found
        assert isinstance(told, dict)
        assert all(name.isidentifier() and x.dtype.kind in "biufcU" for name, x in arrays.items())
        assert sum(x.nbytes for x in arrays.values()) <= path.stat().st_size


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**30) | st.floats() | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3),
    max_leaves=6,
)
described = st.fixed_dictionaries(
    {"name": st.sampled_from(["SoftmaxPolicy", "LinearGaussianPolicy", "NeuralPolicy", "__class__"]) | plain},
    optional={
        **dict.fromkeys(("n_states", "n_actions", "σ_min", "size", "extra"), plain),
        "sizes": st.lists(plain, max_size=3) | st.just([10**9, 10**9]),
        "head": st.sampled_from(["Categorical", "MultiCategorical", "Gaussian", "eval"]) | plain,
    },
)


@given(described | plain, st.dictionaries(st.sampled_from(["θ", "observation.mean", "action.low", "x"]), st.just(1.0)))
def test_description_of_any_policy_is_refused_or_makes_one(place, policy, arrays):
    path = place / "described.npz"
    save_checkpoint(path, {name: np.full(2, x) for name, x in arrays.items()}, {"policy": policy})
    found = loaded_or_refused(load_policy, path)
    assert found is None or found.π.n == 2


@given(mutations() | st.binary(max_size=200).map(lambda data: lambda _: data))
def test_configuration_of_any_bytes_is_checked_or_refused(place, change):
    folder = place / "configured"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_bytes(change(whole(place)["config.toml"]))
    found = loaded_or_refused(read_configuration, folder)
    if found is not None:  # what was let in is a whole configuration: it survives being written
        assert Configuration.from_toml(found.to_toml()).values == found.values


@given(st.dictionaries(st.sampled_from(["env", "seed", "hidden", "gamma", "steps", "update", "x"]), plain))
def test_settings_of_any_plain_values_are_checked_or_refused(settings):
    with modest():
        try:
            c = Configuration({"env": "CartPole-v1", **settings})
        except ValueError:
            return
    assert Configuration.from_toml(c.to_toml()).values == c.values


@given(mutations() | st.binary(max_size=200).map(lambda data: lambda _: data))
def test_metrics_of_any_bytes_are_numbers_or_refused(place, change):
    folder = place / "measured"
    folder.mkdir(exist_ok=True)
    (folder / "metrics.csv").write_bytes(change(whole(place)["metrics.csv"]))
    found = loaded_or_refused(read_metrics, folder)
    if found is not None:
        assert len({len(x) for x in found.values()}) == 1
        assert all(type(x) is float for column in found.values() for x in column)


@given(mutations() | plain.map(lambda x: lambda _: json.dumps(x).encode()))
def test_result_of_any_bytes_is_a_row_or_refused(place, change):
    folder = place / "swept" / "one"
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "config.toml").write_bytes(whole(place)["config.toml"])
    (folder / "result.json").write_bytes(change(whole(place)["result.json"]))
    rows = loaded_or_refused(table, folder.parent)
    if rows is not None:
        (row,) = rows
        assert isinstance(row["reason"], str)
        assert all(x is None or type(x) in (int, float) for x in (row["return"], row["steps"], row["seconds"]))


# ---- hostile files


class Harm:
    def __reduce__(self):
        return (os.mkdir, ("harm",))


def test_pickles_are_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    object_array = member((1,), "|O", pickle.dumps(np.array([Harm()])))
    with zipfile.ZipFile(tmp_path / "objects.npz", "w") as file:
        file.writestr("θ.npy", object_array)
        file.writestr("meta.json.npy", object_array)
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Harm()))
    (tmp_path / "array.npz").write_bytes(object_array)
    for name in ("objects.npz", "pickle.npz", "array.npz"):
        for load in (load_checkpoint, load_policy):
            with pytest.raises(ValueError, match=name):
                load(tmp_path / name)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("shape", ["(10**6, 10**6)", "(1000000000000,)", "(2, -3)", "(9223372036854775807, 4)", "(3,)"])
def test_header_that_promises_more_than_there_is_is_refused_before_anything_is_allocated(tmp_path, shape):
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr("θ.npy", member(shape, "<f8", bytes(16)))
    with modest(MEGABYTE), pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint"):
        load_checkpoint(tmp_path / "c.npz")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_member_is_refused_unread(tmp_path, compression):
    """64 MB of zeros in a few KB; 10 GB would be refused by the same words, after the same work."""
    with zipfile.ZipFile(tmp_path / "c.npz", "w", compression) as file, file.open("θ.npy", "w") as stream:
        stream.write(member("(8388608,)", "<f8", b""))
        for _ in range(64):
            stream.write(bytes(MEGABYTE))
    assert (tmp_path / "c.npz").stat().st_size < MEGABYTE
    with modest(MEGABYTE), pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint: θ\.npy is compressed"):
        load_checkpoint(tmp_path / "c.npz")


def test_directory_that_promises_more_than_the_file_has_is_refused_unread(tmp_path):
    save_checkpoint(tmp_path / "c.npz", {"θ": np.zeros(2)}, {})
    data = (tmp_path / "c.npz").read_bytes()
    at = data.index(b"PK\x01\x02")  # the first entry of the directory; at 20 and 24 the two sizes of its member
    size = (2**31).to_bytes(4, "little")
    (tmp_path / "c.npz").write_bytes(data[: at + 20] + size + size + data[at + 28 :])
    with modest(MEGABYTE), pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint"):
        load_checkpoint(tmp_path / "c.npz")


@pytest.mark.parametrize("name", ["../θ", "/θ", "a/b", "a\\b", "C:θ", "..", "", "a b"])
def test_member_whose_name_is_a_path_is_refused_and_not_written(tmp_path, name):
    with pytest.raises(ValueError, match=r"name = .*must be identifiers"):
        save_checkpoint(tmp_path / "c.npz", {name: np.zeros(1)}, {})
    assert not list(tmp_path.iterdir())
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr(f"{name}.npy", member("(1,)", "<f8", bytes(8)))
    with pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint: .* is no name of an array"):
        load_checkpoint(tmp_path / "c.npz")
    assert [x.name for x in tmp_path.iterdir()] == ["c.npz"]


def test_array_that_is_there_twice_is_refused(tmp_path):
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        warnings.simplefilter("ignore")
        for _ in range(2):
            file.writestr("θ.npy", member("(1,)", "<f8", bytes(8)))
    with pytest.raises(ValueError, match="an array is there twice"):
        load_checkpoint(tmp_path / "c.npz")


def test_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    for name in ("checkpoint.npz", "config.toml", "metrics.csv"):
        os.mkfifo(tmp_path / name)
    for load in (load_checkpoint, load_policy):
        with pytest.raises(ValueError, match=r"checkpoint\.npz is not a whole checkpoint"):
            load(tmp_path / "checkpoint.npz")
    for load in (read_configuration, read_metrics, resume):
        with pytest.raises(FileNotFoundError, match="holds no run"):
            load(tmp_path)


@pytest.mark.parametrize("call", [resume, evaluate_run, film])
def test_id_that_names_a_module_in_a_file_is_not_imported_unless_that_is_allowed(tmp_path, monkeypatch, call):
    run(Configuration({"env": "SimpleRegulator", "updates": 1, "trajectories": 5}), tmp_path / "run")
    module = f"harmful_{call.__name__}"
    (tmp_path / f"{module}.py").write_text("import os\nos.mkdir('harm')\n")
    (tmp_path / "run" / "config.toml").write_text(f'env = "{module}:Env-v0"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=f"env = '{module}:Env-v0': names a module to import, whose code would run"):
        call(tmp_path / "run")
    assert not (tmp_path / "harm").exists()
    with pytest.raises((ValueError, gymnasium.error.NameNotFound), match="Environment `Env` doesn't exist"):
        call(tmp_path / "run", allow_imports=True)
    assert (tmp_path / "harm").exists()


def test_id_that_names_a_module_works_where_it_is_allowed():
    c = Configuration({"env": "decision_making.problems.environments:decision_making/CartPole-v0", "hidden": [4]})
    assert c.problem(allow_imports=True).observation_width == 4
    with pytest.raises(ValueError, match="env = 'no_such_module:X-v0': no environment of that id"):
        Configuration({"env": "no_such_module:X-v0"}).problem(allow_imports=True)


def test_links_in_a_folder_of_a_stranger_do_not_lead_writes_out_of_it(tmp_path):
    """A run that is resumed replaces the links in its folder; what they point to stays as it is."""
    run(Configuration({"env": "SimpleRegulator", "updates": 1, "trajectories": 5}), tmp_path / "run")
    for name in ("metrics.csv", "curve.png", "policy.npz", "checkpoint.npz", "config.toml"):
        target = tmp_path / f"outside-{name}"
        (tmp_path / "run" / name).rename(target)
        (tmp_path / "run" / name).symlink_to(target)
    before = {path: path.read_bytes() for path in tmp_path.glob("outside-*")}
    assert len(resume(tmp_path / "run", updates=2)) == 2
    assert {path: path.read_bytes() for path in tmp_path.glob("outside-*")} == before


def test_lock_of_a_sweep_that_is_a_link_is_not_followed(tmp_path):
    settings, kept = {"env": "SimpleRegulator", "updates": 1, "trajectories": 5}, tmp_path / "kept"
    kept.write_text("mine")
    sweep(settings, tmp_path / "sweep")
    (folder,) = run_folders(tmp_path / "sweep")
    (folder / "result.json").unlink()
    (folder / ".lock").unlink(missing_ok=True)
    (folder / ".lock").symlink_to(kept)
    with pytest.raises(RuntimeError, match="symbolic links"):
        sweep(settings, tmp_path / "sweep")
    assert kept.read_text() == "mine"
