# `make help` lists what there is. Everything else is in docs/TESTING.md.

CARGO ?= cargo
ARGS ?=
KILLS ?= 150
SEED ?= 1

.PHONY: help test check build bench demo soak fuzz schemathesis deps deps-test

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

test: deps-test check ## everything that must hold: format, lints, all tests (this is what CI runs)
	CARGO='$(CARGO)' scripts/run-tests --locked

check: deps ## format and lints only
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

build: deps ## the program, optimised: target/release/countersign
	$(CARGO) build --release --locked --bin countersign

bench: deps-test ## how fast mails and words are read, and a full mailbox worked off
	$(CARGO) bench --locked --bench mail
	$(CARGO) bench --locked --bench wording
	$(CARGO) bench --locked --bench visit

demo: build ## build, then a whole service on this machine to try out (ARGS=... is passed on)
	target/release/countersign demo $(ARGS)

soak: deps-test ## kill the service again and again: KILLS=150 on each database, SEED=1 for the dice
	COUNTERSIGN_KILLS='$(KILLS)' COUNTERSIGN_SEED='$(SEED)' $(CARGO) test --locked --test it kill:: -- --nocapture

fuzz: deps ## let libFuzzer look for bytes that break a promise (ARGS="SECONDS TARGET...", 60 each)
	scripts/fuzz $(ARGS)

schemathesis: ## hold the API against its own description, as each role (needs schemathesis from PyPI)
	$(CARGO) build --locked --bin countersign
	scripts/schemathesis $(ARGS)

deps: ## install what the build needs (apt; asks for nothing that is there)
	@scripts/install-deps build

deps-test: ## install what the tests need as well: mail servers, PostgreSQL, a browser
	@scripts/install-deps test
