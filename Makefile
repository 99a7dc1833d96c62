# make demo: from a fresh machine to a measured leader power cut. make test: everything CI runs.
# Both need root, Debian 12+ or Ubuntu 24.04+, git, make and Python 3.11+. They install everything else.
PYTHON ?= python3
WORKERS ?= 2
SOAK_MINUTES ?= 120
# make demo SYSTEM=mysql: the same with a MySQL group. Its inventory, and the role whose packages its image needs.
SYSTEM ?= patroni
INVENTORY_patroni := inventories/lab.py
INVENTORY_mysql := inventories/mysql.py
ROLE_mysql := mysqld
INVENTORY = $(or $(INVENTORY_$(SYSTEM)),$(error SYSTEM is $(SYSTEM), wanted patroni or mysql))
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PACKAGES := mmdebstrap debian-archive-keyring systemd-container nftables iproute2 e2fsprogs openssh-client util-linux
# Commands end with make, even when make is killed.
WITH_US := setpriv --pdeathsig KILL
LOG := .venv/setup.log

.PHONY: demo suite test unit soak bench lint prepare setup tools image clean

demo: prepare
	@$(WITH_US) lab -i $(INVENTORY) up
	@$(WITH_US) pyinfra -y $(INVENTORY) deploy/cluster.py
	@$(WITH_US) experiments -i $(INVENTORY) run leader_power_cut
	@echo "The lab is still running. Explore it: . $(BIN)/activate; export FIREDRILL_INVENTORY=$(INVENTORY);" \
	  "lab status; experiments list. Remove it: lab down"

# All experiments, about 26 minutes. make suite QUICK=--quick: the most informative ones, about seven minutes.
suite: prepare
	@$(WITH_US) lab -i $(INVENTORY) up
	@$(WITH_US) pyinfra -y $(INVENTORY) deploy/cluster.py
	@$(WITH_US) experiments -i $(INVENTORY) suite $(QUICK)

# How the tests share this machine: tests/README.md.
test: .venv/packages
	@$(WITH_US) $(MAKE) --no-print-directory --jobs=2 .venv/tools image
	@$(WITH_US) pytest -n $(WORKERS) --durations=25

unit: tools
	@$(WITH_US) pytest -n 4 -m "not lab and not wheel"

# Before a release: what takes hours, for SOAK_MINUTES per test at most.
soak: tools
	@$(WITH_US) env SOAK_MINUTES=$(SOAK_MINUTES) pytest -n 2 -m soak --durations=25

bench: setup
	@$(WITH_US) python -m firedrill.lab.bench
	@$(WITH_US) python -m firedrill.deploy.bench

lint: tools
	@ruff check . && ruff format --check . && mypy

# The Python environment and the host image are independent: they are made at the same time.
prepare: .venv/packages
	@$(WITH_US) $(MAKE) --no-print-directory --jobs=2 .venv/installed image

setup: .venv/installed

tools: .venv/tools

image: .venv/packages
	@$(WITH_US) $(PYTHON) -m firedrill.lab.image $(ROLE_$(SYSTEM))

clean:
	-$(BIN)/lab down
	rm -rf .venv

.venv/packages: Makefile
	@[ "$$(id -u)" = 0 ] || { echo "make: only root can create hosts: run it with sudo or as root" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("make: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": name one with PYTHON=")'
	@mkdir -p .venv
	@missing=$$(for name in $(PACKAGES); do \
	    dpkg-query -W -f '$${db:Status-Status}\n' $$name 2>/dev/null | grep -qx installed || echo $$name; done); \
	  $(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	  [ -z "$$missing" ] || { echo "installing" $$missing; \
	    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; } >$(LOG) 2>&1; } \
	  || { echo "make: packages cannot be installed ($$(grep -m1 '^E:' $(LOG) || tail -1 $(LOG))): check network and DNS; see $(LOG)" >&2; exit 2; }
	@touch $@

# pip's own errors, as one line.
pip = { $(1); } >$(LOG) 2>&1 || { echo "make: the Python environment cannot be made \
($$(grep -m1 -E '^ *(ERROR|error): ' $(LOG) || tail -1 $(LOG))): check network and DNS; see $(LOG)" >&2; exit 2; }

.venv/installed: pyproject.toml .venv/packages
	@echo "making the Python environment in .venv"
	@$(call pip,$(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q -e .)
	@touch $@

# What tests and checks need in addition.
.venv/tools: .venv/installed
	@echo "adding the test tools to .venv"
	@$(call pip,$(BIN)/python -m pip install -q -e '.[test]')
	@touch $@
