# make run    the whole pipeline on the KuaiRand log
# make test   the quick tests      make test-slow   the others      make test-wheel   the built wheel
# make lint   ruff, mypy, hadolint  make install   the environment alone, in .venv

.DELETE_ON_ERROR:
.ONESHELL:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= kuairand

# Two wheels need glibc 2.38; older machines get their last portable releases (requirements/README.md).
GLIBC := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
OLD_GLIBC := $(shell printf '2.38\n%s\n' '$(GLIBC)' | sort -V | head -n 1 | grep -qx '2.38' || echo yes)
LOCK := requirements/$(if $(OLD_GLIBC),py311-old-glibc.lock,py311.lock)
SHIM := $(if $(OLD_GLIBC),requirements/tfx_bsl_sql_util)

# Named by what it was made of: a changed lock or another glibc makes another one. Only a finished set-up leaves it.
DEPENDENCIES := $(VENV)/dependencies-$(shell cat $(LOCK) requirements/dev.lock | cksum | cut -d' ' -f1)
INSTALLED := $(VENV)/package-$(shell cat setup.py pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: run install test test-slow test-wheel lint clean

run: $(INSTALLED)
	@$(BIN)/esmm run --config $(CONFIG)

install: $(INSTALLED)

# Two at a time: a test keeps one core busy. Those of a file share what they need.
test: $(INSTALLED)
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(INSTALLED)
	@$(BIN)/python -m pytest -m slow -n 2 --dist loadfile

# The built wheel in an environment of its own, away from this checkout: what users install. The libraries are shared. The
# tests are those that see whether anything is missing in it: the whole pipeline, the command line, presets and schemas.
test-wheel: $(INSTALLED)
	@work=$$(mktemp -d)
	trap 'rm -rf "$$work"' EXIT
	$(BIN)/python -m build --wheel --no-isolation --outdir "$$work/dist" . > "$$work/build.log" 2>&1 || { cat "$$work/build.log" >&2; exit 1; }
	$(PYTHON) -m venv "$$work/venv"
	echo "$(CURDIR)/$(VENV)/lib/python3.11/site-packages" > "$$work/venv/lib/python3.11/site-packages/libraries.pth"
	"$$work/venv/bin/pip" install --quiet --no-deps --no-index "$$work"/dist/*.whl
	cp -r tests data deploy README.md Dockerfile requirements setup.py "$$work"
	cp pyproject.toml "$$work/pytest-only.toml"
	cd "$$work"
	venv/bin/python -c "import pipeline; assert pipeline.__file__.startswith('$$work'), pipeline.__file__"
	venv/bin/esmm config show --config $(CONFIG) > /dev/null
	venv/bin/python -m pytest -c pytest-only.toml --rootdir "$$work" -m "not slow" tests/contract tests/integration tests/schema tests/pipeline/test_cli.py

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

$(DEPENDENCIES):
	@command -v $(PYTHON) >/dev/null || { echo "error: Python 3.11 should be on the PATH as $(PYTHON); or give it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "error: $(PYTHON) should be Python 3.11. Received: $$($(PYTHON) --version)" >&2; exit 2; }
	echo "Installing $(LOCK) into $(VENV) (some 3 GB, a few minutes); log: $(VENV).log"
	rm -rf $(VENV)
	{
	    $(PYTHON) -m venv $(VENV)
	    $(BIN)/pip install --no-deps -r $(LOCK) -r requirements/dev.lock
	    for package in $(SHIM) ; do $(BIN)/pip install --no-deps --no-build-isolation ./$$package ; done
	} > $(VENV).log 2>&1 || { tail -n 5 $(VENV).log >&2; echo "error: the set-up failed; the whole log is $(VENV).log. Run make again to start over" >&2; exit 1; }
	touch $@

$(INSTALLED): $(DEPENDENCIES)
	@$(BIN)/pip install --no-deps --no-build-isolation --editable . > $(VENV).log 2>&1 || { tail -n 5 $(VENV).log >&2; exit 1; }
	touch $@

clean:
	@rm -rf $(VENV) $(VENV).log build dist *.egg-info
