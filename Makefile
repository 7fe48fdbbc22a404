# `make demo` and `make test` set everything up by themselves: a virtual environment in .venv with
# what pyproject.toml lists. They need Python 3.10 or newer with its venv module, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo test fast lint bench clean

help:
	@echo "make demo    a portrait speaks: writes out/demo.mp4"
	@echo "make test    style, types and tests"
	@echo "make fast    style, types and the tests in which no network computes: two minutes at most"
	@echo "make lint    style, types and the direction of imports only"
	@echo "make bench   measure speed and memory; with a clip of your own: ARGS='--clip CLIP' CLIPS=CLIP"
	@echo "make setup   only prepare .venv (the others do it by themselves)"
	@echo "make clean   remove what was made, .venv too"
	@echo "Another Python: make PYTHON=python3.12 ..."

setup: $(READY)

demo: $(READY)
	$(BIN)/retalk demo -o out/demo.mp4

# As many workers as there are cores, up to four: some tests take 3 GB.
PYTEST := $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal

test: lint
	$(PYTEST)

fast: lint
	$(PYTEST) -m "not networks"

# mypy names modules after their folders, and this folder may be called anything: it looks through a link.
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@mkdir -p .venv/types && ln -sfn ../.. .venv/types/retalk_nodes
	cd .venv/types && ../bin/mypy --config-file ../../pyproject.toml \
		retalk_nodes/__init__.py retalk_nodes/models retalk_nodes/nodes retalk_nodes/retalk_core

bench: $(READY)
	$(BIN)/python benchmarks/dub.py $(ARGS)
	$(BIN)/python benchmarks/faces.py $(CLIPS)
	$(BIN)/python benchmarks/pipeline.py

clean:
	rm -rf .venv out build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that doesn't start, or that was made in another folder, is made anew, finished or not.
WORKS := $(BIN)/python -c 'import pip' 2>/dev/null && grep -qF "$(CURDIR)/.venv" $(BIN)/pip
ifneq ($(shell $(WORKS) && echo works),works)
.PHONY: $(READY)
endif

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "ReTalk needs Python 3.10 or newer; name one like this: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@rm -f $@
	@{ $(WORKS); } || { \
		echo "Making a virtual environment in .venv"; $(PYTHON) -m venv --clear .venv; } || { rm -rf .venv; \
		echo "Python's venv module is missing or incomplete; on Debian and Ubuntu: sudo apt install python3-venv"; \
		exit 1; }
	@echo "Installing what pyproject.toml lists; the first time that is a few GB and takes minutes"
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo "OpenCV can't open its display library (libGL); on Debian and Ubuntu: sudo apt install libgl1"; \
		echo "Not needed here: taking the build of OpenCV that does without."; \
		$(BIN)/python -m pip uninstall -y opencv-python && \
		$(BIN)/python -m pip install --disable-pip-version-check --no-deps --force-reinstall opencv-python-headless && \
		$(BIN)/python -c 'import cv2'; }
	@touch $@
