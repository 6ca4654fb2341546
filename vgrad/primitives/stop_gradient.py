"""stop_gradient: the value as it is, without its derivative.

Relies on core.
"""

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive, no_tangent, refuse


def read_only(operand):
    """A view that cannot be written to: what the user does with it in place must not change the traced value."""
    if not isinstance(operand, np.ndarray):
        return operand
    view = operand.view()
    view.flags.writeable = False
    return view


stop_gradient = Primitive(
    "stop_gradient",
    output_type=lambda operand: operand,
    evaluate=read_only,
    jvp=no_tangent,
    transpose=refuse("stop_gradient is constant in its operand as far as derivatives go"),
    batch=lambda operands, mapped_axes: (stop_gradient(*operands), mapped_axes[0]),
    lower=STRUCTURAL,
)
