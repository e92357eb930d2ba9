"""Checkpoints that are whole and wrong, made by hand: any edit of any entry is refused by name, or harmless."""

import itertools
import math
import shutil

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decision_making.problems import GymnasiumProblem
from decision_making.training import (
    Configuration,
    History,
    load_checkpoint,
    load_policy,
    resume,
    run,
    save_checkpoint,
    save_policy,
)
from decision_making.training.history import METRICS
from decision_making.training.runs import read_metrics

pytestmark = pytest.mark.usefixtures("no_pictures")

RUNS = {
    "regulator": {"env": "SimpleRegulator", "updates": 6, "trajectories": 10, "checkpoint_every": 2},
    "penalized": {
        **{"env": "SimpleRegulator", "update": "penalized", "updates": 6, "trajectories": 10, "checkpoint_every": 2},
        "kl_target": 0.01,
    },
    "cart pole": {
        **{"env": "CartPole-v1", "updates": 6, "checkpoint_every": 2, "steps_per_update": 32, "n_envs": 2},
        **{"hidden": [4], "normalize_observations": True, "scale_rewards": True},
    },
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folders of runs that were stopped after update 5, their last checkpoint after update 4."""

    def stop(row, taken):
        if row["update"] == 5:
            raise KeyboardInterrupt

    folders = {}
    for name, configuration in RUNS.items():
        folders[name] = tmp_path_factory.mktemp("stopped") / "run"
        with pytest.raises(KeyboardInterrupt):
            run(Configuration(configuration), folders[name], callbacks=[stop])
    return folders


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def outcome(stopped, place, edit):
    """What resuming does after an edit of the checkpoint: a History, or the refusal; all files as they were then."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(stopped, place)
    file = place / "checkpoint.npz"
    arrays, meta = load_checkpoint(file)
    with np.errstate(all="ignore"):
        edit(arrays, meta)
    save_checkpoint(file, arrays, meta)
    before = contents(place)
    said = None
    try:
        history = resume(place)
    except ValueError as error:
        said = str(error)
    if said is None:
        assert_sound(place, history)
        return history
    if said.startswith(str(file)):
        assert contents(place) == before
    else:  # finite parameters may be so large that soon nothing is finite any more: that is named, as in any run
        assert "must be finite" in said
        load_checkpoint(file)
        load_policy(place / "policy.npz")
    return said


def assert_sound(folder, history):
    """Finished, and nothing in it that is not finite."""
    assert isinstance(history, History)
    assert len(history) == 6
    assert np.isfinite(history.θ).all()
    assert history["update"].tolist() == read_metrics(folder)["update"] == [1, 2, 3, 4, 5, 6]
    policy = load_policy(folder / "policy.npz")
    assert all(np.isfinite(x).all() for x in (policy.θ, *policy.statistics.values()))


def first(value):
    """An edit of the first number of an array."""

    def edit(x):
        x = np.array(x)
        x.reshape(-1)[0] = value
        return x

    return edit


SHAPES = {
    "longer": lambda x: np.append(x, x.reshape(-1)[:1]),
    "shorter": lambda x: x.reshape(-1)[1:],
    "empty": lambda x: x.reshape(-1)[:0],
    "an axis more": lambda x: x[None],
    "one number": lambda x: x.reshape(-1)[0] if x.ndim else x.reshape(1),
    "doubled": lambda x: np.stack([x, x]),
}
DTYPES = {
    "another float": lambda x: x.astype(np.float64 if x.dtype == np.float32 else np.float32),
    "whole": lambda x: x.astype(np.float64).astype(np.int32),
    "complex": lambda x: x.astype(complex),
    "truth": lambda x: x.astype(bool),
    "text": lambda x: x.astype(str),
    "turned": lambda x: x.astype(x.dtype.newbyteorder()),
}
NUMBERS = {"nan": first(math.nan), "inf": first(math.inf), "-inf": first(-math.inf)}
META = [None, True, "x", "", -1, 1.5, math.nan, math.inf, -math.inf, [], {}, [1], 10**30]


def entries(name):
    arrays = ["θ", "rows", "returns"]
    if name == "cart pole":
        kept = ("steps", *(f"{a}_{b}" for a in ("observed", "returned") for b in ("count", "mean", "variance")))
        arrays += ["φ", *(f"problem.{x}" for x in kept)]
    return arrays


WRONG_ARRAYS = [
    (name, entry, kind)
    for name in RUNS
    for entry in entries(name)
    for kind in [*SHAPES, *DTYPES, *NUMBERS, "missing", "renamed"]
    if not (kind in NUMBERS and entry in ("problem.steps", "rows"))  # whole numbers; NaN may stand in a row
]


@pytest.mark.parametrize("name", RUNS)
def test_every_wrong_array_of_a_checkpoint_is_refused_by_its_name_and_nothing_is_written(tmp_path, stopped, name):
    for _, entry, kind in (x for x in WRONG_ARRAYS if x[0] == name):

        def edit(arrays, meta, entry=entry, kind=kind):
            x = arrays.pop(entry)
            if kind == "renamed":
                arrays[f"{entry}_"] = x
            elif kind != "missing":
                arrays[entry] = {**SHAPES, **DTYPES, **NUMBERS}[kind](x)

        said = outcome(stopped[name], tmp_path / "run", edit)
        assert isinstance(said, str), (entry, kind)
        assert entry in said, (entry, kind)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("entry", ["seed", "update", "steps", "seconds", "β", "metrics"])
def test_every_wrong_number_of_a_checkpoint_is_refused_by_its_name_and_nothing_is_written(
    tmp_path, stopped, name, entry
):
    for value in [*META, "missing"]:
        if entry == "β" and (value == 1.5 if name == "penalized" else value is None):
            continue  # which it may be

        def edit(arrays, meta, value=value):
            meta.pop(entry)
            if value != "missing":
                meta[entry] = value

        said = outcome(stopped[name], tmp_path / "run", edit)
        assert isinstance(said, str), value
        assert entry in said, value


ROWS = [
    *(("update", x) for x in (0.0, 2.0, 1.5, -1.0, math.nan, math.inf)),
    *(("steps", x) for x in (-1.0, 1e9, math.nan, math.inf)),
    *(("seconds", x) for x in (-1.0, 1e9, math.nan, math.inf)),
    *(("episodes", x) for x in (-1.0, 1e9, 0.5, math.nan, math.inf)),
    *(("accepted", x) for x in (-1.0, 0.5, 2.0, math.nan)),
]


@pytest.mark.parametrize("name", RUNS)
def test_every_wrong_row_of_a_checkpoint_is_refused_by_name(tmp_path, stopped, name):
    for column, value in ROWS:

        def edit(arrays, meta, column=column, value=value):
            arrays["rows"][0, METRICS.index(column)] = value

        said = outcome(stopped[name], tmp_path / "run", edit)
        assert isinstance(said, str), (column, value)
        assert "rows" in said, (column, value)


STATISTICS = [
    *((f"problem.{x}_count", value) for x in ("observed", "returned") for value in (-1.0, 1e300)),
    *((f"problem.{x}_variance", -1.0) for x in ("observed", "returned")),
    *((f"problem.{x}_mean", value) for x in ("observed", "returned") for value in (1e200, -1e200)),
    ("problem.observed_variance", 1e100),
    ("problem.returned_variance", 1e300),
    ("problem.steps", -1),
]


@pytest.mark.parametrize(("entry", "value"), STATISTICS)
def test_statistics_that_no_problem_can_have_are_refused_by_name(tmp_path, stopped, entry, value):
    said = outcome(
        stopped["cart pole"], tmp_path / "run", lambda arrays, meta: arrays.update({entry: first(value)(arrays[entry])})
    )
    assert isinstance(said, str)
    assert f"{entry} holds {value:g}"[:20] in said.replace(".0:", ":")


def test_penalty_that_no_update_leaves_is_refused_by_name(tmp_path, stopped):
    for β in (-1.0, 0.0, 1e-7, 1e7):
        said = outcome(stopped["penalized"], tmp_path / "run", lambda arrays, meta, β=β: meta.update(β=β))
        assert isinstance(said, str)
        assert f"β = {β!r}: must be from 1e-06 to 1e+06 in this run" in said
    said = outcome(stopped["regulator"], tmp_path / "run", lambda arrays, meta: meta.update(β=1.0))
    assert "β = 1.0: must be None in this run" in said


def test_checkpoint_of_another_seed_is_refused_by_name(tmp_path, stopped):
    said = outcome(stopped["regulator"], tmp_path / "run", lambda arrays, meta: meta.update(seed=1))
    assert "seed = 1: must be 0 in this run" in said


# ---- any edits at all


any_number = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, math.nan, math.inf, 1e-300, 1e30, 1e154, 1e300, -1e300, 2.0**60]),
    st.floats(allow_nan=True, allow_infinity=True),
)
any_value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.integers(),
    any_number,
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)


@st.composite
def edits(draw):
    """A few changes of arrays and of meta, each of a kind of its own."""
    kinds = {**SHAPES, **DTYPES, **NUMBERS}
    one = st.one_of(
        st.tuples(st.just("array"), st.integers(0, 20), st.sampled_from(sorted(kinds))),
        st.tuples(st.just("number"), st.integers(0, 20), st.integers(0, 10**6), any_number),
        st.tuples(st.just("meta"), st.integers(0, 20), any_value),
        st.tuples(st.just("swap"), st.integers(0, 20), st.integers(0, 20)),
        st.tuples(st.just("new"), st.sampled_from(["x", "φ", "problem.x", "θ_", "β"]), st.booleans()),
    )
    changes = draw(st.lists(one, min_size=1, max_size=2))

    def edit(arrays, meta):
        for kind, which, *how in changes:
            names = sorted(arrays)
            if kind == "new":
                (meta if how[0] else arrays)[which] = 1.0 if how[0] else np.ones(2)
                continue
            name = names[which % len(names)]
            if kind == "array" and arrays[name].size and arrays[name].dtype.kind == "f":
                arrays[name] = kinds[how[0]](arrays[name])
            elif kind == "number" and arrays[name].size and arrays[name].dtype.kind in "fi":
                x = np.array(arrays[name])
                limit = np.finfo(x.dtype).max if x.dtype.kind == "f" else 2.0**30
                value = how[1] if x.dtype.kind == "f" or math.isfinite(how[1]) else 0.0
                x.reshape(-1)[how[0] % x.size] = value if not math.isfinite(value) else np.clip(value, -limit, limit)
                arrays[name] = x
            elif kind == "swap":
                other = names[how[0] % len(names)]
                arrays[name], arrays[other] = arrays[other], arrays[name]
            elif kind == "meta":
                meta[sorted(meta)[which % len(meta)]] = how[0]

    return edit


@pytest.mark.parametrize("name", RUNS)
@given(edit=edits())
def test_any_edit_of_a_checkpoint_is_refused_by_name_or_harmless(stopped, name, edit):
    outcome(stopped[name], stopped[name].parent / "edited", edit)


# ---- policies


@pytest.mark.parametrize("env", ["Pendulum-v1", "CartPole-v1"])
def test_every_wrong_array_of_a_policy_is_refused_by_its_name_or_acts_as_before(tmp_path, env):
    file = tmp_path / "policy.npz"
    P = GymnasiumProblem(env, 0.9, n_envs=2, normalize_observations=True)
    π, s = P.policy((4,)), np.linspace(-1, 1, P.observation_width, dtype=np.float32)
    P.collect(π, π.init(0), 20, rng=0)
    save_policy(file, π, π.init(0), P)
    arrays, meta = load_checkpoint(file)
    if env == "CartPole-v1":
        arrays["action.start"] = np.array(0)
    acted = load_policy(file).act(s)
    refused = 0
    for entry, (kind, change) in itertools.product(arrays, {**SHAPES, **DTYPES, **NUMBERS, "new": None}.items()):
        if kind in NUMBERS and arrays[entry].dtype.kind == "i":
            continue
        with np.errstate(all="ignore"):
            changed = {"θ_": arrays["θ"]} if change is None else {entry: change(arrays[entry])}
        save_checkpoint(file, arrays | changed, meta)
        said, policy = None, None
        try:
            policy = load_policy(file)
        except ValueError as error:
            said = str(error)
        if policy is None:
            refused += 1
            assert said.startswith(f"{file} is not a saved policy: ")
            assert any(x in said for x in (*changed, "statistics", "action"))
        else:
            a = policy.act(s)
            assert np.shape(a) == np.shape(acted), (entry, kind)
            assert np.isfinite(a).all()
    assert refused > 8 * len(arrays)
