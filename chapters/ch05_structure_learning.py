# %% [markdown]
"""
# Chapter 5. Structure learning

Which graph explains data best? The Bayesian score weighs how well it fits against how much it could fit. There are far
too many graphs to try them all, so one searches.
"""

# %%
import numpy as np

import decision_making as dm
from decision_making import book
from decision_making.pictures import learning_networks as pictures
from decision_making.pictures.notebooks import show

DATA = book.script("4").DATA  # of example 4.1
A, B, C = (dm.Variable(name, 2) for name in "ABC")
satellite = book.script("2").satellite

# %% [markdown]
# ## Section 5.1: the Bayesian score
#
# It is the logarithm of the probability of the graph given the data, up to a constant (algorithm 5.1). Data without a
# pattern are explained best by few edges.


# %%
def scores_of_example_4_1() -> dict[str, float]:
    """The scores of some graphs on the data of example 4.1."""
    graphs = {
        "no edges": [],
        "A → B ← C": [("A", "B"), ("C", "B")],
        "A → B": [("A", "B")],
        "B → A": [("B", "A")],
        "A → C ← B": [("A", "C"), ("B", "C")],
    }
    return {name: dm.bayesian_score([A, B, C], G, DATA) for name, G in graphs.items()}


def scores_of_two_variables() -> dict[str, list[float]]:
    """No edge, 0 → 1 and 1 → 0: the book's score prefers a direction, BDeu does not."""
    D = np.array([[0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [1, 1]]).T
    graphs: list[list[tuple[int, int]]] = [[], [(0, 1)], [(1, 0)]]
    return {
        "K2": [dm.bayesian_score([A, B], G, D) for G in graphs],
        "BDeu": [dm.bayesian_score([A, B], G, D, dm.BDeuScore()) for G in graphs],
    }


show(scores_of_example_4_1)
show(scores_of_two_variables)

# %% [markdown]
# The more data of the satellite there are, the further its true graph is ahead of the graph without edges, which
# explains too little, and of one with all edges, which could explain too much.


# %%
def scores_by_number_of_data(largest: float = 5.0) -> dict[str, np.ndarray]:
    """Scores beside that of the true graph, by number of data."""
    bn = satellite()
    D = dm.sample(bn, int(10**largest), rng=0).T
    m = np.unique(np.logspace(1, largest, 25).astype(int))
    graphs = {"no edges": [], "all edges": [(i, j) for i in range(5) for j in range(i + 1, 5)]}
    true = np.array([dm.bayesian_score(bn.vars, bn.graph, D[:, :k]) for k in m])
    return {"m": m} | {
        name: np.array([dm.bayesian_score(bn.vars, G, D[:, :k]) for k in m]) - true for name, G in graphs.items()
    }


show(scores_by_number_of_data, pictures.relative_scores)

# %% [markdown]
# ## Section 5.2: searching
#
# K2 goes through an ordering (algorithm 5.2), local search takes random neighbours (algorithm 5.3). `HillClimbing`
# looks at all neighbours, may go through worse ones (`tabu`) and start again (`restarts`). With few variables
# `ExactGraphSearch` finds the best graph of all.


# %%
def numbers_of_graphs() -> list[int]:
    """How many graphs there are on 1 to 7, 10 and 20 nodes."""
    return [dm.number_of_dags(n) for n in (*range(1, 8), 10, 20)]


def searches(m: int = 20_000) -> tuple[dict[str, dm.BayesianNetwork], dict[str, float]]:
    """What each search finds in data of the satellite, and its score."""
    bn = satellite()
    D = dm.sample(bn, m, rng=1).T
    methods = {
        "K2, right ordering": dm.K2Search(list("BSEDC")),
        "K2, reversed ordering": dm.K2Search(list("CDESB")),
        "best of all": dm.ExactGraphSearch(),
    }
    graphs = {name: dm.fit(M, bn.vars, D) for name, M in methods.items()}
    graphs["local search"] = dm.fit(dm.LocalDirectedGraphSearch(None, 2000), bn.vars, D, rng=0)
    graphs["hill climbing"] = dm.fit(dm.HillClimbing(tabu=10, restarts=3), bn.vars, D, rng=0)
    found = {"true graph": bn} | {name: dm.posterior_mean(bn.vars, G, D) for name, G in graphs.items()}
    return found, {name: dm.bayesian_score(bn.vars, x.graph, D) for name, x in found.items()}


show(searches, pictures.found_graphs)

# %% [markdown]
# ## Section 5.3: Markov equivalence
#
# Graphs with the same edges, whatever their directions, and the same v-structures say the same (algorithm 5.4). A
# class has one completed graph, in which an edge has a direction where all members agree. `pdag_to_dag` goes back to a
# member.


# %%
def equivalent_graphs() -> dict[str, bool]:
    """A graph on five nodes beside two others."""
    G = [(1, 0), (1, 2), (2, 3), (4, 3)]
    return {
        "one edge turned": dm.are_markov_equivalent(G, [(0, 1), (1, 2), (2, 3), (4, 3)]),
        "a new v-structure": dm.are_markov_equivalent(G, [(0, 1), (2, 1), (2, 3), (4, 3)]),
    }


def classes_of_graphs(largest: int = 4) -> dict[int, list[int]]:
    """Numbers of graphs, of classes, members of the largest class, classes of one member, by number of nodes."""
    found = {}
    for n in range(3, largest + 1):
        sizes: dict[frozenset[tuple[int, int]], int] = {}
        for G in dm.directed_acyclic_graphs(n):
            key = frozenset(dm.cpdag(G).edges)
            sizes[key] = sizes.get(key, 0) + 1
        members = list(sizes.values())
        found[n] = [sum(members), len(members), max(members), members.count(1)]
    return found


def a_class_and_its_members() -> dict[str, list[tuple[str, str]]]:
    """The graph on which the book's conversion fails: both orders of x and y are members, and nothing else is."""
    P = [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y"), ("x", "y"), ("y", "x")]
    member = dm.pdag_to_dag(P)
    turned = [(v, u) if {u, v} == {"x", "y"} else (u, v) for u, v in member.edges]
    return {"class": list(dm.cpdag(member).edges), "member": list(member.edges), "other member": turned}


show(equivalent_graphs)
show(a_class_and_its_members, pictures.graphs)

# %% [markdown]
# ## Section 5.4: searching among classes


# %%
def search_among_classes(m: int = 20_000) -> tuple[dict[str, list[tuple[str, str]]], bool]:
    """The class that is found in data of the satellite, beside that of its own graph; whether they are the same."""
    bn = satellite()
    names = [v.name for v in bn.vars]
    found = dm.fit(dm.PartiallyDirectedGraphSearch(), bn.vars, dm.sample(bn, m, rng=1).T)
    classes = {"true class": dm.cpdag(bn.graph), "found": found}
    named = {title: [(names[u], names[v]) for u, v in P.edges] for title, P in classes.items()}
    return named, set(found.edges) == set(classes["true class"].edges)


show(search_among_classes)

# %% [markdown]
# ## Exercise: two coins that always agree
#
# Two coins fall $2k$ times, always both heads or both tails, $k$ times each. By how much does the score of an edge
# between them beat that of no edge, for $k = 1, 2, 3$? How many falls does it take to see the edge?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def coins_that_agree() -> list[float]:
    """ln of (2k + 1)! / (k! k! (k + 1)²), which is 3/2, 10/3 and 35/4: two falls are enough."""
    data = [np.repeat([[0, 1], [0, 1]], k, axis=1) for k in (1, 2, 3)]
    edge, none = ([dm.bayesian_score([A, B], G, D) for D in data] for G in ([(0, 1)], []))
    return [float(x - y) for x, y in zip(edge, none, strict=True)]


show(coins_that_agree)

# %% [markdown]
# ## Exercise: how many graphs say the same
#
# How many directed graphs are equivalent to the chain $1 \to 2 \to 3 \to 4$, and how many to a graph on four nodes
# with all six edges?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def sizes_of_two_classes() -> dict[str, int]:
    """Any node of the chain may be its one source: 4. With all edges there is no v-structure, any order will do: 4!."""
    graphs = {"chain": [(0, 1), (1, 2), (2, 3)], "all edges": [(i, j) for i in range(4) for j in range(i + 1, 4)]}
    every = list(dm.directed_acyclic_graphs(4))
    return {name: sum(dm.are_markov_equivalent(G, H) for H in every) for name, G in graphs.items()}


show(sizes_of_two_classes)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 5` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    book.compare("5")
