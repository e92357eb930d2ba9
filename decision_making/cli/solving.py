"""The command that solves what stands in a file: `solve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from decision_making import verbs
from decision_making.checks import Array
from decision_making.cli import hidden_states
from decision_making.cli.messages import one_line_errors, say
from decision_making.cli.options import at_least
from decision_making.formats import read_dpomdp
from decision_making.multiagent_systems import collaborative_agents as teams
from decision_making.pomg import DecPOMDP
from decision_making.state_uncertainty.exact_belief_state_planning import ConditionalPlan

METHODS = ("exact", "responses", "heuristic")
LINES = 40  # of a plan, beyond which it is not shown
OF_TEAMS = ("horizon", "discount", "method", "seed", "plans")  # options of .dpomdp files
OF_ONE = ("seconds", "gap", "width", "every", "out")  # options of the others
ELSEWHERE = {".nfg": "game", ".bif": "infer"}  # commands for other kinds of files


def solve(
    options: typer.Context,
    problem: hidden_states.Problem,
    seconds: Annotated[float, typer.Option(help=".pomdp: how long it searches at most.")] = 10.0,
    gap: Annotated[float, typer.Option(help=".pomdp: difference of the bounds at which it ends.")] = 1e-3,
    width: Annotated[int, typer.Option(help=".pomdp: beliefs of each depth that are followed together.")] = 16,
    every: Annotated[float, typer.Option(help=".pomdp: seconds from one line to the next.")] = 0.5,
    out: Annotated[
        Path | None, typer.Option(help=".pomdp: file of the policy. Default: the problem's name with .alpha.")
    ] = None,
    horizon: Annotated[int, typer.Option(help=".dpomdp: number of steps, actions of each agent.")] = 3,
    discount: Annotated[float | None, typer.Option(help=".dpomdp: in place of the file's; benchmarks use 1.")] = None,
    method: Annotated[
        str,
        typer.Option(
            help=".dpomdp: exact: best, with proof; responses: agents in turn; heuristic: few plans of each length."
        ),
    ] = "exact",
    seed: Annotated[int, typer.Option(help=".dpomdp: what the random numbers of the last two follow from.")] = 0,
    plans: Annotated[bool, typer.Option("--plans", help=".dpomdp: print what each agent does.")] = False,
) -> None:
    """Solve a problem with hidden states. Example: decision-making solve tiger.pomdp --seconds 10

    Of a .pomdp file it prints how much the policy pays at least, how much any policy pays at most, from the start
    belief (all states alike where there is none), and the gap between them, as they improve. The policy, α-vectors and
    their actions, is saved in the format .alpha of pomdp-solve, for `decision-making simulate`. Ctrl-C saves it too,
    and stops with exit status 130.

    Of a team's .dpomdp file it prints the value of the joint plan, computed from the plan, what certifies it, and what
    each agent could gain alone. Example: decision-making solve dectiger.dpomdp --horizon 3 --plans
    """
    suffix = Path(problem).suffix
    with one_line_errors():
        if suffix in ELSEWHERE:
            raise ValueError(f"{problem}: {suffix} files are for: decision-making {ELSEWHERE[suffix]} {problem}")
        for name in OF_ONE if suffix == ".dpomdp" else OF_TEAMS:
            source = options.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                raise ValueError(f"--{name}: is not for {problem}, but for .{'' if name in OF_ONE else 'd'}pomdp files")
    if suffix == ".dpomdp":
        solve_together(Path(problem), horizon, discount, method, seed, plans)
    else:
        hidden_states.solve_alone(problem, seconds, gap, width, every, out)


def solve_together(file: Path, horizon: int, discount: float | None, method: str, seed: int, plans: bool) -> None:
    """Plans for a team."""
    with one_line_errors():
        at_least("--horizon", horizon, 1)
        P = read_dpomdp(file)
        if discount is not None:
            P = P.discounted(discount)
        found = verbs.solve(chosen(method, horizon - 1, seed), P)
        say(f"{file.name}: {P.n} agents, {len(P.S)} states, discount {P.γ:g}")
        say(f"value {found.value:.6f} in {horizon} steps, by {found.method}")
        say(certificate(found))
        if found.status == "local":
            say(f"alone the agents could gain {shown(verbs.gap(P, found))}")
        for i, plan in zip(P.I, found, strict=True) if plans else ():
            say("")
            say(f"agent {i}")
            for line in tree(P, P.position(i), plan):
                say(line)


def chosen(method: str, d: int, seed: int) -> object:
    """The method of that name."""
    if method == "exact":
        return teams.MultiagentAStar(None, d)
    if method == "responses":
        return teams.DecPOMDPIteratedBestResponse(None, d, 100, restarts=50, rng=seed)
    if method == "heuristic":
        return teams.DecPOMDPHeuristicSearch(None, d, 3, explore="both", rng=seed)
    raise ValueError(f"--method {method}: must be one of {', '.join(METHODS)}")


def certificate(found: teams.JointPlan) -> str:
    """What is known of the value, in words."""
    if found.status == "optimal":
        return f"optimal: no joint plan is worth more than {found.upper_bound:.6f}"
    rest = f"no joint plan is worth more than {found.upper_bound:.6f}, {found.upper_bound - found.value:.6f} above"
    return f"no agent alone can do better; {rest}" if found.status == "equilibrium" else rest


def shown(gains: Array) -> str:
    """Gains of the agents."""
    return ", ".join(f"{x:.6f}" for x in gains)


def tree(P: DecPOMDP, i: int, plan: ConditionalPlan) -> list[str]:
    """The plan of the agent at position i in its own words, an observation a line; nothing more of a large one."""
    lines = [str(P.A[i][plan.a])]

    def below(plan: ConditionalPlan, indent: str) -> None:
        for o, sub in plan.subplans.items():
            if len(lines) > LINES:
                return
            lines.append(f"{indent}{P.Ω[i][o]}: {P.A[i][sub.a]}")
            below(sub, indent + "  ")

    below(plan, "  ")
    return lines if len(lines) <= LINES else [*lines[:LINES], "..."]
