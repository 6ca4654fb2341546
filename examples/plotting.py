"""What the examples' plots share: figures are drawn without a screen, and saved."""

import contextlib

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  after the choice


@contextlib.contextmanager
def figure(path, rows=1, columns=1, **settings):
    """(figure, axes), as pyplot.subplots gives them, to draw on; at the end it is saved, its folder made if needed."""
    drawn, axes = pyplot.subplots(rows, columns, layout="constrained", **settings)
    yield drawn, axes
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, dpi=120)
    pyplot.close(drawn)
