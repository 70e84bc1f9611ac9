# `make figures` and `make test` work on a machine that has only Python >= 3.11:
# both first build .venv from envs/constraints.txt. `make .venv` only installs.
PYTHON ?= python3
BIN := .venv/bin
SMK_FILES := Snakefile $(wildcard workflow/rules/*.smk)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: figures test lint format docs clean
.DEFAULT_GOAL := figures

figures: .venv
	snakemake --cores all results/figures

# two workers share the cores; with threads of their own they would wait for each other
test: export OMP_NUM_THREADS := 1
test: .venv lint
	pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

lint: .venv
	ruff check .
	ruff format --check .
	snakefmt --check $(SMK_FILES)
	snakemake --lint

format: .venv
	ruff check --fix .
	ruff format .
	snakefmt $(SMK_FILES)

docs: .venv
	python -m sim2sky.docs

.venv: pyproject.toml envs/constraints.txt
	$(PYTHON) -c "import sys; sys.exit('sim2sky needs Python >= 3.11, this is ' + sys.version if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable ".[test]"
	@touch .venv

clean:
	rm -rf .venv .snakemake .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
