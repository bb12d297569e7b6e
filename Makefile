# Every command of this project. `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
PROTOS := $(wildcard protos/*.proto)
unexport PYTHONDONTWRITEBYTECODE # compiled once, not by every process
COMPOSE := docker compose --env-file deploy/secrets.env -f deploy/compose.yaml

help:
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Every day
setup: .venv/ready protos ## Make the environment: .venv from the lock, code from the protos; PYTHON=python3

.venv/ready: requirements.lock
	@test -x $(PY) || { echo "Making .venv: a minute when packages are downloaded, seconds when they are here."; $(PYTHON) -m venv .venv; }
	@awk '/^uv==/ {p = 1} p {print} p && !/\\$$/ {exit}' requirements.lock > .venv/uv.txt
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@.venv/bin/uv pip sync --system-certs --python $(PY) --require-hashes requirements.lock
	@printf '#!/bin/sh\nPYTHONPATH=%s exec %s/$(PY) -m deploy.convo "$$@"\n' "$(CURDIR)" "$(CURDIR)" > .venv/bin/convo
	@chmod +x .venv/bin/convo
	@touch $@

protos: protos/.ready ## Compile the protos, if they changed

protos/.ready: $(PROTOS) .venv/ready
	@PATH=.venv/bin:$$PATH $(PY) -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --mypy_grpc_out=quiet:. --grpc_python_out=. \
		--include_source_info --include_imports --descriptor_set_out=protos/descriptors.binpb $(PROTOS)
	@touch $@

run: setup ## Start the whole system on this machine: PORT=3000 REPLICAS=1 CONVO_HOME=.convo
	@$(PY) -m deploy.local

client: setup gateway/client/node_modules/.ready ## Write the API's refusals and its TypeScript client's types anew; needs Node
	@$(PY) -m deploy.client

gateway/client/node_modules/.ready: gateway/client/package-lock.json
	@cd gateway/client && npm ci --silent && touch node_modules/.ready

chat: setup ## Be a customer on a simulated WhatsApp; needs `make run` in another terminal
	@$(PY) -m deploy.local.chat

test: setup ## All tests, on throw-away infrastructure: T=tests/messaging K=repeated
	@$(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(or $(T),tests) $(if $(K),-k "$(K)")

bench: setup tests/bench/peers/express/node_modules ## Measure, beside the peers: tests/bench/RESULTS.md; QUICK=1 SIZES=1000,30000
	@QUICK=$(QUICK) $(PY) -m tests.bench && cat tests/bench/RESULTS.md

tests/bench/peers/express/node_modules: tests/bench/peers/express/package.json
	@cd tests/bench/peers/express && npm install --no-package-lock --no-audit --no-fund --silent
	@touch $@

torture: setup ## Kill parts at random and count what was lost, with controls: RUN=E6 SEED=7 ROUNDS=200
	@RUN=$(RUN) SEED=$(SEED) ROUNDS=$(ROUNDS) $(PY) -m tests.faults

eval: setup ## How well the AI works on held-out texts: local, and the provider that is configured
	@$(PY) -m tests.eval

check: setup ## Format, lint, types, boundaries, protos, migrations: what CI runs before the tests
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary services gateway deploy tests
	@.venv/bin/lint-imports --no-cache >/dev/null || .venv/bin/lint-imports --no-cache
	@.venv/bin/buf lint
	@$(PY) -m deploy.client check
	@$(PY) -m deploy.local.check

fmt: .venv/ready ## Format and fix
	@.venv/bin/ruff format --quiet . && .venv/bin/ruff check --quiet --fix .

##@ Containers
up: setup ## The whole system in containers, behind Envoy on PORT=3000; needs Docker with compose
	@$(PY) -m deploy.containers && $(COMPOSE) up --build --detach --wait

down: ## End the containers; their data stays
	@$(COMPOSE) down

manifests: setup ## Kubernetes' resources, for `| kubectl apply -f -`: OVERLAY=production TRUSTED_HOPS=1
	@$(PY) -m deploy.containers && .venv/bin/kubectl kustomize deploy/kubernetes/overlays/$(or $(OVERLAY),development)

##@ Dependencies
lock: .venv/ready ## Pin what pyproject.toml names, with hashes; U=--upgrade takes what is new
	@.venv/bin/uv pip compile --quiet --system-certs --group pyproject.toml:dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header $(U) -o requirements.lock



##@ Data
migrate: setup ## Make schemas and roles where missing, upgrade all six; DATABASE_URL and JWT_SECRET say where
	@$(PY) -m services.kit.migrate upgrade

migration: setup ## New revision from the models: make migration S=messaging M="add reminders"
	@$(PY) -m services.kit.migrate revision $(S) "$(M)"
.PHONY: help setup protos run client chat test bench torture eval up down manifests check fmt lock migrate migration
