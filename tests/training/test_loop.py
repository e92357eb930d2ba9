"""The training loop on chapter-12 updates: limits, reports, checkpoints, and resuming bit for bit."""

import json

import attrs
import numpy as np
import pytest

from decision_making import (
    MDP,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PenalizedSurrogateUpdate,
    PolicyGradientUpdate,
    RewardToGoGradient,
    TrustRegionUpdate,
    rollouts,
    step,
    train,
)
from decision_making.problems import SimpleRegulator
from decision_making.training import load_checkpoint, save_checkpoint
from decision_making.training.history import METRICS

P = SimpleRegulator(0.9)
π = LinearGaussianPolicy()
M = TrustRegionUpdate(P, P.b, 10, 100, 0.1, 0.5)


def same(a, b, but=("seconds", "steps_per_second")):
    np.testing.assert_array_equal(a.θ, b.θ)
    np.testing.assert_array_equal(a.returns, b.returns)
    for name in METRICS:
        if name not in but:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_training_learns_and_reports():
    history = train(M, π, [0, 1], rng=0, updates=15)
    assert len(history) == 15
    assert history.steps == 15 * 10 * 100
    assert history.reason == "stopped by updates = 15"
    assert history["return_mean"][-1] > history["return_mean"][0] / 5
    assert (history["kl"][history["accepted"] == 1] <= 0.1).all()
    assert (history["return_min"] <= history["return_median"]).all()
    assert (history["return_median"] <= history["return_max"]).all()
    assert (history["episode_length"] == 10).all()
    assert len(history.returns) == 15 * 100
    assert history.mean_return() == pytest.approx(history["return_mean"][-1])


def test_an_update_of_a_run_is_a_step_on_the_same_trajectories():
    taken = []
    history = train(M, π, [0, 1], rng=0, updates=1, callbacks=[lambda row, s: taken.append(s)])
    np.testing.assert_array_equal(history.θ, taken[0].θ)
    assert history["kl"][0] == taken[0].kl


@pytest.mark.parametrize(
    ("limits", "updates"), [({"updates": 3}, 3), ({"steps": 2500}, 3), ({"steps": 3000}, 3), ({"steps": 3001}, 4)]
)
def test_limits(limits, updates):
    assert len(train(M, π, [0, 1], rng=0, **limits)) == updates


def test_threshold_is_the_mean_of_the_last_episodes():
    history = train(M, π, [0, 1], rng=0, threshold=-1.0, window=50, updates=200)
    assert history.mean_return(50) >= -1.0
    assert "threshold" in history.reason
    without_the_last = history.returns[: -M.m]
    assert np.mean(without_the_last[-50:]) < -1.0


def test_seconds_and_callbacks_stop_a_run():
    assert "seconds" in train(M, π, [0, 1], rng=0, seconds=1e-6).reason
    seen = []
    history = train(
        M, π, [0, 1], rng=0, updates=9, callbacks=[lambda row, s: seen.append(row["update"]) or len(seen) == 4]
    )
    assert seen == [1, 2, 3, 4]
    assert history.reason == "stopped by a callback"


@pytest.mark.parametrize("answer", [None, False, np.False_, 5, "no", np.nan, {"kl": 0.1}, np.ones(3)], ids=repr)
def test_a_callback_that_answers_anything_but_true_does_not_stop_a_run(answer):
    assert len(train(M, π, [0, 1], rng=0, updates=3, callbacks=[lambda row, s: answer])) == 3
    assert len(train(M, π, [0, 1], rng=0, updates=3, callbacks=[lambda row, s: answer, lambda row, s: np.True_])) == 1


def test_same_seed_same_run_and_no_global_state():
    same(train(M, π, [0, 1], rng=3, updates=4), train(M, π, [0, 1], rng=3, updates=4))
    other = train(M, π, [0, 1], rng=4, updates=4)
    assert not np.array_equal(other.θ, train(M, π, [0, 1], rng=3, updates=4).θ)
    generator = train(M, π, [0, 1], rng=np.random.default_rng(5), updates=2)
    same(generator, train(M, π, [0, 1], rng=generator.seed, updates=2))


@pytest.mark.parametrize("stopped_at", [1, 4, 5, 6, 10, 13])
def test_resumed_run_is_the_run_that_never_stopped(tmp_path, stopped_at):
    whole = train(M, π, [0, 1], rng=3, updates=14, checkpoint_every=5)
    train(M, π, [0, 1], rng=3, updates=stopped_at, checkpoint_every=5, folder=tmp_path)
    same(train(M, π, [0, 1], updates=14, checkpoint_every=5, folder=tmp_path, resume=True), whole)


def test_adaptive_β_goes_on_over_updates_and_checkpoints(tmp_path):
    adaptive = PenalizedSurrogateUpdate(P, P.b, 10, 50, 1.0, 1e-3, 3, kl_target=1e-4)
    βs = []
    whole = train(adaptive, π, [0, 1], rng=1, updates=6, callbacks=[lambda row, s: βs.append(s.β)], checkpoint_every=3)
    assert len(set(βs)) > 1
    train(adaptive, π, [0, 1], rng=1, updates=4, folder=tmp_path, checkpoint_every=3)
    same(train(adaptive, π, [0, 1], updates=6, folder=tmp_path, checkpoint_every=3, resume=True), whole)


def test_updates_that_simulate_themselves_can_be_trained():
    history = train(PolicyGradientUpdate(RewardToGoGradient(P, P.b, 10, 50), 1e-3), π, [0, 1], rng=0, updates=3)
    assert len(history) == 3
    assert not np.array_equal(history.θ, [0, 1])


def test_environment_that_turns_nan_stops_the_run_and_leaves_the_checkpoint(tmp_path):
    calls = []

    def TR(s, a, rng):
        calls.append(1)
        s_next, r = P.TR(s, a, rng)
        return s_next, r * (np.nan if len(calls) > 75 else 1)

    broken = NaturalPolicyUpdate(MDP(0.9, None, None, None, None, TR), P.b, 10, 20, 0.01)
    with pytest.raises(ValueError, match="reward of trajectory 0, step 5 "):
        train(broken, π, [0, 1], rng=0, updates=50, folder=tmp_path, checkpoint_every=2)
    arrays, meta = load_checkpoint(tmp_path / "checkpoint.npz")
    assert meta["update"] == 6
    mended = attrs.evolve(broken, P=P)
    assert len(train(mended, π, [0, 1], updates=9, folder=tmp_path, checkpoint_every=2, resume=True)) == 9
    assert np.isfinite(arrays["θ"]).all()


def test_interrupt_passes_through_and_the_run_can_be_resumed(tmp_path):
    def interrupt(row, s):
        if row["update"] == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(M, π, [0, 1], rng=3, updates=14, checkpoint_every=5, folder=tmp_path, callbacks=[interrupt])
    whole = train(M, π, [0, 1], rng=3, updates=14, checkpoint_every=5)
    same(train(M, π, [0, 1], updates=14, checkpoint_every=5, folder=tmp_path, resume=True), whole)


def test_history_names_its_metrics_and_writes_them(tmp_path):
    history = train(M, π, [0, 1], rng=0, updates=2)
    with pytest.raises(KeyError, match="return_mean"):
        history["reward"]
    history.to_csv(tmp_path / "metrics.csv")
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0] == ",".join(METRICS)
    assert len(lines) == 3
    assert float(lines[2].split(",")[METRICS.index("kl")]) == history["kl"][1]


# ---- checkpoints


def test_checkpoint_round_trip(tmp_path):
    arrays, meta = {"θ": np.arange(3.0), "empty": np.empty((0, 2))}, {"seed": 2**62, "name": "φ", "none": None}
    save_checkpoint(tmp_path / "deep" / "c.npz", arrays, meta)
    loaded, loaded_meta = load_checkpoint(tmp_path / "deep" / "c.npz")
    assert loaded_meta == meta
    for name, x in arrays.items():
        np.testing.assert_array_equal(loaded[name], x)
        assert loaded[name].dtype == x.dtype
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["c.npz"]


def test_failed_write_leaves_the_old_checkpoint_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    save_checkpoint(path, {"θ": np.zeros(3)}, {"update": 1})
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"θ": np.ones(3)}, {"update": 2})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


def test_objects_are_not_written(tmp_path):
    with pytest.raises(TypeError, match="θ has dtype object"):
        save_checkpoint(tmp_path / "c.npz", {"θ": np.array([print])}, {})
    assert not list(tmp_path.iterdir())


def test_truncated_or_flipped_checkpoint_is_refused_or_read_right(tmp_path):
    path = tmp_path / "c.npz"
    save_checkpoint(path, {"θ": np.arange(30.0)}, {"update": 1})
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"c\.npz is not a whole checkpoint"):
            load_checkpoint(path)
    for i in range(0, len(whole), 11):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x10]) + whole[i + 1 :])
        refusal, read = None, None
        try:
            read = load_checkpoint(path)
        except ValueError as error:
            refusal = str(error)
        if read is None:
            assert "c.npz is not a whole checkpoint" in refusal
        else:  # a flip in what the format does not use, or in the name of an array
            assert read[1] == {"update": 1}
            np.testing.assert_array_equal(*(list(read[0].values())), np.arange(30.0))


def test_missing_file_and_foreign_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.npz")
    np.savez(tmp_path / "foreign.npz", θ=np.zeros(2))
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        load_checkpoint(tmp_path / "foreign.npz")
    save_checkpoint(tmp_path / "checkpoint.npz", {"x": np.zeros(2)}, json.loads("{}"))
    with pytest.raises(ValueError, match="not a checkpoint of a run"):
        train(M, π, [0, 1], updates=1, folder=tmp_path, resume=True)


def test_checkpoint_of_another_policy_is_refused(tmp_path):
    train(M, π, [0, 1], rng=0, updates=1, folder=tmp_path)
    arrays, meta = load_checkpoint(tmp_path / "checkpoint.npz")
    save_checkpoint(tmp_path / "checkpoint.npz", arrays | {"θ": np.zeros(5)}, meta)
    with pytest.raises(ValueError, match=r"θ has shape \(5,\): must be \(2,\)"):
        train(M, π, [0, 1], updates=2, folder=tmp_path, resume=True)


def test_checkpoint_of_another_run_is_not_overwritten(tmp_path):
    train(M, π, [0, 1], rng=0, updates=1, folder=tmp_path)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    with pytest.raises(FileExistsError, match=r"holds the checkpoint of a run: give resume=True, or choose another"):
        train(M, π, [0, 1], rng=1, updates=1, folder=tmp_path)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


def test_step_on_the_collected_trajectories_is_the_step_of_the_loop():
    rng = np.random.default_rng(0)
    τs = rollouts(P, P.b, π, np.array([0.0, 1.0]), M.d, M.m, rng)
    assert step(M, π, [0, 1], τs=τs).accepted
