# The first use of any target makes .venv and installs what requirements.lock names; nothing else is needed than
# Python 3.11 or newer, with another name if need be: make figures PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: figures test check lab lock clean

## Execute the notebooks whose figures are not up to date.
figures: $(READY)
	$(BIN)/bmac-meta figures

## Run the tests.
test: $(READY)
	BMAC_META_DATA= $(BIN)/python -m pytest -n auto

## Say what is wrong with the data, and whether the figures are up to date.
check: $(READY)
	$(BIN)/bmac-meta check

## Open the notebooks.
lab: $(READY)
	$(BIN)/jupyter lab notebooks

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed." if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv, once: this takes a minute or two."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

## Renew requirements.lock with the newest versions that pyproject.toml allows.
lock:
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet '.[notebooks,test]' hatchling editables
	@sed -n '/^#/p' requirements.lock > .venv/lock
	@$(BIN)/python -m pip freeze --exclude bmac-meta >> .venv/lock
	@mv .venv/lock requirements.lock

clean:
	rm -rf .venv .figures-staging
