"""vgrad: transforms ordinary NumPy functions. grad differentiates, vmap batches, jit stages; they compose."""
