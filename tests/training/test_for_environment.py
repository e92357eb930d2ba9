"""The one default configuration: the same on the command line and in the library, and taken from the spaces alone."""

from functools import partial

import gymnasium
import numpy as np
import pytest
from attrs import evolve
from gymnasium import spaces

from decision_making import Trajectories, for_environment, step, train
from decision_making.problems import GymnasiumProblem, register_environments
from decision_making.training.configuration import Configuration
from decision_making.training.runs import run
from tests.training.test_loop import same


class Walks(gymnasium.Env):
    """An environment with spaces of choice; episodes of ten steps."""

    def __init__(self, observation=None, action=None):
        self.observation_space = observation or spaces.Box(-1, 1, (3,))
        self.action_space = action or spaces.Box(-1, 1, (2,))

    def reset(self, *, seed=None, options=None):
        self.k = 0
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.k += 1
        return self.observation_space.sample(), 1.0, self.k == 10, False, {}


@pytest.mark.parametrize("env", ["Pendulum-v1", "CartPole-v1"])
def test_library_and_command_line_train_alike(env, tmp_path):
    limits = {"updates": 3}
    M, π, θ, φ = for_environment(env, seed=4, steps_per_update=256)
    by_hand = train(M, π, θ, φ, rng=4, **limits)
    same(by_hand, run(Configuration({"env": env, "seed": 4, "steps_per_update": 256, **limits}), tmp_path / "run"))


def test_settings_have_the_names_of_the_command_line_or_greek_ones():
    for settings in ({"δ": 0.03, "λ": 0.9, "γ": 0.5}, {"delta": 0.03, "lam": 0.9, "gamma": 0.5}):
        M, *_ = for_environment("Pendulum-v1", **settings)
        assert (M.δ, M.λ, M.P.γ) == (0.03, 0.9, 0.5)
    with pytest.raises(ValueError, match=r"delt: unknown setting; did you mean delta\?"):
        for_environment("Pendulum-v1", delt=0.03)
    with pytest.raises(ValueError, match=r"xyz: unknown setting; all are listed by: decision-making settings$"):
        for_environment(Walks, xyz=1)
    with pytest.raises(ValueError, match="gate = 2: must be"):
        for_environment("Pendulum-v1", gate=2)


@pytest.mark.parametrize(
    ("observation", "normalised"),
    [
        (spaces.Box(-np.inf, np.inf, (2,)), True),
        (spaces.Box(-1, 1, (2,)), True),
        (spaces.Discrete(5), False),
        (spaces.MultiBinary(3), False),
        (spaces.Tuple((spaces.Discrete(5), spaces.Box(0, 1, (1,)))), True),
        (spaces.Dict({"a": spaces.Discrete(5), "b": spaces.Dict({"c": spaces.Box(0, 1, (1,))})}), True),
        (spaces.Dict({"a": spaces.Discrete(5), "b": spaces.MultiDiscrete([2, 3])}), False),
    ],
)
def test_observations_are_normalised_where_they_are_real_numbers(observation, normalised):
    M, *_ = for_environment(lambda: Walks(observation))
    assert M.P.normalize_observations is normalised
    assert (M.P.observation_statistics is not None) is normalised
    for given in (True, False):
        M, *_ = for_environment(lambda: Walks(observation), normalize_observations=given)
        assert M.P.normalize_observations is given


@pytest.mark.parametrize(("γ", "λ"), [(0.0, 0.5), (0.96, 0.9), (0.99, 0.95), (0.9999, 0.995), (1.0, 1.0)])
def test_λ_follows_γ_unless_it_is_given(γ, λ):
    np.testing.assert_allclose(for_environment("CartPole-v1", γ=γ)[0].λ, λ, rtol=1e-14)
    for given in (0.0, 0.3, 1.0):
        assert for_environment("CartPole-v1", γ=γ, λ=given)[0].λ == given


@pytest.mark.parametrize(("width", "c"), [(1, 0.1), (24, 0.1), (25, 0.1), (26, 0.2), (105, 8.1)])
def test_damping_is_the_usual_one_times_w_minus_24_where_observations_and_actions_are_real(width, c):
    def made(action=None):
        return Walks(spaces.Box(-1, 1, (width,)), action)

    for rule in ("trust-region", "natural"):
        np.testing.assert_allclose(for_environment(made, update=rule)[0].update_rule.damping, c, rtol=1e-14)
        for given in (0.0, 0.1, 2.5):
            assert for_environment(made, update=rule, damping=given)[0].update_rule.damping == given
    assert for_environment(made, update="clamped")[0].update_rule.damping == 0
    assert for_environment(made, normalize_observations=False)[0].update_rule.damping == 0.1
    for choice in (spaces.Discrete(5), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(4)):
        assert for_environment(lambda choice=choice: made(choice))[0].update_rule.damping == 0.1


@pytest.mark.parametrize(
    ("width", "k", "n"),
    [(24, 8, 2048), (25, 1, 1024), (25, 8, 1024), (99, 9, 1152), (99, 15, 1920), (99, 16, 2048), (99, 20, 2048)],
)
def test_batches_are_shorter_where_damping_grows_with_observations_and_steps_are_short(width, k, n):
    made = partial(Walks, spaces.Box(-1, 1, (width,)), spaces.Box(-1, 1, (k,)))
    assert for_environment(made)[0].n == n
    assert for_environment(made, γ=0.999)[0].n == 2 * n
    assert for_environment(made, normalize_observations=False)[0].n == 2048
    assert for_environment(made, steps_per_update=512)[0].n == 512
    assert for_environment(made, δ=0.01)[0].n == n  # which a bound that is given does not change
    for choice in (spaces.Discrete(5), spaces.MultiBinary(4)):
        assert for_environment(partial(Walks, spaces.Box(-1, 1, (width,)), choice))[0].n == 2048


@pytest.mark.parametrize(("k", "δ"), [(1, 0.04), (8, 0.04), (9, 0.045), (17, 0.085), (20, 0.1), (21, 0.1), (99, 0.1)])
def test_the_bound_has_a_share_for_each_real_action_from_eight_on_to_twenty(k, δ):
    made = partial(Walks, spaces.Box(-1, 1, (99,)), spaces.Box(-1, 1, (k,)))
    for rule, expected in (("trust-region", δ), ("natural", δ), ("restricted", 0.04)):
        np.testing.assert_allclose(for_environment(made, update=rule)[0].δ, expected, rtol=1e-14)
        assert for_environment(made, update=rule, δ=0.3)[0].δ == 0.3
    for choice in (spaces.Discrete(k + 1), spaces.MultiBinary(k)):
        assert for_environment(lambda choice=choice: Walks(None, choice))[0].δ == 0.04


@pytest.mark.parametrize(("k", "most"), [(1, 0.3), (2, None), (8, None)])
def test_the_divergence_in_every_state_is_bounded_where_there_is_one_real_action(k, most):
    made = partial(Walks, None, spaces.Box(-1, 1, (k,)))
    assert for_environment(made)[0].max_kl == most
    assert for_environment(made, max_kl=0.01)[0].max_kl == 0.01
    assert for_environment(made, update="trust-region", preset="sb3-contrib")[0].max_kl == 1e9
    for update in ("natural", "restricted", "penalized", "clamped", "gradient"):  # which do not search along a line
        assert for_environment(made, update=update)[0].max_kl is None
    for choice in (spaces.Discrete(k + 1), spaces.MultiDiscrete([k + 1, 3]), spaces.MultiBinary(k)):
        assert for_environment(lambda choice=choice: Walks(None, choice))[0].max_kl is None


def test_no_step_of_the_defaults_goes_farther_than_that_in_any_state():
    """Eight steps of 2,048 say where to go, and stand in states of their own; the mean alone lets them go far."""
    M, π, θ, φ = for_environment("Pendulum-v1", γ=0.99, gate=1.0)
    rng = np.random.default_rng(0)
    s = rng.normal(0, 0.1, (64, 32, 3)).astype(np.float32)
    s[0, ::4] = 3, -3, 3
    a, r = π(θ, s, rng), np.zeros((64, 32))
    r[0, ::4] = a[0, ::4, 0]
    τs = Trajectories(s, a, r, s_end=s[:, -1])

    def farthest(M):
        taken = step(M, π, θ, φ, rng=0, τs=τs)
        assert taken.accepted
        assert taken.kl <= 0.04
        return π.kl(θ, taken.θ, s).max()

    assert 0.2 < farthest(M) <= 0.3
    assert farthest(evolve(M, max_kl=None)) > 2


def test_damping_is_the_usual_one_where_observations_are_zeros_and_ones():
    assert for_environment(lambda: Walks(spaces.Discrete(60)))[0].update_rule.damping == 0.1
    assert for_environment(lambda: Walks(spaces.MultiBinary(60)))[0].update_rule.damping == 0.1


@pytest.mark.parametrize(
    ("observation", "action", "hidden"),
    [
        (spaces.Box(-1, 1, (1,)), spaces.Discrete(2), (32, 32)),
        (spaces.Box(-1, 1, (7,)), spaces.MultiDiscrete([2, 3]), (32, 32)),
        (spaces.Box(-1, 1, (7,)), spaces.MultiBinary(2), (32, 32)),
        (spaces.Box(-1, 1, (7,)), spaces.Box(-1, 1, (1,)), (64, 64)),
        (spaces.Box(-1, 1, (8,)), spaces.Discrete(2), (64, 64)),
        (spaces.Box(-1, 1, (2, 4)), spaces.Discrete(2), (64, 64)),
        (spaces.Discrete(7), spaces.Discrete(2), (32, 32)),  # seven zeros and ones
        (spaces.Discrete(8), spaces.Discrete(2), (64, 64)),
        (spaces.Tuple((spaces.Discrete(5), spaces.Box(0, 1, (3,)))), spaces.Discrete(2), (64, 64)),
    ],
)
def test_networks_are_narrower_with_fewer_than_8_numbers_to_see_and_choices_to_make(observation, action, hidden):
    def made(**settings):
        M, π, θ, φ = for_environment(lambda: Walks(observation, action), **settings)
        assert (θ.shape, φ.shape) == ((π.n,), (M.critic.n,))
        return π.sizes[1:], M.critic.sizes[1:]

    assert made() == made(preset=None) == made(hidden=None) == (hidden, hidden)
    assert made(hidden=[5]) == ((5,), (5,))
    assert made(critic_hidden=[6]) == (hidden, (6,))
    assert made(hidden=[], critic_hidden=[7, 3]) == ((), (7, 3))
    assert made(preset="tutorial") == ((24, 24), (24, 24))
    assert made(preset="sb3-contrib") == ((64, 64), (64, 64))
    assert made(preset="paper")[0] == (50,)


def test_a_batch_holds_whole_steps_of_every_copy():
    assert for_environment("Pendulum-v1", n_envs=12)[0].n == 2052
    assert for_environment(Walks, n_envs=12, γ=0.999)[0].n == 4104
    assert for_environment("Pendulum-v1", n_envs=12, steps_per_update=24)[0].n == 24
    with pytest.raises(ValueError, match="must be a multiple of n_envs = 12, such as 1020 or 1032"):
        for_environment("Pendulum-v1", n_envs=12, steps_per_update=1024)


LONG = [(0.0, 2048, 0.1), (0.9, 2048, 0.1), (0.99, 2048, 0.1), (0.995, 2672, 0.2), (0.999, 4096, 1.0), (1.0, 4096, 1.0)]


@pytest.mark.parametrize(("γ", "n", "c"), LONG)
def test_batch_and_damping_grow_with_the_horizon_unless_they_are_given(γ, n, c):
    real = partial(Walks, spaces.Box(-1, 1, (3,)))
    M, *_ = for_environment(real, γ=γ)
    assert M.n == n
    np.testing.assert_allclose(M.update_rule.damping, c, rtol=1e-12)
    M, *_ = for_environment(real, γ=γ, steps_per_update=1024, damping=0.3)
    assert (M.n, M.update_rule.damping) == (1024, 0.3)
    M, *_ = for_environment(real, γ=γ, preset="sb3-contrib")
    assert (M.n, M.update_rule.damping) == (2048, 0.1)
    chooses = partial(Walks, spaces.Box(-1, 1, (40,)), spaces.Discrete(3))  # for choices its observations do not count
    np.testing.assert_allclose(for_environment(chooses, γ=γ)[0].update_rule.damping, c, rtol=1e-12)
    wide = partial(Walks, spaces.Box(-1, 1, (105,)))
    np.testing.assert_allclose(for_environment(wide, γ=γ)[0].update_rule.damping, 8.1, rtol=1e-12)
    assert for_environment(real, γ=γ, normalize_observations=False)[0].update_rule.damping == 0.1
    assert for_environment(real, γ=γ, update="clamped")[0].update_rule.damping == 0


def test_the_horizon_is_no_longer_than_an_episode(monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "Walks-v0", gymnasium.envs.registration.EnvSpec("Walks-v0", Walks))

    def limited(steps):
        return partial(gymnasium.make, "Walks-v0", max_episode_steps=steps)

    for steps, n, c in ((50, 2048, 0.1), (200, 2672, 0.2), (500, 3488, 0.5), (1000, 4096, 1.0), (10_000, 4096, 1.0)):
        M, *_ = for_environment(limited(steps), γ=0.9999)
        assert M.n == n
        np.testing.assert_allclose(M.update_rule.damping, c, rtol=1e-12)
    assert for_environment("Pendulum-v1", γ=1.0)[0].n == 2672
    assert for_environment("CartPole-v1", γ=1.0)[0].n == 3488  # its copies are stepped by gymnasium, at once
    assert for_environment("CartPole-v1", γ=1.0, blocks=2, n_envs=2)[0].n == 3480
    assert for_environment(limited(300)(), γ=1.0)[0].n == 3025  # of one copy, the nearest whole number
    copies = gymnasium.vector.SyncVectorEnv([limited(200)] * 2)

    def unregistered():
        return gymnasium.wrappers.TimeLimit(Walks(), 200)

    wrapped = gymnasium.wrappers.TimeLimit(limited(1000)(), 200)
    for given in (
        limited(200)(),
        unregistered,
        wrapped,
        gymnasium.wrappers.RecordEpisodeStatistics(wrapped),
        copies,
        gymnasium.wrappers.vector.RecordEpisodeStatistics(copies),
    ):
        assert for_environment(given, γ=0.9999)[0].update_rule.damping == pytest.approx(0.2)
    assert for_environment(limited(200), γ=0.9999)[0].λ == pytest.approx(0.995)  # which follows γ alone


def test_critics_are_fitted_longer_where_a_batch_holds_many_episodes_by_their_time_limit(monkeypatch):
    monkeypatch.setitem(gymnasium.registry, "Walks-v0", gymnasium.envs.registration.EnvSpec("Walks-v0", Walks))

    def made(limit, **settings):
        return for_environment(partial(gymnasium.make, "Walks-v0", max_episode_steps=limit), **settings)[0].critic

    for limit, iterations in ((5, 40), (50, 40), (51, 40), (52, 39), (100, 20), (128, 16), (129, 15), (1000, 15)):
        assert made(limit).iterations == iterations
        assert made(limit, critic_iterations=7).iterations == 7
        assert made(limit, preset="sb3-contrib").iterations == 10
    assert made(50, steps_per_update=1024).iterations == 20
    assert made(5, steps_per_update=16, critic_optimizer="adam").iterations == 15
    assert for_environment(Walks)[0].critic.iterations == 15  # without a time limit


def test_environment_factory_and_vector_environment_are_taken_as_they_are():
    made = Walks()
    vector = gymnasium.vector.SyncVectorEnv([Walks] * 3)
    for env, n_envs in ((made, 1), (Walks, 16), (vector, 3)):
        M, π, θ, φ = for_environment(env, hidden=[4])
        assert isinstance(M.P, GymnasiumProblem)
        assert M.P.n_envs == n_envs
        assert M.n % n_envs == 0
        history = train(M, π, θ, φ, rng=0, updates=1)
        assert np.isfinite(history.θ).all()


def test_factory_with_the_name_of_a_problem_of_the_book_is_still_an_environment():
    def HexWorld():
        return Walks()

    M, *_ = for_environment(HexWorld)
    assert M.P.observation_width == 3


def test_id_with_a_module_is_not_imported_without_leave():
    with pytest.raises(ValueError, match="names a module to import"):
        for_environment("tests.nowhere:Env-v0")


def test_defaults_do_not_depend_on_the_name_of_the_environment():
    register_environments()
    ids = ("CartPole-v1", "Pendulum-v1", "Acrobot-v1", "decision_making/MountainCar-v0")
    found = [{**Configuration({"env": env}).values, "env": None} for env in ids]
    assert all(values == found[0] for values in found)


@pytest.mark.parametrize(
    ("env", "given", "said"),
    [
        (None, {}, "env = None: must be an id, an environment, a factory or a vector environment"),
        ("CartPole-v1", {"steps": 10}, "steps = 10: is of a run, not of its parts; train takes it"),
        ("CartPole-v1", {"checkpoint_every": 10}, "checkpoint_every = 10: is of a run, not of its parts; train takes"),
        ("CartPole-v1", {"eval_every": 10}, "eval_every = 10: is of a run, not of its parts; training.run, with"),
        ("CartPole-v1", {"γ": 0.9, "gamma": 0.9}, "gamma = 0.9: gamma is given twice, under two names"),
        (Walks, {"γ": 0.9, "gamma": 0.9}, "gamma = 0.9: gamma is given twice, under two names"),
        (gymnasium.vector.SyncVectorEnv([Walks] * 3), {"n_envs": 4}, "n_envs = 4: must be 3, as the vector"),
    ],
)
def test_what_is_not_of_the_parts_is_refused(env, given, said):
    with pytest.raises((ValueError, TypeError), match=said):
        for_environment(env, **given)
