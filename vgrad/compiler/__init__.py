"""The compiler: Jaxpr to a native program of kernels and BLAS calls. Imported on the first compiled call."""
