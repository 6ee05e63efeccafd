"""The watch: kopf wiring and nothing else."""
