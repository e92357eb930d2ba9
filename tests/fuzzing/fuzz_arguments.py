"""Every public callable with wrong arguments: an error that names the argument, or a result that is finite."""

import traceback
from types import SimpleNamespace

import numpy as np
from scipy import stats

import decision_making as dm
from decision_making import exact
from decision_making.policies import heads
from tests.fuzzing.fuzz_numbers import one_of
from tests.fuzzing.harness import fuzzer
from tests.test_bad_input import STRUCTS

T, R = np.full((3, 2, 3), 1 / 3), np.arange(6.0).reshape(3, 2)
P, b = dm.MDP.from_arrays(T, R, 0.9), np.array([0.5, 0.25, 0.25])
π, θ = dm.SoftmaxPolicy(3, 2), np.linspace(-1, 1, 6)
τs = dm.Trajectories(np.zeros((2, 3), int), np.ones((2, 3), int), np.ones((2, 3)), s_end=np.zeros(2, int))
free = dm.MDP(0.9, None, None, None, None, lambda s, a, rng: (0.5 * s + 0.1 * np.tanh(a), -(s**2)))
gaussian, θ_2 = dm.LinearGaussianPolicy(), np.array([-0.5, 0.5])
U = lambda φ, s: φ.sum() + 0.0 * s  # noqa: E731
Q = lambda φ, s, a: φ[0] * a  # noqa: E731
flat = lambda π, θ: -float(θ @ θ)  # noqa: E731
given = (P, b, 3, 4)
natural, trust = dm.NaturalPolicyUpdate(*given, 0.1), dm.TrustRegionUpdate(*given, 0.1, 0.5)
clamped = dm.ClampedSurrogateUpdate(*given, 0.2, 0.1, 2)
pair = dm.GeneralizedAdvantageEstimation(*given, U, 0.9)
search = dm.HookeJeevesPolicySearch([0.5, 0.0], 1.0, 0.5, 0.3)
p = dm.GaussianSearchDistribution([0.0, 0.0], np.eye(2))
collecting = SimpleNamespace(γ=0.9, collect=lambda *_: τs, restart=lambda seed: None)
ESTIMATORS = (
    *(dm.LikelihoodRatioGradient(*given), dm.RewardToGoGradient(*given), dm.BaselineSubtractionGradient(*given)),
    *(dm.FiniteDifferenceGradient(*given, 0.1), dm.RegressionGradient(P, b, 3, 12, 0.1)),
)
UPDATES = (natural, trust, clamped, dm.RestrictedPolicyUpdate(*given, 0.1), dm.PolicyGradientUpdate(ESTIMATORS[0], 0.1))
SOLVERS = (
    *(dm.ValueIteration(3), dm.GaussSeidelValueIteration(3), dm.PolicyIteration([0, 0, 0], 3)),
    *(dm.LinearProgramFormulation(), dm.ModifiedPolicyIteration(3)),
)
# name -> (function, its good arguments)
CALLS = {
    "returns": (dm.returns, {"τs": τs, "γ": 0.9}),
    "rewards_to_go": (dm.rewards_to_go, {"τs": τs, "γ": 0.9}),
    "local_rewards_to_go": (dm.local_rewards_to_go, {"τs": τs, "γ": 0.9}),
    "standard_error": (dm.standard_error, {"f": lambda τs: τs.r.mean(), "τs": τs, "groups": 2}),
    "temporal_differences": (
        dm.temporal_differences,
        {"τs": τs, "U": np.ones((2, 3)), "γ": 0.9, "U_end": np.ones(2)},
    ),
    "generalized_advantages": (dm.generalized_advantages, {"δ": np.ones((2, 3)), "γ": 0.9, "λ": 0.5}),
    "natural_update": (
        dm.natural_update,
        {"θ": θ_2, "G": np.eye(2), "R": np.ones(2), "ε": 0.1, "damping": 0.0},
    ),
    "clip_gradient": (dm.clip_gradient, {"g": np.ones(2), "a": -1.0, "b": 1.0}),
    "scale_gradient": (dm.scale_gradient, {"g": np.ones(2), "L2_max": 1.0}),
    "evolution_strategy_weights": (dm.evolution_strategy_weights, {"m": 4}),
    "linesearch": (
        dm.linesearch,
        {"M": trust, "f": lambda x: float(x.sum()), "g": lambda x: 0.0, "θ": θ_2, "θ_new": θ_2 + 1},
    ),
    **{
        f.__name__: (f, {"M": M, "π": π, "θ": θ, "θ_new": θ + 0.1, "τs": τs})
        for f, M in (
            *((dm.surrogate_objective, trust), (dm.surrogate_constraint, trust), (dm.clamped_gradient, clamped)),
        )
    },
    "lookahead": (dm.lookahead, {"P": P, "U": np.ones(3), "s": 0, "a": 1}),
    "greedy": (dm.greedy, {"P": P, "U": np.ones(3), "s": 0}),
    "backup": (dm.backup, {"P": P, "U": np.ones(3), "s": 0}),
    "policy_evaluation": (dm.policy_evaluation, {"P": P, "π": [0, 1, 0]}),
    "iterative_policy_evaluation": (dm.iterative_policy_evaluation, {"P": P, "π": [0, 1, 0], "k_max": 3}),
    **{f"solve {type(M).__name__}": (dm.solve, {"M": M, "P": P}) for M in SOLVERS},
    "sweeps": (lambda M, P: list(dm.sweeps(M, P)), {"M": SOLVERS[0], "P": P}),
    "rollouts": (dm.rollouts, {"P": P, "b": b, "π": π, "θ": θ, "d": 3, "m": 4, "rng": 0}),
    "rollouts of numbers": (
        dm.rollouts,
        {"P": free, "b": stats.norm(0, 1), "π": gaussian, "θ": θ_2, "d": 3, "m": 4, "rng": 0},
    ),
    "simulate": (dm.simulate, {"P": P, "s": np.zeros(2, int), "π": lambda s: np.zeros(len(s), int), "d": 3, "rng": 0}),
    "SimulatedAgain": (dm.SimulatedAgain, {"P": P, "b": b, "π": π, "θ": θ, "d": 3, "m": 4, "rng": 0}),
    **{
        f"gradient {type(M).__name__}": (dm.gradient, {"M": M, "π": π, "θ": θ, "rng": 0, "τs": None})
        for M in ESTIMATORS
    },
    "gradient of recorded": (dm.gradient, {"M": ESTIMATORS[1], "π": π, "θ": θ, "τs": τs}),
    "gradient with critic": (dm.gradient, {"M": pair, "π": π, "θ": θ, "φ": np.ones(1), "τs": τs}),
    **{f"step {type(M).__name__}": (dm.step, {"M": M, "π": π, "θ": θ, "rng": 0, "τs": None}) for M in UPDATES},
    **{f"update {type(M).__name__}": (dm.update, {"M": M, "π": π, "θ": θ, "τs": τs}) for M in UPDATES},
    "step with critic": (
        dm.step,
        {"M": dm.ActorCriticUpdate(pair, dm.PolicyGradientUpdate(pair, 0.1), 0.1), "π": π, "θ": θ, "φ": np.ones(1)},
    ),
    "optimize": (dm.optimize, {"M": search, "π": None, "U": flat, "rng": 0}),
    "optimize_dist": (
        dm.optimize_dist,
        {"M": dm.CrossEntropyPolicySearch(p, 8, 6, 2), "π": None, "U": flat, "rng": 0},
    ),
    "generations": (
        lambda M, π, U, rng: list(dm.generations(M, π, U, rng=rng)),
        {"M": dm.IsotropicEvolutionStrategies([0.0, 0.0], 0.1, 4, 0.1, 2), "π": None, "U": flat, "rng": 0},
    ),
    "named_rule": (
        lambda name, epsilon, alpha: dm.named_rule(name, epsilon=epsilon, alpha=alpha),
        {"name": "trust_region", "epsilon": 0.1, "alpha": 0.5},
    ),
    "train": (
        dm.train,
        {"M": natural, "π": π, "θ": θ, "rng": 0, "updates": 1, "steps": None, "seconds": None, "threshold": None}
        | {"window": 10, "checkpoint_every": 50, "callbacks": ()},
    ),
    "Trajectories": (
        dm.Trajectories,
        {
            **{"s": np.zeros((2, 3)), "a": np.zeros((2, 3)), "r": np.zeros((2, 3)), "mask": None, "s_end": None},
            **{"terminated": None, "truncated": None},
        },
    ),
    "Trajectories.from_lists": (dm.Trajectories.from_lists, {"τs": [[(0, 1, 1.0)]]}),
    "MDP.from_arrays": (dm.MDP.from_arrays, {"T": T, "R": R, "γ": 0.9, "terminal": None}),
    "ValueFunctionPolicy": (dm.ValueFunctionPolicy, {"P": P, "U": np.ones(3)}),
    "TabularPolicy": (dm.TabularPolicy, {"P": P, "a": [0, 1, 0]}),
    "LinearQuadraticProblem": (
        lambda Ts, **x: dm.solve(dm.LinearQuadraticProblem(Ts, **x)),
        {"Ts": np.eye(2), "Ta": np.eye(2), "Rs": -np.eye(2), "Ra": -np.eye(2), "h_max": 3, "Σ": None},
    ),
    "exact.utility": (exact.utility, {"P": P, "b": b, "π": π, "θ": θ, "d": 3}),
    "exact.fisher": (exact.fisher, {"P": P, "b": b, "π": π, "θ": θ, "d": 3}),
    "exact.expected_kl": (exact.expected_kl, {"P": P, "b": b, "π": π, "θ": θ, "θ_new": θ + 0.1, "d": 3}),
    "exact.expected_surrogate": (
        exact.expected_surrogate,
        {"P": P, "b": b, "π": π, "θ": θ, "θ_new": θ + 0.1, "d": 3},
    ),
    "exact.clamped_gradient": (
        exact.clamped_gradient,
        {"P": P, "b": b, "π": π, "θ": θ, "θ_new": θ + 0.1, "d": 3, "ε": 0.2},
    ),
    "exact.update": (exact.update, {"M": natural, "π": π, "θ": θ}),
    "LinearSoftmaxPolicy": (
        lambda features, θ: dm.LinearSoftmaxPolicy(features).kl(θ, θ, [0, 1]),
        {"features": np.ones((3, 2, 6)), "θ": θ},
    ),
    "NeuralPolicy": (dm.NeuralPolicy, {"sizes": (2, 3), "head": heads.Categorical(2)}),
    "ModifiedPolicyIteration": (dm.ModifiedPolicyIteration, {"k_max": 3, "m": 2, "δ": None}),
    "MonteCarloPolicyEvaluation": (
        lambda θ, rng: dm.MonteCarloPolicyEvaluation(*given)(π, θ, rng),
        {"θ": θ, "rng": 0},
    ),
    "TrustRegionPolicyOptimization": (
        lambda π, θ, φ, τs: dm.step(dm.TrustRegionPolicyOptimization(collecting, 8, dm.TableCritic(3)), π, θ, φ, τs=τs),
        {"π": π, "θ": θ, "φ": np.zeros(3), "τs": τs},
    ),
    **{
        f"{type(π).__name__}.{method}": (
            lambda method=method, π=π, **x: getattr(π, method)(**x),
            {key: {"θ": θ, "θ_new": θ + 0.1, "a": a, "s": s}[key] for key in keys},
            ("θ", "θ_new"),
        )
        for π, θ, a, s in (
            (dm.SoftmaxPolicy(3, 2), θ, np.array([0, 1]), np.array([2, 1])),
            (dm.LinearSoftmaxPolicy(np.ones((3, 2, 4))), np.ones(4), np.array([0, 1]), np.array([2, 1])),
            (gaussian, θ_2, np.ones(2), np.ones(2)),
            (dm.NeuralPolicy((2, 3), heads.Categorical(2)), np.ones(17), np.array([0, 1]), np.ones((2, 2))),
        )
        for method, keys in (
            *(("logpdf", ("θ", "a", "s")), ("kl", ("θ", "θ_new", "s")), ("entropy", ("θ", "s")), ("mode", ("θ", "s"))),
        )
    },
    **{f"{cls.__name__}()": (cls, dict(good)) for cls, good, _ in STRUCTS if good},
}


def wrong(rng):
    """A value that few arguments may have."""
    values = (
        *(None, True, False, "x", "", b"x", float("nan"), float("inf"), -float("inf"), 0, -1, 1.5, -0.0, 1j),
        *(10**30, -(10**30), 2**62, 1e308, -1e308, 5e-324, [], [[]], {}, (), set(), object(), type, len, Ellipsis),
        *(np.zeros(0), np.zeros((2, 0)), np.zeros((0, 2)), np.full(3, np.nan), np.full((2, 3), np.inf), np.array(1.0)),
        *(np.zeros((1, 1, 1)), np.array(["a"]), np.array([None]), np.array([1j]), np.zeros(6, "M8[s]"), range(3)),
        *([[1], [1, 2]], [1, "a"], [None], np.full(6, 1e308), np.full(6, -1e308), np.zeros(6, np.float32)),
        *(
            np.zeros(6, bool),
            np.ma.masked_array([1.0, 2.0], [True, False]),
            np.float32(0.5),
            np.int8(3),
            np.bool_(True),
        ),
        *(np.zeros(1, [("a", float)]), "trust_region", [float("nan")] * 6, [10**400], np.arange(7.0), np.arange(5)),
        *(τs, P, π, gaussian, natural, pair, free, search, dm.Status.ACCEPTED, stats.norm(0, 1), stats.norm, lambda: 0),
        *(lambda *x: None, lambda *x: "x", lambda *x: np.nan, dm.SoftmaxPolicy(5, 2), np.random, SimpleNamespace()),
        *(np.float64("nan"), np.longdouble(1), np.zeros((2, 3), object), memoryview(b"abc"), 1 << 70, [[0.0] * 6]),
        *(np.random.default_rng(0), np.random.RandomState(0), np.random.SeedSequence(1), Exception("x")),
        *(np.full((3, 2), 1e200), np.full((2, 2), np.nan), {"θ": 1}, [1, 2, 3], "θ", "1", np.zeros((3, 2)), iter([1])),
    )
    return values[rng.integers(len(values))]


WORDS = (  # of NumPy and of Python, which say nothing to who called the library
    *("could not be broadcast", "not aligned", "matmul", "array element with a sequence", "has no attribute"),
    *("unsupported operand", "not subscriptable", "must be real number", "integer scalar arrays", "out of bounds"),
    *("positional argument", "unexpected keyword", "is not iterable", "has no len", "bad operand", "ufunc '"),
    *(
        "truth value",
        "expected a sequence",
        "cannot unpack",
        "Maximum allowed",
        "cannot be interpreted",
        "too large to",
    ),
    *("cannot reshape", "object is not callable", "not enough values", "zero-size array", "cannot convert"),
    *("not supported between", "could not convert", "Cannot cast", "Input operand", "einsum", "unhashable"),
)


def spelt(name):
    from decision_making.structs import ascii_name

    greek = {"epsilon": "ε", "alpha": "α", "a": "π"}  # a TabularPolicy is told of as the π that it is
    return {name, ascii_name(name), name.lstrip("_"), greek.get(name, name)}


def says(error, call):
    """Whether an error names an argument of the call, before any word of NumPy or Python that it quotes."""
    said = str(error)
    words = [said.find(x) for x in WORDS if x in said]
    return any(0 <= said.find(x) < min(words, default=len(said)) for key in call for x in spelt(key))


def assert_finite(found):
    """No number in it that is not finite; of a Step θ and φ."""
    if isinstance(found, dm.Step):
        found = [found.θ, *([] if found.φ is None else [found.φ])]
    if isinstance(found, np.ndarray) and found.dtype.kind in "fc":
        assert np.isfinite(found).all(), found
    elif isinstance(found, float):
        assert np.isfinite(found), found
    elif isinstance(found, tuple | list):
        for x in found:
            assert_finite(x)


# what may be infinite by its docstring, or is what the caller's own function gave
MAY_BE_INFINITE = {
    *("natural_update", "exact.utility", "generations", "standard_error", "exact.expected_kl", "linesearch"),
    *("exact.expected_surrogate", "exact.clamped_gradient", "surrogate_objective", "surrogate_constraint"),
    *("clamped_gradient", "optimize", "solve ", "sweeps"),
    *("SoftmaxPolicy", "LinearSoftmaxPolicy", "LinearGaussianPolicy", "NeuralPolicy"),
}


LONG = {"updates", "steps", "seconds", "threshold", "k_max", "h_max", "window"}  # may be as large as one likes


@fuzzer
def arguments(rng, folder):
    names = list(CALLS)
    name = names[rng.integers(len(names))]
    f, good, *some = CALLS[name]
    names = [x for x in good if not some or x in some[0]]
    changed = {names[rng.integers(len(names))] for _ in range(one_of(rng, 1, 1, 1, 2))}
    call = dict(good) | {x: wrong(rng) for x in sorted(changed)}
    for x in changed & LONG:
        if isinstance(call[x], int | float) and call[x] > 100:
            return  # right, and never done
    shown = {x: call[x] for x in changed}
    own = any(callable(x) for x in shown.values())  # an error may be one of the caller's own function
    try:
        with np.errstate(all="raise", under="ignore"):
            first, *_ = call.values()
            by_name = "." in name and "Policy" in name
            found = f(**call) if by_name else f(first, **{x: call[x] for x in list(call)[1:]})
    except (TypeError, ValueError) as error:
        other = "unexpected keyword argument" in str(error)  # M is of another verb's kind, which takes others
        if not (own or other or says(error, call)):
            raise AssertionError(f"{name} {shown!r}: {type(error).__name__}: {error}") from error
        return
    except FloatingPointError:
        if "Policy" not in name:  # a policy that is asked itself leaves it to the caller what may overflow
            raise
        return
    except Exception as error:
        if own and "decision_making" not in traceback.extract_tb(error.__traceback__)[-1].filename:
            return
        error.add_note(f"{name} {shown!r}")
        raise
    if not any(name.startswith(x) for x in MAY_BE_INFINITE):
        try:
            assert_finite(found)
        except AssertionError as error:
            error.add_note(f"{name} {shown!r}")
            raise
