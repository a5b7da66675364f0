# Every task of the repository; `make` alone lists them. Variables can be given on the command line: make fuzz SECONDS_EACH=600
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
KAFKA ?= $(CURDIR)/compat/apache-kafka/kafka
ORACLE_PORT ?= 29392
LIMITED_PORT ?= 29393
SECONDS_EACH ?= 60
ROUNDS ?= 200
ARGS ?=

.PHONY: help run build test check deny advisories fix bench instructions oracle differences crash mutants judge compat compat-all results tools adopt fuzz image clean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Build and start a broker on localhost:9092 (data in ./ottla-data; ARGS="--override key=value")
	$(CARGO) run --release --locked --bin ottla -- serve $(ARGS)

build: ## Build target/release/ottla
	$(CARGO) build --release --locked --bin ottla

test: ## Run every test that needs nothing but this repository
	$(CARGO) test --locked --no-fail-fast $(ARGS)

check: ## Everything a change must pass; writes nothing: format, lints, tests, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked --no-fail-fast
	@$(MAKE) --no-print-directory deny

deny: ## Check licences, sources and versions of the dependencies (needs cargo-deny)
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check bans licenses sources; \
	else echo "cargo-deny is not installed, dependencies were not checked: cargo install --locked cargo-deny"; fi

advisories: ## Check the dependencies against the published advisories (needs cargo-deny and the network)
	$(CARGO) deny --locked check advisories

fix: ## Format, and apply what the lints can repair
	$(CARGO) clippy --fix --allow-dirty --allow-staged --all-targets
	$(CARGO) fmt --all

bench: build ## Measure Ottla and Apache Kafka side by side (ARGS="--quick --only fetch"; needs java, mvn, python3)
	$(CARGO) build --release --locked -p bench
	@trap '$(KAFKA) down bench >/dev/null 2>&1 || true' EXIT; target/release/bench --kafka $(KAFKA) $(ARGS)

instructions: ## Count the instructions of hot paths and compare them with benches/instructions.txt (OTTLA_WRITE_COUNTS=1 writes it; needs valgrind)
	@command -v valgrind >/dev/null || { echo "apt-get install valgrind"; exit 1; }
	$(CARGO) build --release --locked -p bench
	$(CARGO) bench --locked --bench instructions --config "target.'cfg(unix)'.runner = ['$(CURDIR)/target/release/bench', 'count']"

oracle: ## Run the protocol tests against Apache Kafka: what fails there is a wrong test (needs java, mvn, python3)
	$(CARGO) build --locked --bin ottla
	@trap '$(KAFKA) down oracle || true; $(KAFKA) down limited || true' EXIT; $(KAFKA) up oracle $(ORACLE_PORT); \
	$(KAFKA) up limited $(LIMITED_PORT) group.max.size=1 group.consumer.max.size=1 delete.topic.enable=false; \
	OTTLA_TEST_BROKER=127.0.0.1:$(ORACLE_PORT) OTTLA_TEST_LIMITED_BROKER=127.0.0.1:$(LIMITED_PORT) $(CARGO) test --locked --no-fail-fast -p protocol-tests $(ARGS)

differences: ## Ask both brokers the same of every API at every version and report each field that differs (needs java, mvn, python3)
	$(MAKE) oracle ARGS="--test golden"
	$(CARGO) test --locked -p protocol-tests --test golden -- --nocapture --test-threads 1

crash: build ## Kill the broker at 200 random moments under load (ROUNDS=1000): nothing acknowledged may be lost; then fill a small disk
	OTTLA_BIN=$(CURDIR)/target/release/ottla OTTLA_KILL_ROUNDS=$(ROUNDS) $(CARGO) test --locked -p protocol-tests --test kill --test kill_groups --test kill_transactions --test transaction_compaction -- --nocapture --test-threads 1 $(ARGS)
	OTTLA_BIN=$(CURDIR)/target/release/ottla OTTLA_FULL_DISK_CYCLES=20 $(CARGO) test --locked -p protocol-tests --test full_disk -- --nocapture
	OTTLA_CRASH_POINTS=20000 $(CARGO) test --locked --profile crash -p ottla --lib -- --nocapture log_13_every_moment log_14_each_bit_of_the_notes
	OTTLA_CRASH_POINTS=2000 $(CARGO) test --locked --profile crash -p ottla --lib -- --nocapture every_moment_of_the_coordinators
	OTTLA_FAULT_SITES=100000 $(CARGO) test --locked --profile crash -p ottla --lib every_operation_can_fail -- --nocapture

mutants: ## Build the broker with faults on purpose and prove that the checker finds each (ROUNDS=20 kills a run)
	ROUNDS=$(if $(filter file,$(origin ROUNDS)),20,$(ROUNDS)) protocol-tests/mutants.sh $(ARGS)

judge: ## Prove that the clients' suites find faults: each fault on purpose turns the smallest slice of a suite red (see compat/)
	compat/judge.sh $(ARGS)

compat: build ## Run the rdkafka crate against Ottla, or a client's own suite (SUITE=librdkafka BROKER=kafka; see compat/)
	@if [ -n "$(SUITE)" ]; then OTTLA_BIN=$(CURDIR)/target/release/ottla compat/$(SUITE)/run.sh $(or $(BROKER),ottla) $(ARGS); exit; fi; \
	OTTLA_BIN=$(CURDIR)/target/release/ottla $(CARGO) test --locked -p compat-rdkafka $(ARGS)

compat-all: build ## Run every client's own suite (BROKER=kafka; a few hours; see compat/) and sum up
	OTTLA_BIN=$(CURDIR)/target/release/ottla compat/all.sh $(or $(BROKER),ottla)

results: ## Take what the suites' runs left in target/compat into compat/results and docs/COMPATIBILITY.md
	compat/record.py
	OTTLA_WRITE_DOCS=1 $(CARGO) test --locked --lib compatibility

tools: build ## Run Apache Kafka's own tools and kcat against Ottla (LINES=10000 is short; needs java, mvn, python3, kcat)
	compat/kafka-tools/run.sh

adopt: build ## Start Apache Kafka on copies of Ottla's directory and read every record of 5 GB (GIGABYTES=0.1; FAULT=flip must fail; needs java, mvn, python3, kcat)
	compat/adopt/run.sh

fuzz: ## Run each fuzz target for SECONDS_EACH (needs nightly Rust and cargo-fuzz)
	@$(CARGO) +nightly fuzz --version >/dev/null || { echo "rustup toolchain install nightly && cargo install --locked cargo-fuzz"; exit 1; }
	@for target in $$($(CARGO) +nightly fuzz list); do \
	echo "== $$target"; $(CARGO) +nightly fuzz run "$$target" -- -max_total_time=$(SECONDS_EACH) -rss_limit_mb=1024; done

image: ## Build the container image ottla:latest (needs docker)
	docker build --tag ottla:latest .

clean: ## Remove what builds made; data directories stay
	$(CARGO) clean
