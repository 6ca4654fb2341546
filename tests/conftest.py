"""What all tests share: the golden files, and settings that do not depend on who runs them."""

from pathlib import Path

import pytest

from vgrad.config import CHOICES, config

FLOPS_PER_BYTE = 10
GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture(autouse=True)
def default_settings():
    """Every test starts and ends with the first choice of every setting, and with plans that no measurement makes."""
    with config(**{name: choices[0] for name, choices in CHOICES.items()}, flops_per_byte=FLOPS_PER_BYTE):
        yield


@pytest.fixture
def golden(request):
    """golden(name, text): the text must be that of tests/golden/<name>; `pytest --update-golden` writes it."""

    def compare(name, text):
        path = GOLDEN / name
        text = text.rstrip("\n") + "\n"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            return
        assert path.exists(), f"{name} is missing: run pytest --update-golden and review the file"
        assert text == path.read_text(), f"differs from tests/golden/{name}; if that is meant, run --update-golden"

    return compare
