# `make` does it all; `make help` lists the rest. For any make from 3.81 on, and any POSIX shell.

PYTHON = python3
PORT = 8000

PY = .venv/bin/python
INSTALLED = .venv/installed
SITE = $(if $(OFFLINE),site-offline,site)
BUILT = $(SITE)/.built
FIRST = /lab/tree/notebooks/init/kaiming.ipynb
SOURCES = derivations docs experiments impl papers results
SITE_SOURCES = $(shell find $(SOURCES) -name __pycache__ -prune -o -type f -print 2>/dev/null)

# Where Python may not write bytecode, each of some hundred processes would compile torch and SymPy again: it is kept aside.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(CURDIR)/.cache/bytecode
endif

.PHONY: all test verify doubt fuzz kill mutants experiments site site-check pdf serve lab notebooks bench lint format check row clean distclean help
.PHONY: _site _pytest _summary _wrong_steps
.DELETE_ON_ERROR:
.NOTPARALLEL:

# With -k, what fails does not stop what follows: the site is there to show it.
GO_ON = --no-print-directory -k

all: $(INSTALLED) ## Install, verify every derivation, run every experiment, build the site (the default)
	@$(MAKE) $(GO_ON) verify _wrong_steps experiments _site _summary

help: ## List what make can do
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

site: $(INSTALLED) ## Build the site, after verifying and measuring what changed (OFFLINE=1: to read from files)
	@$(MAKE) $(GO_ON) verify _wrong_steps experiments _site

test: $(INSTALLED) ## Run the tests, after verifying and measuring what changed (ARGS="-k kaiming")
	@$(MAKE) $(GO_ON) verify _wrong_steps experiments _pytest

_site: # in a make of its own, which sees the new results
	@$(MAKE) --no-print-directory $(BUILT)

_pytest: $(INSTALLED)
	@$(PY) -m pytest $(ARGS)

_summary: $(INSTALLED)
	@$(PY) -m docs.summary

verify: $(INSTALLED) ## Verify and print every derivation
	@$(PY) -m derivations

_wrong_steps: $(INSTALLED)
	@$(PY) -m derivations.mutants --quiet

doubt: $(INSTALLED) ## Try wrong steps, wrong code and hostile files; count what is noticed (some minutes)
	@$(PY) -m derivations.mutants --no-cache
	@$(PY) -m experiments.mutants
	@$(MAKE) --no-print-directory fuzz

fuzz: $(INSTALLED) ## Feed 100,000 damaged inputs to everything that reads (some minutes)
	@$(PY) tests/test_fuzz.py

kill: $(INSTALLED) ## Kill a sweep 60 times at random instants: does it end as if it never had been? (some minutes)
	@$(PY) tests/kill_campaign.py

mutants: $(INSTALLED) ## Change our code, one place at a time: does a test fail? What changed since the last time is tried
	@$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[mutants]"
	@$(PY) tests/mutation.py $(ARGS)

experiments: $(INSTALLED) ## Run the experiments that changed since their last result, and a small sweep
	@$(PY) -m experiments --changed
	@$(PY) -m experiments sweep depth/finite_width

site-check: site ## Look at every page of the site in Chromium, light and dark, desk and phone (some minutes)
	@$(PY) -m docs.check
	@$(PY) -m docs.page_speed

pdf: site ## Print the whole site into one file, for reading offline
	@$(PY) -m docs.pdf

serve: site ## Show the site at http://127.0.0.1:8000 (PORT=8001), to this machine only
	@echo "http://127.0.0.1:$(PORT), until Ctrl-C"
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory site

lab: $(INSTALLED) ## Open every row as a notebook, for this machine only, behind a token (as root: ARGS=--allow-root)
	@$(PY) -m docs.notebooks
	@$(PY) -m jupyterlab --ServerApp.ip=127.0.0.1 --LabApp.default_url=$(FIRST) --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $(ARGS)

notebooks: $(INSTALLED) ## Run every row's notebook, each in a kernel of its own (some minutes)
	@$(PY) -m docs.notebooks --to .cache/notebooks
	@$(PY) -m docs.literate run .cache/notebooks/*.ipynb .cache/notebooks/*/*.ipynb

bench: $(INSTALLED) ## Time our code against its peers, both in one run; and what a sweep costs (some minutes)
	@$(PY) -m benchmarks --out docs/counts/benchmarks.json $(ARGS)
	@$(PY) -m benchmarks.sizing

lint: $(INSTALLED) ## Check format, style and types
	@$(PY) -m ruff format --check --quiet || { echo "error: make format mends this" >&2; exit 1; }
	@$(PY) -m ruff check --quiet
	@$(PY) -m mypy

format: $(INSTALLED) ## Format the code, and mend what can be mended
	@$(PY) -m ruff check --fix --quiet || true
	@$(PY) -m ruff format

check: lint test ## What CI runs: lint and test

row: $(INSTALLED) ## Write the stubs of a new row: make row ROW=init/lsuv PAPER=mishkin2016
	@$(PY) -m docs.row "$$ROW" "$$PAPER"

clean: ## Remove results, site and caches
	rm -rf results site site-offline .mypy_cache .pytest_cache .ruff_cache .hypothesis

distclean: clean ## Remove what was installed, too
	rm -rf .venv .cache

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into .venv: about two minutes."
	@$(PYTHON) -m venv .venv
	@# not compiled: of 19,000 files most are never imported
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile \
	  --constraint constraints.txt --editable ".[cluster,docs,lab,lint,test]"
	@touch $@

$(BUILT): $(INSTALLED) mkdocs.yml $(SITE_SOURCES)
	@rm -f $@
	@NO_MKDOCS_2_WARNING=1 $(if $(OFFLINE),OFFLINE=true) $(PY) -m mkdocs build --strict --site-dir $(SITE)
	@touch $@
