# Gatepost. `make help` lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python here that is new enough; another: make run PYTHON=/path/to/python3
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 3000
DATA ?= .data
PYTEST := $(BIN)/python -m pytest
# Of all tests: what is long is in the folders that come first, so files are shared out in their order. A test that
# hangs ends its process after a while; another in its place would begin with the same test.
IN_PROCESSES := -n 2 --no-loadscope-reorder --max-worker-restart 0
ORDERS := examples/orders-fastapi
HASHES := tests/hashes
VERIFIERS := tests/verify_elsewhere
RECIPES := tests/behind_the_gateway
POLICIES := tests/policies

# Only what make itself is told: in a shell, MAIL names the file with somebody's letters.
WITH_MAILBOX := $(if $(filter command,$(origin MAIL)),$(if $(filter mailbox,$(MAIL)),--mailbox,$(error there is no MAIL=$(MAIL), only MAIL=mailbox)))

##@ Run it
.PHONY: run
run: $(VENV)/ready-to-run ## Run everything without Docker, until Ctrl-C (make run PORT=3001: another port, 0: a free one; DATA=.data-2: other data; MAIL=mailbox: letters on a page)
	@exec $(BIN)/python -m stack --port $(PORT) --data $(DATA) $(WITH_MAILBOX)

.PHONY: dev
dev: $(VENV)/ready-to-work ## The same for work on the code: services start anew when their files change (PORT, DATA, MAIL as above)
	@exec $(BIN)/python -m stack --reload --port $(PORT) --data $(DATA) $(WITH_MAILBOX)

.PHONY: up
up: ## Build the containers, start them, wait until all are healthy; a running stack is upgraded without an outage (MAIL=mailbox: letters on a page; BUILD=no: from the images that are there)
	@deploy/compose_up.sh $(if $(filter no,$(BUILD)),--no-build)

.PHONY: down
down: ## Stop the containers; the data stays in its volume
	@COMPOSE_PROFILES=mailbox,observe deploy/compose.sh down

.PHONY: logs
logs: ## Follow what the containers log
	@deploy/compose.sh logs --follow --tail 50

.PHONY: doctor
doctor: ## Look at the settings of the running containers, and at all that they depend on, and say what to do
	@failed=0; for service in auth_service posts_service gateway; do \
		deploy/compose.sh exec -T $$service python -m $$service doctor || failed=1; done; exit $$failed

##@ Work on it
.PHONY: lint check
lint: $(VENV)/ready-to-work ## Style, types, layers, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=examples/comments $(BIN)/mypy --package comments_service
	$(BIN)/lint-imports
	$(BIN)/python -m deploy.supply.audit
check: lint ## The same, whether the policy keeps its promises, and the coverage of the unit and service tests
	$(BIN)/python -m gateway.explain --rules gateway/rules.toml --prove gateway/promises.toml
	$(PYTEST) $(IN_PROCESSES) tests/unit tests/service --cov --cov-fail-under=95 -q

.PHONY: unit service plain key-pair integration attacks differential containers
unit: $(VENV)/ready-to-work ## Test the pure modules
	$(PYTEST) tests/unit
service: $(VENV)/ready-to-work $(HASHES)/.venv/ready ## Test each service in process against a real PostgreSQL; needs node and npm
	$(PYTEST) tests/service
plain: $(VENV)/ready-to-work ## Test the services with all of fast/ switched off: no answer depends on it
	$(PYTEST) tests/service/auth tests/service/gateway tests/service/posts --without-fast
key-pair: $(VENV)/ready-to-work $(HASHES)/.venv/ready ## Test the services, and the running stack, with access tokens signed by a key pair
	$(PYTEST) tests/service/auth tests/service/gateway tests/service/posts tests/service/restore tests/integration/test_story.py \
		tests/integration/test_following.py --key-pair
integration: $(VENV)/ready-to-work $(ORDERS)/.venv/ready $(VERIFIERS)/.venv/ready $(RECIPES)/.venv/ready ## Test the running stack over HTTP, with a browser and real clients; needs node and npm
	$(PYTEST) tests/integration
attacks: $(VENV)/ready-to-work ## Attack the gateway with the whole lists of tests/attacks
	$(PYTEST) tests/attacks --whole-lists
differential: $(VENV)/ready-to-work ## Compare matchers with path-to-regexp, cookies and sign-ins elsewhere with next-auth; needs node and npm
	$(PYTEST) tests/differential --whole-lists
containers: $(VENV)/ready-to-work ## Test the containers
	$(PYTEST) tests/containers

.PHONY: test
test: $(VENV)/ready-to-work $(ORDERS)/.venv/ready $(HASHES)/.venv/ready $(VERIFIERS)/.venv/ready $(RECIPES)/.venv/ready ## All tests, in two processes
	$(PYTEST) $(IN_PROCESSES) $(PYTEST_OPTIONS)

.PHONY: alerts
alerts: $(VENV)/ready-to-work ## Write the alerts for Kubernetes anew from those of deploy/observe
	$(BIN)/python -m deploy.alert_rules --kubernetes >deploy/kubernetes/monitoring/prometheus-rule.yaml

.PHONY: policies
policies: $(VENV)/ready-to-work $(POLICIES)/.venv/ready ## Judge the manifests of Kubernetes by checkov's policies; a minute, and another to install it
	@rendered=$$(mktemp -d) && trap 'rm -r "$$rendered"' EXIT && \
	for each in ingress forward-auth migrations; do \
		$(BIN)/kubectl kustomize deploy/kubernetes/$$each >"$$rendered/$$each.yaml" || exit 1; \
	done && \
	$(POLICIES)/.venv/bin/checkov --config-file $(POLICIES)/checkov.yaml --directory "$$rendered"

.PHONY: messages
messages: $(VENV)/ready-to-work ## Bring the translations up to date with what templates and code say
	$(BIN)/python -m deploy.messages

CLIENT := examples/client
.PHONY: client
client: $(VENV)/ready-to-work $(CLIENT)/node_modules/ready ## Make the types of examples/client from the API's description; needs node and npm
	$(BIN)/python -m deploy.api_description | (cd $(CLIENT) && npm run --silent types -- --output src/api.ts)

.PHONY: next-auth-table
next-auth-table: $(VENV)/ready-to-work ## Write the comparison with next-auth into docs/next-auth.md; needs node and npm
	$(PYTEST) tests/integration/test_next_auth_comparison.py tests/differential/test_next_auth_providers.py --write-tables

.PHONY: verify-elsewhere verify-elsewhere-table
verify-elsewhere: $(VENV)/ready-to-work $(VERIFIERS)/.venv/ready ## Test how external services verify our tokens, and print who answers what; needs node, npm, nginx and haproxy
	$(PYTEST) tests/integration/verify_elsewhere --capture=no
verify-elsewhere-table: $(VENV)/ready-to-work $(VERIFIERS)/.venv/ready ## The same, and write the table into docs/verify-elsewhere/README.md
	$(PYTEST) tests/integration/verify_elsewhere --capture=no --write-tables

PEERS := tests/benchmarks/peers
PEERS_READY := $(VENV)/ready-to-work $(PEERS)/fastapi_sqlalchemy/.venv/ready $(PEERS)/fastify_pg/node_modules/ready $(PEERS)/next_auth/.next/ready
.PHONY: bench
bench: $(PEERS_READY) ## Measure the stack beside its peers, into tests/benchmarks/RESULTS.md; 14 minutes; needs wrk, node and npm
	$(BIN)/python -m tests.benchmarks $(BENCH_OPTIONS)

.PHONY: bench-requests
bench-requests: $(PEERS_READY) ## Measure only the requests through the gateway, beside those peers (BENCH_OPTIONS="--tree DIR": and another checkout's); 9 minutes
	$(BIN)/python -m tests.benchmarks.through_gateway $(BENCH_OPTIONS)

.PHONY: bench-gateway
bench-gateway: $(VENV)/ready-to-work ## Measure the gateway beside nginx and HAProxy; about 5 minutes (BENCH_OPTIONS=--log-requests: all log)
	$(BIN)/python -m tests.benchmarks.gateway $(BENCH_OPTIONS)

.PHONY: bench-memory
bench-memory: $(VENV)/ready-to-work ## Measure the gateway's memory with many connections and large bodies; a minute
	$(BIN)/python -m tests.benchmarks.connections $(BENCH_OPTIONS)

.PHONY: bench-revocation
bench-revocation: $(VENV)/ready-to-work ## Measure how long the token of an ended session still opens something
	$(BIN)/python -m tests.benchmarks.revocation

.PHONY: scale
scale: $(VENV)/ready-to-work ## Measure at 10,000 and at 10 million posts, into tests/benchmarks/SCALE.md; 12 minutes, 9 GB; needs wrk
	$(BIN)/python -m tests.benchmarks.scale $(SCALE_OPTIONS)

.PHONY: faults
faults: $(VENV)/ready-to-work ## Do faults to the containers under load, and say what came of them; as root, some 50 minutes (FAULTS=--short: 4)
	$(BIN)/python -m tests.faults $(FAULTS)

.PHONY: programs
programs: $(VENV)/ready-to-work ## Walk ordinary programs from PyPI, npm and Debian behind the gateway, which docs/programs.md lists (PROGRAMS=dash: only that); half an hour; installs them, needs node, npm and Chromium
	$(BIN)/python -m tests.programs $(PROGRAMS)

.PHONY: audit
audit: $(VENV)/ready-to-work ## Ask whether the locked libraries are known to be vulnerable (AUDIT=--must-answer: fail when nobody answers)
	$(BIN)/python -m deploy.supply.audit $(AUDIT)

.PHONY: sbom
sbom: $(VENV)/ready-to-work ## Write the list of parts of the images, CycloneDX, into gatepost.cdx.json
	deploy/sbom.sh $(BIN)/cyclonedx-py gatepost.cdx.json

.PHONY: lock
lock: $(VENV)/ready-to-work ## Resolve the requirements anew and lock them with hashes
	deploy/lock.sh $(BIN)/uv

.PHONY: clean
clean: ## Remove the virtual environment and what tools left; .data stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	rm -rf $(PEERS)/fastapi_sqlalchemy/.venv $(ORDERS)/.venv $(HASHES)/.venv $(VERIFIERS)/.venv $(RECIPES)/.venv $(PEERS)/fastify_pg/node_modules $(PEERS)/next_auth/node_modules $(PEERS)/next_auth/.next
	rm -rf .programs tests/accessibility/node_modules tests/differential/node_modules $(HASHES)/node_modules $(VERIFIERS)/node_modules $(RECIPES)/node_modules tests/next_auth/node_modules tests/providers/node_modules $(CLIENT)/node_modules $(CLIENT)/dist examples/nextjs/node_modules examples/nextjs/.next
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-23s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The virtual environment. The stamps say which of the locked requirements are in it.
$(VENV)/created: PYTHON := $(or $(PYTHON),python3)
$(VENV)/created:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$("$(PYTHON)" -c 'import sys; print(sys.version.split()[0])' 2>/dev/null || echo "not there"); \
		echo "Gatepost needs Python 3.11 or newer; $(PYTHON) is $$found. Name one: make run PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python can't make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/ready-to-run: requirements-run.txt $(VENV)/created
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-run.txt
	@touch $@

$(VENV)/ready-to-work: requirements-dev.txt $(VENV)/ready-to-run
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# What the benchmark compares with, the example that is a service of somebody else, Django, others' verifiers, and the
# programs of the recipes: each apart from ours.
$(PEERS)/fastapi_sqlalchemy/.venv/ready $(ORDERS)/.venv/ready $(HASHES)/.venv/ready $(VERIFIERS)/.venv/ready $(RECIPES)/.venv/ready $(POLICIES)/.venv/ready: %/.venv/ready: %/requirements.txt $(VENV)/created
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(PEERS)/fastify_pg/node_modules/ready $(CLIENT)/node_modules/ready: %/node_modules/ready: %/package-lock.json
	cd $* && npm ci --ignore-scripts
	@touch $@

$(PEERS)/next_auth/.next/ready: $(PEERS)/next_auth/package-lock.json $(wildcard $(PEERS)/next_auth/pages/api/auth/*.js)
	cd $(PEERS)/next_auth && npm ci --ignore-scripts && NEXT_TELEMETRY_DISABLED=1 npx --no-install next build
	@touch $@
