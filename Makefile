# make demo   a simulated consignment leaves Turin: broker, loggers, daemon and view, on this machine alone
# make test   all checks and tests, with real servers
# make soak   60 rounds (ROUNDS=N) of faults with real processes, then 10 000 simulated runs; up to 150 minutes
# make dashboards  the JSON of the Grafana pages, from their builders in dashboards/ and the limits in config/
# make mutants  whether the tests notice when what must not be forgotten is forgotten
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := monitor firmware_sim dashboards benchmarks tests
ROUNDS ?= 60

.PHONY: demo test check soak dashboards mutants requirements clean

demo: $(VENV)/demo.stamp
	$(BIN)/tcm demo

test: check
	$(BIN)/pytest -n 2 --dist worksteal

check: $(VENV)/dev.stamp
	scripts/test-servers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

soak: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.soak --rounds $(ROUNDS)
	$(BIN)/python -m tests.simulation --seeds 10000 --jobs 2
	$(BIN)/python -m tests.simulation.crash_points

dashboards: $(VENV)/dev.stamp
	$(BIN)/python -m dashboards

mutants: $(VENV)/dev.stamp
	$(BIN)/python -m tests.simulation.mutants

$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml
	scripts/venv $(PYTHON) $(VENV) requirements/demo.txt
	touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml
	scripts/venv $(PYTHON) $(VENV) requirements/dev.txt
	touch $@ $(VENV)/demo.stamp

# Pins every package with its hashes; needs `uv` (pip install uv).
requirements:
	for set in gateway full demo dev; do \
	  case $$set in gateway) extra= ;; full) extra="--extra fast --extra plot --extra ide --extra apprise" ;; \
	    *) extra="--extra $$set" ;; esac; \
	  uv pip compile pyproject.toml $$extra --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command "make requirements" --quiet -o requirements/$$set.txt; \
	done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
