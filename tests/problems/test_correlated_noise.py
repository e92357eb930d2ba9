"""Correlated noise: an autoregressive process in a quarter of the copies, begun anew with every episode."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from decision_making import LinearCritic, TrustRegionPolicyOptimization, train
from decision_making.policies import LinearGaussianPolicy
from decision_making.problems import GymnasiumProblem
from decision_making.training import ParallelProblem
from tests.training.test_loop import same


class Still(gymnasium.Env):
    """Nothing moves; episodes of so many steps."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Box(-np.inf, np.inf, (2,))
    steps = 10**6

    def reset(self, *, seed=None, options=None):
        self.k = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.k += 1
        return np.zeros(1, np.float32), 0.0, False, self.k == self.steps, {}


class Short(Still):
    steps = 5


def noise(ρ, *, env=Still, n_envs=8, k=4000, rng=0, collects=1):
    """The noise of each copy, (copies, k, 2), of a policy with mean 0 and deviation 1."""
    P = GymnasiumProblem(env, 0.9, n_envs=n_envs, noise_correlation=ρ)
    π = P.policy((4,))
    θ = np.zeros(π.n)
    stream = np.random.default_rng(rng)
    τs = [P.collect(π, θ, n_envs * k // collects, stream) for _ in range(collects)]
    return np.concatenate([x.a[x.mask].reshape(n_envs, -1, 2) for x in τs], axis=1)


def test_a_quarter_of_the_copies_has_correlation_ρ_the_others_none_and_all_have_variance_one():
    ρ, N = 0.8, 4000
    ε = noise(ρ, k=N)
    lag = (ε[:, 1:] * ε[:, :-1]).mean(axis=1)
    assert (abs(lag[2:]) < 5 / np.sqrt(N)).all()
    wide = np.sqrt((1 + ρ**2) / (1 - ρ**2) / N)  # standard error of a mean square of the process
    assert (abs(lag[:2] - ρ) < 5 * wide).all()
    assert (abs((ε**2).mean(axis=1) - 1) < 5 * np.sqrt(2) * wide).all()
    assert (abs((ε[..., 0] * ε[..., 1]).mean(axis=1)) < 5 * wide).all()  # components are independent


@pytest.mark.parametrize("collects", [1, 4])
def test_noise_follows_its_equation_from_the_white_noise_of_the_generator(collects):
    """One batch or four: the process goes on where the last batch ended."""
    ξ = np.random.default_rng(3).standard_normal((40, 4, 2)).swapaxes(0, 1)
    expected = ξ.copy()
    for t in range(1, 40):
        expected[0, t] = 0.6 * expected[0, t - 1] + 0.8 * ξ[0, t]
    np.testing.assert_allclose(noise(0.6, n_envs=4, k=40, rng=3, collects=collects), expected, rtol=1e-12)


def test_noise_is_begun_anew_with_every_episode():
    ε = noise(0.99, env=Short, n_envs=4, k=6000)[0].reshape(-1, 5, 2)
    white = np.sqrt(1 - 0.99**2)
    assert abs(np.std(ε[:, 1:] - 0.99 * ε[:, :-1]) - white) < 0.01
    between = (ε[1:, 0] * ε[:-1, -1]).mean()
    assert abs(between) < 5 / np.sqrt(2 * len(ε))


@pytest.mark.parametrize(("n_envs", "copies"), [(1, 1), (4, 1), (5, 2), (16, 4)])
def test_share_of_copies_is_a_quarter_rounded_up(n_envs, copies):
    ε = noise(0.95, n_envs=n_envs, k=500)
    smooth = (np.diff(ε, axis=1) ** 2).mean(axis=(1, 2)) < 1
    assert smooth.tolist() == [True] * copies + [False] * (n_envs - copies)


def test_without_correlation_actions_are_those_of_the_policy():
    P = GymnasiumProblem(Still, 0.9, n_envs=4)
    π = P.policy((4,))
    θ = π.init(0, log_σ=-0.5, dtype=np.float32)
    s = np.zeros((4, 1), np.float32)
    ε = np.random.default_rng(2).standard_normal((4, 2), np.float32)
    np.testing.assert_array_equal(π(θ, s, np.random.default_rng(2)), π.perturbed(θ, s, ε))
    assert π.perturbed(θ, s, ε.astype(np.float64)).dtype == np.float32
    np.testing.assert_allclose(π.perturbed(θ, s, ε) - π.mode(θ, s), np.exp(-0.5) * ε, rtol=1e-4)


def test_choices_have_no_noise_and_are_drawn_as_without():
    found = []
    for ρ in (0.0, 0.9):
        P = GymnasiumProblem("CartPole-v1", 0.9, n_envs=4, noise_correlation=ρ, seed=1)
        π = P.policy((4,))
        found.append(P.collect(π, π.init(0), 80, rng=0).a)
    np.testing.assert_array_equal(*found)
    with pytest.raises(TypeError, match="must be a Gaussian head"):
        π.perturbed(π.init(0), np.zeros((1, 4)), np.zeros((1, 2)))


def test_policy_that_cannot_be_handed_its_noise_is_refused():
    P = GymnasiumProblem(Still, 0.9, n_envs=4, noise_correlation=0.5)
    with pytest.raises(TypeError, match=r"noise_correlation = 0.5: the policy must have perturbed"):
        P.collect(LinearGaussianPolicy(), np.array([0.0, 1.0]), 8, rng=0)


@pytest.mark.parametrize("ρ", [-0.1, 1.1, np.nan, "0.5"])
def test_correlation_that_is_none_is_refused(ρ):
    with pytest.raises(ValueError, match="noise_correlation = "):
        GymnasiumProblem(Still, 0.9, noise_correlation=ρ)


def pendulum():
    return GymnasiumProblem("Pendulum-v1", 0.9, n_envs=4, normalize_observations=True, noise_correlation=0.9)


def test_resumed_run_has_the_noise_of_the_run_that_never_stopped(tmp_path):
    def trained(folder, updates, **options):
        P = pendulum()
        M, π = TrustRegionPolicyOptimization(P, 200, LinearCritic(3)), P.policy((4,))
        return train(M, π, π.init(0), np.zeros(7), rng=5, updates=updates, folder=folder, checkpoint_every=2, **options)

    whole = trained(tmp_path / "whole", 6)
    trained(tmp_path / "part", 3)
    same(trained(tmp_path / "part", 6, resume=True), whole)


def test_blocks_have_the_noise_of_the_problem_from_any_number_of_workers():
    found = {}
    for ρ in (0.0, 0.95):
        for workers in (1, 2):
            P = ParallelProblem(
                "Pendulum-v1", 0.9, n_envs=1, blocks=2, workers=workers, noise_correlation=ρ, rescale_actions=False
            )
            π = P.policy((4,))
            found[ρ, workers] = P.collect(π, np.zeros(π.n), 400, rng=0)
            assert np.array_equal(found[ρ, workers].a, found[ρ, 1].a)
    lag = {ρ: (x.a[:, 1:] * x.a[:, :-1]).mean() for (ρ, workers), x in found.items()}
    assert abs(lag[0.0]) < 0.3 < 0.6 < lag[0.95]
