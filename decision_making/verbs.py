"""The verbs of the book: generic functions, dispatched on their first argument.

A verb is defined once, here, with what it means in each chapter. The chapter that knows a struct registers a method
for it, under a name of its own. A first argument that no chapter knows is a TypeError that lists what is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from decision_making.dispatching import verb

if TYPE_CHECKING:
    from decision_making.problem import RNG


@verb
def update(M: object, *given: object, **options: object) -> Any:
    """The parameters after one update by M, or the belief after one step.

    update(M, π, θ, *, rng=None, τs=None) -> θ_new
        M is an update of chapter 12, such as `NaturalPolicyUpdate`; π the policy; θ (n,) its parameters, which are not
        modified; θ_new (n,) the parameters after the step. With recorded trajectories τs nothing is simulated and
        M.d and M.m are ignored; without, M.m trajectories of depth M.d are rolled out once, with random numbers from
        rng (None, an int or a numpy Generator; the same seed gives the same bits). `step` takes the same arguments
        and also says what happened.
    update(M, π, θ, φ, *, rng=None, τs=None) -> (θ_new, φ_new)
        M has a critic: `ActorCriticUpdate` (chapter 13) or `TrustRegionPolicyOptimization`; φ are the critic's
        parameters.
    update(model, s, a, r, s_next, *, terminated=None, rng=None) -> model
        A learnt model (chapters 15 to 17, 25), one transition of each of its replications: s, a, r, s_next have its
        batch shape. The model itself is changed, and returned: this is the one verb that does so. `terminated` (…) says
        where s_next ends an episode and is worth 0; None is the book, which always counts on the value of s_next.
        After an error the model is as it was. A bandit's model takes (model, a, r). An agent that
        learns a Markov game (chapter 25) takes the actions a (…, n) and rewards r (…, n) of all, None: the game's.
    update(b, P, a, o) -> b_new
        b is a belief about the state of P: a vector of probabilities, a Kalman filter or a particle filter (chapter
        19); b_new is that after action a and observation o. Particle filters also take rng.

    Raises TypeError for an M that is not known, or where φ is missing or has no use; ValueError, before any rollout,
    for θ of the wrong length or not finite, and for states, actions, rewards or scores that are not finite.
    """


@verb
def step(M: object, π: object, θ: object, φ: object = None, *, rng: RNG = None, τs: object = None) -> Any:
    """One update of θ by M, as a `Step` that says what happened (chapters 12 and 13).

    The arguments and errors are those of `update`. The new parameters are `step(...).θ` and, with a critic, `.φ`.
    """


@verb
def follow(M: object, here: object) -> Any:
    """The body of an update rule: the `Step` that M makes, given a local model `here` of objective and divergence.

    The rule does not know where the local model comes from: recorded trajectories, expectations, a critic or a batch
    of environment steps. A new rule is a struct and one function registered here.

    Raises TypeError for an M that is not known, and where M asks for something that `here` does not know.
    """


@verb
def gradient(M: object, π: object, θ: object, φ: object = None, *, rng: RNG = None, τs: object = None) -> Any:
    """An estimate of ∇U(θ), (n,), by the estimator M (chapter 11).

    An estimator with a critic (chapter 13) gives the pair (grad_θ, grad_φ), (n,) and (n_φ,).

    π is the policy, θ (n,) its parameters, φ (n_φ,) those of the critic. With recorded trajectories τs nothing is
    simulated, and M.d and M.m are ignored. rng: None, an int or a numpy Generator.

    Raises TypeError for an M that is not known; ValueError, before any rollout, for θ of the wrong length or not
    finite, and for τs given to an estimator that perturbs θ; ValueError for a state, action, reward or score that is
    not finite, naming it.
    """


@verb
def rollouts(P: object, b: object, π: object, θ: object, d: int, m: int, rng: RNG = None) -> Any:
    """m `Trajectories` of depth d of the problem P under π_θ, from start states s ~ b (algorithm 11.1).

    b is a probability vector over the states, a frozen scipy.stats distribution, or a function b(m, rng) -> s. θ is
    (n,), or (m, n) with other parameters for each trajectory. rng is None, an int or a numpy Generator. Time and
    memory are proportional to m·d.

    Raises TypeError where P cannot be simulated; ValueError if d < 1 or m < 1, for θ of the wrong shape or not finite,
    and for a state, action or reward that is not finite, naming the quantity, the trajectory and the step.
    """


@verb
def solve(M: object, *given: Any, **options: Any) -> Any:
    """The solution of the problem P by the method M.

    solve(M, P) -> π (chapters 7, 8, 14, 20, 21, 23)
        A policy, called as π(s) with a state, or as π(b) with a belief where P is a `POMDP`. Of chapter 7
        `PolicyIteration` gives a `TabularPolicy`, the others a `ValueFunctionPolicy`, a `LinearQuadraticProblem` (which
        takes no P) a list of h_max policies: entry h - 1 is the first action with h steps to go; entry 0 is always 0.
    solve(M, P) -> a policy for each agent (chapters 24 to 27)
        P is a simple game, a Markov game, a POMG or a Dec-POMDP. The result, such as an `Equilibrium` or a `JointPlan`,
        is read like the list of the agents' policies; that of `CorrelatedEquilibrium` is a `JointCorrelatedPolicy`.
    solve(P, evidence=None, M=None) -> (a, u) (chapter 6)
        P is a `SimpleProblem`, evidence what is known, M a method of inference, None for `VariableElimination()`. a is
        the best decision, an assignment of all decision variables, and u its expected utility. With arrays (B,) as
        evidence the decisions are arrays (B,), and so is u.

    Raises TypeError for an M that is not known and for a P without lists S and A; ValueError for γ = 1 where the method
    needs a discount.
    """


@verb
def sweeps(M: object, P: object) -> Any:
    """The successive approximations of the method M: the initial one, then one for each sweep (chapter 7).

    `solve` returns the last. P is a problem that lists its states S and actions A. Policy iteration yields policies,
    the last one twice if no state changed; value iteration yields utilities (S,).
    """


@verb
def fit(M: object, *given: object, **options: object) -> Any:
    """M fitted to data; M itself is not modified.

    fit(Uθ, S, U) -> Uθ (chapter 8)
        A value function like Uθ, with parameters such that its values at the states S (n, ...) are near U (n,). A local
        one, such as a grid, takes the values of its own states; None stands for these.
    fit(M, vars, D, *, rng=None)
        vars are n variables and D (n, m) data, a column for each datum. M is `ExpectationMaximization` (chapter 4),
        whose result is an `EMEstimate`, or a search for a structure (chapter 5), whose result is a networkx DiGraph on
        0..n-1: `K2Search`, `LocalDirectedGraphSearch`, `HillClimbing`, `ExactGraphSearch`,
        `PartiallyDirectedGraphSearch`. Those that draw nothing take rng all the same.

    Raises TypeError for an M that is not known; ValueError for values that are not n finite numbers, and for data that
    are not values of the variables.
    """


@verb
def statistics(x: object, *given: object, **options: object) -> Any:
    """What was counted.

    statistics(vars, G, D) -> [m_1, ..., m_n] (algorithm 4.1)
        How often each variable i had its k-th value where its parents had their j-th: arrays (q_i, r_i).
    statistics(found, row=0) -> (N, Q)
        The book's dictionaries of visits and values of a search by simulation (algorithm 9.5).
    """


@verb
def lookahead(P: object, *given: object) -> Any:
    """Expected utility of taking a in s and then receiving U: R(s, a) + γ Σ T(s, a, s') U(s') (algorithm 7.2).

    lookahead(P, U, s, a)
        U is an array over the states in the order of P.S, or a function of the state. On a tabular MDP s and a may be
        arrays. Raises ValueError if U has the wrong length.
    lookahead(model, s, a)
        What a learnt model expects of a in s (chapters 15 to 17): it has utilities, or action values, of its own.
    """


@verb
def greedy(P: object, *given: object) -> Any:
    """The action a with the highest `lookahead` in s, the first if several are, and that value u (algorithm 7.5).

    greedy(P, U, s) of a problem, greedy(model, s) of a learnt model. On a tabular problem s may be an array; a and u
    have its shape. Of states with names s may be a list. Raises ValueError if U has the wrong length or a state is
    unknown.
    """


@verb
def backup(P: object, *given: object) -> Any:
    """max_a lookahead(P, U, s, a), the utility of s after one backup (algorithm 7.7).

    backup(P, U, s) of a problem, backup(model, s) of a learnt model. On a tabular problem s may be an array, of states
    with names a list.
    """


@verb
def randstep(P: object, s: object, a: object, rng: RNG = None) -> Any:
    """A random next state and the reward of action a in s: (s_next, r), for whole batches.

    Of a POMDP s is a belief, and so is s_next, after a random observation (algorithm 21.11). Raises TypeError for a P
    that is not known.
    """


@verb
def utility(π: object, *given: object) -> Any:
    """The expected utility of following π.

    utility(π, b) -> U
        π is a policy with α-vectors (chapter 20) and b a belief about the state, (S,) or a batch (B, S).
    utility(P, π, i=None) -> U
        P is a simple game (chapter 24), π a policy for each agent or a distribution over joint actions: the utility of
        agent i, (...) like the batch of games; without i of all agents, (..., n). Of a Markov game (chapter 25) from
        every state, (..., S) or (..., n, S).
    utility(P, b, π) -> U
        P is a POMG or a Dec-POMDP (chapters 26 and 27), b a belief (S,) or None, the model's own, π a conditional plan
        or a controller for each agent: the utilities (n,), of a team one number.
    """


@verb
def best_response(P: object, π: Any, i: object, *, b: object = None) -> Any:
    """A policy of agent i that is best against the policies of the others (chapters 24 to 27).

    π is a policy for each agent; that of i itself is not looked at. Of equally good actions it takes the first.
    Raises TypeError for a P that is not known, KeyError for an agent that it does not have, ValueError for policies
    that are no probabilities.
    """


@verb
def softmax_response(P: object, π: Any, i: object, λ: float) -> Any:
    """A policy of agent i that prefers what is better against the policies of the others (chapters 24, 25).

    λ >= 0, in 1/reward, is its precision: 0 is uniform, inf is uniform over the best responses. Errors are those of
    `best_response`, and ValueError for another λ.
    """


@verb
def gap(P: object, π: Any, *, b: object = None) -> Any:
    """What each agent could gain by a best response if the others stay with π, measured on π itself: (..., n), and
    (..., n, S) from every state of a Markov game.

    π is an equilibrium if and only if all gaps are 0; the largest one is its exploitability. In a zero-sum game their
    sum is the duality gap. Of a distribution over joint actions it is what an agent gains by the best exchange of one
    recommended action for another: all are 0 if and only if it is a correlated equilibrium.
    """


@verb
def optimize(M: object, *given: object, **options: object) -> Any:
    """The parameters that M finds, by searching (chapter 10) or by imitating an expert (chapter 18).

    optimize(M, π, U, *, rng=None) -> θ
        M is a search (algorithms 10.2 to 10.6), θ (n,) parameters of high utility U(π, θ). A search that moves a
        distribution gives the mode of its last distribution. The same rng, an int or a Generator in the same state,
        gives the same bits, if U draws from no other source. π is passed on to U; if it has a number of parameters n,
        the length of θ must be n.
    optimize(M, D, θ, *, rng=None) -> θ_new
        M is `BehavioralCloning`, `CostSensitiveMultiClassifier` or `DataSetAggregation`; D are demonstrations, as
        `Trajectories`, `Demonstrations` or a list of pairs (s, a). θ (n,) are the parameters to begin with, and stay as
        they are. A `GenerativeAdversarialImitation` gives (θ_new, w), w being parameters of its discriminator.
    optimize(M, θ, *, rng=None) -> (weights, θs)
        M is `SMILe` or `InverseReinforcementLearning`; the result is a `Mixture` of policies.
    optimize(M, D, φ) -> (φ_new, π)
        M is `MaximumEntropyIRL`, φ parameters of a reward, D `Trajectories`; π (d, S, A) is the soft policy.

    Raises TypeError for an M that is not known or a U that cannot be called; ValueError for a U that does not return a
    number for each θ, or returns NaN for every θ of a population, and for demonstrations that are none.
    """


@verb
def rounds(M: object, *given: object, **options: object) -> Any:
    """What `optimize` does, one round after the other, for a struct of chapter 18 whose work has rounds.

    The arguments are those of `optimize`. Each round is a named tuple with the parameters so far: `Aggregated`,
    `Mixed`, `Round`, `Fit` or `Adversarial`.
    """


@verb
def optimize_dist(M: object, π: object, U: object, *, rng: RNG = None) -> Any:
    """The search distribution that M ends with (algorithms 10.4 to 10.6); arguments and errors of `optimize`."""


@verb
def generations(M: object, π: object, U: object, *, rng: RNG = None) -> Any:
    """The search by M, one `Generation` after the other; `optimize` and `optimize_dist` take the last (chapter 10).

    The lengths of all `us` add up to the number of evaluations. Hooke-Jeeves begins with its start, evaluated alone.
    """


@verb
def start(M: object, batch: Any = (), **initial: object) -> Any:
    """A learnt model that has seen nothing yet, for the settings M (chapters 15 to 17).

    batch is the shape of its replications, an int or a tuple: every array of the model has these leading axes, and they
    share nothing. Arrays given by name, as in start(M, Q=Q), are copied in place of the usual beginning.

    Raises TypeError for an M that is not known, ValueError for a batch that is no shape.
    """


@verb
def learn(
    P: object,
    model: object,
    π: object,
    h: int,
    s: object = None,
    *,
    b: object = None,
    rng: RNG = None,
    episode: int | None = None,
) -> Any:
    """A model that has learnt from h steps of P, and what it saw: (model, `Experience`) (algorithms 15.1 and 15.9).

    The given model stays as it is. Actions are π(model, s, rng), of an exploration strategy. All replications of the
    model take their steps side by side; h counts those of each. They begin in the states s (…), or in states drawn from
    the start distribution b, by default P.b. An episode ends in a terminal state of P, and after `episode` steps if
    that is given; then the next begins as the first did, and in no terminal state. The last state of an episode that
    was cut is not terminal: a learner goes on to count on its value.

    In a Markov game (chapter 25) model is a list of learners, one an agent, π = None lets each act as its algorithm
    says, and the result is (models, `GameTrajectories`).

    All random numbers follow from rng: None, an int or a numpy Generator. The same seed gives the same bits; the first
    rows of a larger batch are not the rows of a smaller one.

    Raises ValueError for h < 1, unknown states or actions, start states that are terminal, and rewards not finite.
    """


@verb
def end(model: object, which: object = None) -> Any:
    """Tell a learnt model that an episode was cut here: it changes in place, and is returned (chapters 15 to 17).

    `which` (…) says for which replications; None: for all. Most models have nothing to do.
    """


@verb
def action_values(model: object, s: object = None) -> Any:
    """What a learnt model expects of each action, (…, A), in the states s (…); without s in all states, (…, S, A)."""


@verb
def forward_search(P: object, s: object, d: int, U: object, **options: Any) -> Any:
    """The best action in s and its utility, by looking d steps ahead along every path (algorithm 9.2, appendix E).

    U is the leaf value, a function of states. Gives the pair (a, u); the action is the first of equally good ones.
    On a `Search` transitions are deterministic and rewards undiscounted; where d = 0 or s has no action, a is None.

    Raises TypeError for a P that is not known, ValueError where the search would not fit in memory.
    """


@verb
def branch_and_bound(P: object, s: object, d: int, Ulo: object, Qhi: object, **options: Any) -> Any:
    """`forward_search` with leaf value Ulo that leaves out what cannot be better (algorithm 9.3, appendix E).

    Qhi(s, a) is an upper bound of the utility of action a in s; where it is not one, the answer may be wrong.
    """


@verb
def dynamic_programming(P: object, s: object, d: int, U: object, **options: Any) -> Any:
    """The pair (a, u) of `forward_search`, visiting each state at most once for each number of steps (appendix E)."""


@verb
def heuristic_search(P: object, s: object, d: int, Uhi: object, U: object, **options: Any) -> Any:
    """`dynamic_programming` that leaves out what cannot be better by the upper bound Uhi(s) (appendix E).

    Uhi(s) is at least the utility of s with up to d steps to go; where it is not, the answer may be wrong.
    """


@verb
def plan(M: object, s: object, *given: Any, **options: Any) -> Any:
    """What is found for the state s by looking ahead.

    plan(M, s, rng=None) -> Plan
        M is an online search of chapter 9; s a state, or a batch, each with a search of its own. The action of the
        `Plan` is what M(s) returns. rng replaces the search's own random numbers.
    plan(P, s, d, U, Uhi=None) -> actions (k,), k <= d
        P is a problem without chance (appendix E): a best path from s, by `heuristic_search` where there is a Uhi.

    Raises TypeError for an M that is not known, ValueError for states that the problem does not have.
    """


@verb
def infer(M: object, *given: Any, **options: Any) -> Any:
    """The distribution of what is asked, given what is known (chapter 3).

    infer(M, bn, query, evidence) -> Factor
        M is a method of inference, bn a `BayesianNetwork`, query a name or a list of names, evidence a mapping
        {name: value}; a value is a number, the name of a state, an array (B,) of them, one a case, or a `Likelihood`.
        The result is normalised, on the query's variables in its order; a query that is observed has its value with
        certainty. With arrays its first axis is the case. Methods that sample also take rng. `JunctionTree` returns
        {name: Factor}, each the distribution of one variable.
    infer(D, query, evidencevars, evidence) -> MultivariateGaussian
        D is a Gaussian or a network of linear Gaussian variables; query and evidencevars are lists of numbers of its
        variables, evidence the values of the latter.

    Raises TypeError for an M that is not known; ValueError for an unknown name or value and a name that is queried
    twice; ImpossibleEvidenceError where the evidence has probability 0; NoSampleAgreesError where it has not, but no
    sample has come by it; TooLargeError, before anything is allocated, where a table would not fit.
    """
