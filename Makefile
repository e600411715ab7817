# make demo and make test do everything on a fresh machine; the rest is for those who change the code.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow test-encoders test-install check lint types layers docs install lock clean

demo: install ## the built-in demo: tables here, a report and a video in demo-report/
	$(BIN)/vcmpipe bench --detector demo --images demo --out demo-report
	$(BIN)/vcmpipe encode demo --out demo-report/video.mp4
	$(BIN)/vcmpipe decode demo-report/video.mp4 --overlay --out demo-report/video-preview.mp4

test: install ## all tests but the slow ones, on two cores
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: install ## the slow tests alone
	$(BIN)/python -m pytest -m slow

test-encoders: install ## with uvg266, vvencapp, kvazaar, VTM, vvdecapp in the folder VCMPIPE_TEST_ENCODERS
	$(BIN)/python -m pytest -m encoders -rs

test-install: install ## the wheel in an empty environment, without torch, and pip install . from a clone
	$(BIN)/python -m pytest -m install

check: lint types layers docs test test-install ## what continuous integration runs

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile Dockerfile.cuda

types: install
	$(BIN)/mypy

layers: install ## no import against the layers that pyproject.toml lists
	$(BIN)/lint-imports

docs: install ## the documents and the reference of the Python names as a website, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file website/mkdocs.yml

install: $(VENV)/.installed ## the virtual environment alone

$(VENV)/.installed: setup.cfg pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vcmpipe needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install -qq --constraint requirements.lock --editable '.[dev]'
	touch $@

lock: install ## write the versions that are installed now into the lock file
	$(BIN)/python -m pip freeze --exclude-editable > requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-report
