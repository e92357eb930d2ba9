"""Tanh-network policies: heads, Fisher products, fused pieces, float32."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, hessian, jacobian, make_jvp
from autograd.test_util import check_grads
from hypothesis import given, strategies as st
from scipy import special, stats

from decision_making import LikelihoodRatioGradient, LinearGaussianPolicy, Trajectories, gradient
from decision_making.policies import network as networks
from decision_making.policies.base import At, reverse_pass
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.policies.network import ForwardPass, Passes, network, orthogonal, part, plain_network, size
from decision_making.policies.neural import NeuralPolicy
from decision_making.policies.softmax import chosen_log_softmax, log_softmax, total
from decision_making.problems import GymnasiumProblem
from decision_making.training import TrainedPolicy, load_policy, save_policy

HEADS = [Categorical(3), MultiCategorical((2, 3)), Bernoulli(2), Gaussian(2)]


def policy_and_batch(head, seed=0, N=12, dtype=np.float64):
    rng = np.random.default_rng(seed)
    π = NeuralPolicy((3, 5, 4), head)
    θ = (π.init(seed, last=1.0) + 0.1 * rng.standard_normal(π.n)).astype(dtype)
    s = rng.normal(size=(N, 3)).astype(dtype)
    return π, θ, s, π(θ, s, rng)


def all_actions(head):
    if isinstance(head, Categorical):
        return np.arange(head.n)
    sides = head.nvec if isinstance(head, MultiCategorical) else (2,) * head.n
    return np.stack(np.meshgrid(*map(np.arange, sides), indexing="ij"), axis=-1).reshape(-1, len(sides))


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
@given(seed=st.integers(0, 1000))
def test_fisher_product_is_the_hessian_of_the_mean_kl(head, seed):
    π, θ, s, a = policy_and_batch(head, seed)
    F = np.array([π.fisher_product(θ, a, s)(e) for e in np.eye(π.n)])
    H = hessian(lambda θ_new: anp.mean(π.kl(θ, θ_new, s)))(θ)
    np.testing.assert_allclose(F, H, rtol=1e-9, atol=1e-12 * abs(H).max())
    np.testing.assert_allclose(F, F.T, atol=1e-14 * abs(F).max())
    assert np.linalg.eigvalsh(F).min() >= -1e-12 * abs(F).max()


@pytest.mark.parametrize("head", HEADS[:3], ids=lambda h: type(h).__name__)
def test_fisher_matrix_is_the_expected_outer_product_of_scores(head):
    π, θ, s, drawn = policy_and_batch(head, N=3)
    F = np.zeros((π.n, π.n))
    for a in all_actions(head):
        batch = np.broadcast_to(a, (3, *np.shape(a)))
        g = π.scores(θ, Trajectories(s[:, None], batch[:, None], np.zeros((3, 1))))
        F += (g * np.exp(π.logpdf(θ, batch, s))[:, None]).T @ g / 3
    product = np.array([π.fisher_product(θ, drawn, s)(e) for e in np.eye(π.n)])
    np.testing.assert_allclose(product, F, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("head", HEADS[:3], ids=lambda h: type(h).__name__)
def test_discrete_heads_are_sums_over_all_actions(head):
    π, θ, s, _ = policy_and_batch(head, N=4)
    θ_new = θ + 0.3
    logp, logp_new = (
        np.array([π.logpdf(x, np.broadcast_to(a, (4, *np.shape(a))), s) for a in all_actions(head)]) for x in (θ, θ_new)
    )
    p = np.exp(logp)
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(π.kl(θ, θ_new, s), (p * (logp - logp_new)).sum(axis=0), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(π.entropy(θ, s), -(p * logp).sum(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(π.mode(θ, s), all_actions(head)[np.argmax(p, axis=0)])


def test_gaussian_head_is_the_normal_distribution():
    π, θ, s, a = policy_and_batch(Gaussian(2))
    z = π.outputs(θ, s)
    μ, σ = z[:, :2], np.exp(z[:, 2:])
    np.testing.assert_allclose(π.logpdf(θ, a, s), stats.norm(μ, σ).logpdf(a).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(π.entropy(θ, s), stats.norm(μ, σ).entropy().sum(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(π.mode(θ, s), μ)
    np.testing.assert_array_equal(np.ptp(σ, axis=0), 0)  # one log σ for all states
    θ_new = θ + 0.2
    μ_new, σ_new = π.outputs(θ_new, s)[:, :2], np.exp(π.outputs(θ_new, s)[:, 2:])
    kl = np.log(σ_new / σ) + (σ**2 + (μ - μ_new) ** 2) / (2 * σ_new**2) - 0.5
    np.testing.assert_allclose(π.kl(θ, θ_new, s), kl.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_samples_have_the_probabilities_of_the_likelihood(head):
    π, θ, s, _ = policy_and_batch(head)
    m = 20_000
    one = np.broadcast_to(s[0], (m, 3))
    a = π(θ, one, 3)
    if isinstance(head, Gaussian):
        z = π.outputs(θ, s[0])
        σ = np.exp(z[2:])
        assert (abs(a.mean(axis=0) - z[:2]) <= 5 * σ / np.sqrt(m)).all()
        assert (abs(a.var(axis=0) / σ**2 - 1) <= 5 * np.sqrt(2 / m)).all()
        return
    for b in all_actions(head):
        p = float(np.exp(π.logpdf(θ, np.asarray(b), s[0])))
        share = (a == b).reshape(m, -1).all(axis=1).mean()
        assert abs(share - p) <= 5 * np.sqrt(p * (1 - p) / m)


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_scores_by_tiling_are_the_single_gradients(head):
    π, θ, s, a = policy_and_batch(head)
    τs = Trajectories(s.reshape(4, 3, 3), a.reshape(4, 3, *a.shape[1:]), np.zeros((4, 3)))
    h = 1e-6
    difference = [
        [
            (π.logpdf(θ + h * e, τs.a[i], τs.s[i]).sum() - π.logpdf(θ - h * e, τs.a[i], τs.s[i]).sum()) / (2 * h)
            for e in np.eye(π.n)
        ]
        for i in range(4)
    ]
    np.testing.assert_allclose(π.scores(θ, τs), difference, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_leading_axes_of_θ_belong_to_the_batch(head):
    π, θ, s, a = policy_and_batch(head)
    θs = np.stack([θ, θ + 0.1, θ - 0.1, 2 * θ])
    s, a = s.reshape(4, 3, 3), a.reshape(4, 3, *a.shape[1:])
    expected = [π.logpdf(θs[i], a[i], s[i]) for i in range(4)]
    np.testing.assert_allclose(π.logpdf(θs, a, s), expected, rtol=1e-12)
    own = np.repeat(θs[:, None], 3, axis=1)
    np.testing.assert_allclose(π.logpdf(own, a, s), expected, rtol=1e-12)


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_float32_stays_float32(head):
    π, θ, s, a = policy_and_batch(head, dtype=np.float32)
    τs = Trajectories(s[:, None], a[:, None], np.zeros((len(s), 1)))
    values = (
        π.outputs(θ, s),
        π.logpdf(θ, a, s),
        π.kl(θ, θ, s),
        π.entropy(θ, s),
        π.scores(θ, τs),
        π.fisher_product(θ, a, s)(θ),
    )
    assert {value.dtype for value in values} == {np.dtype(np.float32)}


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
@pytest.mark.parametrize("shape", [(12,), (4, 3), (12, 1)])
def test_several_questions_at_one_θ_have_the_answers_of_the_policy(head, shape):
    """From one forward pass; and from none of the network's own, as any other policy is asked."""
    π, θ, s, a = policy_and_batch(head)
    θ_new, s, a = 1.1 * θ, s.reshape(*shape, 3), a.reshape(*shape, *a.shape[1:])
    c = np.random.default_rng(1).normal(size=shape)
    plain, plain_new = At(π, θ, s), At(π, θ_new, s)
    for derivatives in (True, False):
        at, new = (π.at(x, s, derivatives=derivatives) for x in (θ, θ_new))
        np.testing.assert_allclose(at.logpdf(a), π.logpdf(θ, a, s), rtol=1e-13)
        np.testing.assert_allclose(at.kl(new, a), π.kl(θ, θ_new, s), rtol=1e-11)
        np.testing.assert_allclose(at.entropy(a), π.entropy(θ, s), rtol=1e-13)
    np.testing.assert_array_equal(plain.kl(plain_new, a), π.kl(θ, θ_new, s))
    for one in (π.at(θ, s), plain):
        vjp, logp = one.pullback(a)
        np.testing.assert_allclose(logp, π.logpdf(θ, a, s), rtol=1e-13)
        np.testing.assert_allclose(vjp(c), grad(lambda θ: anp.sum(c * π.logpdf(θ, a, s)))(θ), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(one.fisher_product(a)(θ), π.fisher_product(θ, a, s.reshape(-1, 3))(θ), rtol=1e-12)


@given(st.integers(1, 30), st.integers(0, 1000))
def test_log_softmax_and_sums_over_an_axis_of_any_length(n, seed):
    z = np.random.default_rng(seed).normal(0, 300, (2, 5, n))
    for x in (z, z[0], z[0, 0]):
        expected = x - special.logsumexp(x, axis=-1, keepdims=True)
        np.testing.assert_allclose(log_softmax(x), expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(total(x), x.sum(axis=-1, keepdims=True), rtol=1e-10, atol=1e-10)


SHAPES = [[(3, 2)], [(3, 4), (4, 1)], [(2, 5), (5, 3), (3, 2)]]


def network_case(shapes, lead=(), N=7, seed=0):
    """(θ, x), θ longer than the network needs, as that of a Gaussian policy is."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*lead, size(shapes) + 2)), rng.normal(size=(*lead, N, shapes[0][0]))


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("rows", [1, 3, 1024])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_forward_pass_is_the_plain_network_and_its_products_those_of_its_jacobian(
    shapes, rows, lead, activation, monkeypatch
):
    monkeypatch.setattr(networks, "ROWS", rows)
    θ, x = network_case(shapes, lead)
    forward, rng = ForwardPass(θ, x, shapes, activation), np.random.default_rng(1)
    np.testing.assert_allclose(forward.outputs, plain_network(θ, x, shapes, activation), rtol=1e-14, atol=1e-15)
    same = networks.values(θ, x, shapes, activation)  # where no trace is wanted
    np.testing.assert_array_equal(same, forward.outputs)
    np.testing.assert_array_equal(network(θ, x, shapes, activation), forward.outputs)
    v, u = rng.normal(size=θ.shape), rng.normal(size=forward.outputs.shape)
    for i in np.ndindex(lead):
        J = jacobian(lambda θ, x=x[i]: plain_network(θ, x, shapes, activation))(θ[i])
        np.testing.assert_allclose(forward.push(v)[i], J @ v[i], rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(forward.pull(u)[i], np.tensordot(u[i], J, 2), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("rows", [3, 1024])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_pass_that_is_used_again_is_a_new_one_there(shapes, rows, activation, monkeypatch):
    monkeypatch.setattr(networks, "ROWS", rows)
    passes, used, rng = Passes(shapes, activation), [], np.random.default_rng(1)
    for N in (7, 4, 7, 7, 4, 1):
        θ, x = rng.normal(size=size(shapes) + 2), rng.normal(size=(N, shapes[0][0]))
        v, u = rng.normal(size=θ.shape), rng.normal(size=(N, shapes[-1][1]))
        again, new = passes(θ, x), ForwardPass(θ, x, shapes, activation)
        for name in ("inputs", "slopes"):
            for kept, made in zip(getattr(again, name), getattr(new, name), strict=True):
                np.testing.assert_array_equal(kept, made)
        np.testing.assert_array_equal(again.outputs, new.outputs)
        np.testing.assert_array_equal(again.push(v), new.push(v))
        np.testing.assert_array_equal(again.pull(u), new.pull(u))
        used.append(again)
    assert used[0] is used[2] is used[3]
    assert used[1] is used[4]
    assert len({id(f) for f in used}) == 3


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_fused_pieces_agree_with_the_plain_ones_and_with_differences(shapes, activation):
    θ, x = network_case(shapes)
    c = np.random.default_rng(1).normal(size=(7, shapes[-1][1]))
    check_grads(lambda θ: network(θ, x, shapes, activation) ** 3, modes=["fwd", "rev"], order=2)(θ)
    check_grads(lambda x: network(θ, x, shapes, activation), modes=["fwd", "rev"], order=2)(x)
    second = [
        hessian(lambda θ, f=f: anp.sum(c * f(θ, x, shapes, activation) ** 2))(θ) for f in (network, plain_network)
    ]
    np.testing.assert_allclose(*second, rtol=1e-10, atol=1e-11)
    check_grads(lambda θ: part(θ, 2, (2, 3)) ** 3, modes=["fwd", "rev"], order=2)(θ)
    check_grads(lambda θ: part(θ, 1, (1, 2)) ** 3, modes=["fwd", "rev"], order=2)(np.stack([θ, 2 * θ]))


def test_initial_weights_are_orthogonal_and_the_last_layer_small():
    π = NeuralPolicy((6, 8, 4), Gaussian(2))
    θ = π.init(0, log_σ=-0.5)
    W = θ[: 6 * 8].reshape(6, 8)
    np.testing.assert_allclose(W @ W.T, 2 * np.eye(6), atol=1e-12)
    assert not any(b.any() for _, b in π.layers(θ))
    last = θ[6 * 8 + 8 + 8 * 4 + 4 :][: 4 * 2].reshape(4, 2)
    np.testing.assert_allclose(last.T @ last, 1e-4 * np.eye(2), atol=1e-12)
    np.testing.assert_array_equal(θ[-2:], -0.5)
    np.testing.assert_array_equal(π.init(0)[-2:], 0)
    np.testing.assert_array_equal(π.init(0), π.init(0))


def test_initial_weights_are_as_often_positive_as_negative():
    """Uniform over the orthogonal matrices, which the Q of a QR decomposition alone is not: its signs are set."""
    rng = np.random.default_rng(0)
    Q = np.array([orthogonal([(3, 3)], rng, 1.0)[:9] for _ in range(400)])
    assert (abs((Q > 0).sum(axis=0) - 200) <= 5 * np.sqrt(400) / 2).all()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: NeuralPolicy((4, 0), Categorical(2)), "sizes = 0"),
        (lambda: NeuralPolicy((), Categorical(2)), "sizes"),
        (lambda: NeuralPolicy((4,), "categorical"), "head = 'categorical'"),
        (lambda: Categorical(0), "n = 0"),
        (lambda: MultiCategorical(()), "nvec"),
        (lambda: NeuralPolicy((4,), Categorical(2)).outputs(np.zeros(10), np.zeros((5, 3))), "vectors of 4"),
        (lambda: NeuralPolicy((4,), Categorical(2)).outputs(np.zeros(11), np.zeros((5, 4))), r"θ has shape .*n = 10"),
        (
            lambda: NeuralPolicy((4,), Categorical(2)).outputs(np.zeros((3, 10)), np.zeros((5, 4))),
            r"θ has shape \(3, 10\): its leading axes must be a prefix of the batch axes \(5,\)",
        ),
        (lambda: NeuralPolicy((4,), Categorical(2)).init(0, log_σ=np.nan), "log_σ"),
        (lambda: NeuralPolicy((4,), Categorical(2), "relu"), "positional arguments"),
    ],
)
def test_bad_parameters_are_named(build, said):
    with pytest.raises((ValueError, TypeError), match=said):
        build()


@pytest.mark.parametrize("k", [1, 3])
def test_gaussian_actions_of_any_width_have_the_density_of_independent_normals(k):
    """θ: weights (in, out), biases, then the logarithms of the standard deviations."""
    π, rng = NeuralPolicy((2,), Gaussian(k)), np.random.default_rng(0)
    θ, s, a = rng.normal(size=π.n), rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, k))
    W, bias, log_σ = θ[: 2 * k].reshape(2, k), θ[2 * k : 3 * k], θ[3 * k :]

    def density(θ):
        W, bias, log_σ = anp.reshape(θ[: 2 * k], (2, k)), θ[2 * k : 3 * k], θ[3 * k :]
        z = (a - anp.dot(s, W) - bias) / anp.exp(log_σ)
        return anp.sum(-0.5 * z**2 - log_σ - 0.5 * np.log(2 * np.pi), axis=-1)

    np.testing.assert_allclose(π.logpdf(θ, a, s), stats.norm(s @ W + bias, np.exp(log_σ)).logpdf(a).sum(axis=-1))
    scores = π.scores(θ, Trajectories(s, a, np.zeros((4, 5))))
    np.testing.assert_allclose(scores, jacobian(lambda θ: density(θ).sum(axis=1))(θ), rtol=1e-9)
    np.testing.assert_allclose(π.at(θ, s).logpdf(a), density(θ))


def test_parameters_in_a_list_and_policies_made_alike_are_the_same():
    π, θ, s, a = policy_and_batch(Gaussian(2))
    for ask in (π.outputs, π.mode, π.entropy, lambda θ, s: π.logpdf(θ, a, s), lambda θ, s: π.at(θ, s).logpdf(a)):
        np.testing.assert_array_equal(ask(θ.tolist(), s), ask(θ, s))
    assert π == NeuralPolicy([3, 5, 4], Gaussian(2), activation="tanh") != NeuralPolicy((3, 5, 4), Gaussian(1))


def test_normal_noise_of_a_gaussian_head_is_scaled_and_shifted_and_other_heads_have_none():
    π, θ, s, ε = policy_and_batch(Gaussian(2))
    z = π.outputs(θ, s)
    np.testing.assert_allclose(π.perturbed(θ, s, ε), z[:, :2] + np.exp(z[:, 2:]) * ε, rtol=1e-12)
    π, θ, s, _ = policy_and_batch(Categorical(3))
    with pytest.raises(TypeError, match=r"NeuralPolicy.head = .* must be a Gaussian head, to have noise"):
        π.perturbed(θ, s, np.zeros((12, 3)))


def test_states_of_the_wrong_width_are_told_the_first_width():
    with pytest.raises(ValueError, match=r"s has shape \(4, 7\): states of this policy are vectors of 3"):
        NeuralPolicy((3, 5), Gaussian(1)).mode(np.zeros(27), np.zeros((4, 7)))


@pytest.mark.parametrize("head", [Categorical(3), Bernoulli(2), MultiCategorical((2, 3)), Gaussian(2)], ids=str)
@pytest.mark.parametrize("size", [1e-2, 1e-4])
def test_divergence_in_float32_is_that_of_float64_also_from_outputs_nearby(head, size):
    """As a sum of float32 terms that cancel it was wrong by 1e-7, and negative, where it is 1e-9."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(50, head.n_outputs)).astype(np.float32)
    z_new = (z + size * rng.normal(size=z.shape)).astype(np.float32)
    expected = head.kl(z.astype(np.float64), z_new.astype(np.float64))
    found = head.kl(z, z_new)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-11)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(3,), (3, 5), (3, 6, 2, 4)])
def test_layers_are_the_network_written_out(activation, sizes):
    π = NeuralPolicy(sizes, Gaussian(2), activation=activation)
    θ = π.init(0, last=1.0) + 0.1 * np.random.default_rng(0).normal(size=π.n)
    s = np.random.default_rng(1).normal(size=(9, 3))
    layers, x = π.layers(θ), s
    assert [W.shape for W, _ in layers] == list(zip(sizes, (*sizes[1:], 2), strict=True))
    for i, (W, b) in enumerate(layers):
        x = x @ W + b
        if i < len(layers) - 1:
            x = np.tanh(x) if activation == "tanh" else np.where(x > 0, x, 0)
    np.testing.assert_allclose(x, π.mode(θ, s), rtol=1e-13, atol=1e-14)
    trained = TrainedPolicy(π, θ)
    for (W, b), (W_own, b_own) in zip(layers, trained.layers(), strict=True):
        np.testing.assert_array_equal(W, W_own)
        np.testing.assert_array_equal(b, b_own)
    with pytest.raises(TypeError, match=r"must be a NeuralPolicy, to have layers"):
        TrainedPolicy(LinearGaussianPolicy(), np.array([0.0, 1.0])).layers()


def test_relu_is_part_of_what_is_saved_and_its_gradients_keep_float32(tmp_path):
    π = NeuralPolicy((3, 5), Categorical(2), activation="relu")
    assert repr(π).endswith("activation='relu')")
    assert π != NeuralPolicy((3, 5), Categorical(2))
    θ, s = π.init(0, last=1.0, dtype=np.float32), np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    save_policy(tmp_path / "p.npz", π, θ)
    loaded = load_policy(tmp_path / "p.npz")
    assert loaded.π == π
    g = grad(lambda θ: anp.sum(π.outputs(θ, s) ** 2))(θ)
    plain = grad(lambda θ: anp.sum(plain_network(θ, s, π._shapes, "relu") ** 2))(θ)
    assert g.dtype == plain.dtype == np.float32
    np.testing.assert_allclose(g, plain, rtol=1e-5)
    with pytest.raises(ValueError, match="activation = 'elu': must be one of 'tanh', 'relu'; did you mean relu"):
        NeuralPolicy((3, 5), Categorical(2), activation="elu")


def test_relu_is_flat_at_0():
    shapes, θ = [(1, 1), (1, 1)], np.array([0.0, 0.0, 1.0, 0.0])
    x = np.ones((4, 1))
    fast = ForwardPass(θ, x, shapes, "relu").pull(np.ones((4, 1)))
    slow = grad(lambda θ: anp.sum(plain_network(θ, x, shapes, "relu")))(θ)
    np.testing.assert_array_equal(fast, [0, 0, 0, 4])
    np.testing.assert_array_equal(slow, fast)
    _, forward = make_jvp(lambda θ: plain_network(θ, x, shapes, "relu"))(θ)(np.ones(4))
    np.testing.assert_array_equal(forward, np.ones((4, 1)))  # of the last bias alone


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shape", "n"), [((), 3), ((7,), 1), ((7,), 4), ((2, 5), 3), ((0,), 2)])
def test_chosen_log_probabilities_and_their_pullback_are_those_of_the_plain_form(shape, n, dtype):
    rng = np.random.default_rng(0)
    z, a = (30 * rng.normal(size=(*shape, n))).astype(dtype), rng.integers(n, size=shape)
    w, before = rng.normal(size=shape).astype(dtype), z.copy()
    plain, logp_plain = reverse_pass(lambda z: Categorical(n).logpdf(z, a), z)
    vjp, logp = chosen_log_softmax(z, a)
    assert logp.dtype == vjp(w).dtype == dtype
    assert logp.shape == shape
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(logp, logp_plain, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(vjp(w), plain(w), atol=tolerance)
    np.testing.assert_array_equal(z, before)
    far = np.array([[1e308, 0.0], [0.0, -1e308]], dtype=np.float64)
    assert np.isfinite(chosen_log_softmax(far, np.array([0, 0]))[1]).all()


def test_pullback_of_a_categorical_policy_refuses_actions_that_it_does_not_have():
    π, θ, s, _ = policy_and_batch(Categorical(3))
    with pytest.raises(ValueError, match="a runs from 3 to 3"):
        π.pullback(θ, np.full(len(s), 3), s)


def test_a_deviation_beyond_all_numbers_makes_no_warning_and_is_refused_as_an_action():
    """A run along a plain gradient may come there; the error names the action, and no warning goes before it."""
    P = GymnasiumProblem("Pendulum-v1", 0.9, n_envs=1)
    π = P.policy(())
    θ = π.init(rng=0)
    θ[-1] = 1e4  # log σ
    M = LikelihoodRatioGradient(P, lambda m, rng: np.zeros(m), 4, 1)
    with np.errstate(over="raise"), pytest.raises(ValueError, match="trajectory 0, step 0"):
        gradient(M, π, θ, rng=0)
