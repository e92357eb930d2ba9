"""What environments may do: observations of every space, buffers that are used again, shapes that change."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv
from typer.testing import CliRunner

from decision_making import LinearCritic, TrustRegionPolicyOptimization, cli, step
from decision_making.problems import GymnasiumProblem, register_environments
from decision_making.problems.flattening import flattened
from decision_making.training import evaluate_run
from decision_making.training.policy_files import TrainedPolicy
from tests.problems.test_gymnasium_problem import ACTIONS, MODES, OBSERVATIONS, Spaces

EVERY_OBSERVATION = {
    **{name: space for name, (space, _) in OBSERVATIONS.items()},
    "Discrete from -2": spaces.Discrete(4, start=-2),
    "MultiDiscrete": spaces.MultiDiscrete([[2, 3], [1, 4]], start=[[1, 0], [5, -9]]),
    "number": spaces.Box(-1, 1, ()),
    "Text": spaces.Text(3),
    "OneOf": spaces.OneOf([spaces.Discrete(3), spaces.Box(-1, 1, (2,))]),
    "nested": spaces.Dict({"z": spaces.Tuple((spaces.Text(2), spaces.Dict({"a": spaces.MultiBinary((2, 2))})))}),
}


class Listed(gymnasium.Env):
    """Goes through a list of its observations; episodes of three steps."""

    action_space = spaces.Discrete(2)

    def __init__(self, space, n=40):
        self.observation_space, self.i = space, 0
        space.seed(5)
        self.all = [space.sample() for _ in range(n)]

    def observed(self):
        self.i += 1
        return self.all[self.i - 1]

    def reset(self, *, seed=None, options=None):
        self.k = 0
        return self.observed(), {}

    def step(self, action):
        self.k += 1
        return self.observed(), 1.0, self.k == 3, False, {}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("observations", EVERY_OBSERVATION)
def test_observations_of_every_space_are_flattened_as_gymnasium_does_and_the_last_one_is_the_true_one(
    observations, mode
):
    """SAME_STEP refused every space but a Box: gymnasium's own wrapper does not know where the last observation is."""
    space = EVERY_OBSERVATION[observations]
    P = GymnasiumProblem(SyncVectorEnv([lambda: Listed(space)] * 2, autoreset_mode=MODES[mode]), 0.9)
    π = P.policy((4,))
    τs = P.collect(π, π.init(0), 2 * 7, rng=0)
    expected = [np.float32(spaces.flatten(space, x)) for x in Listed(space).all]
    rows = [x for x in range(len(τs)) if τs.lengths[x] == 3]
    assert len(rows) == 4
    for row in rows:
        first = 4 * (row % (len(τs) // 2))  # an episode has four observations
        np.testing.assert_array_equal(τs.s[row, :3], expected[first : first + 3])
        np.testing.assert_array_equal(τs.s_end[row], expected[first + 3])
        assert τs.terminated[row]


@pytest.mark.parametrize("name", ["HexWorld", "StraightLineHexWorld", "TwentyFortyEight", "CartPole"])
def test_environments_of_the_library_are_problems(name):
    register_environments()
    with GymnasiumProblem(f"decision_making/{name}-v0", 0.9, n_envs=4) as P:
        π = P.policy((8,))
        M = TrustRegionPolicyOptimization(P, 400, LinearCritic(P.observation_width, 1))
        taken = step(M, π, π.init(0), M.critic.init(), rng=0)
        assert np.isfinite(taken.θ).all()


@pytest.mark.parametrize(
    "space",
    [
        spaces.Sequence(spaces.Discrete(3)),
        spaces.Graph(spaces.Box(-1, 1, (2,)), None),
        spaces.Dict({"a": spaces.Sequence(spaces.Discrete(3))}),
        spaces.Box(-1, 1, (0,)),
        spaces.Box(-1, 1, (3, 0)),
        spaces.Dict({}),
        spaces.Dict({"a": spaces.Dict(), "b": spaces.Box(0, 1, (2,))}),
        spaces.Tuple((spaces.Discrete(2), spaces.Dict({"a": spaces.Tuple(())}))),
    ],
    ids=str,
)
@pytest.mark.parametrize("vector", [False, True])
def test_observation_space_without_a_fixed_number_of_numbers_or_with_none_is_refused_by_name(space, vector):
    def make():
        return Spaces(space, spaces.Discrete(2))

    with pytest.raises(TypeError, match=r"(?s)^GymnasiumProblem\.observation_space = .*: must be "):
        GymnasiumProblem(SyncVectorEnv([make] * 2) if vector else make, 0.9)


def test_space_of_the_users_own_is_refused_by_name():
    class Colour(gymnasium.Space):
        pass

    with pytest.raises(TypeError, match=r"^GymnasiumProblem\.observation_space = .*: must be Box, Discrete"):
        GymnasiumProblem(lambda: Spaces(Colour(), spaces.Discrete(2)), 0.9, n_envs=1)


@pytest.mark.parametrize(
    ("space", "given", "said"),
    [
        (spaces.Discrete(3), 3, r"observation is not in Discrete\(3\): 3"),
        (spaces.Discrete(3), -1, r"observation is not in Discrete\(3\): -1"),
        (spaces.Discrete(3), np.array([1]), r"observation has shape \(1,\): must be \(\)"),
        (spaces.Discrete(3), 1.5, "observation is not in Discrete"),
        (spaces.MultiDiscrete([2, 2]), [0, 2], r"observation is not in MultiDiscrete\(\[2 2\]\): \[0, 2\]"),
        (
            spaces.Dict({"a": spaces.Box(-1, 1, (2, 3))}),
            {"a": np.zeros((3, 2))},
            r"observation\['a'\] has shape \(3, 2\)",
        ),
        (spaces.Dict({"a": spaces.Discrete(2)}), {"b": 0}, "observation has no part 'a'"),
        (spaces.Tuple((spaces.Discrete(2),) * 2), (0,), "observation has no part tuple index out of range"),
        (spaces.Box(-1, 1, (2,)), ["x", "y"], "observation is not of numbers"),
    ],
)
def test_observation_that_is_none_of_the_space_is_named(space, given, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        flattened(space, given)


# ---- environments that keep what they gave, or change what they are given


class Reuses(gymnasium.Env):
    """Counts its steps, in one buffer for all its observations; an episode has three."""

    observation_space, action_space = spaces.Box(-9, 9, (2,)), spaces.Discrete(2)

    def __init__(self):
        self.k, self.buffer = 0, np.zeros(2, np.float32)

    def reset(self, *, seed=None, options=None):
        self.k, self.buffer[:] = 0, 0
        return self.buffer, {}

    def step(self, action):
        self.k += 1
        self.buffer += 1
        return self.buffer, 1.0, self.k == 3, False, {}


@pytest.mark.parametrize("made", ["factory", *MODES])
def test_environment_that_reuses_its_buffer_does_not_change_the_last_observation(made):
    """At the reset within the same step the buffer became the first observation of the next episode: s_end was 0."""
    env = Reuses if made == "factory" else SyncVectorEnv([Reuses] * 2, autoreset_mode=MODES[made])
    for _ in range(2):  # a vector environment may be handed in again
        P = GymnasiumProblem(env, 0.9, n_envs=2)
        π = P.policy((4,))
        τs = P.collect(π, np.zeros(π.n), 2 * 7, rng=0)
        assert τs.terminated.any()
        np.testing.assert_array_equal(τs.s_end[τs.terminated], 3)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 2)])
@pytest.mark.parametrize("made", ["factory", *MODES])
def test_wrong_shape_from_a_later_reset_is_refused_and_not_broadcast(made, shape):
    class Later(Reuses):
        def reset(self, *, seed=None, options=None):
            s, info = super().reset()
            again, self.again = getattr(self, "again", False), True
            return np.zeros(shape, np.float32) if again else s, info

    env = Later if made == "factory" else SyncVectorEnv([Later] * 2, autoreset_mode=MODES[made])
    P = GymnasiumProblem(env, 0.9, n_envs=2)
    π = P.policy((4,))
    with pytest.raises(RuntimeError, match=r"^(Later|SyncVectorEnv): (step|reset) raised ValueError: .*(shape|dim)"):
        P.collect(π, np.zeros(π.n), 2 * 7, rng=0)


@pytest.mark.parametrize("actions", ["MultiBinary", "MultiDiscrete", "Box"])
def test_environment_that_writes_to_its_action_does_not_change_the_recorded_one(actions):
    class Writes(Spaces):
        def step(self, action):
            action[...] = 77
            return self.observation_space.sample(), 1.0, False, False, {}

    P = GymnasiumProblem(lambda: Writes(spaces.Box(-1, 1, (2,)), ACTIONS[actions][0]), 0.9, n_envs=2)
    π = P.policy((4,))
    assert not (P.collect(π, π.init(0), 20, rng=0).a == 77).any()


def test_box_without_axes_gets_actions_without_axes():
    space = spaces.Box(-0.5, 0.5, ())

    class Pushed(Reuses):
        action_space = space

    P = GymnasiumProblem(Pushed, 0.9, n_envs=2)
    π = P.policy((4,))
    P.collect(π, π.init(0), 20, rng=0)
    policy = TrainedPolicy(π, π.init(0), {}, P.action_convention)
    for mode in (True, False):
        a = policy.act(np.zeros(2, np.float32), mode=mode, rng=0)
        assert a.shape == ()
        assert space.contains(a)
        assert policy.act(np.zeros((5, 2), np.float32), mode=mode, rng=0).shape == (5,)


def test_vector_environment_that_hides_the_last_observation_is_named():
    class Hides(gymnasium.vector.VectorWrapper):
        def step(self, actions):
            return *super().step(actions)[:-1], {}

    P = GymnasiumProblem(Hides(SyncVectorEnv([Reuses] * 2, autoreset_mode=MODES["same"])), 0.9)
    π = P.policy((4,))
    with pytest.raises(ValueError, match=r"^Hides: info has no final_obs of environment 0, whose episode ended"):
        P.collect(π, np.zeros(π.n), 2 * 7, rng=0)


@pytest.mark.parametrize("reward", [1e155, -1e155, 1e200])
def test_rewards_too_large_to_be_scaled_are_named(reward):
    class Rich(Reuses):
        def step(self, action):
            return self.buffer, reward, False, False, {}

    P = GymnasiumProblem(Rich, 0.9, n_envs=2, scale_rewards=True)
    π = P.policy((4,))
    with pytest.raises(ValueError, match=r"^Rich: scale_rewards = True: .* overflows, with rewards of up to 1e\+"):
        P.collect(π, np.zeros(π.n), 20, rng=0)


def test_return_that_overflows_is_named():
    class Richer(Reuses):
        def step(self, action):
            return self.buffer, 1e308, False, False, {}

    P = GymnasiumProblem(Richer, 0.9, n_envs=2)
    π = P.policy((4,))
    with pytest.raises(ValueError, match=r"^Richer: environment 0 gave reward 1e\+308: the return of its episode over"):
        P.collect(π, np.zeros(π.n), 20, rng=0)


def test_library_trains_on_its_own_hex_world_as_an_environment(tmp_path):
    env = "decision_making/HexWorld-v0"
    command = ["train", env, "--steps", "2000", "--set", "steps_per_update=500", "--set", "n_envs=4"]
    done = CliRunner().invoke(cli.app, [*command, "--set", "hidden=[8]", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.stderr
    assert "after 4 updates and 2000 steps" in done.stdout
    played = evaluate_run(tmp_path / "run", episodes=3)
    assert np.isfinite(played.returns).all()


@pytest.mark.parametrize("space", [spaces.Text(3), spaces.OneOf([spaces.Discrete(3), spaces.Box(-1, 1, (2,))])])
@pytest.mark.parametrize("x", [np.nan, 3, None, "long text", (9, 1), (), {}])
def test_text_or_one_of_that_is_none_is_named(space, x):
    """What gymnasium could not flatten came out as a TypeError or IndexError of its own."""
    if isinstance(space, spaces.Text) and x == "long text":
        x = "äöü"
    with pytest.raises(ValueError, match=r"^observation is not in "):
        flattened(space, x)


@pytest.mark.parametrize("x", [None, "x", 1.0, np.nan, 4, -3, np.array(2.5)])
def test_whole_number_that_is_none_is_named(x):
    """None from an environment that had failed came out as a TypeError about NoneType and int."""
    with pytest.raises(ValueError, match=r"^observation is not in Discrete\(4, start=-2\)"):
        flattened(spaces.Discrete(4, start=-2), x)
    assert flattened(spaces.Discrete(4, start=-2), np.int8(1)).tolist() == [0, 0, 0, 1]
    assert flattened(spaces.Discrete(2), True).tolist() == [0, 1]
