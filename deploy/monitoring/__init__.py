"""Prometheus and Alertmanager on the hosts of group `monitor`, and exporters on all: docs/monitoring.md."""
