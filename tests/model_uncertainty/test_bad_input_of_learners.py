"""A catalogue of wrong calls of chapters 15 to 17: what is no model, no state or no rate is named."""

import re
import warnings

import numpy as np
import pytest

import decision_making as dm
from decision_making.model_uncertainty.learners import copied
from decision_making.problems import HexWorld
from decision_making.sizes import TooLargeError

P = HexWorld()
R = P.R.array
T = dm.MDP.from_arrays(np.full((2, 2, 2), 0.5), np.zeros((2, 2)), 0.9)
table = dm.start(dm.QLearning(25, 6, 0.9, 0.1))
bandit = dm.start(dm.BetaPrior(3), 2)
linear = dm.start(dm.GradientQLearning([-1, 0, 2], 0.9, lambda θ, s, a: θ[0] * s * a, None, [0.1], 0.1))
MODELS = {
    "Q-learning": table,
    "Sarsa": dm.start(dm.Sarsa(25, 6, 0.9, 0.1)),
    "counts": dm.start(dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.FullUpdate())),
    "sparse counts": dm.start(dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.PrioritizedUpdate(3), sparse=True)),
    "R-MAX": dm.start(dm.RmaxMDP(25, 6, 0.9, dm.FullUpdate(), 2, 10.0)),
    "Bayes": dm.start(dm.BayesianMDP(25, 6, 1.0, R, 0.9, dm.FullUpdate())),
}
verbs = pytest.mark.parametrize("verb", [dm.action_values, dm.backup, dm.greedy, lambda m, s: dm.lookahead(m, s, 0)])


@verbs
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("s", "error", "named"),
    [
        (-1, ValueError, "s runs from -1"),
        (25, ValueError, "to 25: must lie in 0..24"),
        (0.5, TypeError, "s has dtype float64"),
        (np.nan, TypeError, "s has dtype float64"),
        ("x", TypeError, "s has dtype <U1"),
    ],
)
def test_states_that_a_table_does_not_have_are_named(verb, name, s, error, named):
    """-1 was the last state, and 25 the first state of the next replication."""
    with pytest.raises(error, match=re.escape(named)):
        verb(MODELS[name], s)


@verbs
def test_states_of_other_replications_are_named(verb):
    two = dm.start(dm.QLearning(25, 6, 0.9, 0.1), 2)
    with pytest.raises(ValueError, match=r"s has shape \(3,\): must be \(2,\)"):
        verb(two, [0, 1, 2])
    with pytest.raises(ValueError, match="s = nan: must be finite"):
        verb(linear, np.nan)
    with pytest.raises(ValueError, match="s = 'x': must be finite"):
        verb(linear, "x")


@pytest.mark.parametrize("explore", [dm.EpsilonGreedyExploration(0.1), dm.SoftmaxExploration(1.0)])
def test_strategies_name_states_that_a_table_does_not_have(explore):
    with pytest.raises(ValueError, match="s runs from 25"):
        explore(table, 25, 0)


def test_features_that_do_not_suit_the_parameters_are_named():
    model = dm.start(dm.GradientQLearning(3, 0.9, dm.LinearQ(lambda s: s, 3), None, np.zeros(6), 0.1))
    for s, shape in ((0.5, "()"), ([1.0, 2.0, 3.0], "(3,)")):
        with pytest.raises(
            ValueError, match=re.escape(f"features of states {shape} have shape {shape}: must be (…, k)")
        ):
            dm.action_values(model, s)


@pytest.mark.parametrize("stranger", ["x", None, np.zeros(3), T], ids=["text", "None", "array", "MDP"])
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (dm.greedy_policy, "learnt model"),
        (lambda m: dm.part(m, 0), "learnt model"),
        (lambda m: dm.value(m, P), "learnt model"),
        (lambda m: dm.save_model("never.npz", m), "learnt model"),
        (lambda m: dm.learn(P, m, dm.EpsilonGreedyExploration(0.1), 1), "learnt model"),
        (lambda m: dm.replay(m, None), "learnt model"),
        (dm.estimated_mdp, "ModelBased"),
        (dm.posterior_sample, "BayesianModel"),
        (lambda m: dm.bayes_adaptive_values(m, 0, 1), "BayesianModel"),
        (dm.UCB1Exploration(1.0), "BanditModel"),
        (dm.PosteriorSamplingExploration(), "BanditModel"),
        (dm.OptimalExploration(dm.BetaPrior(3), 2), "BanditModel"),
    ],
)
def test_strangers_in_place_of_a_model_are_named(call, kind, stranger):
    with pytest.raises(TypeError, match=f"model = .*: must be a {kind}, as start"):
        call(stranger)


@pytest.mark.parametrize(
    ("call", "model"),
    [
        (dm.estimated_mdp, table),
        (dm.estimated_mdp, bandit),
        (dm.posterior_sample, MODELS["counts"]),
        (dm.posterior_sample, table),
        (lambda m: dm.bayes_adaptive_values(m, 0, 1), MODELS["R-MAX"]),
        (dm.QuantileExploration(0.9), table),
        (dm.OptimalExploration(dm.BetaPrior(3), 2), linear),
    ],
)
def test_models_of_another_chapter_are_named(call, model):
    with pytest.raises(TypeError, match=f"model = {type(model).__name__}"):
        call(model)


def test_regret_names_what_it_cannot_count():
    B, shape = dm.BanditProblem([0.2, 0.8]), (2, 3)
    pulls = lambda a, mask=None: dm.Trajectories(np.zeros(shape), np.full(shape, a), np.zeros(shape), mask)  # noqa: E731
    for given, error, named in [
        ((P, pulls(0)), TypeError, "P = HexWorld"),
        (("x", pulls(0)), TypeError, "P = 'x': must be a BanditProblem"),
        ((B, "x"), TypeError, "τs = str: must be Trajectories"),
        ((B, pulls(2)), ValueError, "τs.a runs from 2 to 2"),
        ((B, pulls(0.5)), TypeError, "τs.a has dtype float64"),
        ((dm.BanditProblem(np.full((5, 2), 0.5)), pulls(0)), ValueError, "must have one row for each of the 5 bandits"),
        ((B, pulls(0, np.array([[True] * 3, [True, True, False]]))), ValueError, "2 to 3 pulls: must be equally many"),
    ]:
        with pytest.raises(error, match=re.escape(named)):
            dm.regret(*given)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("terminated", "named"),
    [
        ([True, False, True], "terminated has shape (3,): must be ()"),
        ("x", "terminated = 'x': must be True or False"),
        (np.nan, "terminated = nan: must be True or False"),
        (2, "terminated = 2: must be True or False"),
    ],
)
def test_ends_that_are_no_truth_values_are_named_and_change_nothing(name, terminated, named):
    """Every text and NaN were taken for True."""
    model = copied(MODELS[name])
    with pytest.raises(ValueError, match=re.escape(named)):
        dm.update(model, 0, 0, 0.0, 1, terminated=terminated)
    with pytest.raises(ValueError, match=re.escape(named.replace("terminated", "which"))):
        dm.end(model, terminated)
    assert all(
        np.array_equal(x, y) for x, y in zip(model.arrays().values(), MODELS[name].arrays().values(), strict=True)
    )
    dm.update(model, 0, 0, 0.0, 1, terminated=1)
    dm.end(model, True)


def test_rewards_and_actions_that_are_no_numbers_are_named():
    model = copied(table)
    for step, error, named in [
        ((0, 0, "x", 0), TypeError, "r = 'x'"),
        ((0, 0, None, 0), ValueError, "r = nan of replication 0"),
        ((0, "x", 0.0, 0), TypeError, "a has dtype <U1"),
        ((0, None, 0.0, 0), TypeError, "a has dtype object"),
    ]:
        with pytest.raises(error, match=re.escape(named)):
            dm.update(model, *step)
    assert model.k == 0
    for a in ("x", np.nan, 1.0, None):
        with pytest.raises(ValueError, match=r"a = .*: must be among the actions \[-1\.0, 0\.0, 2\.0\]"):
            dm.update(copied(linear), 0.5, a, 0.0, 0.5)
        with pytest.raises(ValueError, match=r"must be among the actions"):
            dm.lookahead(linear, 0.5, a)
    with pytest.raises(ValueError, match=r"a has shape \(2,\): must be \(25,\) like s"):
        dm.lookahead(table, None, [0, 1])


def test_replications_that_are_not_there_are_named():
    for model, i in ((table, 0), (bandit, 2), (bandit, "x"), (bandit, [0, 5])):
        with pytest.raises(IndexError, match=r"i = .*: must be among the replications"):
            dm.part(model, i)


BELIEF = dm.start(dm.BayesianMDP(25, 6, 1.0, P.R.array, 0.9, dm.PosteriorSamplingUpdate()))
CERTAIN = dm.start(dm.BayesianMDP(1, 1, 1.0, [[1.0]], 0.9, dm.PosteriorSamplingUpdate()))
RATES = [
    ("QLearning.α", lambda x: dm.start(dm.QLearning(2, 2, 0.9, x), 3)),
    ("QLearning.γ", lambda x: dm.start(dm.QLearning(2, 2, x, 0.1), 3)),
    ("Sarsa.α", lambda x: dm.start(dm.Sarsa(2, 2, 0.9, x), 3)),
    ("SarsaLambda.λ", lambda x: dm.start(dm.SarsaLambda(2, 2, 0.9, 0.1, x), 3)),
    ("EpsilonGreedyExploration.ε", lambda x: dm.EpsilonGreedyExploration(x)(dm.start(dm.BetaPrior(2), 3))),
    (
        "EpsilonGreedyExploration.decay",
        lambda x: dm.EpsilonGreedyExploration(1.0, decay=x)(dm.start(dm.BetaPrior(2), 3)),
    ),
    ("SoftmaxExploration.λ", lambda x: dm.SoftmaxExploration(x)(dm.start(dm.BetaPrior(2), 3))),
    ("SoftmaxExploration.α", lambda x: dm.SoftmaxExploration(1.0, x)(dm.start(dm.BetaPrior(2), 3))),
    ("UCB1Exploration.c", lambda x: dm.UCB1Exploration(x)(dm.start(dm.BetaPrior(2), 3))),
]


@pytest.mark.parametrize(("name", "made"), RATES, ids=[name for name, _ in RATES])
def test_rates_of_other_replications_are_named(name, made):
    made([0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=re.escape(f"{name} has shape (2,): must be (3,), one for each replication")):
        made([0.1, 0.2])


def test_settings_that_are_as_long_as_there_are_replications_are_not_taken_apart():
    """A prior of three arms became that of one, where there were three replications."""
    model = dm.part(dm.start(dm.BetaPrior(3, np.array([1.0, 2.0, 3.0])), 3), 1)
    np.testing.assert_array_equal(model.M.α, [1, 2, 3])
    linear = dm.GradientQLearning(2, 0.9, dm.LinearQ(lambda s: s, 2), None, np.arange(4.0), [0.1, 0.2, 0.3, 0.4])
    one = dm.part(dm.start(linear, 4), 2)
    np.testing.assert_array_equal(one.M.θ, np.arange(4.0))
    assert one.M.α == 0.3


def test_rates_of_each_replication_are_saved_and_read(tmp_path):
    M = dm.QLearning(2, 2, 0.9, [0.1, 0.2, 0.3])
    dm.save_model(tmp_path / "model.npz", dm.start(M, 3, Q=1.5))
    assert (dm.load_model(tmp_path / "model.npz", M).Q == 1.5).all()
    with pytest.raises(ValueError, match=r"model\.npz: .*α has shape \(2,\): must be \(3,\)"):
        dm.load_model(tmp_path / "model.npz", dm.QLearning(2, 2, 0.9, [0.1, 0.2]))


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: dm.IncrementalEstimate(None), ValueError, "IncrementalEstimate.μ = nan"),
        (lambda: dm.IncrementalEstimate(np.nan), ValueError, "IncrementalEstimate.μ = nan"),
        (lambda: dm.IncrementalEstimate("x"), TypeError, "μ = 'x'"),
        (lambda: dm.IncrementalEstimate(0.0, None), ValueError, "IncrementalEstimate.α = nan"),
        (lambda: dm.IncrementalEstimate(0.0, np.nan), ValueError, "IncrementalEstimate.α = nan"),
        (lambda: dm.IncrementalEstimate(0.0, "x"), TypeError, "IncrementalEstimate.α = 'x'"),
        (lambda: dm.IncrementalEstimate(0.0, -0.1), ValueError, "IncrementalEstimate.α = -0.1"),
        (lambda: dm.IncrementalEstimate(0.0, [0.1, 0.2]), ValueError, "of shape ()"),
        (lambda: dm.IncrementalEstimate([0.0] * 3, [0.1, 0.2]), ValueError, "of shape () or (3,)"),
        (lambda: dm.IncrementalEstimate(0.0, 0.1, None), ValueError, "IncrementalEstimate.m = None"),
    ],
)
def test_estimates_that_are_none_are_named(call, error, named):
    with pytest.raises(error, match=re.escape(named)):
        call()


@pytest.mark.parametrize("rate", [lambda m: None, lambda m: np.nan, lambda m: 2, lambda m: "x", lambda m: [0.1, 0.2]])
def test_a_rate_that_gives_no_rate_is_named_and_changes_nothing(rate):
    estimate = dm.IncrementalEstimate(1.0, rate)
    with pytest.raises((ValueError, TypeError), match=r"IncrementalEstimate\.α = "):
        dm.update(estimate, 2.0)
    assert (estimate.μ, estimate.m) == (1.0, 0)
    for x in (None, np.nan, np.inf, "x", [1.0, 2.0]):
        with pytest.raises((ValueError, TypeError), match=r"^x "):
            dm.update(estimate, x)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: dm.start(dm.BetaPrior(3), 10**15), "1e+15 replications"),
        (lambda: dm.start(dm.QLearning(10**6, 10**6, 0.9, 0.1)), "1,000,000,000,000 numbers in Q"),
        (lambda: dm.start(dm.MaximumLikelihoodMDP(10**5, 4, 0.9, dm.FullUpdate())), "numbers in N: must be at most"),
        (lambda: dm.start(dm.MaximumLikelihoodMDP(10**5, 4, 0.9, dm.FullUpdate())), "`sparse` for many states"),
        (
            lambda: dm.start(dm.ReplayGradientQLearning(2, 0.9, lambda θ, s, a: θ[0], None, [0.0], 0.1, 10**12, 1, 1)),
            "1,000,000,000,000 numbers in the buffer",
        ),
        (lambda: dm.learn(P, table, dm.EpsilonGreedyExploration(0.1), 10**12), "1,000,000,000,000 steps"),
        (lambda: dm.bayes_adaptive_values(BELIEF, 0, 10**400), "more than 1e300 steps of a tree of beliefs"),
        (lambda: dm.bayes_adaptive_values(BELIEF, 0, 4), "506,250,000 nodes in a tree of 4 steps: must be at most 2,"),
        (lambda: dm.bayes_adaptive_values(CERTAIN, 0, 501), "501 steps of a tree of beliefs: must be at most 500"),
        (lambda: dm.OptimalExploration(dm.BetaPrior(2), 10**40), "beliefs in h = 1000000"),
        (lambda: dm.OptimalExploration(dm.BetaPrior(10**9), 10**9), "beliefs in h = 1000000000 pulls of 1000000000"),
        (lambda: dm.OptimalExploration(dm.BetaPrior(40), 1), "80 bits of a belief: must be at most 62"),
        (lambda: dm.gittins_index(1, 1, 1 - 1e-12), "pulls: must be at most 100,000; give fewer"),
        (lambda: dm.gittins_index(1, 1, 0.9, 10**6), "1,000,000 pulls"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_size(call, named):
    with pytest.raises(TooLargeError, match=re.escape(named)):
        call()


def test_trees_and_beliefs_of_the_largest_size_are_computed():
    """The limits are what is still allowed."""
    assert dm.bayes_adaptive_values(CERTAIN, 0, 500) == pytest.approx((1 - 0.9**500) / 0.1)
    assert dm.bayes_adaptive_values(CERTAIN, 0, 500).shape == (1,)
    assert dm.OptimalExploration(dm.BetaPrior(31), 1).U == 0.5


HUGE = (1.1e200, -1.1e200, 1.7e308, -np.inf, np.nan)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("r", HUGE)
def test_rewards_whose_sum_might_overflow_are_named_and_change_nothing(name, r):
    """Two rewards of 1e308 made a warning and infinite counts."""
    model = copied(MODELS[name])
    with pytest.raises(
        ValueError, match=r"r = .* of replication 0: every reward must be finite, of size at most 1e\+200"
    ):
        dm.update(model, 0, 0, r, 1)
    assert all(
        np.array_equal(x, y) for x, y in zip(model.arrays().values(), MODELS[name].arrays().values(), strict=True)
    )


@pytest.mark.parametrize("x", HUGE)
def test_what_a_model_would_begin_with_is_not_huge(x):
    for call in (
        lambda: dm.start(dm.QLearning(2, 2, 0.9, 0.1), Q=x),
        lambda: dm.start(dm.MaximumLikelihoodMDP(2, 2, 0.9, dm.FullUpdate()), U=x),
        lambda: dm.start(dm.MaximumLikelihoodMDP(2, 2, 0.9, dm.FullUpdate()), N=x),
        lambda: dm.RmaxMDP(2, 2, 0.9, dm.FullUpdate(), 1, x),
        lambda: dm.BayesianMDP(2, 2, 1.0, np.full((2, 2), x), 0.9, dm.FullUpdate()),
    ):
        with pytest.raises(ValueError, match=r"(Q|U|N|r_max|R) = .*: must be (a )?(finite|of size)"):
            call()
    dm.start(dm.QLearning(2, 2, 0.9, 0.1), Q=1e200)
    dm.RmaxMDP(2, 2, 0.9, dm.FullUpdate(), 1, -1e200)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_largest_reward_may_be_of_a_type_that_holds_no_huge_number(dtype):
    with np.errstate(all="raise"):
        assert dm.RmaxMDP(2, 2, 0.9, dm.FullUpdate(), 1, dtype(3)).r_max == 3


def test_the_largest_rewards_overflow_nowhere():
    for given in MODELS.values():
        model = copied(given)
        for r in (1e200, -1e200) * 4:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", "r = .* is above r_max")
                dm.update(model, 0, 0, r, 0, rng=0)
        assert np.isfinite(dm.action_values(model)).all()


def test_an_estimate_that_would_overflow_is_named_and_stays():
    estimate = dm.IncrementalEstimate(-1e308, 0.5)
    with pytest.raises(ValueError, match=r"x = 1e\+308: is too far from μ = -1e\+308"):
        dm.update(estimate, 1e308)
    assert (float(estimate.μ), estimate.m) == (-1e308, 0)


@pytest.mark.parametrize("shape", [0, -1, 1.5, None, "x", np.nan, {}, (2, 0), (2, None), 10**400])
def test_shapes_of_states_that_are_none_are_named(shape):
    made = lambda: dm.ReplayGradientQLearning(2, 0.9, max, None, [0.0], 0.1, 3, 1, 1, state_shape=shape)  # noqa: E731
    with pytest.raises(ValueError, match=r"state_shape = |buffer"):
        dm.start(made())


RAGGED = [[1, 2], [3]]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: dm.update(copied(table), RAGGED, 0, 0.0, 0), "s = [[1, 2], [3]]: must have rows of one length"),
        (lambda: dm.update(copied(table), 0, RAGGED, 0.0, 0), "a = [[1, 2], [3]]: must have rows of one length"),
        (lambda: dm.update(copied(linear), RAGGED, 0.0, 0.0, 0.0), "s = [[1, 2], [3]]: must have rows of one length"),
        (lambda: dm.learn(P, table, dm.EpsilonGreedyExploration(0.1), 3, RAGGED), "s = [[1, 2], [3]]: must have rows"),
        (lambda: dm.end(copied(table), RAGGED), "which = [[1, 2], [3]]: must have rows of one length"),
        (lambda: dm.BanditProblem([0.5]).R(RAGGED), "a = [[1, 2], [3]]: must have rows of one length"),
        (lambda: dm.OptimalExploration(dm.BetaPrior(2), 3).action_values(RAGGED, [0, 0]), "w = [[1, 2], [3]]"),
    ],
)
def test_rows_of_unequal_length_are_named(call, named):
    with pytest.raises(TypeError, match=re.escape(named)):
        call()
    with pytest.raises(IndexError, match=r"i = \[\[1, 2\], \[3\]\]: must be among the replications"):
        dm.part(bandit, RAGGED)


@pytest.mark.parametrize(
    ("w", "losses"), [([], []), (0, 0), ([0], [0]), ([0, 0, 0], [0, 0, 0]), ("ab", [0, 0]), ([0, np.nan], [0, 0])]
)
def test_wins_and_losses_of_other_arms_are_named(w, losses):
    with pytest.raises(ValueError, match=r"wins \(.*\) and losses \(.*\): must be numbers \(…, n\) of 2 arms"):
        dm.OptimalExploration(dm.BetaPrior(2), 3).action_values(w, losses)


def test_the_values_of_all_states_are_those_of_each():
    """Of R-MAX an untried pair was worth r_max + γ U where all states were asked for, and r_max / (1 - γ) in one."""
    for model in MODELS.values():
        np.testing.assert_array_equal(dm.action_values(model), dm.action_values(model, np.arange(25)))
    U = np.arange(25.0)
    model = dm.start(dm.RmaxMDP(25, 6, 0.9, dm.PrioritizedUpdate(1), 1, 10.0), 2, U=U)
    np.testing.assert_allclose(dm.action_values(model), 100, rtol=1e-12)
    found, _ = dm.learn(P, model, dm.EpsilonGreedyExploration(0.5), 40, rng=0)
    np.testing.assert_array_equal(dm.action_values(found), dm.action_values(found, np.tile(np.arange(25), (2, 1))))
    np.testing.assert_array_equal(dm.greedy_policy(found)[1], dm.greedy(dm.part(found, 1), np.arange(25)).a)


def test_sparse_counts_as_a_problem_are_the_dense_ones():
    one = dm.start(dm.MaximumLikelihoodMDP(25, 6, 0.9, dm.PrioritizedUpdate(1)))
    _, τs = dm.learn(P, one, dm.EpsilonGreedyExploration(0.5), 60, rng=0)
    sparse = dm.replay(MODELS["sparse counts"], τs)
    dense = dm.estimated_mdp(dm.replay(one, τs))
    found = dm.estimated_mdp(sparse)
    a = np.random.default_rng(0).integers(6, size=26)
    np.testing.assert_allclose(dm.policy_evaluation(found, a), dm.policy_evaluation(dense, a), rtol=1e-10)
    with pytest.raises(ValueError, match="unvisited = 'uniform': must be 'end' for a sparse model"):
        dm.estimated_mdp(sparse, "uniform")


@pytest.mark.parametrize(
    "A", [np.array(["a"]), np.array([1j]), np.array(1.0), ["a", "b"], [1.0, 1.0], [np.nan], [[1.0, 2.0]]]
)
def test_actions_that_are_no_numbers_are_refused_as_such(A):
    for made in (dm.GradientQLearning, lambda *x: dm.ReplayGradientQLearning(*x, 3, 1, 1)):
        with pytest.raises(
            ValueError, match=r"A = .*: must be a number of actions, or a list of different finite numbers"
        ):
            made(A, 0.9, lambda θ, s, a: θ[0], None, [0.0], 0.1)
