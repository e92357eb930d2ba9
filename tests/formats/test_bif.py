"""Networks in files: written and read again, odd files of the field, hostile ones, and the command that asks them."""

import gzip
import os

import numpy as np
import pytest
from typer.testing import CliRunner

import decision_making as dm
from decision_making.cli import app
from decision_making.formats import bif, read_bif, write_bif
from decision_making.formats.bif import bif_text, parse_bif
from tests.oracles.networks import random_network

YES = "{ type discrete [ 2 ] { yes, no }; }"
ASIA = f"""network unknown {{ }}
variable asia {YES} variable tub {YES} variable smoke {YES} variable lung {YES}
variable bronc {YES} variable either {YES} variable xray {YES} variable dysp {YES}
probability ( asia ) {{ table 0.01, 0.99; }}
probability ( tub | asia ) {{ (yes) 0.05, 0.95; (no) 0.01, 0.99; }}
probability ( smoke ) {{ table 0.5, 0.5; }}
probability ( lung | smoke ) {{ (yes) 0.1, 0.9; (no) 0.01, 0.99; }}
probability ( bronc | smoke ) {{ (yes) 0.6, 0.4; (no) 0.3, 0.7; }}
probability ( either | lung, tub ) {{ (yes, yes) 1.0, 0.0; (no, yes) 1.0, 0.0; (yes, no) 1.0, 0.0; (no, no) 0.0, 1.0; }}
probability ( xray | either ) {{ (yes) 0.98, 0.02; (no) 0.05, 0.95; }}
probability ( dysp | bronc, either ) {{
  (yes, yes) 0.9, 0.1; (no, yes) 0.7, 0.3; (yes, no) 0.8, 0.2; (no, no) 0.1, 0.9; }}
"""
PAIR = "variable a { type discrete [ 2 ] { x, y }; } variable b { type discrete [ 3 ] { p, q, r }; } "
A, B = "probability ( a ) { table 0.3, 0.7; } ", "probability ( b | a ) { (x) 0.1 0.2 0.7; (y) 0.5, 0.3, 0.2; } "
ROWS = [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]


def test_asia_has_its_published_marginals():
    bn = parse_bif(ASIA)
    found = dm.infer(dm.JunctionTree(), bn, list(bn.index), {})
    right = {"tub": 0.0104, "lung": 0.055, "bronc": 0.45, "either": 0.064828, "xray": 0.11029004, "dysp": 0.4359706}
    assert {n: found[n].values[0] for n in right} == pytest.approx(right, abs=1e-12)
    yes = {"asia": "yes", "xray": "yes"}
    assert dm.infer(dm.VariableElimination(), bn, "dysp", yes).values[0] == pytest.approx(0.6811011940, abs=1e-10)
    assert dm.evidence_log_probability(dm.VariableElimination(), bn, yes) == pytest.approx(-6.5355539949, abs=1e-9)
    assert dm.infer(dm.JunctionTree(), bn, "lung", yes | {"dysp": "yes"})["lung"].values[0] == pytest.approx(0.4442705)


@pytest.mark.parametrize("seed", range(20))
def test_written_and_read_again_is_the_same_network(seed, tmp_path):
    bn = random_network(seed, n=6, zeros=0.2, degree=3)
    write_bif(bn, tmp_path / "a.bif")
    again = read_bif(tmp_path / "a.bif")
    assert [v.labels for v in again.vars] == [v.labels for v in bn.vars]
    assert again.parents == bn.parents
    for φ, ψ in zip(again.factors, bn.factors, strict=True):
        assert np.array_equal(φ.values, ψ.values)


def test_a_row_whose_sum_is_1_but_for_rounding_is_written_and_read_as_it_is():
    v = dm.Variable("v", 3)
    row = [0.4325152177214142, 0.5637771777263074, 0.0037076045522782953]
    assert sum(row) != 1
    bn = dm.BayesianNetwork([v], [dm.Factor([v], row)])
    assert bn.factors[0].values.tolist() == parse_bif(bif_text(bn)).factors[0].values.tolist() == row


def test_what_is_written_under_the_name_of_an_archive_is_one(tmp_path):
    bn = parse_bif(ASIA)
    write_bif(bn, tmp_path / "asia.bif.gz")
    assert gzip.decompress((tmp_path / "asia.bif.gz").read_bytes()).decode() == bif_text(bn)
    assert (tmp_path / "asia.bif.gz").read_bytes()[4:8] == bytes(4)  # no time: the same network, the same file
    assert read_bif(tmp_path / "asia.bif.gz").vars == bn.vars


def test_what_cannot_be_read_again_is_not_written(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"bn = BayesianNetwork\(0 .*: must be a network of one or more variables"):
        write_bif(dm.BayesianNetwork([], []), tmp_path / "none.bif")
    monkeypatch.chdir(tmp_path)
    for path in (".", ""):
        with pytest.raises(ValueError, match=r"^path = '\.': must be the name of a file$"):
            write_bif(parse_bif(ASIA), path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="pipes have no names here")
@pytest.mark.parametrize("packed", [False, True])
def test_a_network_is_read_from_a_pipe(packed):
    """As in `cat asia.bif | decision-making infer /dev/stdin`; what was read of a pipe is not there again."""
    end, start = os.pipe()
    with open(start, "wb") as pipe:
        pipe.write(gzip.compress(ASIA.encode()) if packed else ASIA.encode())
    assert len(read_bif(f"/dev/fd/{end}").vars) == 8
    os.close(end)


def test_odd_names_are_written_in_quotes_and_read_again():
    v = dm.Variable("a b, (c)", 3, ("<5", "5-10.5", "// no; comment"))
    bn = dm.BayesianNetwork([v], [dm.Factor([v], [0.25, 0.25, 0.5])])
    assert parse_bif(bif_text(bn)).vars == (v,)
    with pytest.raises(ValueError, match="no quote"):
        bif_text(dm.BayesianNetwork([dm.Variable('"', 1)], [dm.Factor([dm.Variable('"', 1)], [1])]))


@pytest.mark.parametrize(
    "text",
    [
        PAIR + A + B,
        B + A + PAIR,
        PAIR + A + "probability ( b | a ) { (y) 0.5, 0.3, 0.2; (x) 0.1, 0.2, 0.7; }",
        PAIR + A + "probability ( b | a ) { default 0.5, 0.3, 0.2; (x) 0.1, 0.2, 0.7; }",
        PAIR + A + "probability ( b | a ) { table 0.1, 0.5, 0.2, 0.3, 0.7, 0.2; }",
        PAIR + A + B.replace("|", ","),
        '// a\n/* b { \n */ network "n" { property version 1.0 ; }\n' + (PAIR + A + B).replace(" ", "\r\n"),
        (PAIR + A + B)
        .replace("{ type", "{ property position = (1, 2) ; type")
        .replace("{ table", "{property k ; table"),
        (PAIR + A + B).replace("[ 2 ]", "[2]").replace("0.3, 0.7", "3e-1 .7").replace("variable", "VARIABLE"),
        (PAIR + A + B).replace("a ", '"a" ').replace("x", '"x"'),
        "\ufeff" + PAIR + A + B,
        PAIR + A.replace("0.3, 0.7", "0.3000001, 0.6999998") + B,
    ],
)
def test_odd_files_read_the_same(text, tmp_path):
    (tmp_path / "odd.bif").write_bytes(text.encode())
    bn = read_bif(tmp_path / "odd.bif")
    assert bn.vars == (dm.Variable("a", 2, ("x", "y")), dm.Variable("b", 3, ("p", "q", "r")))
    assert np.allclose(bn.factors[0].values, [0.3, 0.7], atol=2e-7)
    assert np.allclose(bn.factors[1].values, ROWS, atol=1e-12)


def test_packed_and_latin_files_are_read(tmp_path):
    (tmp_path / "a.bif.gz").write_bytes(gzip.compress(ASIA.encode()))
    assert len(read_bif(tmp_path / "a.bif.gz").vars) == 8
    (tmp_path / "b.bif").write_bytes((PAIR + A + B).replace("x", "é").encode("latin-1"))
    assert read_bif(tmp_path / "b.bif").vars[0].states == ("é", "y")


WIDE = " ".join(f"variable v{i} {{ type discrete [ 2 ] {{ x, y }}; }}" for i in range(60))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no table of anything"),
        ("hello", "line 1: 'hello' where 'network', 'variable' or 'probability'"),
        (PAIR + A, "has no table of b"),
        (PAIR + A + A + B, "a has a table already"),
        (PAIR + PAIR + A + B, "line 1: the variable a is declared twice, first on line 1$"),
        (f"{PAIR}\n\n{PAIR}\n{A}{B}", "line 3: the variable a is declared twice, first on line 1$"),
        (PAIR + A + B.replace("(x)", "(z)"), "'z' is no state of a, x, y"),
        (PAIR + A + B.replace("(x)", "(y)"), r"the row \(y\) of b is there twice"),
        (PAIR + A + "probability ( b | a ) { (x) 0.1, 0.2, 0.7; }", r"has no row \(y\)"),
        (PAIR + A + "probability ( b | a ) { (x, x) 0.1, 0.2, 0.7; }", "2 states; there must be 1"),
        (PAIR + A + "probability ( b | a ) { (x) 0.1, 0.9; }", "2 numbers; there must be 3"),
        (PAIR + A + "probability ( b | a ) { table 0.1, 0.9; }", "2 numbers; there must be 6"),
        (PAIR + A + B.replace("| a", "| c"), "'c' is no variable"),
        (PAIR + A + B.replace("| a", "| b"), "a parent twice, or itself"),
        (PAIR + A.replace("0.3", "0.4") + B, r"P\(a\) sums to 1.1"),
        ("\n" + PAIR + "\n" + A.replace("0.3", "0.4") + B, r"line 3: P\(a\) sums to 1\.1; must be 1"),
        (PAIR + A + B.replace("(y) 0.5", "\n(y) 0.6"), r"line 2: P\(b \| a = y\) sums to 1\.1; must be 1"),
        (
            PAIR + A + "probability ( b | a ) { (x) 0.1 0.2 0.7;\n\ndefault 0.5, 0.3, 0.3; }",
            r"line 3: P\(b \| a = y\) sums to 1\.1",
        ),
        (PAIR + A + "probability ( b | a ) {\ntable 0.1 0.5 0.2 0.3 0.7 0.3; }", r"line 2: P\(b \| a = y\)"),
        (PAIR + A + B.replace("(y)", "default .2 .2 .6; \ndefault"), "line 2: the default row of b is there twice"),
        (PAIR + A.replace("}", "\ntable 0.3, 0.7; }") + B, "line 2: the table of a is there twice"),
        (
            PAIR + A + B.replace("(y)", "\ntable 0.1 0.5 0.2 0.3 0.7 0.2; (y)"),
            r"line 1: the row \(x\) of b is in its table already",
        ),
        ("network a { } " + PAIR + A + B + "\nnetwork b { }", "line 2: 'network' where 'variable' or 'pro"),
        (PAIR + A.replace("0.3", "-0.3") + B, "-0.3"),
        (PAIR + A.replace("0.3", "nan") + B, "'nan' where a finite number"),
        (PAIR + A.replace("0.3", "0_0.3") + B, "'0_0.3' where a finite number"),
        (PAIR + A.replace("0.3", "1e308").replace("0.7", "1e308") + B, "sums to inf; must be 1"),
        (PAIR + A.replace("0.3", "x") + B, "'x' where a finite number"),
        (PAIR.replace("[ 2 ]", "[ 3 ]") + A + B, "'3' where the number of states, 2"),
        (PAIR.replace("x, y", "x, x") + A + B, "'x, x' where one or more different states of a"),
        (PAIR.replace("discrete", "continuous"), "'continuous' where 'discrete'"),
        (PAIR + "probability ( a", "the end where the name of a parent"),
        (PAIR + "\n\nprobability ( a ) { table 0.3", "line 3: the end where a number"),
        ('network "x', "a text with a closing quote"),
        (PAIR + A.replace("( a )", "( a | b )") + B, "."),
        (
            WIDE + f" probability ( v0 | {' '.join(f'v{i}' for i in range(1, 60))} ) {{ default 1, 0; }}",
            "entries of the table",
        ),
    ],
)
def test_bad_and_hostile_files_are_named(text, said, tmp_path):
    (tmp_path / "bad.bif").write_text(text)
    with pytest.raises(ValueError, match=said) as raised:
        read_bif(tmp_path / "bad.bif")
    assert "bad.bif" in str(raised.value)


def test_damaged_archives_are_named(tmp_path):
    (tmp_path / "a.bif.gz").write_bytes(gzip.compress(ASIA.encode())[:100])
    with pytest.raises(ValueError, match="not a whole gzip file"):
        read_bif(tmp_path / "a.bif.gz")


def test_files_longer_than_the_limit_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.bif").write_text(ASIA)
    (tmp_path / "a.bif.gz").write_bytes(gzip.compress(ASIA.encode()))
    monkeypatch.setattr(bif, "LONGEST", len(ASIA.encode()) - 1)
    for name in ("a.bif", "a.bif.gz"):
        with pytest.raises(ValueError, match=rf"{name}: is longer than {bif.LONGEST} bytes"):
            read_bif(tmp_path / name)
    monkeypatch.setattr(bif, "LONGEST", len(ASIA.encode()))
    assert len(read_bif(tmp_path / "a.bif").vars) == 8


@pytest.mark.parametrize("seed", range(40))
def test_a_file_cut_or_changed_anywhere_is_read_or_refused_by_name(seed):
    rng = np.random.default_rng(seed)
    text = PAIR + A + B
    for _ in range(25):
        k = int(rng.integers(len(text)))
        odd = text[:k] if rng.random() < 0.3 else text[:k] + rng.choice(list('{}()[];,|"/*x0 -')) + text[k + 1 :]
        said = "odd"
        try:
            parse_bif(odd, "odd")
        except ValueError as error:
            said = str(error)
        assert "odd" in said


# ---- the command


@pytest.fixture
def asia(tmp_path):
    (tmp_path / "asia.bif").write_text(ASIA)
    return str(tmp_path / "asia.bif")


def asked(*arguments):
    return CliRunner().invoke(app, ["infer", *arguments])


def test_infer_prints_posteriors(asia):
    said = asked(asia, "--query", "dysp", "--evidence", "asia=yes", "--evidence", "xray=yes")
    assert said.exit_code == 0
    assert "P(evidence) = 0.00145093 (exp(-6.535554))\n" in said.output
    assert "yes  0.681101" in said.output
    assert "no   0.318899" in said.output
    everything = asked(asia, "--evidence", "xray=yes").output
    assert "tub" in everything
    assert "\nxray" not in everything


def test_infer_prints_samples_beside_the_exact_answer_and_joint_distributions(asia):
    said = asked(asia, "--query", "dysp", "--samples", "2000", "--evidence", "xray=yes").output
    exact, estimate, _, error = said.splitlines()[3].split()[1:]
    assert abs(float(exact) - float(estimate)) < 5 * float(error)
    both = asked(asia, "--query", "lung", "--query", "tub", "--joint").output
    assert "yes  yes  0.000572" in both


def test_infer_takes_a_number_of_samples_as_other_commands_do(asia):
    common = ("--query", "dysp", "--evidence", "xray=yes", "--samples")
    said = asked(asia, *common, "2e3")
    assert said.exit_code == 0
    assert said.output == asked(asia, *common, "2000").output
    assert asked(asia, *common, "2.5").exit_code == 2


def test_infer_prints_the_probability_of_the_evidence_also_where_it_is_1_or_underflows(tmp_path):
    many = range(400)
    names = " ".join(f"variable v{i} {{ type discrete [ 2 ] {{ x, y }}; }}" for i in many)
    tables = " ".join(f"probability ( v{i} ) {{ table {'0, 1' if i == 0 else '0.01, 0.99'}; }}" for i in many)
    (tmp_path / "many.bif").write_text(names + tables)
    file, all_x = str(tmp_path / "many.bif"), [x for i in many[1:] for x in ("--evidence", f"v{i}=x")]
    certain = asked(file, "--query", "v0", "--evidence", "v0=y").output
    assert certain.startswith("P(evidence) = 1 (exp(0.000000))\n")
    assert asked(file, "--query", "v0", *all_x).output.startswith("P(evidence) = exp(-1837.462904)\n")


def test_infer_prints_the_exact_answer_where_no_sample_agrees(tmp_path):
    rare = "variable b { type discrete [ 2 ] { x, y }; } probability ( b | a ) { (x) 0, 1; (y) 1, 0; }"
    text = PAIR[: PAIR.index("variable b")] + rare + "probability ( a ) { table 1e-9, 0.999999999; }"
    (tmp_path / "rare.bif").write_text(text)
    said = asked(str(tmp_path / "rare.bif"), "--evidence", "b=y", "--samples", "100", "--query", "a", "--query", "b")
    assert said.exit_code == 0
    assert "x  1.000000\n" in said.stdout
    assert "y  1.000000\n" in said.stdout
    assert said.stderr.count("--samples 100: none agrees with the evidence") == 1
    assert "±" in asked(str(tmp_path / "rare.bif"), "--evidence", "b=x", "--samples", "100").output


def test_infer_draws_the_network(asia, tmp_path):
    pytest.importorskip("matplotlib")
    said = asked(asia, "--query", "dysp", "--picture", str(tmp_path / "asia.png"))
    assert said.exit_code == 0
    assert (tmp_path / "asia.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--query", "lungs"], "did you mean lung?"),
        (["--evidence", "xray"], "must be NAME=STATE"),
        (["--evidence", "xray=no", "--evidence", "xray=yes"], "there is evidence on xray already"),
        (["--evidence", "xray=maybe"], "must be one of yes, no"),
        (["--evidence", "ray=yes"], "did you mean xray?"),
        (["--evidence", "either=yes", "--evidence", "lung=no", "--evidence", "tub=no"], "has probability 0"),
        (["--samples", "-3"], "--samples -3: must be at least 0"),
        (["--samples", "9", "--seed", "-1"], "--seed -1: must be at least 0"),
    ],
)
def test_infer_says_what_is_wrong_in_one_line(asia, arguments, said):
    found = asked(asia, *arguments)
    assert found.exit_code == 1
    assert said in found.output
    assert len(found.output.strip().splitlines()) <= 2


def test_errors_name_the_line_and_what_is_wrong_in_it():
    head = "network n { }\n/* two\nlines */\nvariable x { type discrete [ 2 ] { a, b }; }\n"
    for text, said in (
        ("?", "text, line 1: '?' where"),
        (head + "probability ( x ) { table 0.5, nan, 0.5; }", "text, line 5: 'nan' where a finite number must be"),
        ('variable "" { }', "text, line 1: '' where the name of a variable must be|the end where the name"),
    ):
        with pytest.raises(ValueError, match=said.replace("?'", "\\?'")):
            parse_bif(text)


def test_names_of_files_are_texts_or_paths():
    """A number would be read from, or closed, as a file that is open."""
    for path in (0, True, 3.5, b"x", None):
        with pytest.raises(TypeError, match=f"path = {path!r}: must be a path, as a text or a pathlib.Path"):
            read_bif(path)
    with pytest.raises(ValueError, match="character of number 0"):
        read_bif("a\0b")
    x = dm.Variable("x", 1)
    bn = dm.BayesianNetwork([x], [dm.Factor([x], [1])])
    for name in ("a\nb", "a\rb", 'a"b'):
        with pytest.raises(ValueError, match="must have no quote and no line break"):
            bif_text(bn, name)
    assert bif_text(bn, "a/*b").startswith('network "a/*b" {')
    assert bif_text(bn, "ab").startswith("network ab {")
    for wrong, said in (
        (lambda: bif_text(3), "bn = 3"),
        (lambda: bif_text(bn, 3), "name = 3"),
        (lambda: parse_bif(3), "text = 3"),
    ):
        with pytest.raises(TypeError, match=said):
            wrong()


def test_words_before_any_table_are_on_line_1_and_long_words_are_shortened_in_errors():
    with pytest.raises(ValueError, match=f"line 1: '{'x' * 40}' where"):
        parse_bif("x" * 60)
    with pytest.raises(ValueError, match=f"line 1: '{'x' * 19}' where a text with a closing quote"):
        parse_bif('network "' + "x" * 60)
