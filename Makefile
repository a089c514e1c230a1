# Two commands set everything up: `make demo` and `make test`. They need Python 3.11 with venv, nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-slow lint bench clean

# A change of the dependencies installs them again; otherwise this is done once.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## The whole job, on synthetic radiographs or on DATA=FOLDER
	$(BIN)/lookalike demo $(if $(DATA),--data '$(DATA)') $(if $(LABEL),--label-column '$(LABEL)')

test: $(VENV)/.installed lint  ## Everything but what takes minutes
	$(BIN)/pytest -q -n auto -m 'not slow'

test-slow: $(VENV)/.installed  ## What takes minutes
	$(BIN)/pytest -q -m slow

lint: $(VENV)/.installed  ## Style, types and the order of the layers
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed  ## Ratios measured in one run; figures in docs/results.md
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist src/*.egg-info lookalike-demo
