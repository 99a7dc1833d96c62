# make demo: from a fresh machine to a measured leader power cut. make test: everything CI runs.
# Both need root, Debian 12+ or Ubuntu 24.04+, git, make, Python 3.11+; they install all else.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PACKAGES := mmdebstrap debian-archive-keyring systemd-container nftables iproute2 e2fsprogs openssh-client

.PHONY: demo test unit setup lint clean

demo: setup
	lab up
	pyinfra -y inventories/lab.py deploy/cluster.py
	experiments run leader_power_cut

test: setup
	pytest

unit: setup
	pytest -m "not lab"

lint: setup
	ruff check .

setup: .venv/.packages .venv/.installed

clean:
	-lab down
	rm -rf .venv

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("make: Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends python3-venv; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@

.venv/.packages: Makefile
	@[ "$$(id -u)" = 0 ] || { echo "make: root is needed to make hosts: run it with sudo or as root" >&2; exit 2; }
	@dpkg-query -W -f '$${db:Status-Abbrev}\n' $(PACKAGES) 2>/dev/null | grep -qv '^ii' \
	  || [ "$$(dpkg-query -W $(PACKAGES) 2>/dev/null | wc -l)" != $(words $(PACKAGES)) ] \
	  && { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(PACKAGES); } || true
	@mkdir -p .venv && touch $@
