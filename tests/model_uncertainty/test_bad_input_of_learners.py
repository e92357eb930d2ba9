"""A catalogue of wrong calls of chapters 15 to 17: what is no model, no state or no rate is named."""

import re

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
    ],
)
def test_what_does_not_fit_is_refused_with_its_size(call, named):
    with pytest.raises(TooLargeError, match=re.escape(named)):
        call()


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
    with pytest.raises(TypeError, match="model = SparseCountedModel"):
        dm.estimated_mdp(sparse, "uniform")
