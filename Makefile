# SPDX-License-Identifier: GPL-2.0-or-later
# A thin front: meson and ninja build, tests/run tests. Everything installs what it needs.
.DEFAULT_GOAL := build
.PHONY: build demo check check-lab check-peers bench fuzz install deb schema format clean help

build: ## build build/kmortem
	@scripts/install-deps build
	@[ -f build/build.ninja ] || meson setup build
	@ninja -C build

demo: ## kmortem arms a guest, which dies; kmortem saves, restarts and explains it
	@scripts/install-deps build lab
	@$(MAKE) --no-print-directory build
	@scripts/demo

check: ## all tests that fit in half an hour on two cores
	@scripts/install-deps build test lab
	@tests/run check

check-lab: ## every scenario, every kernel, 2,000 damaged dumps
	@scripts/install-deps build test lab
	@tests/run check-lab

check-peers: ## side by side with crash, drgn and makedumpfile in a chroot (needs root)
	@scripts/install-deps build test lab peers
	@$(MAKE) --no-print-directory build
	@tests/peers/check
	@tests/peers/layouts
	@tests/peers/objects
	@tests/peers/pages
	@tests/peers/captures
	@tests/peers/makedumpfile
	@tests/peers/loads

bench: ## speed and memory beside the peers, in one run
	@scripts/install-deps build lab peers
	@$(MAKE) --no-print-directory build
	@bench/open-stacks
	@bench/search
	@bench/look
	@bench/capture

fuzz: ## an hour of each fuzz harness (FUZZ_SECONDS)
	@scripts/install-deps build test
	@tests/run fuzz

install: build ## install under meson's prefix (DESTDIR is honoured)
	@meson install -C build

deb: ## the Debian package: build/deb/kmortem_*.deb
	@scripts/install-deps build deb
	@scripts/make-deb

schema: build ## write docs/schema anew from the commands' own tables
	@build/kmortem schema --write docs/schema

format: ## lay out the C sources by .clang-format
	@git ls-files '*.[ch]' | xargs clang-format -i

clean: ## remove what was built (the lab's cache stays: lab/lab clean)
	@rm -rf build build-sanitize build-fuzz

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 14
