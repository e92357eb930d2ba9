"""Small problems with hidden states, of chapters 19 to 23 and appendix F: each a tabular `POMDP`."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Named, finite, probability
from decision_making.pomdp import POMDP

DISTANCES = np.arange(10.0, 101.0, 10.0)  # of a throw in `Catch`, m
PROFICIENCIES = np.array([20.0, 40.0, 60.0, 80.0])  # of the catcher: the distance that is caught half the time, m


def CryingBaby(
    γ: float = 0.9,
    *,
    r_hungry: float = -10.0,
    r_feed: float = -5.0,
    r_sing: float = -0.5,
    p_become_hungry: float = 0.1,
    p_cry_hungry: float = 0.8,
    p_cry_sated: float = 0.1,
    p_cry_sing: float = 0.9,
) -> POMDP:
    """A caregiver hears a baby cry or not, and cannot see whether it is hungry (appendix F.7).

    States: sated, hungry. Actions: feed, sing, ignore, in the book's order. Observations: cry, quiet. Feeding sates;
    else a hungry baby stays hungry and a sated one becomes so with probability p_become_hungry. While it is sung to, a
    hungry baby cries with probability p_cry_sing and a sated one never. The rewards of hunger and of the action add up.
    The belief to begin with is uniform.

    Raises ValueError, naming the field, for a probability outside [0, 1] and a reward that is not finite.
    """
    for name, p in (
        *(("p_become_hungry", p_become_hungry), ("p_cry_hungry", p_cry_hungry)),
        *(("p_cry_sated", p_cry_sated), ("p_cry_sing", p_cry_sing)),
    ):
        probability(None, Named(name), p)
    for name, r in (("r_hungry", r_hungry), ("r_feed", r_feed), ("r_sing", r_sing)):
        finite(None, Named(name), r)
    stays = [[1 - p_become_hungry, p_become_hungry], [0.0, 1.0]]
    T = np.array([[[1.0, 0.0], [1.0, 0.0]], stays, stays]).transpose(1, 0, 2)
    heard = [[p_cry_sated, 1 - p_cry_sated], [p_cry_hungry, 1 - p_cry_hungry]]
    O = np.array([heard, [[0.0, 1.0], [p_cry_sing, 1 - p_cry_sing]], heard])
    R = np.array([[0.0], [r_hungry]]) + np.array([r_feed, r_sing, 0.0])
    names = {"S": ("sated", "hungry"), "A": ("feed", "sing", "ignore"), "Ω": ("cry", "quiet")}
    return POMDP.from_arrays(T, R, O, γ, b=[0.5, 0.5], names=names)


def Tiger(γ: float = 0.95, *, p_correct: float = 0.85) -> POMDP:
    """A tiger is behind one of two doors; listening costs 1 and is right with probability p_correct.

    States: the tiger is left, right. Actions: open the left door, open the right door, listen. Observations: heard
    left, heard right. The door without the tiger pays 10, the other -100; then the tiger is put behind a random door,
    and the observation carries no information. The belief to begin with is uniform.

    Source: Kaelbling, Littman and Cassandra, Planning and acting in partially observable stochastic domains (1998).

    Raises ValueError unless p_correct is a probability.
    """
    probability(None, Named("p_correct"), p_correct)
    again = np.full((2, 2), 0.5)
    T = np.array([again, again, np.eye(2)]).transpose(1, 0, 2)
    O = np.array([again, again, [[p_correct, 1 - p_correct], [1 - p_correct, p_correct]]])
    names = {"S": ("left", "right"), "A": ("open-left", "open-right", "listen"), "Ω": ("heard-left", "heard-right")}
    return POMDP.from_arrays(T, [[-100.0, 10.0, -1.0], [10.0, -100.0, -1.0]], O, γ, b=[0.5, 0.5], names=names)


def MachineReplacement(γ: float = 1.0) -> POMDP:
    """A machine with two parts that wear out unseen; when to examine, repair or replace it (appendix F.8).

    States: 0, 1 or 2 faulty parts. Actions: manufacture, examine, interrupt, replace. Each part breaks with probability
    0.1 while the machine manufactures or is examined; interrupting and replacing leave no fault. Only examining the
    product can show a defect, which is absent with probability 1, 0.5 and 0.25 after 0, 1 and 2 faults; else the
    observation is "fine". The belief to begin with has no fault.
    """
    wears, new = [[0.81, 0.18, 0.01], [0.0, 0.9, 0.1], [0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]] * 3
    T = np.array([wears, wears, new, new]).transpose(1, 0, 2)
    blind, fine = [[1.0, 0.0]] * 3, np.array([1.0, 0.5, 0.25])
    O = np.array([blind, np.stack([fine, 1 - fine], axis=1), blind, blind])
    made = np.array([0.9025, 0.475, 0.25])
    R = np.stack([made, made - 0.25, [-0.5, -1.5, -2.5], np.full(3, -2.0)], axis=1)
    names = {
        "S": ("no fault", "1 fault", "2 faults"),
        "A": ("manufacture", "examine", "interrupt", "replace"),
        "Ω": ("fine", "defective"),
    }
    return POMDP.from_arrays(T, R, O, γ, b=[1.0, 0.0, 0.0], names=names)


def Catch(γ: float = 0.9) -> POMDP:
    """How far to throw a ball to someone whose skill is hidden: a catch pays its distance (appendix F.9).

    States: the proficiencies 20, 40, 60, 80, which never change. Actions: the distances 10, 20, ..., 100. At distance d
    proficiency s catches with probability 1 - 1/(1 + exp(-(d - s)/15)), which is 1/2 at d = s and falls with d.
    Observations: caught, dropped. The belief to begin with is uniform.
    """
    p = 1 - 1 / (1 + np.exp(-(DISTANCES - PROFICIENCIES[:, None]) / 15))  # (S, A)
    T = np.broadcast_to(np.eye(4)[:, None], (4, len(DISTANCES), 4))
    names = {
        "S": tuple(f"{s:g}" for s in PROFICIENCIES),
        "A": tuple(f"{d:g}" for d in DISTANCES),
        "Ω": ("caught", "dropped"),
    }
    return POMDP.from_arrays(T, p * DISTANCES, np.stack([p.T, 1 - p.T], axis=2), γ, b=np.full(4, 0.25), names=names)
