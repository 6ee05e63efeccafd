"""Adapters to the API server: one connection, compare-and-swap, cache, lease, Events, Secrets."""
