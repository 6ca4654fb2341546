"""One check for every distribution: values are scipy.stats', derivatives are finite differences."""

import numpy as np
import scipy.stats

from vgrad import jit, vmap
from vgrad.testing import check_grads

QUANTILES = np.array([[0.01, 0.3, 0.5], [0.77, 0.9, 0.99]])


def check_distribution(module, points, *parameters, moving, tolerance=1e-12):
    """All functions of the module at `points` (ppf and isf at QUANTILES).

    moving      positions of the arguments to differentiate: 0 is the point
    """
    name = module.__name__.rsplit(".", 1)[1]
    for kind in module.__all__:
        function, reference = getattr(module, kind), getattr(getattr(scipy.stats, name), kind)
        x = QUANTILES if kind in ("ppf", "isf") else points
        arguments = (x, *parameters[: function.__code__.co_argcount - 1])
        with np.errstate(all="ignore"):
            wanted = reference(*arguments)
            for got in (function(*arguments), jit(function)(*arguments)):
                np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=1e-14, err_msg=kind)
            rows = vmap(function, (0,) + (None,) * (len(arguments) - 1))(*arguments)
            np.testing.assert_allclose(rows, wanted, rtol=tolerance, atol=1e-14, err_msg=kind)
            singles = [np.asarray(argument, np.float32) for argument in arguments]
            assert function(*singles).dtype == np.float32
            positions = [position for position in moving if position < len(arguments)]

            def of_moving(*values):
                replaced = list(arguments)
                for position, value in zip(positions, values):
                    replaced[position] = value
                return function(*replaced)

            inside = np.isfinite(wanted)
            if inside.all():
                values = tuple([np.asarray(arguments[position], float) for position in positions])
                check_grads(of_moving, values, order=1, atol=1e-4, rtol=1e-4)
