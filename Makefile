# Everything is set up in .venv from pyproject.toml; nothing else needs to be installed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EMPTY := .venvs/wheel

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test lint format types docs wheel compat recipes live corpus bench check clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## make the virtual environment

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[embedded]' --group test --group lint
	@touch $@

demo: setup ## build the example site on the embedded server
	@$(BIN)/python -m mkdocs build --config-file example_site/mkdocs.yml
	@echo
	@echo "The site is in example_site/site. To look at it: make serve, then http://127.0.0.1:8000"

serve: setup ## show the example site, rebuilt while you edit it
	$(BIN)/python -m mkdocs serve --config-file example_site/mkdocs.yml

test: setup ## run the tests, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

lint: setup ## check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: setup ## make the style right
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: setup ## check types
	$(BIN)/mypy

docs: setup ## build our own documentation
	$(BIN)/python -m mkdocs build --strict

wheel: setup ## install the wheel into an empty environment and build the example site there
	rm -rf dist $(EMPTY)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv $(EMPTY)
	$(EMPTY)/bin/python -m pip install --quiet "$$(echo dist/*.whl)[embedded]" mkdocs-material
	cd $(EMPTY) && rm -rf example_site && cp -R ../../example_site . \
		&& rm -rf example_site/.cache example_site/site \
		&& bin/python -m mkdocs build --strict --config-file example_site/mkdocs.yml

compat: setup ## build sites on every host, theme and plugin that we are promised to work with
	$(BIN)/python tests/compat/install.py
	$(BIN)/python -m pytest tests/compat

recipes: setup ## run what docs/ci.md shows, as the services would
	$(BIN)/python tests/compat/install.py recipes
	$(BIN)/python -m pytest tests/recipes

live: setup ## test against a real ComfyUI, which is installed first
	$(BIN)/python tests/live/install_comfyui.py
	$(BIN)/python tests/live/install_corpus.py
	$(BIN)/python -m pytest tests/live

corpus: setup ## test tracing on the workflows that ComfyUI offers, which are installed first
	$(BIN)/python tests/live/install_comfyui.py
	$(BIN)/python tests/live/install_corpus.py
	$(BIN)/python -m pytest tests/live/test_corpus.py

bench: setup ## measure what README and docs claim
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/engine.py --quick
	$(BIN)/python benchmarks/warm.py
	$(BIN)/python benchmarks/offline.py
	$(BIN)/python benchmarks/templates.py

check: lint types test ## what to run before a commit

clean: ## remove everything that is made
	rm -rf $(VENV) .venvs .comfyui .cache build dist site example_site/site example_site/.cache \
		.coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
