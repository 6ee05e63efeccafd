"""The shell around the core: queue, observe, reconcile, apply."""
