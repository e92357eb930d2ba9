"""Critics: the linear fit in closed form, the network's loss and gradient, and both of its optimizers."""

import math
from types import SimpleNamespace

import attrs
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, strategies as st
from scipy import optimize

from decision_making import FeatureCritic, LinearCritic, NeuralCritic, TableCritic
from decision_making.policies.network import Passes, plain_network
from decision_making.trust_region_policy_optimization import critics


def products(s):
    """Features (..., 4) of states (..., 2)."""
    if np.shape(s)[-1:] != (2,):
        raise ValueError(f"s has shape {np.shape(s)}: states of this critic are vectors of 2")
    x, y = s[..., 0], s[..., 1]
    return np.stack([np.ones_like(x), np.tanh(x), y**2, x * y], axis=-1)


CRITICS = {
    "linear": LinearCritic(2, degree=3),
    "features": FeatureCritic(products, 4),
    "lbfgs": NeuralCritic((2, 5)),
    "adam": NeuralCritic((2, 5), optimizer="adam", minibatch=4),
}
every_critic = pytest.mark.parametrize("critic", CRITICS.values(), ids=CRITICS.keys())


def batch(N=30, width=2, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    s = rng.uniform(-2, 2, (N, width)).astype(dtype)
    return s, (np.sin(s[:, 0]) + 0.3 * s[:, -1] ** 2 - 1).astype(dtype)


def started(critic, dtype=np.float64):
    rng = np.random.default_rng(1)
    return (critic.init(2) + 0.1 * rng.normal(size=critic.n)).astype(dtype)


def values_by_hand(critic, φ, s):
    """V_φ(s) by a loop over the layers, and the activations of each."""
    x, activations, start = s, [s], 0
    for layer, (i, o) in enumerate(zip(critic.sizes, (*critic.sizes[1:], 1), strict=True)):
        W, b = φ[start : start + i * o].reshape(i, o), φ[start + i * o : start + i * o + o]
        x = x @ W + b
        x = np.tanh(x) if layer < len(critic.sizes) - 1 else x
        activations.append(x)
        start += i * o + o
    return x[:, 0], activations


def loss_by_hand(critic, φ, s, targets):
    return 0.5 * np.mean((values_by_hand(critic, φ, s)[0] - targets) ** 2)


def gradient_by_hand(critic, φ, s, targets):
    """Back-propagation of ½ mean (V - target)², layer after layer."""
    V, x = values_by_hand(critic, φ, s)
    shapes = list(zip(critic.sizes, (*critic.sizes[1:], 1), strict=True))
    error, parts, end = (V - targets)[:, None] / len(s), [], critic.n
    for layer in reversed(range(len(shapes))):
        i, o = shapes[layer]
        W = φ[end - o - i * o : end - o].reshape(i, o)
        parts = [(x[layer].T @ error).ravel(), error.sum(axis=0), *parts]
        error = (error @ W.T) * (1 - x[layer] ** 2)
        end -= i * o + o
    return np.concatenate(parts)


# ---- what holds of every critic


@every_critic
def test_values_have_the_leading_axes_of_the_states(critic):
    φ = started(critic)
    s = np.random.default_rng(0).normal(size=(4, 3, 2))
    V = critic.predict(φ, s)
    assert V.shape == (4, 3)
    np.testing.assert_allclose(V[2, 1], critic.predict(φ, s[2, 1]), rtol=1e-12)
    np.testing.assert_allclose(V[3], critic.predict(φ, s[3]), rtol=1e-12)
    assert critic.predict(φ, s[2, 1]).shape == ()
    np.testing.assert_allclose(critic.predict(φ, [1, 2]), critic.predict(φ, np.array([1.0, 2.0])))


@every_critic
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_type_of_φ_stays(critic, dtype):
    φ = started(critic, dtype)
    assert critic.init(0, dtype=dtype).dtype == dtype
    for of_data in (np.float32, np.float64):
        s, targets = batch(dtype=of_data)
        assert critic.predict(φ, s).dtype == dtype
        assert critic.fit(φ, s, targets, rng=0).dtype == dtype
    s, targets = batch()
    np.testing.assert_allclose(
        critic.fit(φ, s, targets, rng=0), critic.fit(φ.astype(float), s, targets, rng=0), rtol=0.02, atol=0.02
    )


@every_critic
def test_a_fit_changes_nothing_in_place_and_repeats(critic):
    φ, (s, targets) = started(critic), batch()
    before = [x.tobytes() for x in (φ, s, targets)]
    for x in (φ, s, targets):
        x.flags.writeable = False
    fitted = critic.fit(φ, s, targets, rng=7)
    assert [x.tobytes() for x in (φ, s, targets)] == before
    assert not np.shares_memory(fitted, φ)
    assert fitted.tobytes() == critic.fit(φ, s, targets, rng=np.random.default_rng(7)).tobytes()
    assert fitted.shape == (critic.n,)


@every_critic
def test_a_fit_to_a_grid_of_states_and_targets_is_that_to_a_row_of_them(critic):
    φ, (s, targets) = started(critic), batch()
    fitted = critic.fit(φ, s, targets, rng=0)
    for shape in ((30, 1), (5, 6)):
        np.testing.assert_array_equal(critic.fit(φ, s.reshape(*shape, 2), targets.reshape(shape), rng=0), fitted)


@every_critic
def test_a_fit_lowers_the_loss(critic):
    φ, (s, targets) = started(critic), batch()
    fitted = critic.fit(φ, s, targets, rng=0)
    before, after = (np.mean((critic.predict(x, s) - targets) ** 2) for x in (φ, fitted))
    assert after < 0.9 * before


@every_critic
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_targets_that_are_not_finite_leave_φ_finite(critic, bad, dtype):
    φ, (s, targets) = started(critic, dtype), batch()
    targets[3] = bad
    fitted = critic.fit(φ, s, targets, rng=0)
    assert np.isfinite(fitted).all()
    assert fitted.dtype == dtype
    assert math.isfinite(critic.predict(fitted, s).sum())


@every_critic
def test_states_that_are_not_finite_leave_φ_finite(critic):
    φ, (s, targets) = started(critic), batch()
    for bad in (np.nan, np.inf):
        s[5, 1] = bad
        assert np.isfinite(critic.fit(φ, s, targets, rng=0)).all()


@every_critic
def test_targets_that_overflow_float32_leave_φ_finite(critic):
    φ, (s, targets) = started(critic, np.float32), batch()
    for scale in (1e30, 1e300):
        fitted = critic.fit(φ, s, scale * targets, rng=0)
        assert np.isfinite(fitted).all()


@every_critic
def test_what_does_not_fit_is_named(critic):
    φ, (s, targets) = started(critic), batch()
    for act in (lambda s: critic.predict(φ, s), lambda s: critic.fit(φ, s, targets)):
        with pytest.raises(ValueError, match=r"s has shape \(20, 3\): states of this critic are vectors of 2"):
            act(np.zeros((20, 3)))
        with pytest.raises(ValueError, match="vectors of 2"):
            act(np.zeros(()))
    for wrong in (targets[:-1], targets[:1], 0.0):
        with pytest.raises(ValueError, match=r"targets has shape .*one for each of the 30 states"):
            critic.fit(φ, s, wrong)
    with pytest.raises(ValueError, match=rf"φ has shape \({critic.n + 1},\): must be a flat array of {critic.n}"):
        critic.predict(np.zeros(critic.n + 1), s)
    with pytest.raises(ValueError, match=r"φ\[0\] = nan"):
        critic.fit(np.full(critic.n, np.nan), s, targets)
    with pytest.raises(TypeError, match="φ = None"):
        critic.predict(None, s)


@pytest.mark.parametrize(
    ("Critic", "by_place", "by_name"),
    [
        (TableCritic, "n_states", {}),
        (FeatureCritic, "features n", {"ridge": 1e-6}),
        (LinearCritic, "width degree", {"ridge": 1e-6}),
        (
            NeuralCritic,  # the settings of a fit are those of sb3-contrib's TRPO, the activation that of its MlpPolicy
            "sizes",
            {"optimizer": "lbfgs", "iterations": 10, "learning_rate": 1e-3, "minibatch": 128, "activation": "tanh"},
        ),
    ],
)
def test_what_a_critic_is_comes_by_place_and_how_it_is_fitted_by_name_only(Critic, by_place, by_name):
    fields = attrs.fields(Critic)
    assert [f.name for f in fields if not f.kw_only] == by_place.split()
    assert {f.name: f.default for f in fields if f.kw_only} == by_name
    assert LinearCritic(2) == LinearCritic(2, degree=2)


@pytest.mark.parametrize(
    "Critic", [TableCritic, lambda n: FeatureCritic(products, n), LinearCritic, lambda n: NeuralCritic((n,))]
)
def test_critics_made_alike_are_the_same(Critic):
    assert Critic(4) == Critic(4) != Critic(5)
    assert len({Critic(4), Critic(4), Critic(5)}) == 2


# ---- linear


@given(
    seed=st.integers(0, 1000),
    N=st.integers(1, 25),
    width=st.integers(1, 3),
    degree=st.integers(1, 3),
    ridge=st.sampled_from([1e-4, 1e-2, 1.0, 10.0]),
)
def test_linear_fit_is_the_closed_form_ridge_regression(seed, N, width, degree, ridge):
    critic = LinearCritic(width, degree, ridge=ridge)
    s, targets = batch(N, width, seed)
    f = np.array([[*(x**k for k in range(1, degree + 1) for x in row), 1.0] for row in s])
    assert critic.n == f.shape[1]
    expected = np.linalg.solve(f.T @ f + ridge * N * np.eye(critic.n), f.T @ targets)
    φ = critic.fit(critic.init(), s, targets)
    np.testing.assert_allclose(φ, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(critic.predict(φ, s), f @ expected, rtol=1e-6, atol=1e-9)


def test_linear_fit_does_not_depend_on_where_it_starts():
    critic, (s, targets) = LinearCritic(2, 2), batch()
    a = critic.fit(critic.init(), s, targets, rng=0)
    b = critic.fit(np.full(critic.n, 1e6), s, targets, rng=1)
    np.testing.assert_array_equal(a, b)


def test_linear_features_are_powers_and_one_of_components_cut_at_ten():
    critic = LinearCritic(2, degree=3)
    s = np.array([2.0, -1.0])
    for i, feature in enumerate([2, -1, 4, 1, 8, -1, 1]):
        assert critic.predict(np.eye(7)[i], s) == feature
    np.testing.assert_array_equal(critic.predict(np.eye(7)[0], [[1e30, 0], [-11, 0], [10, 0]]), [10, -10, 10])
    np.testing.assert_array_equal(critic.init(), np.zeros(7))


def test_linear_fit_is_unique_without_ridge_only_where_the_states_say_enough_and_finite_everywhere():
    critic = LinearCritic(1, 2, ridge=0.0)
    s = np.linspace(-1, 1, 7)[:, None]
    np.testing.assert_allclose(critic.fit(critic.init(), s, 3 - s[:, 0] + 2 * s[:, 0] ** 2), [-1, 2, 3], atol=1e-12)
    one = critic.fit(critic.init(), s[:1], np.array([4.0]))  # one state: the shortest φ that hits its target
    np.testing.assert_allclose(one, 4 * np.array([-1, 1, 1]) / 3, rtol=1e-12)


# ---- features of your own


def powers(s):
    return np.stack([s, s**2, np.ones_like(s)], axis=-1)


def test_features_that_are_powers_make_the_linear_critic():
    """Of states that are numbers and of vectors of one component; bit for bit, for there is one least-squares rule."""
    linear, numbers, vectors = LinearCritic(1), FeatureCritic(powers, 3), FeatureCritic(lambda s: powers(s[..., 0]), 3)
    s, targets = batch(width=1)
    fits = [c.fit(c.init(), x, targets) for c, x in ((linear, s), (numbers, s[:, 0]), (vectors, s))]
    np.testing.assert_array_equal(fits[0], fits[1])
    np.testing.assert_array_equal(fits[0], fits[2])
    V = linear.predict(fits[0], s)
    np.testing.assert_array_equal(numbers.predict(fits[0], s[:, 0]), V)
    np.testing.assert_array_equal(numbers.predict(fits[0], s[:, 0].reshape(5, 6)), V.reshape(5, 6))
    np.testing.assert_array_equal(vectors.predict(fits[0], s.reshape(5, 6, 1)), V.reshape(5, 6))
    assert numbers.predict(fits[0], 0.5).shape == vectors.predict(fits[0], np.array([0.5])).shape == ()
    np.testing.assert_allclose(numbers.predict(fits[0], [1, 2]), numbers.predict(fits[0], np.array([1.0, 2.0])))


def test_one_feature_for_each_state_makes_the_table():
    table, features = TableCritic(4), FeatureCritic(lambda s: np.eye(4)[s], 4, ridge=0.0)
    s, targets = np.array([0, 3, 3, 1, 0]), np.array([1.0, 2.0, 5.0, -1.0, 0.0])
    np.testing.assert_allclose(features.fit(np.zeros(4), s, targets), table.fit(np.zeros(4), s, targets), atol=1e-14)


def test_ridge_is_times_the_number_of_states():
    """Each state twice is the same fit: Σ (V - target)² + N ridge ‖φ‖² doubles as a whole."""
    critic, (s, targets) = FeatureCritic(products, 4, ridge=0.3), batch()
    f = products(s)
    expected = np.linalg.solve(f.T @ f + 0.3 * 30 * np.eye(4), f.T @ targets)
    np.testing.assert_allclose(critic.fit(critic.init(), s, targets), expected, rtol=1e-9)
    twice = critic.fit(critic.init(), np.vstack([s, s]), np.append(targets, targets))
    np.testing.assert_allclose(twice, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("features", "error", "said"),
    [
        (lambda s: s, ValueError, r"FeatureCritic\.features\(s\) has shape \(5,\) for s \(5,\): must be \(5, 3\)"),
        (lambda s: powers(s)[..., :2], ValueError, r"has shape \(5, 2\)"),
        (lambda s: powers(s)[:, None], ValueError, r"has shape \(5, 1, 3\)"),
        (lambda s: powers(s[:4]), ValueError, r"has shape \(4, 3\)"),
        (lambda s: [["a", "b", "c"]] * len(s), TypeError, r"FeatureCritic\.features\(s\) = "),
        (lambda s: None, ValueError, r"has shape \(\)"),
    ],
)
def test_features_of_the_wrong_shape_or_kind_are_named(features, error, said):
    critic = FeatureCritic(features, 3)
    for act in (lambda s: critic.predict(np.zeros(3), s), lambda s: critic.fit(np.zeros(3), s, s)):
        with pytest.raises(error, match=said):
            act(np.linspace(0, 1, 5))


def test_features_that_forget_the_batch_are_refused_by_the_fit():
    """They look like those of one state that is a vector, of which there cannot be five targets."""
    critic = FeatureCritic(lambda s: np.ones(3), 3)
    with pytest.raises(ValueError, match="one for each of the 1 states"):
        critic.fit(np.zeros(3), np.linspace(0, 1, 5), np.ones(5))


def test_features_that_are_not_finite_leave_φ_as_it_was_without_a_warning():
    critic, φ = FeatureCritic(lambda s: np.log(s)[..., None], 1), np.array([2.0])
    np.testing.assert_array_equal(critic.fit(φ, np.array([0.0, 1.0]), np.ones(2)), φ)
    assert critic.predict(φ, np.array([0.0, -1.0, np.e])).tolist()[::2] == [-np.inf, 2.0]


# ---- tables


@given(st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n - 1)))), st.integers(0, 99))
def test_table_holds_the_mean_target_of_each_visited_state_and_what_it_held_of_the_others(case, seed):
    (n, s), rng = case, np.random.default_rng(seed)
    φ, targets = rng.normal(size=n), rng.normal(size=len(s))
    expected = [np.mean([t for x, t in zip(s, targets, strict=True) if x == i]) if i in s else φ[i] for i in range(n)]
    critic = TableCritic(n)
    fitted = critic.fit(φ, np.array(s, int), targets)
    np.testing.assert_allclose(fitted, expected, rtol=1e-12)
    if s:
        s = np.array(s)
        np.testing.assert_array_equal(critic.predict(fitted, s), fitted[s])
        np.testing.assert_array_equal(critic.predict(fitted, s[:, None].astype(float)), fitted[s][:, None])
        assert critic.predict(fitted, s[0]).shape == ()
        best = np.mean((critic.predict(fitted, s) - targets) ** 2)
        other = np.mean((critic.predict(rng.normal(size=n), s) - targets) ** 2)
        assert best <= other


def test_a_table_fits_a_grid_of_states_and_targets_as_a_row_of_them():
    critic, s, targets = TableCritic(3), np.array([[0, 2, 2], [1, 2, 0]]), np.array([[1.0, 2.0, 4.0], [5.0, 6.0, 8.0]])
    assert critic.fit(np.zeros(3), s, targets).tolist() == [4.5, 5.0, 4.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_table_keeps_its_number_type_and_stays_finite(dtype, bad):
    critic, s = TableCritic(3), np.array([0, 2, 2])
    φ = np.array([0.5, 1.5, -1.0], dtype)
    assert critic.init(0).tolist() == [0, 0, 0]
    assert critic.init(0, dtype=dtype).dtype == critic.predict(φ, s).dtype == dtype
    fitted = critic.fit(φ, s, np.array([1.0, 2.0, 4.0]))
    assert fitted.dtype == dtype
    assert fitted.tolist() == [1.0, 1.5, 3.0]
    extreme = critic.fit(φ, s, np.array([1.0, bad, 4.0]))
    assert extreme.dtype == dtype
    assert np.isfinite(extreme).all()
    assert (extreme == φ).all() == (bad != 1e300 or dtype == np.float32)
    assert φ.tolist() == [0.5, 1.5, -1.0]
    assert not np.shares_memory(extreme, φ)


@pytest.mark.parametrize(
    ("s", "error", "said"),
    [
        ([0, 3], ValueError, r"s runs from 0 to 3: must lie in 0\.\.2"),
        ([-1, 0], ValueError, r"s runs from -1 to 0: must lie in 0\.\.2"),
        ([0.5, 1.0], TypeError, "s has dtype float64: .* whole numbers"),
        ([np.nan, 1.0], TypeError, "whole numbers"),
        ([np.inf, 1.0], TypeError, "whole numbers"),
        ([None, "1"], TypeError, "whole numbers"),
    ],
)
def test_states_that_a_table_does_not_have_are_named(s, error, said):
    critic = TableCritic(3)
    for act in (lambda s: critic.predict(np.zeros(3), s), lambda s: critic.fit(np.zeros(3), s, np.zeros(2))):
        with pytest.raises(error, match=said):
            act(np.array(s))


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [
        (lambda c: c.fit(np.zeros(3), [0, 1], [1.0]), ValueError, r"targets has shape \(1,\).*each of the 2 states"),
        (lambda c: c.predict(np.zeros(4), [0]), ValueError, r"φ has shape \(4,\): must be a flat array of 3"),
        (lambda c: c.fit([0, np.nan, 0], [0], [1.0]), ValueError, r"φ\[1\] = nan"),
        (lambda c: c.predict(None, [0]), TypeError, "φ = None"),
    ],
)
def test_shapes_and_parameters_that_do_not_suit_a_table_are_named(act, error, said):
    with pytest.raises(error, match=said):
        act(TableCritic(3))


# ---- neural


@pytest.mark.parametrize("sizes", [(2,), (2, 5), (3, 4, 6)], ids=str)
def test_neural_values_are_those_of_the_network(sizes):
    critic = NeuralCritic(sizes)
    φ = started(critic)
    s = np.random.default_rng(0).normal(size=(11, sizes[0]))
    np.testing.assert_allclose(critic.predict(φ, s), values_by_hand(critic, φ, s)[0], rtol=1e-12)


@pytest.mark.parametrize("sizes", [(2,), (2, 5), (2, 4, 3)], ids=str)
def test_neural_gradient_is_back_propagation_and_the_difference_of_losses(sizes):
    critic = NeuralCritic(sizes)
    φ, (s, targets) = started(critic), batch()
    slope, error = critic._slope(Passes(critic._shapes), φ, s, targets)
    np.testing.assert_allclose(np.mean(error**2) / 2, loss_by_hand(critic, φ, s, targets), rtol=1e-12)
    np.testing.assert_allclose(slope, gradient_by_hand(critic, φ, s, targets), rtol=1e-10, atol=1e-14)
    h = 1e-5
    differences = [
        (loss_by_hand(critic, φ + h * e, s, targets) - loss_by_hand(critic, φ - h * e, s, targets)) / (2 * h)
        for e in np.eye(critic.n)
    ]
    np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_fit_goes_by_the_loss_and_the_gradient_of_its_own_network(activation, optimizer, monkeypatch):
    critic = NeuralCritic((2, 5), activation=activation, optimizer=optimizer, iterations=1, minibatch=64)
    φ, (s, targets) = started(critic), batch()
    outputs = plain_network(φ, s, critic._shapes, activation)[:, 0]

    def mean_square(φ):
        return anp.mean((plain_network(φ, s, critic._shapes, activation)[:, 0] - targets) ** 2) / 2

    seen = []
    if optimizer == "lbfgs":
        monkeypatch.setattr(optimize, "minimize", lambda f, x, **options: seen.append(f(x)) or SimpleNamespace(x=x))
    else:
        monkeypatch.setattr(critics, "adam", lambda f, x, N, *rest: seen.append((None, f(x, np.arange(N)))) or x)
    critic.fit(φ, s, targets, rng=0)
    ((loss, slope),) = seen
    if optimizer == "lbfgs":
        np.testing.assert_allclose(loss, np.mean((outputs - targets) ** 2) / 2, rtol=1e-12)
    np.testing.assert_allclose(slope, grad(mean_square)(φ), rtol=1e-9, atol=1e-13)


def test_lbfgs_fits_a_known_function_and_more_iterations_fit_it_better():
    s, targets = batch(100)
    losses = []
    for iterations in (1, 10, 150):
        critic = NeuralCritic((2, 8), iterations=iterations)
        φ = critic.fit(critic.init(0), s, targets)
        losses.append(loss_by_hand(critic, φ, s, targets))
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] < 1e-3
    other, known = batch(50, seed=5)
    assert abs(critic.predict(φ, other) - known).max() < 0.15


def test_lbfgs_of_a_linear_network_is_least_squares():
    """Without a hidden layer the loss is quadratic, and its minimum is known."""
    critic, (s, targets) = NeuralCritic((2,), iterations=200), batch()
    expected = np.linalg.lstsq(np.column_stack([s, np.ones(len(s))]), targets, rcond=None)[0]
    np.testing.assert_allclose(critic.fit(started(critic), s, targets), expected, atol=1e-4)


def test_lbfgs_has_no_chance_in_it_and_adam_has():
    s, targets = batch()
    for optimizer, same in (("lbfgs", True), ("adam", False)):
        critic = NeuralCritic((2, 4), optimizer=optimizer, minibatch=7)
        fits = [critic.fit(critic.init(0), s, targets, rng=seed) for seed in (1, 2)]
        assert np.array_equal(*fits) == same


@pytest.mark.parametrize(("minibatch", "passes"), [(30, 5), (7, 3), (1, 2), (100, 4)])
def test_adam_is_the_reference_loop_on_the_same_minibatches(minibatch, passes):
    critic = NeuralCritic((2, 4), optimizer="adam", iterations=passes, minibatch=minibatch, learning_rate=0.02)
    φ, (s, targets) = started(critic), batch()
    order, x, m, v, t = np.random.default_rng(3), φ, 0.0, 0.0, 0
    for _ in range(passes):
        rows = order.permutation(30)
        while len(rows):
            now, rows = rows[:minibatch], rows[minibatch:]
            g, t = gradient_by_hand(critic, x, s[now], targets[now]), t + 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            x = x - 0.02 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert t == passes * math.ceil(30 / minibatch)
    np.testing.assert_allclose(critic.fit(φ, s, targets, rng=3), x, rtol=1e-7, atol=1e-9)


def test_steps_of_adam_that_overflow_leave_φ_as_it_was():
    critic = NeuralCritic((2, 4), optimizer="adam", learning_rate=1e39)
    φ, (s, targets) = started(critic, np.float32), batch(dtype=np.float32)
    np.testing.assert_array_equal(critic.fit(φ, s, targets, rng=0), φ)


def test_initial_weights_are_orthogonal_and_biases_zero():
    critic = NeuralCritic((6, 8, 4))
    φ = critic.init(0)
    W, b, U, c, w, last = np.split(φ, np.cumsum([48, 8, 32, 4, 4]))
    W, U = W.reshape(6, 8), U.reshape(8, 4)
    np.testing.assert_allclose(W @ W.T, 2 * np.eye(6), atol=1e-12)
    np.testing.assert_allclose(U.T @ U, 2 * np.eye(4), atol=1e-12)
    np.testing.assert_allclose(w @ w, 1, rtol=1e-12)  # unlike a policy's, the last layer has gain 1
    np.testing.assert_array_equal(np.concatenate([b, c, last]), 0)
    np.testing.assert_array_equal(φ, critic.init(np.random.default_rng(0)))
    assert not np.array_equal(φ, critic.init(1))
    assert critic.n == len(φ)


def test_features_of_the_wrong_shape_are_told_both_shapes_that_would_fit():
    critic, said = (
        FeatureCritic(lambda s: np.ones((7, 3)), 3),
        r"for s \(5, 2\): must be \(5, 2, 3\), or \(5, 3\) where",
    )
    with pytest.raises(ValueError, match=said):
        critic.predict(np.zeros(3), np.zeros((5, 2)))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_fit_with_the_usual_settings_brings_the_values_nearer_to_their_targets(optimizer):
    s = np.random.default_rng(0).normal(size=(1000, 2))
    targets = np.sin(s[:, 0]) + s[:, 1]
    for seed in range(5):
        critic = NeuralCritic((2, 16), optimizer=optimizer)
        φ = critic.init(seed)
        fitted = critic.fit(φ, s, targets, rng=seed)
        before, after = (np.mean((critic.predict(x, s) - targets) ** 2) for x in (φ, fitted))
        assert after < 0.7 * before
        assert abs(fitted - φ).max() < 1  # small steps: 80 of at most about 0.001 each, or a line search


@pytest.mark.parametrize("iterations", [1, 3, 7])
def test_a_fit_makes_as_many_iterations_of_lbfgs_as_it_is_asked_for(iterations):
    """On the loss ½ mean (V - target)² and its gradient, both by hand."""
    critic, (s, targets) = NeuralCritic((2, 5), iterations=iterations), batch()
    φ = started(critic)
    found = optimize.minimize(
        lambda x: (loss_by_hand(critic, x, s, targets), gradient_by_hand(critic, x, s, targets)),
        *(φ, ()),
        **{"jac": True, "method": "L-BFGS-B", "options": {"maxiter": iterations}},
    )
    assert found.nit == iterations
    np.testing.assert_allclose(critic.fit(φ, s, targets), found.x, rtol=1e-6, atol=1e-8)
