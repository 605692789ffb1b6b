# `make demo` and `make test` are all that a newcomer needs; each makes .venv and installs what it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find cpp proto gateway -type f 2>/dev/null) CMakeLists.txt scripts/generate.py pyproject.toml

.PHONY: help demo serve test lint bench bench-core develop native-test format clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    find planted incidents in a generated web-shop log, then leave the service running"
	@echo "make serve   run the service on ./data (gRPC 50051, REST 9200)"
	@echo "make test    everything that can fail: native with sanitizers, unit, contract, API, gateway, clients"
	@echo "make lint    format, types, imports, protos"
	@echo "make bench   every speed claim, measured beside its peer"
	@echo "make bench-core   the native core beside the other Random Cut Forests"

# One stamp per kind of install. pip is not run again until a file that matters has changed.
$(VENV)/.created: scripts/check_tools.sh
	@sh scripts/check_tools.sh "$(PYTHON)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements.lock $(SOURCES)
	$(BIN)/pip install --quiet --constraint requirements.lock --group build
	$(BIN)/pip install --quiet --constraint requirements.lock --no-build-isolation --editable '.[gateway]'
	@touch $@

$(VENV)/.develop: $(VENV)/.runtime
	$(BIN)/pip install --quiet --constraint requirements.lock --group test --group lint
	@touch $@

develop: $(VENV)/.develop

demo: $(VENV)/.runtime
	$(BIN)/anomalyd demo

serve: $(VENV)/.runtime
	$(BIN)/anomalyd serve --data-dir data

native-test: $(VENV)/.develop
	sh scripts/native_tests.sh ""
	sh scripts/native_tests.sh address,undefined
	sh scripts/native_tests.sh thread

test: native-test
	$(BIN)/lint-imports
	$(BIN)/pytest

lint: $(VENV)/.develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/clang-format --dry-run --Werror $(shell find cpp -name '*.hpp' -o -name '*.cpp')

format: $(VENV)/.develop
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(shell find cpp -name '*.hpp' -o -name '*.cpp')

bench: $(VENV)/.develop
	$(BIN)/pytest benchmarks --benchmark-only

bench-core: $(VENV)/.develop
	$(BIN)/pip install --quiet --constraint requirements.lock --group peers
	$(BIN)/python -m benchmarks.core

clean:
	rm -rf $(VENV) build dist src/anomalyd/v1 src/anomalyd/gateway
