"""Keys, and Threefry itself against the test vectors of Random123 (Salmon et al. 2011)."""

import numpy as np
import pytest

from vgrad import jit, random, vmap
from vgrad.errors import ShapeError
from vgrad.primitives.threefry import threefry2x32

KEY = np.asarray([123, 456], np.uint32)


@pytest.mark.parametrize(
    ("key", "counter", "cipher"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_published_vectors(key, counter, cipher):
    output = threefry2x32(np.asarray(key, np.uint32), np.asarray(counter, np.uint32))
    assert output.tolist() == list(cipher)


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        (0, [0, 0]),
        (42, [0, 42]),
        (2**40 + 5, [256, 5]),
        (2**64 - 1, [2**32 - 1, 2**32 - 1]),
        (-1, [2**32 - 1, 2**32 - 1]),
        (np.int32(-1), [0, 2**32 - 1]),
        (np.uint8(7), [0, 7]),
    ],
)
def test_a_key_holds_the_upper_and_lower_words_of_the_seed(seed, words):
    for make in (random.PRNGKey, random.key):
        key = make(seed)
        assert key.dtype == np.uint32 and key.tolist() == words


def test_a_key_of_a_traced_seed():
    keys = vmap(random.PRNGKey)(np.arange(3))
    assert keys.tolist() == [[0, 0], [0, 1], [0, 2]]
    assert jit(random.PRNGKey)(2**33).tolist() == [2, 0]


def test_split_and_fold_in_give_the_keys_of_jax():
    assert random.split(KEY).tolist() == [[1167425321, 1315911277], [2544180574, 2771105075]]
    assert random.fold_in(KEY, 7).tolist() == [3069288025, 2881389178]


def test_the_first_keys_do_not_depend_on_how_many_are_split():
    many = random.split(KEY, (2, 3))
    assert many.shape == (2, 3, 2)
    assert np.array_equal(many.reshape(6, 2)[:2], random.split(KEY))
    assert random.split(KEY, 0).shape == (0, 2)


def test_keys_split_from_one_key_differ():
    assert len(np.unique(random.split(KEY, 10_000), axis=0)) == 10_000


def test_splitting_under_vmap_is_splitting_each_key():
    keys = random.split(KEY, 3)
    for axis, stacked in ((0, keys), (1, keys.T)):
        assert np.array_equal(vmap(random.split, axis)(stacked), [random.split(key) for key in keys])
        folded = vmap(random.fold_in, (axis, 0))(stacked, np.arange(3))
        assert np.array_equal(folded, [random.fold_in(key, i) for i, key in enumerate(keys)])
    assert np.array_equal(vmap(random.fold_in, (None, 0))(KEY, np.arange(2)), [random.fold_in(KEY, i) for i in (0, 1)])


def test_key_data_and_its_kind_are_the_key():
    assert np.array_equal(random.wrap_key_data(random.key_data(random.clone(KEY))), KEY)
    assert random.key_impl(KEY) == "threefry2x32"


def test_a_batch_of_keys_needs_vmap():
    keys = random.split(KEY, 3)
    for name, call in (
        ("normal", lambda: random.normal(keys, (2,))),
        ("split", lambda: random.split(keys)),
        ("fold_in", lambda: random.fold_in(keys, 1)),
        ("permutation", lambda: random.permutation(keys, 4)),
    ):
        message = rf"{name} accepts a single key, but was given a key array of shape \(3, 2\) != \(\). Use vgrad.vmap"
        with pytest.raises(ShapeError, match=message):
            call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random.normal(0), "invalid PRNG key data: expected an array of uint32 .* got 0"),
        (lambda: random.normal(np.zeros(2, np.int32)), "expected key_data.dtype = uint32; got dtype=int32"),
        (lambda: random.normal(np.zeros(3, np.uint32)), r"end with \(2,\); got shape=\(3,\)"),
        (lambda: random.PRNGKey(1.5), "seed must be an integer; got 1.5"),
        (lambda: random.PRNGKey(np.arange(2)), r"PRNGKey accepts a scalar seed, .* shape \(2,\) != \(\)"),
        (lambda: random.fold_in(KEY, 1.5), "data must be an integer"),
    ],
)
def test_what_is_not_a_key_or_seed_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_other_errors():
    with pytest.raises(OverflowError, match="-1 out of bounds"):
        random.fold_in(KEY, -1)
    with pytest.raises(ValueError, match="unknown generator 'rbg'"):
        random.key(0, impl="rbg")
