"""Teams and games with hidden states by brute force: plans as nested tuples, sums over all histories."""

from functools import cache
from itertools import product

import numpy as np

import decision_making as dm


def random_model(seed, sizes=(2, 2, 2), S=2, Ω=(2, 2, 2), n=2, γ=0.9, team=False):
    """A random POMG or Dec-POMDP."""
    rng = np.random.default_rng(seed)
    A, Ω = sizes[:n], Ω[:n]
    T = rng.dirichlet(np.ones(S), (S, *A))
    O = rng.dirichlet(np.ones(int(np.prod(Ω))), (*A, S)).reshape(*A, S, *Ω)
    R = rng.normal(size=((S, *A) if team else (n, S, *A)))
    return (dm.DecPOMDP if team else dm.POMG).from_arrays(T, R, O, γ, b=rng.dirichlet(np.ones(S)))


def plans(A, Ω, h):
    """All plans of h actions: (a, (plan after observation 0, ...))."""
    if h == 1:
        return [(a, ()) for a in range(A)]
    below = plans(A, Ω, h - 1)
    return [(a, subs) for a in range(A) for subs in product(below, repeat=Ω)]


def tree(plan):
    """The nested tuple as a ConditionalPlan."""
    a, subs = plan
    return dm.ConditionalPlan(a, {o: tree(sub) for o, sub in enumerate(subs)})


def nested(plan):
    """The ConditionalPlan as nested tuples."""
    return plan.a, tuple(nested(plan.subplans[o]) for o in sorted(plan.subplans))


def value(P, joint, s):
    """Rewards of a joint plan from state s, a vector, by the recursion over joint observations and next states."""
    R = P.R.array if isinstance(P, dm.POMG) else P.R.array[None]
    A, n = P.sizes, P.n

    @cache
    def worth(joint, s):
        a = tuple(x[0] for x in joint)
        total = np.array([r[(s, *a)] for r in R])
        if joint[0][1]:
            for s_next in range(len(P.S)):
                for o in np.ndindex(*P.n_observations):
                    p = P.T.array[(s, *a, s_next)] * P.O.array[(*a, s_next, *o)]
                    if p:
                        total = total + P.γ * p * worth(tuple(x[1][oi] for x, oi in zip(joint, o, strict=True)), s_next)
        return total

    assert len(joint) == n == len(A)
    return worth(tuple(joint), s)


def utilities(P, joint):
    """Σ_s b(s) of it."""
    return sum(p * value(P, joint, s) for s, p in enumerate(P.b))


def by_histories(P, joint):
    """The same as a sum over all whole histories of states and joint observations."""
    R = P.R.array if isinstance(P, dm.POMG) else P.R.array[None]
    total, paths = np.zeros(len(R)), [(s, p, 1.0, tuple(joint)) for s, p in enumerate(P.b)]
    while paths:
        s, p, γ, now = paths.pop()
        a = tuple(x[0] for x in now)
        total += p * γ * np.array([r[(s, *a)] for r in R])
        if now[0][1]:
            for x in range(len(P.S)):
                for o in np.ndindex(*P.n_observations):
                    q = P.T.array[(s, *a, x)] * P.O.array[(*a, x, *o)]
                    below = tuple(y[1][oi] for y, oi in zip(now, o, strict=True))
                    paths.append((x, p * q, γ * P.γ, below))
    return total


def all_joint_values(P, h):
    """Utilities of all joint plans of h actions, (k, K1, ..., Kn), and the lists of plans."""
    lists = [plans(A, Ω, h) for A, Ω in zip(P.sizes, P.n_observations, strict=True)]
    found = np.array([utilities(P, joint) for joint in product(*lists)])
    return found.T.reshape(-1, *map(len, lists)), lists


def observed_states(P, h):
    """The best a team can do in h steps that sees the state, from each state, by the recursion."""
    if h == 0:
        return np.zeros(len(P.S))
    after = observed_states(P, h - 1)
    A = list(np.ndindex(*P.sizes))
    return np.array([max(P.R.array[(s, *a)] + P.γ * P.T.array[(s, *a)] @ after for a in A) for s in range(len(P.S))])


def shared(P, b, h):
    """The best a team can do in h steps from the belief b if it shares its observations, by the recursion."""
    best = -np.inf
    for a in np.ndindex(*P.sizes):
        u = sum(p * P.R.array[(s, *a)] for s, p in enumerate(b))
        if h > 1:
            for o in np.ndindex(*P.n_observations):
                x = np.array([sum(b[s] * P.T.array[(s, *a, t)] for s in range(len(b))) for t in range(len(b))])
                x = x * np.array([P.O.array[(*a, t, *o)] for t in range(len(b))])
                if x.sum() > 0:
                    u += P.γ * x.sum() * shared(P, x / x.sum(), h - 1)
        best = max(best, u)
    return best
