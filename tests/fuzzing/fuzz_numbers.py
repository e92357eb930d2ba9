"""Formulas against plain loops (`tests/oracles/plain.py`), on shapes and dtypes of every kind."""

import autograd.numpy as anp
import numpy as np

import decision_making as dm
from decision_making.checks import rounding
from decision_making.policies import heads
from decision_making.sequential_problems.advantages import normalized
from decision_making.trust_region_policy_optimization import conjugate_gradients
from decision_making.trust_region_policy_optimization.adam import adam
from tests.fuzzing.harness import fuzzer
from tests.oracles import plain

DISCOUNTS = [1.0, 0.0, 0.9, 0.5, 0.99]


def one_of(rng, *choices):
    return choices[rng.integers(len(choices))]


def close(found, expected, scale=1.0, *, single=False, least=0.0):
    """Equal but for rounding, measured against `scale` too, the size of what was added up; `least` is allowed."""
    assert expected is not None
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    bound = (2e-3 if single else 1e-8) * (scale + np.max(abs(expected), initial=0)) + least
    assert np.all(abs(found - expected) <= bound), (found, expected, bound)


def rewards(rng, shape):
    r = rng.normal(size=shape) * one_of(rng, 1.0, 1e-3, 1e3)
    return one_of(rng, r, r, np.zeros(shape), np.round(rng.normal(size=shape)), -abs(r), np.full(shape, r.flat[0]))


def shape(rng):
    return one_of(rng, 1, 1, 2, 3, 7), one_of(rng, 1, 1, 2, 3, 6)


def recorded(rng, states, actions, *, ends=False):
    """Trajectories, and the same as lists; unequal lengths, some of them perhaps 0."""
    m, d = shape(rng)
    s, a = states((m, d)), actions((m, d))
    r = rewards(rng, (m, d))
    dtype = one_of(rng, np.float64, np.float64, np.float32)
    r = r.astype(dtype)
    lengths = one_of(
        rng, np.full(m, d), rng.integers(1, d + 1, m), rng.integers(0, d + 1, m), np.where(rng.random(m) < 0.5, 0, d)
    )
    mask = np.arange(d) < lengths[:, None]
    r = np.where(mask, r, 0).astype(dtype)
    lists = [[(s[i, k], a[i, k], float(r[i, k])) for k in range(lengths[i])] for i in range(m)]
    terminated = rng.random(m) < 0.5
    s_end = states((m,)) if ends else None
    full = None if mask.all() and rng.random() < 0.5 else mask
    return dm.Trajectories(s, a, r, full, s_end, terminated), lists, s_end, terminated


def a_policy(rng):
    """(π, θ, plain policy of any θ, states, actions)."""
    dtype = one_of(rng, np.float64, np.float64, np.float64, np.float32)
    if rng.random() < 0.4:
        σ_min = one_of(rng, 1e-5, 0.0, 0.1)
        θ = np.array([rng.normal(), one_of(rng, 1, -1) * rng.uniform(0.2, 2)]).astype(dtype)

        def numbers(shape):
            return rng.normal(size=shape).astype(one_of(rng, np.float64, np.float32))

        return (dm.LinearGaussianPolicy(σ_min), θ, lambda θ: plain.LinearGaussian(σ_min, θ), numbers, numbers)
    S, A = one_of(rng, 1, 2, 3, 5), one_of(rng, 1, 2, 3)
    if rng.random() < 0.5:
        π, f = dm.SoftmaxPolicy(S, A), np.eye(S * A).reshape(S, A, S * A)
    else:
        f = one_of(rng, rng.normal(size=(S, A, one_of(rng, 1, 2, 4))), np.round(rng.normal(size=(S, A, 2))))
        π = dm.LinearSoftmaxPolicy(f)
    whole = one_of(rng, np.int64, np.int32, np.uint8)
    return (
        π,
        (rng.normal(size=f.shape[2]) * one_of(rng, 1.0, 0.0, 3.0)).astype(dtype),
        lambda θ: plain.Softmax(f, θ),
        lambda shape: rng.integers(S, size=shape).astype(whole),
        lambda shape: rng.integers(A, size=shape).astype(whole),
    )


def problem(γ):
    return dm.MDP(γ, None, None, None, None, lambda s, a, rng: (s, np.zeros(len(s))))


def start(m, rng):
    return np.zeros(m)


def single_of(*arrays):
    return any(x.dtype == np.float32 for x in arrays)


def size_of(lists, γ, score):
    """How large the terms of a gradient are, those of scores that are 0 but for rounding too."""
    return max(
        (max(abs(score(s, a)).max(), 1e-4) * sum(abs(x[2]) for x in τ) for τ in lists for s, a, _ in τ), default=0.0
    )


@fuzzer
def returns_and_rewards_to_go(rng, folder):
    τs, lists, *_ = recorded(rng, rng.random, rng.random)
    γ = one_of(rng, *DISCOUNTS, rng.random())
    scale = np.abs(τs.r).sum()
    close(dm.returns(τs, γ), [plain.total_return(τ, γ) for τ in lists], scale)
    for f, g in ((dm.rewards_to_go, plain.to_go_from_start), (dm.local_rewards_to_go, plain.to_go_local)):
        found = f(τs, γ)
        assert found.dtype == np.float64
        assert found.shape == τs.r.shape
        assert not np.shares_memory(found, τs.r)
        for row, τ in zip(found, lists, strict=True):
            close(row[: len(τ)], g(τ, γ), scale, single=single_of(τs.r))
            assert not row[len(τ) :].any()


@fuzzer
def residuals_and_advantages(rng, folder):
    τs, lists, _, terminated = recorded(rng, rng.random, rng.random)
    γ, λ = one_of(rng, *DISCOUNTS), one_of(rng, *DISCOUNTS)
    U, U_end = rng.normal(size=τs.r.shape), rng.normal(size=len(τs))
    for ends in (None, U_end):
        δ = dm.temporal_differences(τs, U, γ, ends)
        A = dm.generalized_advantages(δ, γ, λ)
        for i, τ in enumerate(lists):
            after = None if ends is None else 0.0 if terminated[i] else U_end[i]
            rows = plain.temporal_differences([r for _, _, r in τ], U[i], γ, after)
            close(δ[i, : len(τ)], rows, 1 + abs(τs.r).max())
            close(A[i, : len(τ)], plain.generalized_advantages(rows, γ, λ), 1 + abs(τs.r).sum())
            assert not δ[i, len(τ) :].any()
            assert not A[i, len(τ) :].any()
        N = normalized(A, τs.mask)
        real = A[τs.mask]
        spread = real.std() if real.size else 0.0
        if spread > 1e-6 * np.max(abs(real), initial=0):
            close(N[τs.mask], (real - real.mean()) / spread, 1.0)
        elif spread < 1e-17 * np.max(abs(real), initial=0):
            assert not N.any()


@fuzzer
def policies(rng, folder):
    π, θ, of, states, actions = a_policy(rng)
    p, (m, d) = of(θ), shape(rng)
    θ_new = (θ + rng.normal(size=len(θ)) * one_of(rng, 1.0, 1e-3, 0.0)).astype(θ.dtype)
    q, s, a = of(θ_new), states((m, d)), actions((m, d))
    single = single_of(θ)
    flat = list(zip(s.ravel(), a.ravel(), strict=True))
    scale = 10.0
    for found, expected in (
        (π.logpdf(θ, a, s), [p.logp(x, y) for x, y in flat]),
        (π.kl(θ, θ_new, s), [p.kl(q, x) for x, _ in flat]),
        (π.entropy(θ, s), [p.entropy(x) for x, _ in flat]),
    ):
        close(found, np.reshape(expected, (m, d)), scale + np.max(np.abs(expected)), single=single)
    assert np.all(π.kl(θ, θ_new, s) >= 0)
    τs = dm.Trajectories(s, a, np.ones((m, d)))
    g = np.array([[p.score(x, y) for x, y in zip(*row, strict=True)] for row in zip(s, a, strict=True)])
    # a score over choices is a sum of differences of probabilities, of which rounding is left where they cancel
    least = rounding(d * max(1.0, np.max(np.abs(getattr(π, "features", 1.0)))), dtype=θ.dtype)
    close(π.step_scores(θ, τs), g, abs(g).max(), single=single, least=least)
    close(np.asarray(π.scores(θ, τs)), g.sum(axis=1), abs(g).sum(), single=single, least=least)
    v = rng.normal(size=len(θ)).astype(θ.dtype)
    if isinstance(p, plain.Softmax):
        F = sum(w * np.outer(p.score(x, b), p.score(x, b)) for x, _ in flat for b, w in enumerate(p.p(x))) / len(flat)
    else:
        F = sum(np.diag([float(x) ** 2, 2.0]) / p.σ**2 for x, _ in flat) / len(flat)
    # Σ p g (g·v) cancels in the same way, where one choice is all but certain
    least *= np.max(np.abs(v))
    close(π.fisher_product(θ, a, s)(v), F @ v, abs(F).max(), single=single, least=least)
    for x in (π(θ, s, rng), π.mode(θ, s)):
        assert x.shape == (m, d)


@fuzzer
def gradient_estimators(rng, folder):
    π, θ, of, states, actions = a_policy(rng)
    τs, lists, *_ = recorded(rng, states, actions)
    γ, p = one_of(rng, *DISCOUNTS), of(θ)
    scale, single = size_of(lists, γ, p.score), single_of(θ, τs.r)
    given = (problem(γ), start, 3, max(2, len(τs)))
    n = len(θ)
    for M, expected in (
        (dm.LikelihoodRatioGradient(*given), plain.likelihood_ratio(lists, γ, p.score, n)),
        (dm.RewardToGoGradient(*given), plain.reward_to_go(lists, γ, p.score, n)),
    ):
        found = dm.gradient(M, π, θ, τs=τs)
        assert found.dtype == θ.dtype
        close(found, expected, scale, single=single)
    if θ.dtype == np.float32:
        return  # a ratio of squares that vanish depends on their last digit
    scores = np.abs(π.step_scores(θ, τs)).ravel(), np.abs([p.score(s, a) for τ in lists for s, a, _ in τ]).ravel()
    vanishing = rounding(max(1.0, np.max(np.abs(getattr(π, "features", 1.0))))) / 1e-8
    if any(np.any((g > 0) & (g < vanishing)) for g in scores):
        return  # nor has the square of a score of 1e-12 eight digits, of rounding at 1e-16
    for ratio in (False, True):
        for leave in (False, True) if len(τs) > 1 else (False,):
            name = "ratio_of_means" if ratio else "mean_of_ratios"
            M = dm.BaselineSubtractionGradient(*given, baseline=name, leave_one_out=leave)
            expected = plain.baseline_subtraction(lists, γ, p.score, n, ratio_of_means=ratio, leave_one_out=leave)
            close(dm.gradient(M, π, θ, τs=τs), expected, scale, single=single)


@fuzzer
def simulated_gradients(rng, folder):
    """A deterministic policy in a deterministic problem: the difference quotients are exact."""
    n, d, m = int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(1, 5))
    γ, δ = one_of(rng, *DISCOUNTS), one_of(rng, 0.1, 1e-3, 2.0)
    c = rng.normal(size=n)

    def action(θ, s):
        return np.tanh(np.tensordot(c, θ, 1)) * s

    π = dm.FunctionPolicy(n, lambda θ, s, rng: action(θ, s), lambda θ, a, s: 0 * a)
    P = dm.MDP(γ, None, None, None, None, lambda s, a, rng: (0.5 * s + a, -(s**2) + a))
    s_0 = rng.normal()

    def U(θ):
        s, total = s_0, 0.0
        for k in range(d):
            a = float(np.tanh((θ * c).sum()) * s)
            total += γ**k * (-(s**2) + a)
            s = 0.5 * s + a
        return total

    θ = rng.normal(size=n)
    expected = np.array([(U(θ + δ * e) - U(θ)) / δ for e in np.eye(n)])
    for common in (True, False):
        M = dm.FiniteDifferenceGradient(P, lambda m, rng: np.full(m, s_0), d, m, δ, common_random_numbers=common)
        close(dm.gradient(M, π, θ, rng=0), expected, (1 + abs(U(θ))) * max(1, 1e-5 / δ))
    M = dm.RegressionGradient(P, lambda m, rng: np.full(m, s_0), d, m + n, 1e-5, base=one_of(rng, "fresh", "shared"))
    found = dm.gradient(M, π, θ, rng=1)
    slope = np.array([(U(θ + 1e-6 * e) - U(θ - 1e-6 * e)) / 2e-6 for e in np.eye(n)])
    assert np.all(abs(found - slope) <= 1e-2 * (1 + abs(slope).max())), (found, slope)


@fuzzer
def updates(rng, folder):
    π, θ, of, states, actions = a_policy(rng)
    τs, lists, *_ = recorded(rng, states, actions)
    γ, p, n = one_of(rng, *DISCOUNTS), of(θ), len(θ)
    if θ.dtype == np.float32 or τs.r.dtype == np.float32:
        θ, p = θ.astype(np.float64), of(θ.astype(np.float64))
    before = θ.copy()
    given = (problem(γ), start, 3, len(τs))
    ε, α, over_steps = one_of(rng, 0.01, 0.1, 1.0, 5.0), one_of(rng, 0.5, 0.8), one_of(rng, "mean", "sum")
    scale = size_of(lists, γ, p.score)

    def same(M, expected, tolerance=1e-6):
        taken = dm.step(M, π, θ, τs=τs)
        if expected is not None:
            assert np.all(abs(taken.θ - expected) <= tolerance * (1 + abs(expected).max())), (taken, expected)
            assert taken.accepted == (not np.array_equal(taken.θ, θ))
        assert dm.explain(taken)
        np.testing.assert_array_equal(θ, before)
        np.testing.assert_array_equal(dm.update(M, π, θ, τs=τs), taken.θ)
        if taken.accepted and len(lists):
            new = of(taken.θ)
            kl = plain.surrogate_constraint(lists, γ, lambda s: p.kl(new, s), M.over_steps)
            if np.isfinite(kl) and kl < 1e6:
                close(taken.kl, kl, 1e-6 + kl)
            gain = plain.surrogate_objective(lists, γ, p.logp, new.logp, M.over_steps) - plain.surrogate_objective(
                lists, γ, p.logp, p.logp, M.over_steps
            )
            if np.isfinite(gain) and abs(gain) < 1e6:
                close(taken.improvement, gain, scale + abs(gain) + 1e-6)
        return taken

    g = plain.likelihood_ratio(lists, γ, p.score, n)
    # a gradient of 0 is clear where it is not the sum of scores that are rounding: these have a direction too
    clear = np.max(abs(g)) > 1e-9 * scale or not (np.any(g) or np.any(π.scores(θ, τs)))
    with np.errstate(all="ignore"):
        if clear:
            same(dm.RestrictedPolicyUpdate(*given, ε), plain.restricted(θ, g, ε))
        small, L2_max = 1e-3 / (1 + scale), one_of(rng, None, 1.0, 1e-3)
        estimator = dm.RewardToGoGradient(*given)
        h = plain.reward_to_go(lists, γ, p.score, n)
        length = np.sqrt(h @ h)
        h = h if L2_max is None or length <= L2_max else h * L2_max / length
        same(dm.PolicyGradientUpdate(estimator, small, L2_max=L2_max), θ + small * h)

        G = np.array([plain.trajectory_score(τ, p.score, n) for τ in lists])
        R = np.array([plain.total_return(τ, γ) for τ in lists])
        damping = one_of(rng, 0.0, 0.0, 0.1)
        expected = plain.natural(θ, G, R, ε, damping) if clear else None  # where all scores are rounding it decides
        same(dm.NaturalPolicyUpdate(*given, ε, damping=damping, over_steps=over_steps), expected)
        if expected is not None:
            M = dm.TrustRegionUpdate(*given, ε, α, damping=damping, over_steps=over_steps, max_backtracks=8)
            found, j = plain.line_search(
                lambda x: plain.surrogate_objective(lists, γ, p.logp, of(x).logp, over_steps),
                lambda x: plain.surrogate_constraint(lists, γ, lambda s: p.kl(of(x), s), over_steps),
                *(θ, expected, ε, α, 8),
            )
            if not isinstance(found, str):
                taken = same(M, found)
                assert np.array_equal(expected, θ) or taken.backtracks == j
        k_max, step = one_of(rng, 1, 3), 0.1 / (1 + scale)
        x = θ
        for _ in range(k_max):
            new = of(x)
            slope = plain.clamped_gradient(lists, γ, ε, p.logp, new.logp, new.score, n, over_steps)
            if slope is None:
                break
            x = x + step * slope
        same(dm.ClampedSurrogateUpdate(*given, ε, step, k_max, over_steps=over_steps), None if slope is None else x)
    θ_new = θ + 0.1 * rng.normal(size=n)
    new = of(θ_new)
    M = dm.TrustRegionUpdate(*given, ε, α, over_steps=over_steps)
    f = plain.surrogate_objective(lists, γ, p.logp, new.logp, over_steps)
    close(dm.surrogate_objective(M, π, θ, θ_new, τs), f, abs(f) + abs(τs.r).sum())
    kl = plain.surrogate_constraint(lists, γ, lambda s: p.kl(new, s), over_steps)
    close(dm.surrogate_constraint(M, π, θ, θ_new, τs), kl, kl + 1e-6)
    M = dm.ClampedSurrogateUpdate(*given, ε, 0.1, 1, over_steps=over_steps)
    slope = plain.clamped_gradient(lists, γ, ε, p.logp, new.logp, new.score, n, over_steps)
    if slope is not None:
        close(dm.clamped_gradient(M, π, θ, θ_new, τs), slope, 10 * scale * (1 + abs(f)))


@fuzzer
def penalized_update(rng, folder):
    """Against differences of the penalised objective, one ascent."""
    π, θ, of, states, actions = a_policy(rng)
    θ = θ.astype(np.float64)
    τs, lists, *_ = recorded(rng, states, actions)
    γ, p, over_steps = one_of(rng, *DISCOUNTS), of(θ), one_of(rng, "mean", "sum")
    β, target = one_of(rng, 0.0, 1.0, 50.0), one_of(rng, None, 0.01)
    M = dm.PenalizedSurrogateUpdate(problem(γ), start, 3, len(τs), β, 1e-3, 2, kl_target=target, over_steps=over_steps)

    def f(x):
        new = of(x)
        return plain.surrogate_objective(lists, γ, p.logp, new.logp, over_steps) - β * plain.surrogate_constraint(
            lists, γ, lambda s: p.kl(new, s), over_steps
        )

    x, h = θ, 1e-6
    with np.errstate(all="ignore"):
        for _ in range(2):
            x = x + 1e-3 * np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))])
        kl = plain.surrogate_constraint(lists, γ, lambda s: p.kl(of(x), s), over_steps)
    taken = dm.step(M, π, θ, τs=τs)
    if not np.isfinite(kl) or kl > 10:
        return
    assert np.all(abs(taken.θ - x) <= 1e-5 * (1 + abs(x - θ).max())), (taken.θ, x)
    if target is None:
        assert taken.β == β
    elif abs(kl - target * 1.5) > 1e-6 and abs(kl - target / 1.5) > 1e-6:
        expected = 2 * β if kl > 1.5 * target else β / 2 if kl < target / 1.5 else β
        assert taken.β == max(expected, M.β_min)


@fuzzer
def actor_critic(rng, folder):
    π, θ, of, states, actions = a_policy(rng)
    τs, lists, s_end, terminated = recorded(rng, states, actions, ends=True)
    γ, λ, p, n = one_of(rng, *DISCOUNTS), one_of(rng, *DISCOUNTS), of(θ), len(θ)
    φ = rng.normal(size=3).astype(θ.dtype)

    def U(φ, s):
        s = s.astype(φ.dtype) if hasattr(φ, "dtype") else s * 1.0
        return φ[0] + φ[1] * s + φ[2] * s**2

    def of_state(s):
        return float(φ[0] + φ[1] * float(s) + φ[2] * float(s) ** 2)

    size = 1 + abs(τs.r).sum() + max(abs(of_state(s)) for s in np.append(τs.s.ravel(), s_end))
    steps = [abs(p.score(s, a)).max() for τ in lists for s, a, _ in τ]
    single = single_of(θ, τs.r, τs.s)
    for last in ("book", "bootstrap"):
        ends = None if last == "book" else [0.0 if t else of_state(s) for s, t in zip(s_end, terminated, strict=True)]
        for M, λ_used in (
            (dm.ActorCritic(problem(γ), start, 3, len(τs), U, last_step=last), 0.0),
            (dm.GeneralizedAdvantageEstimation(problem(γ), start, 3, len(τs), U, λ, last_step=last), λ),
        ):
            grad_θ, grad_φ = dm.gradient(M, π, θ, φ, τs=τs)
            assert grad_θ.dtype == θ.dtype
            scale = size * len(steps) * (1 + max(steps, default=0.0))
            close(grad_θ, plain.actor(lists, γ, λ_used, p.score, n, of_state, ends), scale, single=single)
            expected = plain.critic(lists, γ, of_state, lambda s: np.array([1.0, float(s), float(s) ** 2]), 3)
            close(grad_φ, expected, 30 * size, single=single)


@fuzzer
def deterministic_policy_gradient(rng, folder):
    τs, lists, s_end, terminated = recorded(rng, lambda x: rng.normal(size=x), lambda x: rng.normal(size=x), ends=True)
    γ = one_of(rng, *DISCOUNTS)
    θ, φ = rng.normal(size=2), rng.normal(size=4)

    def π(θ, s):
        return θ[0] * s + θ[1]

    def Q(φ, s, a):
        return φ[0] + φ[1] * s + φ[2] * s**2 + φ[3] * (s + a) ** 2

    grad_θ, grad_φ = np.zeros(2), np.zeros(4)

    def slopes(s, a):
        return np.array([1.0, s, s**2, (s + a) ** 2])

    last = one_of(rng, "book", "bootstrap")
    for i, τ in enumerate(lists):
        for k, (s, a, r) in enumerate(τ):
            chosen = π(θ, s)
            grad_θ += γ**k * 2 * φ[3] * (s + chosen) * np.array([s, 1.0])
            final = k == len(τ) - 1
            if final and last == "book":
                continue
            s_next = s_end[i] if final else τ[k + 1][0]
            on = 0.0 if final and terminated[i] else γ
            a_next = π(θ, s_next)
            δ = r + on * Q(φ, s_next, a_next) - Q(φ, s, a)
            grad_φ += δ * (on * slopes(s_next, a_next) - slopes(s, a))
    m = len(lists)
    M = dm.DeterministicPolicyGradient(problem(γ), start, 3, m, Q, 0.1, last_step=last)
    found = dm.gradient(M, π, θ, φ, τs=τs)
    single = single_of(τs.r)
    close(found[0], grad_θ / m, 100.0)
    close(found[1], grad_φ / m, 1e4 * (1 + abs(τs.r).max()), single=single)


@fuzzer
def natural_directions(rng, folder):
    m, n = int(rng.integers(1, 12)), int(rng.integers(1, 8))
    G, R, θ = rng.normal(size=(m, n)) * one_of(rng, 1.0, 1e-8, 1e8), rng.normal(size=m), rng.normal(size=n)
    kind = rng.integers(5)
    if kind == 1:
        G[:, 0] = 0.0
    elif kind == 2:
        G[:] = G[:1]
    elif kind == 3:
        R[:] = 0.0
    elif kind == 4:
        G[:, -1] = G[:, 0]
    ε, damping = one_of(rng, 0.01, 1.0, 1e-6), one_of(rng, 0.0, 0.0, 1e-2, 1.0)
    expected = plain.natural(θ, G, R, ε, damping)
    if expected is not None:
        found = dm.natural_update(θ, G, R, ε, damping)
        assert np.all(abs(found - expected) <= 1e-6 * abs(expected - θ).max() + 1e-14 * abs(θ).max()), (found, expected)
        if np.any(expected != θ):
            Δ, F = found - θ, G.T @ G / m + damping * np.eye(n)
            rounded = np.finfo(float).eps * abs(θ).max() * abs(F @ Δ).sum()  # θ + Δ is rounded to the precision of θ
            close(0.5 * Δ @ F @ Δ, ε, ε, least=rounded)
    from scipy.sparse.linalg import aslinearoperator

    if expected is not None and m > 1:
        sparse = dm.natural_update(θ, aslinearoperator(G), R, ε, damping)
        bound = 1e-4 * abs(expected - θ).max() + 1e-12
        assert np.all(abs(sparse - expected) <= bound), (sparse, expected)


@fuzzer
def line_searches(rng, folder):
    n = int(rng.integers(1, 4))
    θ, θ_new = rng.normal(size=n), rng.normal(size=n)
    A, b = rng.normal(size=(n, n)), rng.normal(size=n)
    spoilt = one_of(rng, None, None, np.nan, np.inf, -np.inf)

    def f(x):
        return spoilt if spoilt is not None and abs(x - θ).max() > 0.3 else float(b @ x - 0.3 * x @ A @ A.T @ x)

    def g(x):
        return float((x - θ) @ (x - θ))

    ε, α, most = one_of(rng, 0.1, 1.0), one_of(rng, 0.5, 0.9), int(rng.integers(0, 8))
    M = dm.TrustRegionUpdate(problem(0.9), start, 1, 1, ε, α, max_backtracks=most)
    found, j = dm.linesearch(M, f, g, θ, θ_new)
    for i in range(most + 1):
        x = θ + α**i * (θ_new - θ)
        if g(x) <= ε and np.isfinite(f(x)) and f(x) > f(θ):
            assert j == i
            close(found, x)
            return
    assert j is None
    np.testing.assert_array_equal(found, θ)


@fuzzer
def solvers_of_vectors(rng, folder):
    n, k = int(rng.integers(1, 9)), int(rng.integers(1, 10))
    X = rng.normal(size=(n + 2, n))
    A, g = X.T @ X + 0.1 * np.eye(n), rng.normal(size=n)
    expected = plain.conjugate_gradients(A, g, k) if k <= n else np.linalg.solve(A, g)
    if expected is not None:
        found = conjugate_gradients(lambda v: A @ v, g, k)
        assert np.all(abs(found - expected) <= 1e-6 * (1 + abs(expected).max())), (found, expected)

    N, passes, size, rate = int(rng.integers(1, 20)), int(rng.integers(1, 4)), int(rng.integers(1, 9)), 0.05
    rows, x, seed = rng.normal(size=(N, n)), rng.normal(size=n), int(rng.integers(99))

    def grad(x, i):
        return np.tanh(rows[i] @ x) @ rows[i] / len(i)

    draws, batches = np.random.default_rng(seed), []
    for _ in range(passes):
        order = draws.permutation(N)
        batches += [order[i : i + size] for i in range(0, N, size)]
    found = adam(grad, x, N, passes, size, rate, np.random.default_rng(seed))
    close(found, plain.adam(grad, x, batches, rate), single=False)
    single = adam(grad, x.astype(np.float32), N, passes, size, rate, np.random.default_rng(seed))
    assert single.dtype == np.float32


@fuzzer
def tabular_problems(rng, folder):
    S, A, γ = int(rng.integers(1, 6)), int(rng.integers(1, 4)), one_of(rng, 0.0, 0.5, 0.9, 0.95)
    T = rng.random((S, A, S)) * (rng.random((S, A, S)) < one_of(rng, 1.0, 0.4))
    T[..., 0] += T.sum(axis=-1) == 0
    T /= T.sum(axis=-1, keepdims=True)
    R = one_of(rng, rng.normal(size=(S, A)), np.round(rng.normal(size=(S, A))), np.zeros((S, A)))
    U, actions, k = rng.normal(size=S), rng.integers(A, size=S), int(rng.integers(0, 6))
    from scipy.sparse import csr_array

    P = dm.MDP.from_arrays(one_of(rng, T, csr_array(T.reshape(S * A, S))), R, γ)
    table = np.array([[plain.lookahead(T, R, γ, U, s, a) for a in range(A)] for s in range(S)])
    for s in range(S):
        for a in range(A):
            close(dm.lookahead(P, U, s, a), table[s, a])
        best = np.sort(table[s])[::-1]
        a, u = dm.greedy(P, U, s)
        close(u, best[0])
        close(dm.backup(P, U, s), best[0])
        if A == 1 or best[0] - best[1] > 1e-9:
            assert a == int(np.argmax(table[s]))
    s = rng.integers(S, size=(2, 3))
    close(dm.backup(P, U, s), table.max(axis=1)[s])
    close(dm.iterative_policy_evaluation(P, actions, k), plain.swept(T, R, γ, actions, k))
    exact = np.linalg.inv(np.eye(S) - γ * T[np.arange(S), actions]) @ R[np.arange(S), actions]
    close(dm.policy_evaluation(P, actions), exact)
    p = rng.dirichlet(np.ones(A), S)
    chained = np.linalg.inv(np.eye(S) - γ * np.einsum("sa,sat->st", p, T)) @ (p * R).sum(axis=1)
    close(dm.policy_evaluation(P, p), chained)
    k = max(k, 1)
    close(dm.solve(dm.ValueIteration(k), P).U, plain.value_sweeps(T, R, γ, k))
    close(dm.solve(dm.GaussSeidelValueIteration(k), P).U, plain.value_sweeps(T, R, γ, k, in_place=True))
    best = plain.value_sweeps(T, R, γ, 600)
    for M in (
        *(dm.LinearProgramFormulation(), dm.PolicyIteration(actions, 100), dm.ModifiedPolicyIteration(400, 5)),
        dm.ValueIteration(600),
    ):
        π = dm.solve(M, P)
        found = np.array([int(π(s)) for s in range(S)])
        value = np.linalg.inv(np.eye(S) - γ * T[np.arange(S), found]) @ R[np.arange(S), found]
        assert np.all(abs(value - best) <= 1e-5 * (1 + abs(best).max())), (M, value, best)


@fuzzer
def linear_quadratic(rng, folder):
    n, k, h = int(rng.integers(1, 4)), int(rng.integers(1, 3)), int(rng.integers(1, 7))
    Ts, Ta = rng.normal(size=(n, n)), rng.normal(size=(n, k))
    X, Y, Z = rng.normal(size=(n, n)), rng.normal(size=(k, k)), rng.normal(size=(n, n))
    Rs = -X @ X.T * one_of(rng, 1.0, 0.0)
    Ra, Σ = -Y @ Y.T - 0.1 * np.eye(k), one_of(rng, None, Z @ Z.T)
    πs = dm.solve(dm.LinearQuadraticProblem(Ts, Ta, Rs, Ra, h, Σ=Σ))
    assert len(πs) == h
    s = rng.normal(size=(4, n))
    for π, (K, _, _) in zip(πs, plain.riccati(Ts, Ta, Rs, Ra, h, Σ), strict=True):
        found = np.array([π(x) for x in s])
        expected = -s @ K.T
        close(found.reshape(expected.shape), expected, 1 + abs(K).max())


@fuzzer
def searches(rng, folder):
    m, n = int(rng.integers(2, 40)), int(rng.integers(1, 4))
    close(dm.evolution_strategy_weights(m), plain.evolution_weights(m))
    c, curve = rng.normal(size=n), rng.random(n) + 0.1

    def U(θ):
        return -float(curve @ (θ - c) ** 2)

    calls = []

    def counted(π, θ):
        calls.append(θ)
        return U(θ)

    α, factor, ε = one_of(rng, 1.0, 0.3), one_of(rng, 0.5, 0.75), one_of(rng, 0.1, 0.01)
    θ = rng.normal(size=n)
    found = dm.optimize(dm.HookeJeevesPolicySearch(θ, α, factor, ε), None, counted)
    expected, evaluations = plain.hooke_jeeves(θ, α, factor, ε, U)
    close(found, expected)
    assert len(calls) == evaluations

    k_max, σ, step, seed = int(rng.integers(1, 4)), one_of(rng, 0.1, 1.0), 0.1, int(rng.integers(99))
    M = dm.IsotropicEvolutionStrategies(θ, σ, m, step, k_max)
    ψ = θ.copy()
    for found in dm.generations(M, None, lambda π, θ: U(θ), rng=seed):
        assert len(found.θs) == 2 * (m // 2)
        half = found.θs - ψ
        close(half.sum(axis=0), np.zeros(n), m * σ)
        order = np.argsort([-U(x) for x in found.θs], kind="stable")
        w = plain.evolution_weights(len(order))
        ψ = ψ + step * sum(w[i] * half[order[i]] / σ**2 for i in range(len(order)))
        close(found.p.mode() if callable(getattr(found.p, "mode", None)) else found.p.μ, ψ, 1.0)

    elite = int(rng.integers(1, m + 1))
    if elite > 2 * n + 2:
        p = dm.GaussianSearchDistribution(np.zeros(n), np.eye(n))
        for found in dm.generations(dm.CrossEntropyPolicySearch(p, m, elite, 1), None, lambda π, θ: U(θ), rng=seed):
            best = found.θs[np.argsort([-U(x) for x in found.θs], kind="stable")[:elite]]
            close(found.p.μ, best.mean(axis=0))
            centred = best - best.mean(axis=0)
            close(found.p.Σ, centred.T @ centred / elite)
    G = dm.GeneticPolicySearch(rng.normal(size=(m, n)), σ, elite, k_max)
    seen = [x.copy() for x in G.θs]
    for found in dm.generations(G, None, lambda π, θ: U(θ), rng=seed):
        np.testing.assert_array_equal(found.us, [U(x) for x in found.θs])
        seen = found.θs
    np.testing.assert_array_equal(dm.optimize(G, None, lambda π, θ: U(θ), rng=seed), max(seen, key=U))


@fuzzer
def gradients_of_lengths(rng, folder):
    g = rng.normal(size=int(rng.integers(1, 6))) * one_of(rng, 1.0, 0.0, 1e-200, 1e200, 1e-30)
    dtype = one_of(rng, np.float64, np.float32) if abs(g).max() < 1e30 else np.float64
    g = g.astype(dtype)
    L2_max = one_of(rng, 1.0, 1e-3, 1e3)
    found = dm.scale_gradient(g, L2_max)
    assert found.dtype == dtype
    big = max(abs(g).max(), np.float64(1e-300))
    length = big * np.sqrt(np.sum((g.astype(np.float64) / big) ** 2))
    expected = g if length <= L2_max else g.astype(np.float64) / big * (L2_max / (length / big))
    assert np.all(abs(found - expected) <= 1e-6 * abs(expected)), (found, expected)
    a, b = sorted(rng.normal(size=2))
    np.testing.assert_array_equal(dm.clip_gradient(g, a, b), [min(max(x, dtype(a)), dtype(b)) for x in g])


def plain_network(sizes, θ, s, k_out):
    at, x = 0, np.asarray(s, float)
    widths = [*sizes, k_out]
    for i in range(len(sizes)):
        W = θ[at : at + widths[i] * widths[i + 1]].reshape(widths[i], widths[i + 1])
        at += W.size
        x = x @ W + θ[at : at + widths[i + 1]]
        at += widths[i + 1]
        x = np.tanh(x) if i < len(sizes) - 1 else x
    return x, θ[at:]


def plain_head(head, z, log_σ):
    """Log-likelihood of a, entropy, and divergence from another (z, log_σ), of one state."""

    def softmax(z):
        e = np.exp(z - z.max())
        return e / e.sum()

    def parts(z):
        if isinstance(head, heads.Categorical):
            return [softmax(z)]
        if isinstance(head, heads.Bernoulli):
            return [np.array([1 / (1 + np.exp(x)), 1 / (1 + np.exp(-x))]) for x in z]
        return [softmax(x) for x in np.split(z, np.cumsum(head.nvec)[:-1])]

    if isinstance(head, heads.Gaussian):
        σ = np.exp(log_σ)
        return (
            lambda a: float(np.sum(-0.5 * ((a - z) / σ) ** 2 - np.log(σ) - 0.5 * np.log(2 * np.pi))),
            float(np.sum(0.5 * np.log(2 * np.pi * np.e) + np.log(σ))),
            lambda y, t: float(np.sum(np.log(np.exp(t) / σ) + (σ**2 + (z - y) ** 2) / (2 * np.exp(t) ** 2) - 0.5)),
        )
    ps = parts(z)
    return (
        lambda a: float(sum(np.log(p[int(x)]) for p, x in zip(ps, np.atleast_1d(a), strict=True))),
        float(-sum(np.sum(p * np.log(p)) for p in ps)),
        lambda y, _: float(sum(np.sum(p * np.log(p / q)) for p, q in zip(ps, parts(y), strict=True))),
    )


@fuzzer
def neural_policies(rng, folder):
    k = int(rng.integers(1, 4))
    head = one_of(
        rng, heads.Categorical(k), heads.Bernoulli(k), heads.Gaussian(k), heads.MultiCategorical((2, k + 1, 3)[:k])
    )
    sizes = tuple(int(x) for x in rng.integers(1, 4, size=rng.integers(1, 4)))
    π = dm.NeuralPolicy(sizes, head)
    dtype = one_of(rng, np.float64, np.float64, np.float32)
    θ, θ_new = (rng.normal(size=π.n).astype(dtype) for _ in range(2))
    k_out = head.k if isinstance(head, heads.Gaussian) else head.n_outputs
    m, d = shape(rng)
    s = rng.normal(size=(m, d, sizes[0])).astype(one_of(rng, np.float64, np.float32))
    a = π(θ, s, rng)
    logp, entropy, kl = (np.empty((m, d)) for _ in range(3))
    for i in np.ndindex(m, d):
        f, entropy[i], g = plain_head(head, *plain_network(sizes, θ.astype(float), s[i], k_out))
        logp[i], kl[i] = f(a[i]), g(*plain_network(sizes, θ_new.astype(float), s[i], k_out))
    for found, expected in (
        *((π.logpdf(θ, a, s), logp), (π.entropy(θ, s), entropy), (π.kl(θ, θ_new, s), kl)),
        (π.at(θ, s).logpdf(a), logp),
        (π.at(θ, s).kl(π.at(θ_new, s), a), kl),
        (π.at(θ, s).entropy(a), entropy),
    ):
        close(found, expected, 1 + abs(expected).max(), single=single_of(θ, s) or dtype == np.float32)
    τs = dm.Trajectories(s, a, np.ones((m, d)))
    if dtype == np.float64 and s.dtype == np.float64:
        h = 1e-5
        slopes = np.stack(
            [(π.logpdf(θ + h * e, a, s) - π.logpdf(θ - h * e, a, s)) / (2 * h) for e in np.eye(π.n)], axis=-1
        )
        found = π.step_scores(θ, τs)
        assert np.all(abs(found - slopes) <= 1e-5 * (1 + abs(slopes).max()))
        v = rng.normal(size=π.n)
        # KL(θ ‖ θ + h v) = h²/2 vᵀFv + O(h³), the odd term removed by the mean over both signs
        second = (π.kl(θ, θ + 1e-3 * v, s) + π.kl(θ, θ - 1e-3 * v, s)).mean() / 1e-6
        F = π.fisher_product(θ, a, s)
        assert abs(v @ F(v) - second) <= 1e-3 * (1 + second) * (1 + abs(v).max()), (v @ F(v), second)


@fuzzer
def tabular_expectations(rng, folder):
    """Exact utility and its gradient against differences of a loop over the steps."""
    S, A, d = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 6))
    γ, b = one_of(rng, *DISCOUNTS), rng.dirichlet(np.ones(S))
    T, R = rng.dirichlet(np.ones(S), (S, A)), rng.normal(size=(S, A))
    P, π, θ = dm.MDP.from_arrays(T, R, γ), dm.SoftmaxPolicy(S, A), rng.normal(size=S * A)
    f = np.eye(S * A).reshape(S, A, -1)

    def U(θ):
        q = plain.Softmax(f, θ)
        p, where, total = np.array([q.p(s) for s in range(S)]), b, 0.0
        for k in range(d):
            total += γ**k * np.sum(where[:, None] * p * R)
            where = np.einsum("s,sa,sat->t", where, p, T)
        return total

    close(dm.exact.utility(P, b, π, θ, d), U(θ))
    slope = np.array([(U(θ + 1e-5 * e) - U(θ - 1e-5 * e)) / 2e-5 for e in np.eye(S * A)])
    assert np.all(abs(dm.exact.utility_gradient(P, b, π, θ, d) - slope) <= 1e-7)
    θ_new = θ + rng.normal(size=S * A)
    old, new = plain.Softmax(f, θ), plain.Softmax(f, θ_new)
    p, where, kl = np.array([old.p(s) for s in range(S)]), b, 0.0
    for k in range(d):
        kl += γ**k * sum(where[s] * old.kl(new, s) for s in range(S)) / d
        where = np.einsum("s,sa,sat->t", where, p, T)
    close(dm.exact.expected_kl(P, b, π, θ, θ_new, d), kl)


@fuzzer
def trust_region_policy_optimization(rng, folder):
    """A step on recorded fragments: what is reported is what a plain loop finds, and the bound holds."""
    k = int(rng.integers(1, 4))
    head, width = one_of(rng, heads.Categorical(k), heads.Gaussian(k)), int(rng.integers(1, 4))
    π = dm.NeuralPolicy((width, *one_of(rng, (), (3,))), head)
    dtype = one_of(rng, np.float64, np.float64, np.float32)
    θ = rng.normal(size=π.n).astype(dtype)
    m, d = shape(rng)
    s = rng.normal(size=(m, d, width)).astype(one_of(rng, np.float64, np.float32))
    a, r = π(θ, s, rng), rewards(rng, (m, d))
    lengths = rng.integers(1, d + 1, m)
    mask = np.arange(d) < lengths[:, None]
    r = np.where(mask, r, 0)
    terminated, s_end = rng.random(m) < 0.5, rng.normal(size=(m, width)).astype(s.dtype)
    τs = dm.Trajectories(s, a, r, mask, s_end, terminated)
    γ, λ, δ = one_of(rng, *DISCOUNTS), one_of(rng, *DISCOUNTS), one_of(rng, 0.01, 0.1, 1e-4)

    class Collecting:
        def collect(self, *_):
            raise AssertionError

        def restart(self, seed):
            raise AssertionError

    P = Collecting()
    P.γ = γ
    critic = dm.LinearCritic(width)
    rule = one_of(rng, "trust_region", "natural", "restricted", "penalized", "clamped", "gradient")
    options = {"δ": δ} if rule in ("trust_region", "natural", "restricted") else {}
    M = dm.TrustRegionPolicyOptimization(
        *(P, 8, critic), rule=rule, λ=λ, normalize_advantages=bool(rng.integers(2)), **options
    )
    φ = rng.normal(size=len(critic.init(0)))
    taken = dm.step(M, π, θ, φ, τs=τs, rng=0)
    assert dm.explain(taken)
    again = dm.step(M, π, θ, φ, τs=τs, rng=0)
    np.testing.assert_array_equal(taken.θ, again.θ)
    np.testing.assert_array_equal(taken.φ, again.φ)
    assert taken.θ.dtype == dtype
    if not taken.accepted:
        np.testing.assert_array_equal(taken.θ, θ)
        return
    k_out = head.k if isinstance(head, heads.Gaussian) else head.n_outputs
    V, V_end = critic.predict(φ, s.reshape(-1, width)).reshape(m, d), critic.predict(φ, s_end)
    A, w, kl = [], [], []
    for i in range(m):
        n = lengths[i]
        rows = plain.temporal_differences(list(r[i, :n]), V[i, :n], γ, 0.0 if terminated[i] else V_end[i])
        A += plain.generalized_advantages(rows, γ, λ)
        for j in range(n):
            old = plain_head(head, *plain_network(π.sizes, θ.astype(float), s[i, j], k_out))
            z = plain_network(π.sizes, taken.θ.astype(float), s[i, j], k_out)
            kl.append(old[2](*z))
            w.append(np.exp(plain_head(head, *z)[0](a[i, j]) - old[0](a[i, j])))
    single = dtype == np.float32 or s.dtype == np.float32
    close(taken.kl, np.mean(kl), 1e-7 + np.mean(kl) + (1e-3 * single), single=single)
    if rule == "trust_region":
        assert taken.kl <= δ
        assert np.mean(kl) <= δ * 1.001 + (1e-4 if single else 1e-12)
    A = np.array(A)
    if M.normalize_advantages:
        if A.std() <= 1e-6 * abs(A).max():
            return
        A = (A - A.mean()) / A.std()
    gain = np.mean((np.array(w) - 1) * A)
    close(taken.improvement, gain, abs(A).max() * (1 + max(w)), single=single)
    if rule == "trust_region":
        assert taken.improvement > 0


@fuzzer
def critics(rng, folder):
    """A linear critic's fit is the ridge solution; no critic gives numbers that are not finite."""
    width, N = int(rng.integers(1, 4)), int(rng.integers(1, 30))
    s = rng.normal(size=(N, width)) * one_of(rng, 1.0, 1e3, 0.0)
    y = rng.normal(size=N) * one_of(rng, 1.0, 1e4, 0.0)
    f = dm.FeatureCritic(lambda s: anp.concatenate([s, s**2, anp.ones((*s.shape[:-1], 1))], axis=-1), 2 * width + 1)
    for critic in (f, dm.LinearCritic(width), dm.NeuralCritic((width, 4), optimizer=one_of(rng, "lbfgs", "adam"))):
        φ = critic.init(0)
        fitted = critic.fit(φ, s, y, np.random.default_rng(0))
        V = critic.predict(fitted, s)
        assert V.shape == (N,)
        assert np.isfinite(V).all()
        assert np.mean((V - y) ** 2) <= np.mean((critic.predict(φ, s) - y) ** 2) * (1 + 1e-6) + 1e-6 * (
            y**2
        ).mean() or (isinstance(critic, dm.NeuralCritic) and critic.optimizer == "adam")
