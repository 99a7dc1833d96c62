# make demo: from a fresh machine to a measured leader power cut. make test: everything CI runs.
# Both need root, Debian 12+ or Ubuntu 24.04+, git, make, Python 3.11+; they install all else.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PACKAGES := mmdebstrap debian-archive-keyring systemd-container nftables iproute2 e2fsprogs openssh-client util-linux
# What is started here ends with us, also when we are killed.
WITH_US := setpriv --pdeathsig KILL
LOG := .venv/setup.log

.PHONY: demo suite test unit bench lint setup clean

demo: setup
	@$(WITH_US) lab up
	@$(WITH_US) pyinfra -y inventories/lab.py deploy/cluster.py
	@$(WITH_US) experiments run leader_power_cut
	@echo "The lab runs on. Look around: . $(BIN)/activate; lab status; experiments list. Remove it: lab down"

# All experiments, about 26 minutes; make suite QUICK=--quick: the few that tell most, in about seven.
suite: setup
	@$(WITH_US) lab up
	@$(WITH_US) pyinfra -y inventories/lab.py deploy/cluster.py
	@$(WITH_US) experiments suite $(QUICK)

test: setup
	@$(WITH_US) pytest

unit: setup
	@pytest -m "not lab"

bench: setup
	@$(WITH_US) python -m firedrill.lab.bench

lint: setup
	@ruff check . && ruff format --check . && mypy

setup: .venv/packages .venv/installed

clean:
	-$(BIN)/lab down
	rm -rf .venv

.venv/packages: Makefile
	@[ "$$(id -u)" = 0 ] || { echo "make: hosts can only be made by root: run it with sudo or as root" >&2; exit 2; }
	@mkdir -p .venv
	@missing=$$(for name in $(PACKAGES); do \
	    dpkg-query -W -f '$${db:Status-Status}\n' $$name 2>/dev/null | grep -qx installed || echo $$name; done); \
	  $(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	  [ -z "$$missing" ] || { echo "installing" $$missing; \
	    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; } >$(LOG) 2>&1; } \
	  || { echo "make: packages cannot be installed ($$(grep -m1 '^E:' $(LOG) || tail -1 $(LOG))): check network and DNS; see $(LOG)" >&2; exit 2; }
	@touch $@

.venv/installed: pyproject.toml .venv/packages
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("make: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": name one with PYTHON=")'
	@echo "making the Python environment in .venv"
	@{ $(PYTHON) -m venv --upgrade-deps .venv && $(BIN)/python -m pip install -q -e '.[test]'; } >$(LOG) 2>&1 \
	  || { echo "make: the Python environment cannot be made ($$(grep -m1 -E '^ *(ERROR|error): ' $(LOG) || tail -1 $(LOG))): check network and DNS; see $(LOG)" >&2; exit 2; }
	@touch $@
