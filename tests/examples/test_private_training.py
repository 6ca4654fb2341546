"""What the private examples share: a clipped and noisy gradient, and checkpoints of any state."""

import numpy as np
import pytest

for library in ("dp_accounting", "tqdm", "matplotlib"):
    pytest.importorskip(library, reason="the examples' extra is not installed")

import private_training  # noqa: E402

from vgrad import optim, random, tree  # noqa: E402

DATA = (np.random.default_rng(0).normal(size=(200, 3)),)


def loss(parameters, x):
    return parameters["scale"] * np.sum((x - parameters["centre"]) ** 2)


PARAMETERS = {"centre": np.array([3.0, 0.0, 1.0]), "scale": np.float64(0.5)}
sums_of = private_training.clipped_sums(loss)


def test_the_sum_is_of_clipped_gradients():
    sums, losses, norms = sums_of(PARAMETERS, DATA, 2.0)
    difference = PARAMETERS["centre"] - DATA[0]
    squares = np.sum(difference**2, axis=1)
    expected = np.sqrt(squares + squares**2)
    np.testing.assert_allclose(losses, squares / 2)
    np.testing.assert_allclose(norms, expected)
    factors = np.minimum(1, 2 / expected)
    np.testing.assert_allclose(sums["centre"], factors @ difference)
    np.testing.assert_allclose(sums["scale"], factors @ squares)


def test_the_noise_has_the_deviation_asked_for_and_depends_on_the_key():
    def centre(noise_multiplier, key):
        settings = {"noise_multiplier": noise_multiplier, "clip": 2.0}
        gradient, losses, _ = private_training.private_gradient(sums_of, PARAMETERS, key, DATA, 100, settings)
        assert 60 < len(losses) < 140
        return gradient["centre"]

    keys = random.split(random.PRNGKey(0), 60)
    noise = np.array([centre(5.0, key) - centre(0.0, key) for key in keys])
    assert abs(np.std(noise) * 100 / (5 * 2) - 1) < 0.2
    np.testing.assert_array_equal(centre(5.0, keys[0]), centre(5.0, keys[0]))


def test_a_checkpoint_holds_the_state_of_any_optimiser(tmp_path):
    optimizer = optim.adam(optim.cosine_decay_schedule(0.1, 10))
    state = PARAMETERS, optimizer.init(PARAMETERS)
    _, moments = optimizer.update(PARAMETERS, state[1])
    path, settings = tmp_path / "checkpoint.npz", {"clip": 1.0}
    private_training.save_checkpoint(path, (PARAMETERS, moments), 7, np.arange(3.0), [{"epoch": 1}], settings)
    loaded, step, norms, history = private_training.load_checkpoint(path, state, settings)
    assert tree.structure(loaded) == tree.structure(state) and step == 7 and history == [{"epoch": 1}]
    np.testing.assert_array_equal(norms, np.arange(3.0))
    for one, other in zip(tree.leaves(loaded), tree.leaves((PARAMETERS, moments)), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    with pytest.raises(SystemExit, match="other settings .clip."):
        private_training.load_checkpoint(path, state, {"clip": 2.0})
