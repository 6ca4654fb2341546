"""Gathers and scatters.

Relies on shape.
"""
