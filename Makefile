# make run    the product on this machine, with sample data, until Ctrl-C     make test   everything that is checked
# make demo   the same, and exits; fails if a sample costs what it should not  make check  style, types, import contracts
# make bench  requests, capacity and CPU of the hot path                      make synth  the templates (STAGE=production)
# make renewals  what a million renewals would take and cost      make explore  the properties, by other examples
# make schemas  writes events/bus/: the schemas and samples of our own events, from the facts in domain/notice_facts.py
# make clean  removes everything that can be built again but .venv

.PHONY: run demo test check explore bench renewals schemas synth clean
.DEFAULT_GOAL := run
.SUFFIXES:

STAGE ?= production
PYTHON := .venv/bin/python
# Named by the content of what was installed: a new pin installs, a new date does not.
REQUIREMENTS := requirements.txt layers/dependencies/requirements.txt layers/stripe/requirements.txt layers/typst/requirements.txt layers/console/requirements.txt layers/billing/pyproject.toml layers/typst/pyproject.toml
INSTALLED := .venv/installed-$(shell cat $(REQUIREMENTS) | cksum | cut -d ' ' -f 1)

run: $(INSTALLED)
	@$(PYTHON) -m infra.local.run

demo: $(INSTALLED)
	@$(PYTHON) -m infra.local.demo

test: check
	@echo "Testing ..."
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile --quiet

explore: $(INSTALLED)
	@$(PYTHON) -m pytest --quiet --hypothesis-profile explore --hypothesis-show-statistics tests/property

check: $(INSTALLED)
	@echo "Checking style, types and import contracts ..."
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet || { echo "Run: .venv/bin/ruff format"; exit 1; }
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo >.venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }

bench: $(INSTALLED)
	@$(PYTHON) -m tests.load.bench

renewals: $(INSTALLED)
	@$(PYTHON) -m tests.load.renewals

schemas: $(INSTALLED)
	@$(PYTHON) -m infra.bus_schemas

synth: $(INSTALLED)
	@$(PYTHON) -m infra.local.synthesis $(STAGE)

clean:
	@rm -rf .local cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find functions layers infra tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED):
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		$$python -m infra.install && rm -f .venv/installed-* && touch $@ && exit 0 || exit 1; \
	done; echo "Python 3.11 or later is needed, and none was found." >&2; exit 1
