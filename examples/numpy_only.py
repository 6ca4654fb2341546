"""A NumPy script, unchanged, and SciPy's optimizer with exact derivatives: jac=grad(f), hess=hessian(f).

python examples/numpy_only.py
"""

import numpy as np
from scipy.optimize import minimize

from vgrad import grad, hessian

rng = np.random.default_rng(0)
times = np.linspace(0.0, 4.0, 60)
observed = 2.5 * np.exp(-0.8 * times) * np.cos(3.0 * times + 0.4) + 0.05 * rng.normal(size=times.shape)


def model(parameters):
    """A damped oscillation: nothing here knows of vgrad."""
    amplitude, decay, frequency, phase = parameters
    return amplitude * np.exp(-decay * times) * np.cos(frequency * times + phase)


def misfit(parameters):
    residuals = model(parameters) - observed
    return np.sum(np.log1p((residuals / 0.05) ** 2))  # robust to outliers


start = np.array([2.0, 0.5, 2.8, 0.0])
found = minimize(misfit, start, jac=grad(misfit), hess=hessian(misfit), method="trust-exact")
covariance = np.linalg.inv(hessian(misfit)(found.x))
for name, value, variance in zip(("amplitude", "decay", "frequency", "phase"), found.x, np.diag(covariance)):
    print(f"{name:>10} {value:7.3f} +- {np.sqrt(variance):.3f}")
print(f"{found.nit} iterations, largest derivative left {np.max(np.abs(grad(misfit)(found.x))):.1e}")

assert np.allclose(found.x, [2.5, 0.8, 3.0, 0.4], atol=0.1), "the parameters that made the data"
