"""Requests: built from a plan, sent to a permitted target, and their answers judged."""
