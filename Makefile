# Every target makes the virtual environment it needs; Python 3.11 or later, pip and make are the only prerequisites.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow test-longest test-all test-newest test-oldest lint notebooks bench conformance conformance-fast packages clean

demo: $(VENV)/demo.done  ## Train the tutorial's model on real data and save its learning curves.
	$(BIN)/python -m notebooks.demo

test: $(VENV)/test.done  ## Check the numbers against Keras, and everything else.
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not longest"

test-slow: $(VENV)/test.done  ## The long ones: programs as Keras users write them, whole architectures.
	JKERAS_TEST_OPTIMIZED=1 $(BIN)/python -m pytest -n 2 -m "slow and not longest"

test-longest: $(VENV)/test.done  ## Whole lists of which the other tests run a part; an hour.
	JKERAS_TEST_OPTIMIZED=1 $(BIN)/python -m pytest -n 2 -m longest

test-all: test test-slow test-longest

# The tests with what users install. NEWEST is another Python; the lower bounds are tested with PYTHON.
NEWEST ?= python3.13

test-newest: .venv-newest/test.done  ## The quick tests with another Python and the newest releases (TESTS="tests/core" runs a part).
	.venv-newest/bin/python -m pytest -n 2 --dist loadfile -m "not slow and not longest" $(TESTS)

test-oldest: .venv-oldest/test.done  ## The quick tests with the oldest releases that pyproject.toml allows.
	.venv-oldest/bin/python -m pytest -n 2 --dist loadfile -m "not slow and not longest" $(TESTS)

.venv-newest/test.done: pyproject.toml
	$(NEWEST) -m venv .venv-newest
	.venv-newest/bin/pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager --editable ".[test]"
	@touch $@

.venv-oldest/test.done: pyproject.toml tools/lower_bounds.py
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python tools/lower_bounds.py > .venv-oldest/bounds.txt
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check --constraint .venv-oldest/bounds.txt --editable ".[test]"
	@touch $@

lint: $(VENV)/lint.done  ## Style, and types of the library and of a file of user code.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

notebooks: $(VENV)/test.done  ## Execute all notebooks and keep their outputs.
	$(BIN)/python -m notebooks.execute

bench: $(VENV)/bench.done  ## Time every workload side by side with raw JAX, Keras, PyTorch and Flax.
	$(BIN)/python -m benchmarks

conformance: $(VENV)/conformance.done  ## Run Keras's own tests (AREAS="losses ops" runs a part) and write docs/conformance.md.
	$(BIN)/python tools/conformance/run.py --jit-cache build/conformance/cache $(if $(AREAS),--area $(AREAS),--write)

conformance-fast: $(VENV)/conformance.done  ## Run a fixed tenth of Keras's tests; fail if fewer pass than are on record.
	$(BIN)/python tools/conformance/run.py --jit-cache build/conformance/cache --fast $(RECORD)

packages: $(VENV)-packages/done  ## Run the tests of packages built on Keras with jkeras in its place (PACKAGES="keras-rs" for some); long.
	$(VENV)-packages/bin/python tools/packages/run.py $(PACKAGES)

$(VENV)-packages/done: pyproject.toml
	$(PYTHON) -m venv $(VENV)-packages
	$(VENV)-packages/bin/pip install --quiet --disable-pip-version-check --editable ".[packages]"
	@touch $@

# One stamp per extra: `pip install -e .[extra]`, again when pyproject.toml changes.
$(VENV)/%.done: pyproject.toml $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint benchmarks/constraints.txt --editable ".[$*]"
	@touch $@

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

clean:  ## Remove the environment and the caches.
	rm -rf $(VENV) $(VENV)-packages .pytest_cache .mypy_cache .ruff_cache .hypothesis
