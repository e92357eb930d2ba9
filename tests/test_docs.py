"""The documentation's code runs and prints what it says; its names and files exist; the built site is whole."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import decision_making
from decision_making import book

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)
PROGRAMS = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]
INDEX = (DOCS / "from-the-page-to-the-code.md").read_text(encoding="utf-8")
sys.path.insert(0, str(DOCS))
from_the_page = import_module("from_the_page")
CITATIONS = from_the_page.citations()


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.stem)
def test_code_of_a_page_prints_what_the_page_says(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = {}
    for code, printed in BLOCK.findall(page.read_text(encoding="utf-8")):
        if file := re.match(r"# (\w+\.py)\n", code):  # a module that the others import
            (tmp_path / file[1]).write_text(code, encoding="utf-8")
        else:
            exec(compile(code, page.name, "exec"), names)
        assert capsys.readouterr().out == printed


def test_every_python_block_of_the_docs_is_run():
    for page in DOCS.rglob("*.md"):
        if not {"_build", "chapters"}.isdisjoint(page.relative_to(DOCS).parts):
            continue  # what the build writes
        text = page.read_text(encoding="utf-8")
        found = len(re.findall(r"^ *[`:~]{3,}\s*(?:\{[^}]*\}\s*)?(?:py\b|python)", text, re.MULTILINE))
        assert found == (len(BLOCK.findall(text)) if page in PAGES else 0), page.name


@pytest.mark.parametrize("number", book.scripts())
def test_a_script_becomes_a_page_with_folded_solutions(number):
    """Text as text, code as code, what is shown below it; all but the last cell, in whose place the table stands."""
    lectures = import_module("lectures")
    script = book.scripts()[number].read_text(encoding="utf-8")
    cells = list(lectures.cells(script))
    shown = dict.fromkeys(re.findall(r"(?m)^show\((\w+),", script), "figure")
    data = dict.fromkeys(re.findall(r"(?m)^show\((\w+)\)", script), 0.5)
    page = "".join(part for cell in cells for part in lectures.rendered(cell, number, shown, data))
    assert page.startswith("# ")
    assert page.count('<details class="solution">') == page.count("</details>") == script.count('tags=["solution"]')
    assert page.count("```python\n") == sum(kind != "text" for kind, _ in cells) - 1
    assert page.count("```{figure}") == len(shown)
    assert page.count("```text\n0.5\n") == len(data)
    assert "book.compare(" not in page
    assert not re.search("(?m)^# %%", page)


QUOTES = [
    (page.stem, name, quoted)
    for page in PAGES
    for name, quoted in re.findall(
        r"<!-- benchmark: (\w+) -->\n(.*?)<!-- /benchmark -->", page.read_text(encoding="utf-8"), re.DOTALL
    )
]


def test_one_page_has_every_benchmark_table():
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    included = re.findall(r"\{include\} \.\./benchmarks/(\w+\.md)", page)
    assert sorted(included) == sorted(path.name for path in (ROOT / "benchmarks").glob("*.md"))


def test_every_command_and_setting_has_its_line_on_the_pages_made_of_the_code():
    reference = import_module("reference_pages")
    commands, settings = reference.commands(), reference.settings()
    from decision_making.cli import app
    from decision_making.training.settings import UPDATES, lines

    for command in app.registered_commands:
        assert f"\n## `{command.callback.__name__}`\n" in f"\n{commands}"
        assert f"decision-making {command.callback.__name__}" in commands
    for update in UPDATES:
        section = settings.partition(f"## Update `{update}`")[2].partition("\n## ")[0]
        assert [f"`{line[0]}`" in section for line in lines("CartPole-v1", update, None)].count(False) == 0


def test_every_public_name_has_a_line_on_its_page():
    rows = re.findall(r"^\| \{py:obj\}`(\w+) <([\w.]+)>` \| (\S.*) \|$", import_module("reference_pages").names(), re.M)
    assert sorted(name for name, _, _ in rows) == sorted(decision_making.__all__)
    for name, place, _ in rows:
        assert place.rpartition(".")[2] == name


@pytest.mark.parametrize(("page", "name", "quoted"), QUOTES, ids=[f"{page}, {name}" for page, name, _ in QUOTES])
def test_pages_quote_the_benchmark_tables_as_they_were_written(page, name, quoted):
    assert quoted.strip() == (ROOT / "benchmarks" / f"{name}.md").read_text(encoding="utf-8").strip()


def test_the_index_is_what_its_script_writes():
    assert from_the_page.page() == INDEX, "run: python docs/from_the_page.py"


def test_every_numbered_algorithm_of_the_chapters_is_cited_by_a_docstring():
    cited = {x.number for x in CITATIONS if x.kind == "algorithm"}
    counts = {chapter: n for chapter, n in from_the_page.ALGORITHMS.items() if str(chapter) in book.scripts()}
    missing = [f"{c}.{k}" for c, n in counts.items() for k in range(1, n + 1) if f"{c}.{k}" not in cited]
    assert not missing


def test_the_counts_of_algorithms_are_those_of_the_book():
    """Numbered algorithms of its parts: chapters 2 to 6, 7 to 14, 15 to 18, 19 to 23, 24 to 27."""
    parts = [sum(from_the_page.ALGORITHMS[k] for k in chapters) for chapters in from_the_page.PARTS.values()]
    assert parts == [23, 50, 30, 45, 30]


def test_names_of_the_index_exist_and_have_a_test():
    tested = 0
    for x in CITATIONS:
        if x.kind != "algorithm":
            continue
        module = import_module("decision_making." + ".".join(x.source.with_suffix("").parts).removesuffix(".__init__"))
        value = module
        for part in x.where.removeprefix(f"{module.__name__}.").split("."):
            value = getattr(value, part)
        tested += from_the_page.tested_in(x) is not None
        if x.name in decision_making.__all__:
            assert from_the_page.tested_in(x) is not None, x.name
    assert tested > 100


def test_citations_are_read_as_they_are_written():
    def read(text):
        return [n for found in from_the_page.CITED.finditer(text) for n in from_the_page.numbers(found)]

    assert read("(algorithm 9.5), algorithms 9.5 to 9.7") == ["9.5", "9.5", "9.6", "9.7"]
    assert read("Algorithms 12.1, 12.3 and 12.10.") == ["12.1", "12.3", "12.10"]
    assert read("algorithms 20.4, and 20.5; equation (7.11)") == ["20.4", "20.5"]
    assert read("algorithm 1 of the paper, a factor of 1.5, section 3") == []


def test_the_reference_has_the_module_of_every_public_name():
    reference = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    modules = set(re.findall(r"automodule:: (\S+)", reference))
    for name in decision_making.__all__:
        value = getattr(decision_making, name)
        source = getattr(value, "__module__", value.__name__)  # exact and problems are modules themselves
        assert any(module.startswith(source) for module in modules), name


def test_docs_name_only_what_exists():
    """Struct(...) and option=... in the docs, where the struct is ours, are real."""
    import inspect

    for page in PAGES:
        for name, arguments in re.findall(r"`([A-Z]\w+)\(([^`]*)\)", page.read_text(encoding="utf-8")):
            struct = getattr(decision_making, name, None)
            if struct is None:
                continue
            known = inspect.signature(struct).parameters
            assert set(re.findall(r"(\w+)=", arguments)) <= set(known), f"{page.name}: {name}({arguments})"


# The built site


class Page(HTMLParser):
    """Links, anchors and what is loaded of one page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.loaded = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors.update(given[name] for name in ("id", "name") if given.get(name))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("script", "img", "source", "iframe") and given.get("src"):
            self.loaded.append(given["src"])
        if tag == "link" and given.get("href") and given.get("rel") not in ("canonical",):
            self.loaded.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; built once, in the place where `make docs` builds it."""
    out = tmp_path_factory.mktemp("site") / "html"
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr
    return out


def pages(site):
    return {path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_internal_links_and_anchors_resolve(site):
    parsed = pages(site)
    assert len(parsed) > 15
    wrong = []
    for name, page in parsed.items():
        for link in page.links + page.loaded:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            path = os.path.normpath(Path(name).parent / unquote(url.path)) if url.path else name
            target = parsed.get(Path(path).as_posix())
            if target is None and not (site / path).is_file():
                wrong.append(f"{name}: {link}")
            elif target is not None and url.fragment and unquote(url.fragment) not in target.anchors:
                wrong.append(f"{name}: {link} (anchor)")
    assert not wrong


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_nothing_is_loaded_from_elsewhere(site):
    for name, page in pages(site).items():
        outside = [link for link in page.loaded if urlsplit(link).netloc]
        assert not outside, name
    for style in (site / "_static").rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text), style.name


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
INSPECTOR = """<!doctype html><title>-</title><body><script>
const pages = %s, found = {}, reached = {};
async function look(page, width) {
  const frame = document.createElement('iframe');
  frame.width = width; frame.height = 900; frame.src = '/' + page;
  document.body.append(frame);
  await new Promise(done => frame.onload = done);
  const view = frame.contentWindow, shown = frame.contentDocument, body = shown.body;
  if (view.MathJax && view.MathJax.startup) await view.MathJax.startup.promise;
  for (const image of shown.images) { image.loading = 'eager'; await image.decode().catch(() => 0); }
  const math = [...body.querySelectorAll('.math')];
  const inside = x => x.origin == location.origin;
  const links = [...shown.querySelectorAll('a[href]')].map(x => new URL(x.href)).filter(inside);
  const seen = {
    math: math.length,
    raw: math.filter(x => !x.querySelector('mjx-container, math')).map(x => x.textContent.slice(0, 60)),
    hidden: math.filter(x => x.offsetParent && !x.querySelector('mjx-container').getBoundingClientRect().width)
                .map(x => x.textContent.slice(0, 60)),
    errors: [...body.querySelectorAll('mjx-merror, merror')].map(x => x.textContent.slice(0, 60)),
    images: [...shown.images].length,
    broken: [...shown.images].filter(x => !x.naturalWidth).map(x => x.src),
    wide: shown.documentElement.scrollWidth > width,
    outside: view.performance.getEntriesByType('resource').map(x => x.name).filter(x => !x.startsWith(location.origin)),
    links: links.length,
    dead: [],
  };
  for (const link of links) {
    const path = link.pathname;
    if (!(path in reached)) {
      const answer = await fetch(path);
      const text = answer.ok && path.endsWith('.html') ? await answer.text() : '';
      reached[path] = [answer.ok, new DOMParser().parseFromString(text, 'text/html')];
    }
    const [ok, there] = reached[path], anchor = decodeURIComponent(link.hash.slice(1));
    if (!ok || (anchor && !there.getElementById(anchor))) seen.dead.push(link.href);
  }
  frame.remove();
  return seen;
}
(async () => {
  for (const page of pages) for (const width of [1280, 390]) found[`${page} at ${width}`] = await look(page, width);
  await fetch('/done', {method: 'POST', body: JSON.stringify(found)});
})().catch(error => fetch('/done', {method: 'POST', body: JSON.stringify({failed: String(error.stack || error)})}));
</script>"""
FAULTS = ("raw", "hidden", "errors", "broken", "wide", "outside", "dead")


class Handler(SimpleHTTPRequestHandler):
    """The site, a page that inspects the others, and a place to send what it found."""

    def __init__(self, *arguments, inspector, found, **named):
        self.inspector, self.found = inspector, found
        super().__init__(*arguments, **named)

    def do_GET(self):
        if self.path != "/inspector":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.inspector.encode())
        return None

    def do_POST(self):
        self.found["pages"] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.found["done"].set()

    def log_message(self, *_):
        pass


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_links_mathematics_and_figures_in_a_browser(site, tmp_path):
    """Each page as Chromium shows it, on a desk and on a telephone."""
    assert BROWSER, "needs Chromium: `make test-slow` installs it; by hand, as root: apt-get install chromium"
    names = sorted(pages(site))
    found = {"done": threading.Event()}
    handler = partial(Handler, directory=str(site), inspector=INSPECTOR % json.dumps(names), found=found)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += ["--remote-debugging-port=0", "--window-size=1280,900"]  # the port keeps it running
    address = f"http://127.0.0.1:{server.server_port}/inspector"
    browser = subprocess.Popen(
        [BROWSER, *options, f"--user-data-dir={tmp_path}", address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert found["done"].wait(300), "the browser did not finish"
    finally:
        browser.terminate()
        browser.wait(30)
        server.shutdown()
        server.server_close()
    seen = found["pages"]
    assert sorted(seen) == sorted(f"{name} at {width}" for name in names for width in (1280, 390)), seen.get("failed")
    faults = {name: {key: page[key] for key in FAULTS if page[key]} for name, page in seen.items()}
    assert not {name: found for name, found in faults.items() if found}
    assert sum(page["math"] for page in seen.values()) > 30
    assert all(page["links"] > 10 for page in seen.values())
    assert seen["gallery.html at 1280"]["images"] > 10
