"""Ways to change the outside world: plug-ins behind ports.Executor, found by their entry points.

registry.py finds them. A plug-in of your own is a class that is constructed with one
ports.ExecutorContext, listed in its package under the entry point group `amends.executors`.
"""
