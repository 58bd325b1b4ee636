# Everything works in a fresh clone; `make help` lists the targets from the comments behind them.

PY := .venv/bin/python
READY := .venv/.ready
export PORT_BASE
export BENCH

.DEFAULT_GOAL := help
.PHONY: help run demo test test-fast test-full lint model bench image chart-test cluster-test clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  make %-32s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment belongs to one folder: made anew in a copied checkout, left alone (no network) when nothing changed.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif
$(READY): requirements.lock pyproject.toml deploy/local/environment.sh
	@sh deploy/local/environment.sh

run: $(READY) ## start everything on loopback, send the sample complaints, stay until Ctrl-C (PORT_BASE=8000)
	@$(PY) -m deploy.local run

demo: $(READY) ## tell a complaint's whole life on fresh data, write demo.json, stop everything
	@$(PY) -m deploy.local demo

test: $(READY) ## every kind of test on real PostgreSQL, Kafka and SMTP
	@sh tests/packages.sh
	@$(PY) -m pytest -m "not full" $(ARGS)

test-fast: $(READY) ## the tests that need no server, within a minute
	@$(PY) -m pytest -m "not full and not servers" $(ARGS)

test-full: $(READY) ## all tests with the full numbers; their tables go to docs/results
	@sh tests/packages.sh
	@AMENDS_TESTS=full $(PY) -m pytest $(ARGS)

lint: $(READY) ## ruff, mypy --strict, import-linter
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

model: $(READY) ## train the cause model from samples/triage: the same weights every time
	@$(PY) -m tests.triage.train

bench: $(READY) ## measure and write bench/results (BENCH=name for one)
	@$(PY) -m tests.bench $(BENCH)

image: $(READY) ## build the container image, hold its size, list what is in it (ENGINE, BASE, TAG)
	@sh deploy/image.sh

chart-test: $(READY) ## the chart without a cluster: two Helms, three Kubernetes, policies, wrong values
	@$(PY) -m tests.chart.tools helm3 checkov >/dev/null
	@$(PY) -m pytest tests/chart -o python_files="check_*.py" $(ARGS)

cluster-test: $(READY) ## the image, then the chart on the cluster of KUBECONFIG (IMAGE, HOST_ADDRESS, ENGINE)
	@$(PY) -m tests.image
	@$(PY) -m tests.cluster

clean: ## remove this checkout's data, logs and caches (the environment stays)
	@if [ -x $(PY) ]; then $(PY) -m deploy.local clean; fi
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache demo.json
