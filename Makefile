# The commands of a clone. `make demo` and `make test` need Python 3.11 to 3.14, git and make; nothing else.
PYTHON_VENV := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test bench lint lock clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

setup:  ## make .venv with what the product needs
	@.ci/setup requirements.txt

setup-dev:  ## make .venv with what the product and its tests need
	@.ci/setup requirements-dev.txt

demo: setup  ## send a newsletter to 1,000 shipped subscribers and look at it; ONCE=1 checks and ends
	@$(PYTHON_VENV) manage.py demo $(if $(ONCE),--once)

test: setup-dev  ## run the tests; ARGS="tests/local -n 0" narrows them
	@$(PYTHON_VENV) -m pytest $(ARGS)

bench: setup  ## measure the demo's newsletter against a sink on this machine
	@$(PYTHON_VENV) bench/run.py $(ARGS)

lint: setup-dev  ## ruff, mypy, import-linter, missing migrations
	@.ci/lint

lock:  ## write the hashed requirements files anew from pyproject.toml; needs uv
	@.ci/lock

clean:  ## remove .venv and caches; keeps var, where the data is
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
