"""Amends: a Kubernetes operator that undoes what automations did."""

__version__ = "0.1.0"
