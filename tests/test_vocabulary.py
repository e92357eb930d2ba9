"""The public vocabulary, the order of the rooms, and what an import loads."""

import ast
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

import decision_making

ROOT = Path(decision_making.__file__).parent
SOURCES = sorted(p for folder in (ROOT, ROOT.parent / "tests", ROOT.parent / "chapters") for p in folder.rglob("*.py"))

# from the ground up: a room imports only from itself and from rooms before it
ROOMS = [
    "checks",
    "sizes",
    "structs",
    "files",
    "speed",
    "trajectories",
    "problem",
    "dispatching",
    "extras",
    "verbs",
    "utilities",
    "shown",
    "sampling",
    "intervals",
    "dictionaries",
    "mdp",
    "pomdp",
    "simplexes",
    "agents",
    "simple_game",
    "markov_game",
    "pomg",
    "simulation",
    "policies",
    "problems",
    "probabilistic_reasoning.representation",
    "probabilistic_reasoning.inference",
    "probabilistic_reasoning.parameter_learning",
    "probabilistic_reasoning.structure_learning",
    "probabilistic_reasoning.simple_decisions",
    "formats",
    "sequential_problems.exact_solution_methods",
    "sequential_problems.approximate_value_functions",
    "sequential_problems.online_planning",
    "sequential_problems.policy_search",
    "sequential_problems.search",
    "sequential_problems.policy_validation",
    "sequential_problems.policy_gradient_estimation",
    "sequential_problems.policy_gradient_optimization",
    "sequential_problems.advantages",
    "sequential_problems.actor_critic",
    "trust_region_policy_optimization",
    "exact",
    "state_uncertainty.beliefs",
    "state_uncertainty.exact_belief_state_planning",
    "state_uncertainty.offline_belief_state_planning",
    "state_uncertainty.online_belief_state_planning",
    "state_uncertainty.controller_abstractions",
    "multiagent_systems.multiagent_reasoning",
    "multiagent_systems.state_uncertainty",
    "multiagent_systems.collaborative_agents",
    "pictures.canvas",
    "pictures.notebooks",
    "pictures.plane",
    "pictures.curves",
    "pictures.policies",
    "pictures.values",
    "pictures.surfaces",
    "pictures.trees",
    "pictures.planning",
    "pictures.searches",
    "pictures.networks",
    "pictures.learning_networks",
    "pictures.decisions",
    "pictures.validation",
    "pictures.beliefs",
    "pictures.sliding_tiles",
    "pictures.estimates",
    "pictures.updates",
    "pictures.critics",
    "pictures.trust_regions",
    "training",
    "model_uncertainty",
    "multiagent_systems.sequential_problems",
    "pictures.learners",
    "pictures.imitation",
    "pictures.runs",
    "pictures.films",
    "pictures.games",
    "pictures.markov_games",
    "pictures.teams",
    "pictures.plots",
    "book",
    "progress",
    "cli",
    "__main__",
]
PARTS = {
    "probabilistic_reasoning",
    "sequential_problems",
    "state_uncertainty",
    "multiagent_systems",
    "pictures",
}  # folders whose modules are rooms


def test_every_public_name_is_importable():
    for name in decision_making.__all__:
        assert getattr(decision_making, name) is not None


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.name)
def test_identifiers_are_typed_in_their_normalised_form(source):
    """Python reads ϵ as ε and ℓ as l, but strings and keyword lookups do not: type only what Python reads."""
    lines = source.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        name = getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "attr", None)
        if isinstance(name, str):
            text = "".join(lines[node.lineno - 1 : node.end_lineno])
            assert name in text or unicodedata.normalize("NFKC", text) == text, f"{source.name}:{node.lineno}: {name}"


def test_getattr_names_in_strings_are_normalised():
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                assert unicodedata.normalize("NFKC", node.value) == node.value, f"{source.name}: {node.value!r}"


def room_of(module):
    """The room of a module, named from decision_making on."""
    first, *rest = module.split(".")
    return f"{first}.{rest[0]}" if first in PARTS and rest else first


def rooms_imported(source):
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("decision_making."):
            module = node.module.removeprefix("decision_making.")
            yield from (f"{module}.{a.name}" for a in node.names) if module in PARTS else [room_of(module)]


def sources_of(room):
    place = ROOT.joinpath(*room.split("."))
    return sorted(place.rglob("*.py")) or [place.with_suffix(".py")]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_below_it(room):
    allowed = {*ROOMS[: ROOMS.index(room) + 1]}
    for source in sources_of(room):
        assert set(rooms_imported(source)) <= allowed, source


def modules_imported(source):
    """The modules of the library that a module imports: when it is loaded, for type checkers, or when it is called."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("decision_making."):
            yield node.module


def test_modules_do_not_import_each_other_in_a_circle():
    sources = {".".join(("decision_making", *p.relative_to(ROOT).with_suffix("").parts)): p for p in ROOT.rglob("*.py")}
    sources = {name: p for name, p in sources.items() if p.stem != "__init__"}  # which hand on names
    imports = {name: [x for x in modules_imported(p) if x in sources] for name, p in sources.items()}
    open_, done = [], set()

    def visit(name):
        assert name not in open_, " -> ".join([*open_[open_.index(name) :], name])
        if name not in done:
            open_.append(name)
            for other in imports[name]:
                visit(other)
            open_.pop()
            done.add(name)

    for name in imports:
        visit(name)


def test_problems_know_only_the_ground():
    for source in sources_of("problems"):
        if source.stem not in ("gymnasium_problem", "checking"):  # which know the heads that suit action spaces
            assert set(rooms_imported(source)) <= {
                "checks",
                "structs",
                "problem",
                "files",
                "speed",
                "dispatching",
                "verbs",
                "shown",
                "sampling",
                "trajectories",
                "mdp",
                "pomdp",
                "agents",
                "simple_game",
                "markov_game",
                "pomg",
                "simulation",
                "problems",
            }


def test_every_room_is_in_the_order():
    rooms = {room_of(".".join(p.relative_to(ROOT).with_suffix("").parts)) for p in ROOT.rglob("*.py")}
    assert {room for room in rooms if room not in PARTS and room != "__init__"} - {
        f"{part}.__init__" for part in PARTS
    } == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_registered_methods_have_names(room):
    """Tracebacks and readers know a function by its name: `def _(M, ...)` has none."""
    for source in sources_of(room):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.FunctionDef) or node.name != "_", f"{source}:{node.lineno}"


def test_what_is_exported_has_one_home_and_type_checkers_see_it_exported():
    tree = ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8"))
    exported = [alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert all(alias.asname == alias.name for alias in exported)
    assert sorted(alias.name for alias in exported) == decision_making.__all__


def in_a_new_process(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_parts_are_loaded_when_first_asked_for():
    loaded = "print(*sorted(m for m in sys.modules if m.startswith('decision_making.')))"
    at_first = in_a_new_process(f"import sys, decision_making; {loaded}")
    assert at_first == ["decision_making.dispatching"]
    asked = in_a_new_process(f"import sys; from decision_making import MDP; {loaded}")
    assert "decision_making.mdp" in asked
    assert not any("sequential_problems" in module for module in asked)


def test_what_a_verb_knows_is_listed_also_of_parts_that_are_not_loaded():
    said = in_a_new_process("import decision_making as dm\ntry: dm.update(3)\nexcept TypeError as e: print(e)")
    assert {"NaturalPolicyUpdate,", "ActorCriticUpdate,"} <= set(said)


def test_import_loads_neither_scipy_nor_gymnasium_nor_matplotlib():
    heavy = ("scipy", "gymnasium", "matplotlib", "networkx", "typer")
    code = f"import sys, decision_making; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_network_answers_without_loading_scipy():
    code = """
import decision_making as dm, sys
coin = dm.Variable("coin", 2, ["heads", "tails"])
bn = dm.BayesianNetwork([coin], [dm.Factor([coin], [0.5, 0.5])], [])
assert dm.infer(dm.VariableElimination(), bn, "coin").values[0] == 0.5
print("scipy" in sys.modules)
"""
    assert in_a_new_process(code) == ["False"]


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = decision_making.no_such_name


@pytest.mark.parametrize("verb", [decision_making.update, decision_making.statistics, decision_making.solve])
def test_what_a_verb_knows_is_told_without_strangers(verb):
    """A method for tuples is not one for every named tuple that any module has made."""
    with pytest.raises(TypeError, match="knows") as raised:
        verb(object(), None, None)
    said = str(raised.value).partition("knows ")[2].split(", ")
    theirs = [name for name in said if name in ("list", "ndarray", "tuple")]
    ours = [t.__name__ for t in classes_below(object) if t.__module__.startswith("decision_making.")]
    assert sorted(said) == said == sorted(set(said))
    assert set(said) <= {*ours, *theirs}


def test_a_verb_tells_exactly_what_it_knows():
    class MyPlan(decision_making.Plan):
        """Of a user: not a name that another reader could use."""

    with pytest.raises(TypeError, match=r"x = 3: statistics knows Plan, list, tuple$"):
        decision_making.statistics(3)


def classes_below(t):
    below = type.__subclasses__(t)
    return below + [leaf for sub in below if sub is not type for leaf in classes_below(sub)]
