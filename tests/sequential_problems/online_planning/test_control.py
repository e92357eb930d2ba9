"""Model predictive control: least squares, the book's two optima, forecasts, feasibility."""

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad

import decision_making as dm

GOAL = np.array([10.0, 10.0, 0.0, 0.0])


def integrator(s, a):
    """Position moves by the speed, speed by the acceleration."""
    return anp.concatenate([s[..., :2] + s[..., 2:], s[..., 2:] + a], axis=-1)


def effort(s, a):
    return -anp.sum(a**2, axis=-1)


def arrival(s):
    return -100 * anp.sum((s - GOAL) ** 2, axis=-1)


def clearance(s):
    return anp.sum((s[..., :2] - np.array([3.0, 4.0])) ** 2, axis=-1) - 4.0


def test_without_obstacle_it_is_least_squares():
    M = dm.ModelPredictiveControl(integrator, effort, 9, [-9, -9], [9, 9], R_end=arrival, starts=1, rng=0)
    found = dm.plan(M, np.zeros(4))
    powers = np.array([[[8 - k, 1.0] for k in range(9)]])[0]  # a_k moves the last position by 8 - k, the speed by 1
    rows = np.vstack([10 * powers.T, np.eye(9)])
    one = np.linalg.lstsq(rows, np.concatenate([[100.0, 0.0], np.zeros(9)]), rcond=None)[0]
    np.testing.assert_allclose(found.actions, np.stack([one, one], axis=1), atol=1e-5)
    assert found.u == pytest.approx(-3.323925, abs=1e-6)
    np.testing.assert_allclose(found.a, [0.665523, 0.665523], atol=1e-5)
    assert found.states.shape == (10, 4)
    assert np.hypot(*(found.states[:, :2] - [3, 4]).T).min() == pytest.approx(0.7476, abs=1e-4)


def test_example_9_10_has_two_optima():
    M = dm.ModelPredictiveControl(
        *(integrator, effort, 9, [-1, -1], [1, 1]), R_end=arrival, constraint=clearance, starts=5, rng=0
    )
    found = dm.plan(M, np.zeros(4))
    assert found.u == pytest.approx(-3.793687, abs=1e-5)
    np.testing.assert_allclose(found.a, [0.830471, 0.328121], atol=1e-4)
    assert clearance(found.states).min() >= -1e-6
    assert abs(found.actions).max() <= 1
    assert [u for u, _ in found.ends] == sorted((u for u, _ in found.ends), reverse=True)
    firsts = {-3.794: (0.830471, 0.328121), -5.217: (-0.038155, 0.909034)}  # below the obstacle, and above it
    met = [(round(u, 3), actions) for u, actions in found.ends if u > -6]  # with other rounding a start may end in less
    assert {u for u, _ in met} == set(firsts)
    for u, actions in met:
        np.testing.assert_allclose(actions[0], firsts[u], atol=1e-3)
    np.testing.assert_allclose(integrator(found.states[:-1], found.actions), found.states[1:], atol=1e-12)


def drift(s, a, ε=0.0):
    return s + a + ε


def miss(s):
    return -anp.sum(s**2, axis=-1)


def test_one_sequence_for_all_forecasts_is_worth_its_worst():
    """One step, end states s + a + ε_i: the best worst case puts a so that the extremes lie symmetrically about 0."""
    ε = np.array([[[-1.0]], [[0.0]], [[3.0]]])
    M = dm.MultiforecastControl(drift, lambda s, a: 0.0 * s[..., 0], 1, -9, 9, R_end=miss, ε=ε, starts=3, rng=0)
    found = dm.plan(M, [0.5])
    assert found.a[0] == pytest.approx(-1.5, abs=1e-4)
    assert found.u == pytest.approx(-4.0, abs=1e-4)
    assert found.actions.shape == (1, 1)
    assert found.states.shape == (3, 2, 1)


def test_own_sequences_share_the_first_action():
    """Two steps, noise only in the first: the second action corrects it, so only its cost is left."""
    ε = np.array([[[-1.0], [0.0]], [[3.0], [0.0]]])
    cost = lambda s, a: -anp.sum(a**2, axis=-1)  # noqa: E731
    M = dm.MultiforecastControl(
        *(drift, cost, 2, -9, 9), R_end=lambda s: 1e4 * miss(s), ε=ε, sequences="own", starts=3, rng=0
    )
    found = dm.plan(M, [0.5])
    # a₁² + mean (0.5 + a₁ + ε)²: minimal where a₁ = -(0.5 + mean ε) / 2
    assert found.a[0] == pytest.approx(-0.75, abs=1e-3)
    np.testing.assert_allclose(found.actions[:, 1, 0], [-(0.5 - 0.75 + x) for x in (-1.0, 3.0)], atol=1e-3)
    assert (found.actions[:, 0] == found.actions[0, 0]).all()
    np.testing.assert_array_equal(found.a, found.actions[0, 0])
    assert found.u == pytest.approx(-(0.75**2) - (1.25**2 + 2.75**2) / 2, abs=1e-2)
    one = dm.MultiforecastControl(drift, cost, 2, -9, 9, R_end=lambda s: 1e4 * miss(s), ε=ε, starts=3, rng=0)
    assert dm.plan(one, [0.5]).u < found.u


def test_discount_and_batch():
    reward = lambda s, a: a[..., 0] - a[..., 0] ** 2  # noqa: E731
    M = dm.ModelPredictiveControl(drift, reward, 3, [-5], [5], γ=0.5, R_end=lambda s: 8 * s[..., 0], starts=2, rng=0)
    found = dm.plan(M, [[0.0], [1.0]])
    # a_k maximises γ^k (a - a²) + γ³ 8 a = γ^k (a - a²) + a: 1 - 2a + 1/γ^k = 0
    np.testing.assert_allclose(found.actions[0, :, 0], [1.0, 1.5, 2.5], atol=1e-4)
    np.testing.assert_allclose(found.actions[0], found.actions[1], atol=1e-4)
    assert M([[0.0], [1.0]]).shape == (2, 1)
    assert M([0.0]).shape == (1,)
    a = found.actions[1, :, 0]
    worth = sum(0.5**k * (a[k] - a[k] ** 2) for k in range(3)) + 0.5**3 * 8 * (1 + a.sum())
    assert found.u[1] == pytest.approx(worth)


def test_replanning_never_costs_more_than_the_tail_of_the_old_plan():
    M = dm.ModelPredictiveControl(integrator, effort, 9, [-1, -1], [1, 1], R_end=arrival, starts=1, rng=0)
    first = dm.plan(M, np.zeros(4))
    later = dm.ModelPredictiveControl(integrator, effort, 8, [-1, -1], [1, 1], R_end=arrival, starts=1, rng=0)
    tail = first.u - effort(None, first.actions[0])
    assert dm.plan(later, first.states[1]).u >= tail - 1e-6


def test_what_cannot_be_kept_is_said():
    far = {"constraint": lambda s: s - 9, "starts": 2, "rng": 0}
    M = dm.ModelPredictiveControl(drift, lambda s, a: s[..., 0], 2, [-1], [1], **far)
    with pytest.raises(ValueError, match=r"no plan from \[0\.0\] keeps the constraints: 2 starts, the nearest"):
        M([0.0])
    with pytest.raises(ValueError, match=r"low = .*: must be at most high"):
        dm.ModelPredictiveControl(drift, effort, 2, [2.0], [1.0])
    with pytest.raises(ValueError, match=r"low = .*a bound for each component"):
        dm.ModelPredictiveControl(drift, effort, 2, [0.0, 0.0], [1.0])
    with pytest.raises(ValueError, match=r"ε = \(3, 1\): must be finite noise"):
        dm.MultiforecastControl(drift, effort, 2, [0.0], [1.0], ε=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="must be a finite state"):
        M([np.nan])


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_constraints_that_are_no_numbers_are_not_kept(bad):
    M = dm.ModelPredictiveControl(drift, lambda s, a: miss(a), 1, -1, 1, constraint=lambda s: 0 * s + bad, starts=2)
    with pytest.raises(ValueError, match=r"the return or a constraint of every plan from \[0\.0\] is not a number"):
        dm.plan(M, [0.0])


def test_returns_that_are_no_numbers_are_said():
    M = dm.ModelPredictiveControl(lambda s, a: s + a, lambda s, a: (a**2).sum(-1) * np.nan, 2, [-1.0], [1.0])
    with pytest.raises(ValueError, match=r"the return or a constraint of every plan from \[0\.0\] is not a number"):
        dm.plan(M, [0.0])


def test_actions_without_bounds_are_those_of_least_squares():
    """a² + (3 + a + b)² + b²: a = b = -1; with one bound at -1/2 the other action does the rest, (3 - 1/2) / 2."""
    for low, high, right in ((-np.inf, np.inf, -1.0), (-np.inf, 5.0, -1.0), (-0.5, np.inf, -0.5)):
        M = dm.ModelPredictiveControl(drift, lambda s, a: miss(a), 2, low, high, R_end=miss, starts=2, rng=0)
        np.testing.assert_allclose(dm.plan(M, [3.0]).actions, right, atol=1e-5)
    for bad in ([np.nan, 0.0], [0.0, np.nan]):
        with pytest.raises(ValueError, match=r"low = .*a bound for each component"):
            dm.ModelPredictiveControl(drift, effort, 2, bad, [1.0, 1.0])
        with pytest.raises(ValueError, match=r"low = .*a bound for each component"):
            dm.ModelPredictiveControl(drift, effort, 2, [-1.0, -1.0], bad)


@pytest.mark.parametrize(("low", "high"), [(-np.inf, np.inf), (0.0, np.inf), (-np.inf, 3.0)])
@pytest.mark.parametrize("sequences", [None, "one", "own"])
def test_a_return_that_grows_for_ever_has_no_best_plan(low, high, sequences):
    R = lambda s, a: (-1 if high < np.inf else 1) * a[..., 0]  # noqa: E731
    if sequences is None:
        M = dm.ModelPredictiveControl(lambda s, a: s + a, R, 3, [low], [high], starts=2, rng=0)
    else:
        ε = np.random.default_rng(0).normal(size=(3, 3, 1))
        M = dm.MultiforecastControl(lambda s, a, e: s + a + e, R, 3, [low], [high], ε=ε, sequences=sequences, rng=0)
    with pytest.raises(ValueError, match=r"the return from \[0.0\] still grows where actions are .*: no plan is"):
        dm.plan(M, np.zeros(1))


@pytest.mark.parametrize("q", [1e-12, 1e-8, 1e-3, 1e3, 1e8, 1e12])
@pytest.mark.parametrize("sequences", [None, "one", "own"])
def test_a_plan_does_not_depend_on_the_unit_of_the_rewards(q, sequences):
    ε = np.random.default_rng(0).normal(size=(3, 2, 1))

    def planned(q):
        R = lambda s, a: -q * (s[..., 0] ** 2 + a[..., 0] ** 2)  # noqa: E731
        if sequences is None:
            M = dm.ModelPredictiveControl(lambda s, a: s + a, R, 2, [-5.0], [5.0], starts=3, rng=0)
        else:
            T = lambda s, a, e: s + a + e  # noqa: E731
            M = dm.MultiforecastControl(T, R, 2, [-5.0], [5.0], ε=ε, sequences=sequences, starts=3, rng=0)
        return dm.plan(M, [5.0])

    found, expected = planned(q), planned(1.0)
    np.testing.assert_allclose(found.actions, expected.actions, atol=1e-4)
    assert found.u / q == pytest.approx(expected.u, rel=1e-8)


def test_a_plan_does_not_depend_on_the_unit_of_the_actions():
    """Heat a house of 15 degrees to 21 by Joules: -(6 + ...)² at the first two steps, then what is left of the cost."""
    M = dm.ModelPredictiveControl(
        lambda s, a: s + a / 4.2e6,
        *(lambda s, a: -((s[..., 0] - 21) ** 2) - 1e-16 * a[..., 0] ** 2, 3, [-np.inf], [np.inf]),
        rng=0,
    )
    found = dm.plan(M, [15.0])
    assert found.a == pytest.approx(6 * 4.2e6, rel=0.01)
    assert -36.1 < found.u < -36


@pytest.mark.parametrize(
    "R",
    [
        lambda a: -(((a - 1e7) / 100) ** 4),
        lambda a: -1e3 * anp.exp(-a / 1e7),
        lambda a: -((a - 1e8) ** 2),
        lambda a: 1e8 * anp.tanh(a / 1e8),
        lambda a: 1e8 * anp.tanh(a / 1e12),
    ],
)
def test_a_return_with_a_bound_is_never_said_to_grow_for_ever(R):
    M = dm.ModelPredictiveControl(lambda s, a: s, lambda s, a: anp.sum(R(a), axis=-1), 1, [-1.0] * 2, [np.inf] * 2)
    assert np.isfinite(dm.plan(M, [0.0]).u)


@pytest.mark.parametrize(
    "R",
    [
        *(lambda a: a**2, lambda a: a**4, anp.cosh, anp.exp, lambda a: anp.where(a < 2, anp.log(abs(a)), a**2)),
        *(lambda a: anp.log(1 + a**2), lambda a: anp.log(1 + anp.log(1 + a**2)), lambda a: -0.005 * a + 0 * a**2),
    ],
)
def test_a_return_that_overflows_is_not_left_for_a_plan_that_is_only_stationary(R):
    """The middle of the first three, where the first start is, has slope 0; from other starts actions become NaN."""
    M = dm.ModelPredictiveControl(lambda s, a: s, lambda s, a: R(a[..., 0]), 1, -np.inf, np.inf, rng=0)
    with pytest.raises(ValueError, match=r"the return from .* still grows"):
        dm.plan(M, [0.0])


@pytest.mark.parametrize("R", [lambda a: anp.log(a) - a, lambda a: anp.log(a - 0.5) - a**2 / 2])
def test_starts_from_which_a_return_is_no_number_leave_the_others_alone(R):
    M = dm.ModelPredictiveControl(lambda s, a: s, lambda s, a: R(a[..., 0]), 1, -np.inf, np.inf, rng=0)
    a = dm.plan(M, [0.0]).a[0]
    assert abs(grad(R)(float(a))) < 1e-4


def test_a_large_state_hides_no_return_without_bounds():
    for low in (0.0, -np.inf):
        M = dm.ModelPredictiveControl(lambda s, a: s + a, lambda s, a: a[..., 0], 1, [low], [np.inf], rng=0)
        with pytest.raises(ValueError, match="still grows"):
            dm.plan(M, [1.7e9])
    M = attrs.evolve(M, R=lambda s, a: -anp.sqrt(a[..., 0] - 5))
    with pytest.raises(ValueError, match=r"not a number.*; a return may grow for ever where these are infinite"):
        dm.plan(M, [0.0])


def test_a_plan_far_out_is_the_best_where_a_return_or_constraint_ends_there():
    far = dm.ModelPredictiveControl(lambda s, a: s + a, lambda s, a: -((a[..., 0] - 1e7) ** 2), 2, [-np.inf], [np.inf])
    assert far(np.zeros(1)) == pytest.approx(1e7)
    bounded = dm.ModelPredictiveControl(lambda s, a: s + a, lambda s, a: anp.tanh(a[..., 0]), 2, [-np.inf], [np.inf])
    assert dm.plan(bounded, np.zeros(1)).u == pytest.approx(2)
    kept = dm.ModelPredictiveControl(
        *(lambda s, a: s + a, lambda s, a: a[..., 0], 2, [-np.inf], [np.inf]), constraint=lambda s: 1e8 - s, rng=0
    )
    assert dm.plan(kept, np.zeros(1)).u == pytest.approx(1e8)


def test_forecasts_have_bounds_too_and_one_forecast_of_numbers_will_do():
    with pytest.raises(ValueError, match=r"low = .*: must be at most high"):
        dm.MultiforecastControl(drift, effort, 1, [2.0], [1.0], ε=np.zeros((3, 1, 1)))
    with pytest.raises(ValueError, match="must be finite noise"):
        dm.MultiforecastControl(drift, effort, 1, [0.0], [1.0], ε=np.zeros((0, 1, 1)))
    noisy = lambda s, a, ε: s + a + ε[..., None]  # noqa: E731
    for sequences in ("one", "own"):
        M = dm.MultiforecastControl(
            noisy, lambda s, a: 0.0 * s[..., 0], 1, -9, 9, R_end=miss, ε=[[2.0]], sequences=sequences, starts=2, rng=0
        )
        found = dm.plan(M, [0.5])
        assert found.a[0] == pytest.approx(-2.5, abs=1e-4)
        assert found.states.shape == (1, 2, 1)


def test_what_is_constant_is_planned_without_a_warning():
    """Warnings are errors here: a reward without actions, a constraint without states, dynamics without actions."""
    zero = lambda s, a: 0.0 * s[..., 0]  # noqa: E731
    alone = dm.plan(dm.ModelPredictiveControl(drift, zero, 1, -1, 1, constraint=lambda s: np.ones(s.shape[:-1])), [0.5])
    assert (alone.u, alone.a.tolist()) == (0.0, [0.0])
    still = dm.plan(dm.ModelPredictiveControl(lambda s, a: s, lambda s, a: miss(s), 2, -1, 1), [0.5])
    assert still.u == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("name", "f", "said"),
    [
        (
            "T",
            lambda s, a: anp.sum(s + a, axis=-1),
            r"T\(s, a\) has shape \(1,\) for states \(1, 2\): must be \(1, 2\)",
        ),
        ("T", lambda s, a: None, r"T\(s, a\) has shape \(\) for states \(1, 2\)"),
        ("R", lambda s, a: -(a**2), r"R\(s, a\) has shape \(1, 2\): must be \(1,\), a number for each state"),
        ("R", lambda s, a: None, r"R\(s, a\) = None: must be a number for each state"),
        ("R", lambda s, a: "x", r"R\(s, a\) = 'x': must be a number for each state"),
        ("R_end", lambda s: -(s**2), r"R_end\(s\) has shape \(1, 2\): must be \(1,\)"),
        ("constraint", lambda s: s[..., 0] > -9, r"constraint\(s\) = .*True.*: must be a number for each state"),
        ("constraint", anp.sum, r"constraint\(s\) has shape \(\): must be \(3, 1\)"),
    ],
)
def test_functions_that_give_no_number_for_each_state_are_named(name, f, said):
    """A reward of each component, not of the action, was planned with as if it were one number."""
    parts = {"T": drift, "R": effort, name: f}
    T, R = parts.pop("T"), parts.pop("R")
    for d in (1, 2) if name == "T" else (2,):
        M = dm.ModelPredictiveControl(T, R, d, [-1, -1], [1, 1], starts=1, **parts)
        with pytest.raises((ValueError, TypeError), match=said):
            M([0.5, 0.5])


@pytest.mark.parametrize("number", [-2, -2.0, np.float32(-2), np.array(-2), [-2], np.array([-2])], ids=repr)
def test_a_number_of_any_kind_is_that_of_the_only_state(number):
    found = dm.plan(dm.ModelPredictiveControl(drift, lambda s, a: number, 2, -1, 1, starts=1), [0.5])
    assert (found.u, found.actions.tolist()) == (-4.0, [[0.0], [0.0]])


@pytest.mark.parametrize("given", [[None], ["x"], [[1.0], [1.0, 2.0]], np.array(["x"]), np.array([True]), 1j], ids=repr)
def test_what_is_no_number_is_named_whatever_holds_it(given):
    with pytest.raises(TypeError, match=r"R\(s, a\) = .*: must "):
        dm.ModelPredictiveControl(drift, lambda s, a: given, 1, -1, 1)([0.5])


def test_a_reward_of_all_forecasts_at_once_is_none_of_each():
    M = dm.MultiforecastControl(drift, lambda s, a: -anp.sum(a**2), 1, -1, 1, ε=np.zeros((3, 1, 1)), starts=1)
    with pytest.raises(ValueError, match=r"R\(s, a\) has shape \(\): must be \(3,\)"):
        M([0.5])


def test_bounds_leave_something_to_choose_from():
    for low, high, said in (
        (np.inf, np.inf, r"low = array\(\[inf\]\): must be .* -inf where there is no bound"),
        (-np.inf, -np.inf, r"high = array\(\[-inf\]\): must be .* inf where there is no bound"),
        ([0.0, np.inf], [1.0, np.inf], r"low = array\(\[ 0\., inf\]\): must be .* -inf where"),
        ([-np.inf, 0.0], [-np.inf, 1.0], r"high = array\(\[-inf,   1\.\]\): must be .* inf where"),
        ([], [], r"low = array\(\[\].*: must be a number for each component"),
    ):
        with pytest.raises(ValueError, match=said):
            dm.ModelPredictiveControl(drift, effort, 2, low, high)


def test_a_batch_of_no_states_has_no_plans():
    for sequences, lead in (("one", (0,)), ("own", (0, 3))):
        M = dm.MultiforecastControl(drift, effort, 2, -1, 1, ε=np.zeros((3, 2, 1)), sequences=sequences)
        found = dm.plan(M, np.zeros((0, 1)))
        assert (found.a.shape, found.u.shape, found.ends) == ((0, 1), (0,), [])
        assert (found.actions.shape, found.states.shape) == ((*lead, 2, 1), (0, 3, 3, 1))
    M = dm.ModelPredictiveControl(drift, effort, 2, -1, 1)
    assert dm.plan(M, np.zeros((0, 1))).states.shape == (0, 3, 1)
    assert M(np.zeros((0, 1))).shape == (0, 1)


@pytest.mark.parametrize("seed", range(6))
def test_forecasts_are_planned_for_as_well_as_by_all_actions_of_a_grid(seed):
    """Two steps, equations 9.6 and 9.7 as loops; no plan is worth less, and what it is worth is its own return."""
    rng, γ = np.random.default_rng(seed), 0.8
    ε, goal, s, grid = rng.normal(size=(3, 2, 1)), rng.normal(), rng.normal(), np.linspace(-1, 1, 21)

    def worth(i, a, b):
        first, second = s + a + ε[i, 0, 0], s + a + ε[i, 0, 0] + b + ε[i, 1, 0]
        return -((s - goal) ** 2) - a * a / 9 - γ * ((first - goal) ** 2 + b * b / 9) - 2 * γ**2 * (second - goal) ** 2

    reward = lambda s, a: -anp.sum((s - goal) ** 2, axis=-1) - anp.sum(a**2, axis=-1) / 9  # noqa: E731
    parts = {"γ": γ, "R_end": lambda s: -2 * anp.sum((s - goal) ** 2, axis=-1), "ε": ε, "starts": 3, "rng": 0}
    one = dm.plan(dm.MultiforecastControl(drift, reward, 2, -1, 1, **parts), [s])
    own = dm.plan(dm.MultiforecastControl(drift, reward, 2, -1, 1, sequences="own", **parts), [s])
    assert one.u >= max(min(worth(i, a, b) for i in range(3)) for a in grid for b in grid) - 1e-6
    assert own.u >= max(np.mean([max(worth(i, a, b) for b in grid) for i in range(3)]) for a in grid) - 1e-6
    assert one.u == pytest.approx(min(worth(i, *one.actions[:, 0]) for i in range(3)))
    assert own.u == pytest.approx(np.mean([worth(i, *own.actions[i, :, 0]) for i in range(3)]))
