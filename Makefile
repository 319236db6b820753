# The one task file. `make demo` and `make test` do all the set-up they need on Debian or Ubuntu with python3 >= 3.11.
.PHONY: help install demo test lint docs bench truth fuzz clean
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TESTFLAGS ?= -n 4 --dist worksteal
export PIP_DISABLE_PIP_VERSION_CHECK = 1

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

$(VENV)/installed: pyproject.toml scripts/setup
	@PYTHON=$(PYTHON) scripts/setup environment $(VENV)

$(VENV)/analysis: $(VENV)/installed
	@scripts/setup extra $(VENV) analysis

install: $(VENV)/installed  ## a virtual environment with wke in it (.venv)
	@echo "installed: $(BIN)/wke; this lets your shell find it: . $(BIN)/activate"

demo: $(VENV)/installed  ## three sizes of a real etcd cluster on emulated machines, swept, measured, plotted (about five minutes)
	@scripts/setup system demo
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo

# Without bytecode, which some environments turn off, every process of a test would compile all of wke anew.
test: $(VENV)/analysis  ## all tests, against real daemons (own sshd, own namespaces)
	@scripts/setup system test
	@PATH="$(CURDIR)/$(BIN):$$PATH" env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest $(TESTFLAGS)

lint: $(VENV)/installed  ## ruff (all rules less the commented exceptions), the formatter, mypy --strict
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: $(VENV)/installed  ## the pages of docs/ as HTML in docs/_build
	@$(BIN)/python -m pip install --quiet -e '.[docs]'
	@$(BIN)/python -m sphinx -q -W -b html docs docs/_build && echo "docs/_build/index.html"

bench: $(VENV)/installed  ## the figures of docs/benchmarks.md, peers beside us (about 45 minutes)
	@scripts/setup system test
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/run.py

truth: $(VENV)/installed  ## how often the statistics are right, beside known figures (about half an hour)
	@$(BIN)/python benchmarks/truth.py

fuzz: $(VENV)/analysis  ## 50,000 cases of nearly valid files, damaged stores, odd output and lying machines (about a quarter of an hour)
	@PATH="$(CURDIR)/$(BIN):$$PATH" WKE_FUZZ_CASES=42000 WKE_FUZZ_FRAMES=8000 $(BIN)/python -m pytest -q tests/simulations/test_fuzz.py \
	  "tests/integration/test_hostile.py::test_any_frames_in_any_order_are_survived"

clean:  ## removes the virtual environment and caches; results stay
	@rm -rf $(VENV) .venv-newest .mypy_cache .ruff_cache .pytest_cache .hypothesis docs/_build
