"""Structs take ASCII names for Greek fields, and say in their help what each field is."""

import copy
import importlib
import inspect
import pickle
import pkgutil
import pydoc
import re
import string
import time

import attrs
import pytest
from attrs import field
from hypothesis import given, strategies as st

import decision_making
from decision_making.checks import probability
from decision_making.structs import ascii_name, field_comments, struct


@struct
class Ball:
    """A ball.

    >>> 1 + 1
    2
    """

    n: int  # how many
    γ: float = field(converter=float, validator=probability)  # share that comes back
    σ_min: float = field(default=0.5, kw_only=True)  # least spread, m
    Σs: tuple[float, ...] = field(default=(), kw_only=True)
    _ε: float = field(default=0.25, kw_only=True)  # hidden

    @classmethod
    def dropped(cls, n, γ=0.5, *, σ_min=1.0, **options):
        """A ball that was dropped."""
        return cls(n, γ, σ_min=σ_min, **options)


@struct(repr=False)
class ColouredBall(Ball):
    colour: str = field(default="red", kw_only=True)  # its colour

    def __repr__(self):
        return "a ball"


@struct(frozen=False)
class Counter:
    α: int = 0  # what is counted


@struct
class Plain:
    x: int


def test_a_greek_field_is_taken_by_either_name():
    assert Ball(2, 0.5).γ == Ball(2, γ="0.5").γ == Ball(2, gamma="0.5").γ == 0.5
    greek, spelt = Ball(2, 1, σ_min=3, Σs=(1,), ε=0), Ball(n=2, gamma=1, sigma_min=3, Sigmas=(1,), epsilon=0)
    assert attrs.astuple(greek) == attrs.astuple(spelt) == (2, 1.0, 3, (1,), 0)
    assert ColouredBall(2, gamma=1, colour="blue").γ == 1
    assert Plain(x=1).x == 1


def test_both_names_of_a_field_are_refused():
    with pytest.raises(TypeError, match="Ball: gamma is γ; give one of them, not both"):
        Ball(2, γ=0.5, gamma=0.5)
    with pytest.raises(TypeError, match="multiple values for argument 'γ'"):
        Ball(2, 0.5, gamma=0.5)


def test_class_methods_take_a_greek_name_by_either_spelling():
    made = [Ball.dropped(2, gamma=0.25, sigma_min=3), Ball.dropped(2, 0.25), Ball(2, 1).dropped(2, γ=0.25)]
    assert [ball.γ for ball in made] == [0.25, 0.25, 0.25]
    assert Ball.dropped(2, sigma_min=3).σ_min == 3
    assert type(ColouredBall.dropped(2, gamma=0.25, colour="blue")) is ColouredBall
    assert Ball.dropped.__doc__ == "A ball that was dropped."
    assert "γ" in inspect.signature(Ball.dropped).parameters
    with pytest.raises(TypeError, match=r"Ball\.dropped: gamma is γ; give one of them, not both"):
        Ball.dropped(2, γ=0.5, gamma=0.5)
    with pytest.raises(TypeError, match=r"Twice\.of\.gamma: is also the ASCII name of γ"):

        @struct
        class Twice:
            @classmethod
            def of(cls, γ, gamma):
                return cls()


def test_every_maker_of_a_public_class_takes_its_greek_names_spelt_out():
    from decision_making import MDP, SimpleGame

    assert MDP.from_arrays([[[1.0]]], [[0.0]], gamma=0.5).γ == 0.5
    assert SimpleGame.zero_sum([[1.0]], gamma=0.5).γ == 0.5


def test_names_that_are_neither_are_refused_as_by_attrs():
    with pytest.raises(TypeError, match=r"Ball.__init__\(\) got an unexpected keyword argument 'gama'"):
        Ball(2, gama=0.5)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'γ'"):
        Ball(2)
    with pytest.raises(ValueError, match=r"Ball\.γ = 2\.0: must be a probability"):
        Ball(2, gamma=2)


def test_a_field_may_not_have_the_ascii_name_of_another():
    with pytest.raises(TypeError, match=r"Twice\.gamma: is also the ASCII name of γ"):

        @struct
        class Twice:
            γ: int
            gamma: int


def test_signature_and_positional_order_are_those_of_the_greek_fields():
    assert list(inspect.signature(Ball).parameters) == ["n", "γ", "σ_min", "Σs", "ε"]
    assert inspect.signature(Ball.__init__).parameters["γ"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


def test_structs_are_frozen_without_equality_and_have_slots():
    ball = Ball(2, 0.5)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ball.γ = 0.25
    assert ball != Ball(2, 0.5)
    assert not hasattr(ball, "__dict__")
    assert repr(ColouredBall(1, 1)) == "a ball"
    counter = Counter(alpha=1)
    counter.α += 1
    assert counter.α == 2


def test_structs_are_copied_pickled_and_evolved():
    ball = Ball(2, 0.5, sigma_min=1)
    for twin in (copy.copy(ball), copy.deepcopy(ball), pickle.loads(pickle.dumps(ball))):
        assert attrs.astuple(twin) == attrs.astuple(ball)
    assert attrs.evolve(ball, γ=0.25).γ == 0.25
    with pytest.raises(TypeError, match="gamma is γ"):  # the old value has the Greek name
        attrs.evolve(ball, gamma=0.25)


@given(st.text("αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ_xyz09", min_size=1))
def test_ascii_names_are_ascii_and_keep_what_is_not_greek(name):
    spelt = ascii_name(name)
    assert spelt.isascii()
    assert set(spelt) <= set(string.ascii_letters + string.digits + "_")
    assert ascii_name(spelt) == spelt
    if name.isascii():
        assert spelt == name


def test_help_says_what_each_field_is():
    assert field_comments(Ball) == {
        "n": "how many",
        "γ": "share that comes back",
        "σ_min": "least spread, m",
        "Σs": "",
        "ε": "hidden",
    }
    lines = [
        "Fields:",
        "    n                  how many",
        "    γ (gamma)          share that comes back",
        "    σ_min (sigma_min)  least spread, m",
        "    Σs (Sigmas)",
        "    ε (epsilon)        hidden",
    ]
    assert inspect.getdoc(Ball) == "\n".join(["A ball.", "", ">>> 1 + 1", "2", "", *lines])
    assert inspect.getdoc(Ball(1, 1)) == inspect.getdoc(Ball)
    assert "σ_min (sigma_min)  least spread, m" in pydoc.render_doc(Ball, renderer=pydoc.plaintext)


def test_help_of_a_struct_lists_the_fields_it_inherits():
    assert list(field_comments(ColouredBall).items())[1::4] == [
        ("γ", "share that comes back"),
        ("colour", "its colour"),
    ]
    assert ColouredBall.__doc__.endswith("colour             its colour")


def test_help_without_a_source_names_the_fields():
    scope = {"struct": struct, "__name__": "nowhere"}
    exec("@struct\nclass Lost:\n    'Text.'\n    ε: float  # unknown", scope)
    assert scope["Lost"].__doc__ == "Text.\n\nFields:\n    ε (epsilon)"


def structs():
    """All public attrs classes of the library."""
    for module in pkgutil.walk_packages(decision_making.__path__, "decision_making."):
        if module.name == "decision_making.__main__":
            continue
        for cls in vars(importlib.import_module(module.name)).values():
            if isinstance(cls, type) and cls.__module__ == module.name and attrs.has(cls) and cls.__name__[0] != "_":
                yield cls


INSIDE = {  # made where speed counts, and by the library alone: plain attrs classes
    "GridValueFunction",  # abstract: the two kinds of grid take its fields
    *("At", "Batch", "Change", "CriticsSurrogate", "Functions", "GradientOnly", "Named", "NeuralAt", "Point"),
    *("Best", "Paths"),
    *("BatchPoint", "BatchStart", "PointSimulatedAgain", "RegulatorExpectation", "Start", "StartSimulatedAgain"),
    *(
        "Surrogate",
        "SurrogateSimulatedAgain",
        "SurrogateStart",
        "SurrogateWith",
        "TabularExpectation",
        "Tally",
        "WithGradient",
    ),
}


@pytest.mark.parametrize("cls", list(structs()), ids=lambda cls: cls.__name__)
def test_every_field_has_a_comment(cls):
    for name, said in field_comments(cls).items():
        assert said, f"{cls.__name__}.{name} has no comment"


@pytest.mark.parametrize("cls", [cls for cls in structs() if cls.__name__ not in INSIDE], ids=lambda cls: cls.__name__)
def test_help_of_every_struct_says_what_each_field_is(cls):
    text = inspect.getdoc(cls)
    for name, said in field_comments(cls).items():
        assert re.search(rf"^    {name}( \({ascii_name(name)}\))? .*{re.escape(said)}$", text, re.MULTILINE), name


@pytest.mark.parametrize("cls", [cls for cls in structs() if cls.__name__ not in INSIDE], ids=lambda cls: cls.__name__)
def test_every_struct_takes_ascii_names(cls):
    greek = [name for name in field_comments(cls) if not name.isascii()]
    for name in greek:
        with pytest.raises(TypeError, match=f"{cls.__name__}: {ascii_name(name)} is {name}; give one of them"):
            cls(**{name: 0, ascii_name(name): 0})


def test_ascii_names_cost_less_than_a_microsecond():
    plain = attrs.frozen(eq=False)(type("Bare", (), {"__annotations__": {"n": int, "γ": float}}))
    ours = struct(type("Spelt", (), {"__annotations__": {"n": int, "γ": float}}))

    def fastest(f):
        times = []
        for _ in range(30):
            start = time.perf_counter()
            for _ in range(1000):
                f()
            times.append(time.perf_counter() - start)
        return min(times) / 1000

    bare = fastest(lambda: plain(1, 2.0))
    assert fastest(lambda: ours(1, 2.0)) - bare < 1e-6
    assert fastest(lambda: ours(1, gamma=2.0)) - bare < 2e-6
