# Each target sets up what it needs in .venv; set-up runs again only when pyproject.toml
# or constraints.txt change. Needs Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
# The lowest versions have no wheels for newer ones.
LOWEST_PYTHON ?= python3.11
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
BENCH := benchmarks/.venv
# Workers of the test run, one thread each: more would fight over the cores.
WORKERS ?= 2
TESTS ?=
LOWEST_TESTS ?= tests/test_common.py tests/autoencoders/test_transformer.py tests/clustering

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-lowest lint docs check-site bench clean

help:  ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 20

demo: $(VENV)/.run  ## Classification of digits without labels: a table and a picture
	$(BIN)/python docs/save_figures.py examples/plot_self_supervised_classifier.py

test: $(VENV)/.test  ## Run all tests and doctests (TESTS="tests/test_metrics.py -k hungarian")
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

test-lowest: $(LOWEST)/.lowest  ## Test the lowest versions that pyproject.toml allows
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal $(LOWEST_TESTS)

lint: $(VENV)/.lint  ## Check style, format, imports between layers and docstrings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache
	$(BIN)/numpydoc lint $$(find skae -name '*.py')

docs: $(VENV)/.docs  ## Build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

check-site: docs $(VENV)/.test  ## Build the documentation, and test links, search and pages in Chromium
	SKAE_SITE=docs/_build/html $(BIN)/python -m pytest tests/test_site.py

bench: $(BENCH)/.bench  ## Measure speed beside other packages, in an environment of its own
	$(BENCH)/bin/python benchmarks/speed.py

clean:  ## Remove environments, caches and what was built
	rm -rf $(VENV) $(LOWEST) $(BENCH) build dist *.egg-info docs/_build docs/api/generated docs/examples
	rm -rf .pytest_cache .ruff_cache
	find skae tests examples benchmarks docs -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.run: EXTRA :=
$(VENV)/.test: EXTRA := [test]
$(VENV)/.lint: EXTRA := [lint]
$(VENV)/.docs: EXTRA := [docs]
$(BENCH)/.bench: EXTRA := [bench]

$(VENV)/.run $(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(BENCH)/.bench: pyproject.toml constraints.txt
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -q -c constraints.txt -e ".$(EXTRA)"
	touch $@

$(LOWEST)/.lowest: pyproject.toml constraints-lowest.txt
	test -x $(@D)/bin/python || $(LOWEST_PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -q -c constraints-lowest.txt -e ".[test]"
	touch $@
