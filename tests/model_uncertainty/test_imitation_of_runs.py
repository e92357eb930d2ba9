"""`decision-making imitate`: a trained policy is the expert, and the learner's folder is that of a policy."""

import numpy as np
import pytest

from decision_making.model_uncertainty.imitation_learning.runs import imitate
from decision_making.problems import GymnasiumProblem
from decision_making.training import Configuration, load_policy, runs, save_policy
from decision_making.training.runs import evaluate_run, run


@pytest.fixture(scope="module")
def hexes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "hex"
    run(Configuration({"env": "StraightLineHexWorld", "updates": 15, "trajectories": 300, "depth": 10}), folder)
    return folder


@pytest.fixture(scope="module")
def cart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cart"
    settings = {"env": "CartPole-v1", "updates": 4, "steps_per_update": 256, "hidden": [8], "n_envs": 4}
    run(Configuration(settings | {"normalize_observations": True}), folder)
    return folder


@pytest.fixture(scope="module")
def pendulum(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "pendulum"
    settings = {"env": "Pendulum-v1", "updates": 2, "steps_per_update": 256, "hidden": [8], "n_envs": 4}
    run(Configuration(settings | {"normalize_observations": True}), folder)
    return folder


@pytest.mark.parametrize("method", ["cloning", "dagger", "gail"])
def test_learners_of_a_table_come_to_the_expert(hexes, method):
    said = []
    found = imitate(hexes, method, rounds=3 if method == "dagger" else 10, episodes=50, said=said.append)
    expert = evaluate_run(hexes, 50)
    assert found.expert_return.returns.tolist() == expert.returns.tolist()
    assert found.learner_return.mean > 0.9 * found.expert_return.mean
    kept = evaluate_run(hexes / f"imitation-{method}", 50)
    assert kept.returns.tolist() == found.learner_return.returns.tolist()
    assert len(said) == {"cloning": 0, "dagger": 3, "gail": 1}[method]
    assert "the expert's" in str(found)


@pytest.mark.parametrize("method", ["cloning", "dagger", "gail"])
def test_networks_on_gymnasium_see_what_the_expert_saw(cart, method, tmp_path):
    found = imitate(cart, method, demonstrations=3, rounds=2, episodes=2, seed=1, out=tmp_path)
    expert, learner = load_policy(cart / "policy.npz"), load_policy(tmp_path / "policy.npz")
    for name, x in expert.statistics.items():
        np.testing.assert_array_equal(learner.statistics[name], x)
    assert not np.array_equal(learner.θ, expert.θ)
    again = imitate(cart, method, demonstrations=3, rounds=2, episodes=2, seed=1, out=tmp_path)
    assert again.learner.θ.tolist() == found.learner.θ.tolist()


def test_a_learner_does_not_go_into_the_folder_of_a_run_or_a_sweep(cart, tmp_path):
    for files, said in (
        (("config.toml",), "holds a run already"),
        (("config.toml", "policy.npz", "metrics.csv"), "holds a run already"),
        (("checkpoint.npz",), "holds the checkpoint of another run"),
        (("sweep.csv",), "holds a sweep"),
    ):
        folder = tmp_path / "-".join(files)
        folder.mkdir()
        for name in files:
            (folder / name).touch()
        with pytest.raises(FileExistsError, match=said):
            imitate(cart, "cloning", out=folder)
    with pytest.raises(FileExistsError, match="holds a run already"):
        imitate(cart, "cloning", out=cart)


@pytest.mark.parametrize("method", ["cloning", "dagger", "gail"])
def test_learners_of_real_actions_take_what_the_expert_takes(pendulum, method, tmp_path):
    """The mean action of a Gaussian head nears the expert's; of its deviation the data know, too."""
    found = imitate(pendulum, method, demonstrations=4, rounds=2, episodes=2, seed=1, out=tmp_path)
    expert, learner = load_policy(pendulum / "policy.npz"), load_policy(tmp_path / "policy.npz")
    s, a, _ = found.demonstrations.flat()
    assert a.shape == (800, 1)
    off = learner.π.mode(learner.θ, s) - expert.π.mode(expert.θ, s)
    assert abs(off).mean() < 0.25 * a.std()
    assert abs(learner.θ[-1] - expert.θ[-1]) < 0.2  # logarithms of the standard deviation
    assert found.learner_return.mean < 0


def test_adversarial_rounds_begin_with_cloning_or_from_scratch(pendulum, tmp_path):
    options = {"demonstrations": 2, "rounds": 1, "episodes": 2, "seed": 1}
    cloned = imitate(pendulum, "cloning", **options, out=tmp_path / "a").learner.θ
    warm = imitate(pendulum, "gail", **options, out=tmp_path / "b").learner.θ
    cold = imitate(pendulum, "gail", **options, from_scratch=True, out=tmp_path / "c").learner.θ
    assert np.linalg.norm(warm - cloned) < 0.3 * np.linalg.norm(cold - cloned)
    assert not np.array_equal(warm, cloned)
    with pytest.raises(ValueError, match="from_scratch = 1: must be True or False"):
        imitate(pendulum, "gail", from_scratch=1)


def test_experts_that_do_not_suit_their_run_are_refused(cart, tmp_path):
    (tmp_path / "config.toml").write_text((cart / "config.toml").read_text())
    with GymnasiumProblem("CartPole-v1", 0.99, n_envs=1) as P:
        π = P.policy((9,))
        save_policy(tmp_path / "policy.npz", π, π.init(0), P)
    with pytest.raises(ValueError, match=r"expert\.π = .* must be the policy of its run"):
        imitate(tmp_path, "cloning")
    with pytest.raises(ValueError, match="method = 'gan': must be one of"):
        imitate(cart, "gan")
    with pytest.raises(ValueError, match="demonstrations = 0"):
        imitate(cart, "cloning", demonstrations=0)
    with pytest.raises(FileNotFoundError):
        imitate(tmp_path / "none")
    (tmp_path / "policy.npz").write_bytes(b"a stranger's")
    with pytest.raises(ValueError, match=r"policy\.npz"):
        imitate(tmp_path, "cloning")
    assert runs.read_configuration(cart)["env"] == "CartPole-v1"
