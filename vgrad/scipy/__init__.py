"""SciPy's names on vgrad's primitives: special, stats, linalg.

Relies on vgrad.numpy. Import the part you use: `from vgrad.scipy.special import logsumexp`.
"""
