"""Learnt models on disk: what is written is read, what a stranger wrote is refused, naming the file and the entry."""

import numpy as np
import pytest

import decision_making as dm
from decision_making.problems import HexWorld
from decision_making.training import load_checkpoint, save_checkpoint

P = HexWorld()
R = P.R.array
LINEAR = dm.LinearQ(lambda s: np.stack([s, s * 0 + 1], axis=-1), 6)
REPLAY = dm.ReplayGradientQLearning(6, 0.9, LINEAR, None, np.zeros(12), 0.1, capacity=5, m=1, m_grad=2)
SETTINGS = {
    "Q-learning": dm.QLearning(25, 6, 0.9, 0.1),
    "Sarsa(λ)": dm.SarsaLambda(25, 6, 0.9, 0.1, 0.9),
    "counts": dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.PrioritizedUpdate(3)),
    "sparse": dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.PrioritizedUpdate(3), sparse=True),
    "R-MAX": dm.RmaxMDP(25, 6, 0.9, dm.PrioritizedUpdate(3), 2, 10.0),
    "Bayes": dm.BayesianMDP(25, 6, 1.0, R, 0.9, dm.PrioritizedUpdate(2)),
    "replay": REPLAY,
}


def learnt(name, batch):
    return dm.learn(P, dm.start(SETTINGS[name], batch), dm.EpsilonGreedyExploration(0.3), 30, rng=0, episode=10)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_model_is_read_as_it_was_written_and_goes_on_alike(name, tmp_path):
    for batch in ((),) if name == "sparse" else ((), (2, 2)):
        model, τs = learnt(name, batch)
        dm.save_model(tmp_path / "model.npz", model)
        found = dm.load_model(tmp_path / "model.npz", SETTINGS[name])
        assert type(found) is type(model)
        for one, other in ((model, found), (dm.replay(model, τs, rng=1), dm.replay(found, τs, rng=1))):
            for a, b in zip(one.arrays().values(), other.arrays().values(), strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_bandit_model_is_read(tmp_path):
    model = dm.update(dm.start(dm.BetaPrior(3), 4), [0, 1, 2, 0], 1.0)
    dm.save_model(tmp_path / "model.npz", model)
    np.testing.assert_array_equal(dm.load_model(tmp_path / "model.npz", dm.BetaPrior(3)).α, model.α)


def changed(path, **entries):
    arrays, meta = load_checkpoint(path)
    for name, x in entries.items():
        if x is None:
            del arrays[name]
        else:
            arrays[name] = x(arrays[name].copy()) if callable(x) else x
    save_checkpoint(path, arrays, meta)


def put(i, x):
    def change(array):
        array[i] = x
        return array

    return change


WRONG = {
    "Q is missing": ("Q-learning", {"Q": None}, "'Q' is missing"),
    "another shape": ("Q-learning", {"Q": np.zeros((2, 2))}, "Q has shape"),
    "another type": ("Q-learning", {"Q": np.zeros((25, 6), int)}, "Q has dtype"),
    "NaN": ("Q-learning", {"Q": np.full((25, 6), np.nan)}, "Q holds nan"),
    "an entry too many": ("Q-learning", {"more": np.zeros(1)}, "'more'"),
    "k is missing": ("Q-learning", {"k": None}, "k is not there"),
    "k below 0": ("Q-learning", {"k": np.array(-1)}, "k holds -1"),
    "a state that is not": ("Sarsa(λ)", {"last_s": np.array(25)}, "last_s holds 25"),
    "an action that is not": ("Sarsa(λ)", {"last_a": np.array(6)}, "last_a holds 6"),
    "negative counts": ("counts", {"N": put((0, 0, 0), -1.0)}, "N holds -1"),
    "counts that do not add up": ("counts", {"N": put((0, 0, 0), 100.0)}, "n is not the sum of N"),
    "a row of zeros": ("Bayes", {"D": put((0, 0), 0.0)}, "D has a row of zeros"),
    "an endless list": (
        "sparse",
        {"next_of_pair": np.zeros_like},
        "next_of_pair leads to no entry before",
    ),
    "a list into nothing": ("sparse", {"first_to": put(0, 1000)}, "first_to .*leads to no entry"),
    "an entry of no pair": ("sparse", {"pair": put(0, 150)}, "an entry is of no pair"),
    "an entry to no state": ("sparse", {"s_next": put(0, 25)}, "leads to no state"),
    "counts of entries": ("sparse", {"N": put(0, 7.0)}, "n is not the sum of N"),
    "a place beyond the ring": ("replay", {"first": np.array(5)}, "beyond the capacity 5"),
    "an action not listed": ("replay", {"a": np.full(5, 9)}, "action that is not in the list"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_in_a_file_is_one_error_that_names_it(what, tmp_path):
    name, entries, said = WRONG[what]
    path = tmp_path / "model.npz"
    dm.save_model(path, learnt(name, ())[0])
    changed(path, **entries)
    with pytest.raises(ValueError, match=said) as raised:
        dm.load_model(path, SETTINGS[name])
    assert str(path) in str(raised.value)


def test_files_that_are_no_models_of_these_settings(tmp_path):
    path = tmp_path / "model.npz"
    dm.save_model(path, learnt("Q-learning", ())[0])
    with pytest.raises(ValueError, match="model = 'QTable': must be 'TracesTable'"):
        dm.load_model(path, SETTINGS["Sarsa(λ)"])
    with pytest.raises(ValueError, match="Q has shape"):
        dm.load_model(path, dm.QLearning(24, 6, 0.9, 0.1))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        dm.load_model(path, SETTINGS["Q-learning"])
    with pytest.raises(FileNotFoundError):
        dm.load_model(tmp_path / "nothing.npz", SETTINGS["Q-learning"])
    with pytest.raises(TypeError, match="model = 3"):
        dm.save_model(path, 3)


@pytest.mark.parametrize(("name", "size"), [("last_s", 3), ("last_a", 2)])
def test_a_saved_step_of_a_state_or_action_that_the_table_has_not_is_refused(name, size, tmp_path):
    path = tmp_path / "sarsa.npz"
    M = dm.Sarsa(3, 2, 0.9, 0.1)
    dm.save_model(path, dm.start(M))
    with np.load(path) as file:
        arrays = dict(file)
    for value, said in ((size - 1, None), (size, f"{name} holds {size}: must be below {size}")):
        arrays[name] = np.full_like(arrays[name], value)
        np.savez(path, **arrays)
        if said is None:
            assert getattr(dm.load_model(path, M), name) == value
        else:
            with pytest.raises(ValueError, match=said):
                dm.load_model(path, M)
