"""Operations that move elements without computing: pad, concatenate, flip.

Relies on broadcasting.
"""

import numpy as np

from vgrad.core.primitive import Primitive
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import move_axis

