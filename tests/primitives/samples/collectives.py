SAMPLES = []  # an operation among the examples of a vmap has no value outside of one: see tests/lax/test_collectives.py
