"""stop_gradient: the value as it is, without its derivative.

Relies on core.
"""

from vgrad.core.primitive import Primitive, no_tangent, refuse

stop_gradient = Primitive(
    "stop_gradient",
    output_type=lambda operand: operand,
    evaluate=lambda operand: operand,
    jvp=no_tangent,
    transpose=refuse("stop_gradient is constant in its operand as far as derivatives go"),
    batch=lambda operands, mapped_axes: (stop_gradient(*operands), mapped_axes[0]),
)
