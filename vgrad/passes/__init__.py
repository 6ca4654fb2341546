"""Passes: Jaxpr to Jaxpr, results unchanged."""
