"""The examples are scripts: their folder must be on the path for their imports."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent.parent / "examples"))
