# Two commands matter: `make figures` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
BIN := .venv/bin
# uv does not read pip's configuration: hand over the folder of local wheels, where there is one.
FIND_LINKS := $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null | tr -s ' \n' ',,' | sed 's/,$$//')
JOBS ?= 1
# More for JupyterLab, for instance: make lab LAB="--no-browser --port 8899"
LAB ?=

.PHONY: figures smoke test test-all lab lint clean install
.DEFAULT_GOAL := figures

figures: install
	$(BIN)/python run_all.py --jobs $(JOBS)

smoke: install
	$(BIN)/python run_all.py --profile smoke --jobs 2

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile \
		-m "not (faults or slurm or newcomer or notebooks or browser)"

test-all: test
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "faults or slurm or newcomer or notebooks"
	$(BIN)/python -m pytest -m browser

lab: install
	JUPYTER_CONFIG_PATH="$(CURDIR)" JUPYTER_PREFER_ENV_PATH=1 \
	$(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks $(LAB)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# Results in build/store are never removed here: `run_all.py store prune` says what nothing needs.
clean:
	rm -rf build/runs build/slurm build/site build/check build/numba build/fingerprints.json .pytest_cache .ruff_cache .hypothesis

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else f"companion needs Python 3.11 or newer; {sys.executable} is {v}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null  # one made by another tool may lack pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "installing the locked packages into .venv ..."
	@UV_FIND_LINKS="$(FIND_LINKS)" $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@
