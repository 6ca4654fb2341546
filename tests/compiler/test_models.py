"""Models as users write them: recurrent nets, attention, a transformer, embeddings; their results, plans and memory."""

import numpy as np
import pytest

from vgrad import checkpoint, grad, jit, lax, make_jaxpr, nn, random, tree, vmap
from vgrad.compiler.assemble import plan_program
from vgrad.compiler.programs import opened
from vgrad.compiler.regions import Region
from vgrad.config import config
from vgrad.core.jaxpr import subprograms

RNG = np.random.default_rng(0)


def weights(*shape):
    return RNG.standard_normal(shape) / shape[0] ** 0.5


def same(function, *args):
    got, wanted = tree.leaves(jit(function)(*args)), tree.leaves(function(*args))
    for mine, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-10 * np.max(np.abs(other)))


def mapped(loss, batch):
    return vmap(loss, (None, *[0] * len(batch)))


def mean_gradient(loss):
    return grad(lambda params, *batch: np.mean(mapped(loss, batch)(params, *batch)))


def gradients(loss):
    return lambda params, *batch: mapped(grad(loss), batch)(params, *batch)


def private_step(loss):
    def step(params, *batch):
        grads = gradients(loss)(params, *batch)
        squares = sum([np.sum(g**2, axis=tuple(range(1, g.ndim))) for g in tree.leaves(grads)])
        factors = 1 / np.maximum(1, np.sqrt(squares))
        return tree.map(lambda w, g: w - 0.1 * np.einsum("b,b...->...", factors, g), params, grads)

    return step


STEPS = {"mean": mean_gradient, "of every example": gradients, "private": private_step}
every_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def planned(function, *args):
    """(the program, its Block for two threads)"""
    program = opened(make_jaxpr(function)(*args))
    return program, plan_program(program, threads=2)[1]


def regions(block):
    return [item for item in block.items if isinstance(item, Region)]


def largest_value(program):
    sizes = [output.type.size for equation in program.equations for output in equation.outputs]
    inner = [largest_value(opened(each)) for equation in program.equations for _, each in subprograms(equation)]
    return max([*sizes, *inner])


# ---------------------------------------------------------------------------------------------------- recurrent nets


B, T, I, H = 6, 9, 11, 13
SEQUENCES, LENGTHS = RNG.standard_normal((B, T, I)), np.array([9, 1, 4, 0, 9, 6])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def long_short_term(params, state, row):
    h, c = state
    i, f, g, o = np.split(row @ params["w"] + h @ params["u"] + params["b"], 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gated(params, state, row):
    (h,) = state
    reset, update, new = np.split(row @ params["w"] + params["b"], 3, axis=-1)
    of_reset, of_update, of_new = np.split(h @ params["u"], 3, axis=-1)
    update = sigmoid(update + of_update)
    return ((1 - update) * np.tanh(new + sigmoid(reset + of_reset) * of_new) + update * h,)


def recurrent(cell, states):
    """The loss of a net with this cell, whose steps past the length of a sequence change nothing."""

    def loss(params, x, length):
        def step(state, row):
            row, number = row
            state = tree.map(lambda new, old: np.where(number < length, new, old), cell(params, state, row), state)
            return state, state[0]

        size = len(params["u"])
        start = (np.zeros(size, x.dtype),) * states
        state, outputs = lax.scan(step, start, (x, np.arange(len(x))))
        return np.sum(state[0] @ params["head"]) + np.mean(outputs**2)

    return loss


def cell_params(gates, inputs=I, size=H):
    return {
        "w": weights(inputs, gates * size),
        "u": weights(size, gates * size),
        "b": weights(gates * size),
        "head": weights(size, 2),
    }


CELLS = {"long short-term": (long_short_term, 2, 4), "gated": (gated, 1, 3)}
every_cell = pytest.mark.parametrize("cell, states, gates", CELLS.values(), ids=CELLS)


@every_cell
@every_step
def test_recurrent_nets(cell, states, gates, step):
    function, params = step(recurrent(cell, states)), cell_params(gates)
    same(function, params, SEQUENCES, LENGTHS)
    program = opened(make_jaxpr(function)(params, SEQUENCES, LENGTHS))
    forward, backward = [equation for equation in program.equations if equation.primitive.name == "scan"]
    for scan in (forward, backward):
        carried = [output.type.size for output in scan.outputs[: scan.params["num_carry"]]]
        assert (
            max(carried) <= B * gates * H < params["w"].size
        )  # no gradient of weights: that is a product after the loop
        read = [
            operand.type.shape
            for equation in scan.params["jaxpr"].equations
            if equation.primitive.name == "contract"
            for operand in equation.operands
        ]
        assert read and not any([I in shape for shape in read])  # inputs are multiplied before the loop


@pytest.mark.parametrize("chunk", [1, 16])
def test_checkpoints_of_a_scan_save_memory(chunk):
    def loss(params, x, save):
        def step(state, row):
            state = long_short_term(params, state, row)
            return state, state[0]

        start = (np.zeros(len(params["u"])),) * 2
        if not save:
            outputs = lax.scan(step, start, x)[1]
        elif chunk == 1:
            outputs = lax.scan(checkpoint(step), start, x)[1]
        else:
            steps = checkpoint(lambda state, rows: lax.scan(checkpoint(step), state, rows))
            outputs = lax.scan(steps, start, x.reshape(-1, chunk, x.shape[1]))[1]
        return np.sum(np.mean(outputs.reshape(len(x), -1), axis=0) ** 2)

    def bytes_of(save, params, x):
        function = mean_gradient(lambda params, x: loss(params, x, save))
        return planned(function, params, x)[1].bytes

    small = RNG.standard_normal((3, 32, I))
    same(mean_gradient(lambda params, x: loss(params, x, True)), cell_params(4), small)
    params, x = cell_params(4, 100, 100), RNG.standard_normal((16, 256, 100))
    assert bytes_of(True, params, x) < bytes_of(False, params, x) / 4


# ----------------------------------------------------------------------------------------------------------- attention


def attention_by_hand(query, key, value, mask):
    """softmax(query key') value for arrays (..., steps, heads, features)."""
    scores = np.einsum("...tnd,...snd->...nts", query, key) / query.shape[-1] ** 0.5
    scores = np.where(mask, scores, -1e30)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return np.einsum("...nts,...snd->...tnd", e / np.sum(e, axis=-1, keepdims=True), value)


def attention_of_library(query, key, value, mask):
    return nn.dot_product_attention(query, key, value, mask=mask)


ATTENTIONS = {"by hand": attention_by_hand, "of the library": attention_of_library}
every_attention = pytest.mark.parametrize("attention", ATTENTIONS.values(), ids=ATTENTIONS)


def masks(examples, steps):
    """Booleans (examples, 1, steps, steps): the keys up to a query, of those within the length of an example."""
    lengths = 1 + np.arange(examples) * (steps - 1) // examples
    return {
        "causal": np.tril(np.ones((examples, 1, steps, steps), bool)),
        "padding": np.broadcast_to((np.arange(steps) < lengths[:, None])[:, None, None], (examples, 1, steps, steps)),
    }


def programs_of_attention(attention):
    def summed(query, key, value, mask):
        return np.sum(np.sin(attention(query, key, value, mask)))

    backward = grad(summed, (0, 1, 2))
    return {"forward": attention, "backward": backward, "of every example": vmap(backward)}


@every_attention
@pytest.mark.parametrize("mask", masks(1, 1))
@pytest.mark.parametrize("program", programs_of_attention(None))
def test_attention_never_holds_the_weights_of_all_examples(attention, mask, program):
    function = programs_of_attention(attention)[program]
    small = [RNG.standard_normal((3, 5, 2, 4)) for _ in range(3)]
    same(function, *small, masks(3, 5)[mask])
    for mine, other in zip(
        tree.leaves(jit(function)(*small, masks(3, 5)[mask])),
        tree.leaves(programs_of_attention(attention_by_hand)[program](*small, masks(3, 5)[mask])),
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)

    arenas = []
    for examples in (16, 64):
        large = [np.ones((examples, 128, 4, 32), np.float32) for _ in range(3)]
        _, block = planned(function, *large, masks(examples, 128)[mask])
        (region,) = regions(block)
        assert region.extent == examples and region.lanes == 2 and region.tile < examples / 2
        whole = [buffer.size for buffer in region.written if buffer not in region.rows]
        assert max(whole) <= examples * 128 * 4 * 32  # as large as a query
        arenas.append(block.bytes)
    assert arenas[0] == arenas[1]


# ---------------------------------------------------------------------------------------------------------- transformer


VOCABULARY, WIDTH, HEADS = 29, 12, 2


def layer_norm(x, scale, shift):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5) * scale + shift


def root_mean_square_norm(x, scale):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6) * scale


def dropout(key, x, rate=0.2):
    return np.where(random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def rotated(x):
    """Rotary embeddings of (steps, heads, features): pairs of features turned by angles that grow with the step."""
    half = x.shape[-1] // 2
    angles = np.arange(len(x))[:, None, None] * 100.0 ** (-np.arange(half) / half)
    first, second = x[..., :half], x[..., half:]
    turned = [first * np.cos(angles) - second * np.sin(angles), first * np.sin(angles) + second * np.cos(angles)]
    return np.concatenate(turned, axis=-1)


def transformer(params, words, key):
    """The loss of predicting each word from those before; the table of embeddings is the head too."""
    keys = random.split(key, 1 + 2 * len(params["blocks"]))
    x = dropout(keys[0], params["table"][words[:-1]])
    steps = len(x)
    for number, block in enumerate(params["blocks"]):
        split = np.split(layer_norm(x, block["scale"], block["shift"]) @ block["attention"], 3, axis=-1)
        query, key, value = [each.reshape(steps, HEADS, WIDTH // HEADS) for each in split]
        mixed = nn.dot_product_attention(rotated(query), rotated(key), value, is_causal=True)
        x = x + dropout(keys[2 * number + 1], mixed.reshape(steps, WIDTH) @ block["out"])
        hidden = nn.gelu(root_mean_square_norm(x, block["root"]) @ block["up"])
        x = x + dropout(keys[2 * number + 2], hidden @ block["down"])
    scores = nn.log_softmax(root_mean_square_norm(x, params["root"]) @ params["table"].T)
    return -np.mean(np.take_along_axis(scores, words[1:, None], axis=1))


def transformer_params():
    blocks = [
        {
            "scale": np.ones(WIDTH), "shift": weights(WIDTH), "root": np.ones(WIDTH),
            "attention": weights(WIDTH, 3 * WIDTH), "out": weights(WIDTH, WIDTH),
            "up": weights(WIDTH, 4 * WIDTH), "down": weights(4 * WIDTH, WIDTH),
        }
        for _ in range(2)
    ]  # fmt: skip
    return {"table": weights(VOCABULARY, WIDTH), "root": np.ones(WIDTH), "blocks": blocks}


@pytest.mark.parametrize("step", [gradients, private_step])
def test_a_transformer(step):
    words = RNG.integers(0, VOCABULARY, (4, 8))
    same(step(transformer), transformer_params(), words, random.split(random.key(0), 4))


# ---------------------------------------------------------------------------------------------------------- embeddings


def mean_of_rows(params, words, label):
    """As fastText: the mean of the words' rows, then a linear classifier."""
    mean = np.mean(params["table"][words], axis=0)
    return -nn.log_softmax(mean @ params["head"])[label]


def bag(params, words, label):
    """The sum of the words' rows with weights of their own; word 0 fills up and counts nothing."""
    counts = np.where(words == 0, 0.0, np.take(params["weight"], words))
    total = np.sum(counts[:, None] * params["table"][words], axis=0)
    return -nn.log_softmax(np.tanh(total) @ params["head"])[label]


def table_params(vocabulary):
    return {"table": weights(vocabulary, 8), "head": weights(8, 3), "weight": weights(vocabulary)}


LOOKUPS = {"mean of rows": mean_of_rows, "bag": bag}
every_lookup = pytest.mark.parametrize("loss", LOOKUPS.values(), ids=LOOKUPS)


def reviews(examples, words, vocabulary):
    chosen = RNG.integers(0, vocabulary, (examples, words))
    chosen[:, : words // 3] = chosen[:, -1:]  # one word many times
    return chosen, RNG.integers(0, 3, examples)


@every_lookup
@every_step
def test_lookups(loss, step):
    same(step(loss), table_params(40), *reviews(7, 30, 40))


@every_lookup
def test_a_private_step_holds_no_table_for_every_example(loss):
    vocabulary, examples = 50_000, 32
    program, block = planned(private_step(loss), table_params(vocabulary), *reviews(examples, 100, vocabulary))
    assert largest_value(program) <= 8 * vocabulary < examples * vocabulary
    assert block.bytes < 3 * 8 * 8 * vocabulary


@every_lookup
def test_updates_of_a_table_are_always_added_in_the_same_order(loss):
    args, results = (table_params(500), *reviews(32, 40, 500)), []
    for threads in (1, 2):
        with config(num_threads=threads):
            step = jit(private_step(loss))
            results.append(step(*args))
            for _ in range(5):
                tree.map(np.testing.assert_array_equal, step(*args), results[-1])
    tree.map(lambda one, two: np.testing.assert_allclose(two, one, rtol=1e-13, atol=1e-15), *results)
