# One environment for everything: .venv, pinned by constraints.txt. Needs Python >= 3.11, make and bash.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := .venv/bin
NOTEBOOK := notebooks/01_polarization_map.ipynb
# whole files, in the order of collection: the browser's come last
TWO_AT_A_TIME := -n 2 --dist loadfile --no-loadscope-reorder
QUICK := not (slow or browser or notebook or network)

.PHONY: help lab test check sample screenshots docs chromium constraints clean
.DEFAULT_GOAL := help

help:
	@echo "make lab    open JupyterLab on $(NOTEBOOK)"
	@echo "make test   run everything: unit, contract, JS, notebook, browser, Binder"
	@echo "make check  linters, types and quick tests"

lab: .venv/installed
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(NOTEBOOK)

test: .venv/installed chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWO_AT_A_TIME) --nbmake --nbmake-timeout=900 tests $(wildcard notebooks/*.ipynb)

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(TWO_AT_A_TIME) -m "$(QUICK)" tests

# the bundled scan: a 180-degree wall with the flaws of an experiment
sample: .venv/installed
	$(BIN)/polwidgets simulate --output polwidgets/data/knn_wall.zarr.zip --overwrite --direction 90 270 --thickness-nm 22 \
		--scan 48 72 --cells 4 6 --detector 64 --tilt-mrad 0.8 -0.6 --source-A 0.3 --blur 0.04 --background 0.05 --dose 2500 --seed 1

# the pictures of docs/widgets and the readme's animation, from the real widgets
screenshots: .venv/installed chromium
	$(BIN)/python docs/widgets/screenshots.py

# the site of docs/, warnings are errors
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# the newest Python that will do, into .venv, with the versions of constraints.txt
.venv/installed: pyproject.toml constraints.txt
	@for python in "$${PYTHON:-python3}" python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then echo "polwidgets needs Python >= 3.11 with venv; found: $$(python3 --version 2>&1)" >&2; exit 1; fi; \
	[ -x $(BIN)/python ] || "$$found" -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,test,docs,dev]"
	@touch $@

# Chromium on PATH, else the system's package where we may install one, else Playwright's own
chromium: .venv/installed
	@if command -v chromium chromium-browser google-chrome > /dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq && apt-get install -qq -y chromium; then exit 0; fi; \
	$(BIN)/playwright install chromium

constraints: .venv/installed
	@{ sed '/^#/!d' constraints.txt; $(BIN)/pip freeze --exclude-editable | sed -E '/ @ /d; s/\+cpu$$//'; } > constraints.new
	@mv constraints.new constraints.txt

clean:
	rm -rf .venv
