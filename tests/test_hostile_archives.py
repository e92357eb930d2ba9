"""Archives of arrays that say more of themselves than there is, or other things: refused unread, by name."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.training import load_checkpoint, save_checkpoint
from tests.test_hostile_files import MEGABYTE, header, member, modest


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("archives")


def header_of(shape, descr):
    return header(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode())


def saved(x):
    buffer = io.BytesIO()
    np.save(buffer, x)
    return buffer.getvalue()


@pytest.mark.parametrize("descr", ["<U0", "|S0", "|V0", "<f0"])
@pytest.mark.parametrize("shape", ["(2000000000,)", "(1,)", "(0,)", "()"])
def test_items_of_no_size_are_refused_before_anything_is_allocated(tmp_path, descr, shape):
    """482 bytes said to be 2·10⁹ texts of no letters took 7.6 GB: NumPy copies them to one letter each."""
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr("x.npy", header_of(shape, descr))
        file.writestr("meta.json.npy", saved(np.array("{}")))
    with modest(MEGABYTE), pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint"):
        load_checkpoint(tmp_path / "c.npz")
    with pytest.raises(TypeError, match=r"x has dtype <U0: a checkpoint holds plain arrays"):
        save_checkpoint(tmp_path / "c.npz", {"x": np.ndarray((3,), "U0")}, {})


@given(
    st.sampled_from(["<f8", ">f4", "|O", "|V8", "<U3", "<U0", "<U1", "|b1", "|S0", "<c16", "<f0", "<U1000000000"]),
    st.lists(st.sampled_from([0, 1, 2, 3, 1000, 10**6, 10**9, 2**31, 2**62, 2**64, 10**30]), max_size=40),
    *(st.booleans(), st.integers(0, 1 << 16), st.integers(0, 3)),
)
def test_random_header_takes_no_more_memory_than_the_file_is_long(place, descr, shape, in_columns, size, extra):
    """But for the 8 MB that are promised too; what is let in has the bytes that the header says."""
    text = f"{{'descr': '{descr}', 'fortran_order': {in_columns}, 'shape': {tuple(shape)}, }}"
    path = place / "header.npz"
    with zipfile.ZipFile(path, "w") as file:
        for i in range(extra + 1):
            file.writestr(f"x{i}.npy", header(text.encode() + b"\n") + bytes(size))
        file.writestr("meta.json.npy", saved(np.array("{}")))
    with modest(path.stat().st_size + 8 * MEGABYTE):
        try:
            arrays, _ = load_checkpoint(path)
        except ValueError:
            return
    assert all(x.nbytes == size for x in arrays.values())


@pytest.mark.parametrize("megabytes", [1, 40])
def test_whole_checkpoint_takes_no_more_memory_than_it_is_long(tmp_path, megabytes):
    x = np.random.default_rng(0).normal(size=(2, megabytes << 16))
    save_checkpoint(
        tmp_path / "c.npz", {"x": x, "turned": np.asfortranarray(x[:, :100]), "big": x[:, :3].astype(">f8")}, {}
    )
    with modest((tmp_path / "c.npz").stat().st_size + 8 * MEGABYTE):
        arrays, _ = load_checkpoint(tmp_path / "c.npz")
    for name, y in {"x": x, "turned": x[:, :100], "big": x[:, :3]}.items():
        np.testing.assert_array_equal(arrays[name], y)
    assert arrays["x"].flags.writeable


@pytest.mark.parametrize("n", [2000, 60_000])
def test_directory_of_many_members_is_refused_unread(tmp_path, n):
    """What Python keeps of each is many times longer than it is in the file."""
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        for i in range(n):
            file.writestr(f"x{i}.npy", b"")
    with modest(4 * MEGABYTE), pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint"):
        load_checkpoint(tmp_path / "c.npz")


def test_meta_of_many_values_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr("meta.json.npy", saved(np.array('{"x": [' + "[]," * 10**6 + "1]}")))
    with modest(32 * MEGABYTE), pytest.raises(ValueError, match=r"meta\.json must be one text of at most 262144"):
        load_checkpoint(tmp_path / "c.npz")
    with pytest.raises(TypeError, match="meta of 1000023 characters"):
        save_checkpoint(tmp_path / "d.npz", {}, {"x": "x" * 10**6})


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 3000, "[" * 9000, "{" * 190, "-" * 9000 + "1", "1+" * 4000 + "1", "x." * 4000 + "x"),
        *("{'descr': " + "(" * 199 + ")" * 199 + ", 'fortran_order': False, 'shape': (), }", "not " * 2000 + "1"),
        *("", "\x00", "'\\x00'"),
    ],
    ids=lambda x: x[:12],
)
@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00"])
def test_deeply_nested_header_is_refused_by_name(tmp_path, text, version):
    """Nothing of it is evaluated; NumPy would hand it to Python's parser."""
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr("θ.npy", header(text.encode() + b"\n", version))
    with modest(), pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint: θ has no header of numbers"):
        load_checkpoint(tmp_path / "c.npz")


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0x80000000, 0xD800, 0xDFFF])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["x", "meta.json"])
def test_text_that_is_not_unicode_is_refused_by_name(tmp_path, code, order, name):
    payload = code.to_bytes(4, "little" if order == "<" else "big")
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as file:
        file.writestr(f"{name}.npy", member("()", f"{order}U1", payload))
    with modest(), pytest.raises(ValueError, match=rf"c\.npz is not a whole checkpoint: {name} has texts that are not"):
        load_checkpoint(tmp_path / "c.npz")


def test_text_that_is_not_unicode_is_not_written(tmp_path):
    with pytest.raises(TypeError, match="x has texts that are not Unicode"):
        save_checkpoint(tmp_path / "c.npz", {"x": np.array(["\ud800"])}, {})
    with pytest.raises(TypeError, match="meta: "):
        save_checkpoint(tmp_path / "c.npz", {}, {"x": "\ud800"})
    assert not list(tmp_path.iterdir())
