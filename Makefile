# bench: installs what is missing, builds, and runs the main job on generated sample data.
# test:  builds and passes the tests.
# report: all tasks on sample data, then the report of them; stopped, it goes on where it was.
# lint:   what swift-format finds in the tree; .swift-format holds the rules.
# release: one folder with all programs for machines without Swift; CPU says for which processors.
# benchmark: measures the engine beside those of others, and keeps the result by processor (makes a
#   Python environment of its own).

PACKAGES := libopenblas-dev libpng-dev libjson-c-dev libturbojpeg0-dev libjpeg-dev zlib1g-dev libssl-dev \
  libxml2-dev
# What tests start several processes with; where they are not, those tests are skipped.
TEST_PACKAGES := openmpi-bin mpich

# What the programs of a release are compiled for: x86-64-v3 is AVX2, native is this machine.
CPU ?= x86-64-v3

.PHONY: bench test lint report release benchmark packages clean

bench: packages
	swift build --product bench-linear
	swift run --skip-build bench-linear

test: packages
	@$(MAKE) --no-print-directory packages PACKAGES="$(TEST_PACKAGES)" \
	  || echo "tests of several processes are skipped" >&2
	swift build --build-tests
	swift test --skip-build

lint:
	swift format lint --strict --recursive Sources Tests Benchmarks Package.swift

report: packages
	swift build --product bench-suite
	swift run --skip-build bench-suite

release: packages
	CPU=$(CPU) Benchmarks/Release/release.sh

benchmark: packages
	swift build -c release --product bench-kernels
	Benchmarks/PyTorch/compare.sh

# Installs only what is missing; without root it says what to install.
packages:
	@missing=""; \
	for package in $(PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing" >&2; \
	  if [ "$$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi; \
	  $$sudo apt-get update -qq && $$sudo apt-get install -y -qq $$missing >/dev/null \
	    || { echo "Error: could not install$$missing; install them with apt-get." >&2; exit 1; }; \
	fi

clean:
	swift package clean
