# `make demo` and `make test` work on a bare machine with Python 3.11 or newer: each first makes
# .venv from the pinned versions if it is absent or the pins changed. An interrupted set-up resumes.
#
#   make demo TORCH='torch==2.13.0 --index-url URL'   another build of torch (URL: PyTorch's CPU wheels)
#   make test PIP_ARGS=--no-cache-dir                                                  more arguments for pip
#   make test TESTS=tests/unit WORKERS=1                                               a part of the tests

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

TORCH ?= torch==2.13.0
PIP_ARGS ?=
TESTS ?= tests
WORKERS ?= 2
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -qq $(PIP_ARGS)
TORCH_STAMP := $(VENV)/.torch-$(shell printf '%s' '$(TORCH)' | cksum | cut -d' ' -f1)
# Two test workers share the cores: one thread each, or they fight over them.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# Fresh programs for every commit, the same ones on every machine: the seed is its hash, and it is printed.
# FUZZ_SEED=N draws others; FUZZ_LEDGER=FILE keeps the figures.
FUZZ_SEED := $(or $(FUZZ_SEED),$(shell hash=$$(git rev-parse --short=8 HEAD 2>/dev/null) && printf "%d" "0x$$hash" || date +%s))
FUZZ := asiarch fuzz --seed $(FUZZ_SEED)000 $(if $(FUZZ_LEDGER),--ledger $(FUZZ_LEDGER))

.PHONY: help demo test mutants fuzz fuzz-facts fuzz-modules lint format types contracts docs-code bench gpu-bench env tables oracles clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s'|'

demo: env ## check three programs, show emitted code, train two models on real text, search for a mechanism
	@bash docs/demo/run $(BIN)

test: env ## the whole test suite
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q $(TESTS)

fuzz: env ## four minutes of drawn programs against everything that must hold, on two cores, with fresh seeds
	@echo "FUZZ_SEED=$(FUZZ_SEED)"
	@$(MAKE) --no-print-directory -j2 FUZZ_SEED=$(FUZZ_SEED) fuzz-facts fuzz-modules

fuzz-facts:
	@$(ONE_THREAD) $(BIN)/$(FUZZ) --suite C1 --policy non_causal --laws grade,causal --programs 20000 --seconds 220
	@$(ONE_THREAD) $(BIN)/$(FUZZ) --suite C2 --laws accepted,grade,text,format,range,cost,surface --programs 2000 --seconds 40

fuzz-modules:
	@$(ONE_THREAD) $(BIN)/$(FUZZ) --suite F1,F2 --laws accepted,ring,float64,float32,laws --programs 600 --seconds 240

mutants: env ## mutants of the rules that changed, or a few: the laws must kill each
	$(ONE_THREAD) $(BIN)/python benchmarks/mutants.py --changed

lint: env ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: env ## ruff, rewriting files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: env ## pyright, strict
	$(BIN)/pyright --pythonpath $(BIN)/python

contracts: env ## build the wheel, install it into a fresh environment, test it from outside
	TORCH='$(TORCH)' PIP_ARGS='$(PIP_ARGS)' bash tests/packaging/run $(BIN)/python

docs-code: env ## run the code in README and docs
	$(ONE_THREAD) $(BIN)/python -m pytest -q tests/packaging/test_docs_code.py

bench: env ## the benchmark tables
	@for table in benchmarks/[a-z]*.py; do echo "== $$table"; $(BIN)/python "$$table"; done

gpu-bench: env ## tests and tables that need a GPU
	$(BIN)/python -m pytest -q -m gpu $(TESTS)

tables: env ## the parser's tables, after a change of the grammar
	$(BIN)/python -c 'from asiarch.language.tables import write_tables; write_tables()'

oracles: env ## optional packages that tests and benchmarks compare with, or export to
	$(PIP) --no-deps -c constraints.txt fla-core einops
	$(PIP) -c constraints.txt transformers
	$(PIP) -c constraints.txt jax
	MAMBA_SKIP_CUDA_BUILD=TRUE MAMBA_FORCE_BUILD=TRUE \
	  $(PIP) --no-deps --no-build-isolation -c constraints.txt mamba-ssm

clean: ## remove what builds and tests leave; the environment stays
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# ---- environment -------------------------------------------------------------------------------

env: $(VENV)/.ready

$(VENV)/.python:
	@python=$$(bash .ci/find-python) && \
	echo "environment: $(VENV) from $$($$python --version)" && \
	$$python -m venv $(VENV) && touch $@

$(TORCH_STAMP): | $(VENV)/.python
	@echo "environment: $(TORCH)"
	@$(PIP) -c constraints.txt $(TORCH)
	@rm -f $(VENV)/.torch-* && touch $@

$(VENV)/.ready: $(TORCH_STAMP) constraints.txt pyproject.toml setup.py
	@echo "environment: asiarch, tests and tools at the versions of constraints.txt"
	@$(PIP) -c constraints.txt setuptools
	@$(PIP) -c constraints.txt --no-build-isolation -e '.[torch,search,dev]'
	@touch $@
