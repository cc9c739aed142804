# Everything from a fresh clone: `make demo` trains on real flights, `make test` runs every check.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN := node --initial-old-space-size=256 dist/src/cli/main.js

.PHONY: help setup build demo demo-kafka demo-flink kafka-tools flink-tools test test-fast lint verify bench clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# npm's own marker tells whether node_modules fits the lock file; its date is what make compares.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

build: node_modules/.package-lock.json ## compile TypeScript
	@npx --no-install tsc -b

setup: build ## packages, build, native TensorFlow (cached)
	@$(BIN) setup

demo: setup ## train on three million real flights and score them
	@$(BIN) run examples/flight-delays/job.ts

demo-kafka: setup ## learn from flights in a Kafka topic, predictions to another one (needs Java 17 and Maven)
	@node dist/examples/flights-kafka/demo.js

demo-flink: setup ## the same job on a real Flink cluster with two TaskManagers (needs JDK 17 and Maven)
	@node dist/examples/flights-flink/demo.js

# Java and Maven run the broker, kcat judges what was written. Tests that miss one are skipped, which CI counts as a failure.
kafka-tools: ## Java, Maven and kcat from Debian, where they are missing and may be installed
	@missing=""; \
	command -v java >/dev/null || missing="$$missing openjdk-17-jre-headless"; \
	command -v mvn >/dev/null || missing="$$missing maven"; \
	command -v kcat >/dev/null || missing="$$missing kcat"; \
	if [ -n "$$missing" ]; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null || true; fi; \
	  for tool in java mvn kcat; do command -v $$tool >/dev/null || echo "$$tool is missing: the Kafka tests that need it are skipped; install$$missing"; done; \
	fi

# Flink runs from its jars; javac and Maven build the bridge that its TaskManagers load.
flink-tools: ## JDK 17 and Maven from Debian, where they are missing and may be installed
	@missing=""; \
	command -v javac >/dev/null || missing="$$missing openjdk-17-jdk-headless"; \
	command -v mvn >/dev/null || missing="$$missing maven"; \
	if [ -n "$$missing" ]; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null || true; fi; \
	  for tool in javac mvn; do command -v $$tool >/dev/null || echo "$$tool is missing: --engine flink cannot be used, and its tests are skipped; install$$missing"; done; \
	fi

lint: build ## lint and formatting
	npx --no-install eslint .
	npx --no-install prettier --check .

test: kafka-tools flink-tools setup lint ## every check and every test
	node dist/test/run.js

test-fast: build ## unit tests only
	node dist/test/run.js unit

verify: test ## what CI runs

bench: build ## benches: make bench NAME=ring
	npm run --silent bench -- $(NAME)

clean: ## remove what was built (not the cache of the native library)
	rm -rf dist out
