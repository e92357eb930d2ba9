# Every target sets itself up: a machine with Python 3.11 (or 3.12, 3.13) and make is enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SLOW   := $(VENV)/.ready-slow
DOCS   := $(VENV)/.ready-docs
NOTEBOOKS := $(VENV)/.ready-notebooks
PEERS  := $(VENV)-bench
WORKERS ?= 2
# one thread a process: two BLAS pools on two cores slow each other down
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MPLBACKEND = Agg

.PHONY: demo test lint test-slow test-all fuzz bench bench-learners bench-planning bench-games bench-growth bench-scaling bench-peers bench-networks bench-asynchronous bench-damping bench-all docs notebooks dist chromium clean

demo: $(READY)          ## chapter 12: the book's numbers and figures
	$(BIN)/decision-making chapter 12

test: lint              ## everything CI runs: ruff, mypy, doctests, tests; warnings are errors
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-slow: lint $(SLOW) chromium  ## the same with many more Hypothesis examples, and what takes long or needs more
	HYPOTHESIS_PROFILE=slow $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m slow tests

test-all: test          ## and the same results from every Python and NumPy that is supported and found
	$(BIN)/python -m tests.agreement

fuzz: $(READY)          ## an hour of random cases against plain loops, of environments, files and wrong arguments
	$(BIN)/python -m tests.fuzzing --seconds 3600

bench: $(READY)         ## ratios against the C loop and a step-by-step loop
	$(BIN)/python -m benchmarks.regulator

bench-learners: $(READY)  ## learners beside C, gymnasium's usual loop and plain Python; chapter 18 beside loops
	$(BIN)/python -m benchmarks.learners
	$(BIN)/python -m benchmarks.imitation

bench-planning: $(READY)  ## chapters 8 and 9: C loops, plain Python, recursions, and packages where they are installed
	$(BIN)/python -m benchmarks.planning

bench-games: $(READY)  ## games beside nashpy, quantecon and pygambit, where they are installed
	$(BIN)/python -m benchmarks.games

bench-growth: $(READY)  ## time and memory against m, d, n and the number of environments; pictures; large cases
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -W ignore -m benchmarks.growth_of_chapters

bench-scaling: $(SLOW)  ## sweeps and rollouts on two processes, and a Dask cluster: efficiency, overhead, bytes
	$(BIN)/python -m benchmarks.scaling

bench-peers: $(PEERS)/.ready  ## the same beside sb3-contrib, tianshou and quantecon, which have an environment of their own
	$(PEERS)/bin/python -W ignore -m benchmarks.peers

bench-networks: $(SLOW) ## part I beside pyagrum and pgmpy
	$(BIN)/python -W ignore -m benchmarks.networks
	$(BIN)/python -W ignore -m benchmarks.learning_networks

bench-asynchronous: $(PEERS)/.ready  ## environments in processes of their own beside one process
	$(PEERS)/bin/python -W ignore -m benchmarks.asynchronous

bench-damping: $(PEERS)/.ready  ## how much of a natural step is noise, by damping
	$(PEERS)/bin/python -W ignore -m benchmarks.damping

bench-all: bench bench-learners bench-planning bench-networks bench-games bench-growth bench-scaling bench-peers bench-asynchronous bench-damping  ## every table in benchmarks/ but learning's

docs: $(DOCS)           ## the site in docs/_build/html; every warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

notebooks: $(NOTEBOOKS) ## the chapters as executed notebooks, in notebooks/
	$(BIN)/python docs/notebooks.py

dist: $(READY)          ## source distribution and wheel, in dist/
	$(BIN)/python -m hatchling build

chromium:               ## the browser in which test-slow looks at the site
	@command -v chromium || command -v google-chrome \
	|| { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; } \
	|| { echo "test-slow looks at the documentation in Chromium, which is not here and could not be installed: \
	install the package chromium (as root: apt-get install chromium)" >&2; exit 1; }

clean:
	rm -rf $(VENV) $(PEERS) .venv-agreement figures notebooks docs/_build docs/chapters .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $(READY)

$(SLOW): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,slow]"
	touch $(SLOW)

$(DOCS): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,docs]"
	touch $(DOCS)

$(NOTEBOOKS): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,notebooks]"
	touch $(NOTEBOOKS)

$(PEERS)/.ready: benchmarks/peers/requirements.txt  # torch first, so that nothing pulls another build of it
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch' $<)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $< -e .
	touch $@
