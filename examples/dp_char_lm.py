"""Trains a language model of characters with differential privacy: a transformer or an LSTM, DP-SGD with Adam.

    python examples/dp_char_lm.py                      a minute or two
    python examples/dp_char_lm.py --model lstm         the same with an LSTM
    python examples/dp_char_lm.py --quick              a few seconds
    python examples/dp_char_lm.py --resume             go on from the last checkpoint

The text is the reference manual that Python itself has for help(): half a million characters. An example, whose
presence the trained model hides, is a sequence of 65 of them. The model is judged by the bits it needs for a character
of sequences that it has not seen; who knows only how frequent each character is needs 4.7.
"""

import string
from pydoc_data.topics import topics

import numpy as np
from private_training import argument_parser, clipped_sums, parse, plot, private_gradient, train

from vgrad import jit, lax, nn, optim, random, vmap

TOKENS, WIDTH, HEADS, LAYERS = 64, 64, 4, 2
BATCH = 256
ALPHABET = string.printable[:95] + "\n"
DEFAULTS = {"noise_multiplier": 1.0, "clip": 0.5, "lr": 0.01}


def load_data():
    """(sequences to train on, others to test on): (B, 65) indices into ALPHABET. Every tenth is for testing."""
    text = "".join(topics[name] for name in sorted(topics))
    place = {character: index for index, character in enumerate(ALPHABET)}
    indices = np.array([place[character] for character in text if character in place])
    count = len(indices) // (TOKENS + 1)
    sequences = indices[: count * (TOKENS + 1)].reshape(count, TOKENS + 1)
    held_out = np.arange(count) % 10 == 0
    return sequences[~held_out], sequences[held_out]


def bits_by_frequency(sequences, test):
    """The bits for a character of `test` when only the frequencies in `sequences` are known."""
    counts = np.bincount(sequences.ravel(), minlength=len(ALPHABET)) + 1.0
    return -np.mean(np.log2(counts / np.sum(counts))[test])


# ------------------------------------------------------------------------------------------------ the models


def matrix(key, inputs, outputs):
    return random.normal(key, (inputs, outputs), np.float32) / np.float32(np.sqrt(inputs))


class Transformer:
    """Causal, with normalisation before each part."""

    @staticmethod
    def initial(key):
        shapes = {"embedding": (len(ALPHABET), WIDTH), "position": (TOKENS, WIDTH), "head": (WIDTH, len(ALPHABET))}
        for layer in range(LAYERS):
            shapes |= {f"{name}{layer}": (WIDTH, WIDTH) for name in ("query", "key", "value", "join")}
            shapes |= {f"up{layer}": (WIDTH, 4 * WIDTH), f"down{layer}": (4 * WIDTH, WIDTH)}
        return {name: matrix(own, *shape) for own, (name, shape) in zip(random.split(key, len(shapes)), shapes.items())}

    @staticmethod
    def scores(parameters, characters):
        """(tokens, alphabet): of each next character."""
        x = parameters["embedding"][characters] + parameters["position"]
        for layer in range(LAYERS):
            own = {name: parameters[f"{name}{layer}"] for name in ("query", "key", "value", "join", "up", "down")}
            normal = nn.standardize(x)
            parts = [np.reshape(normal @ own[name], (TOKENS, HEADS, -1)) for name in ("query", "key", "value")]
            x = x + np.reshape(nn.dot_product_attention(*parts, is_causal=True), x.shape) @ own["join"]
            x = x + nn.gelu(nn.standardize(x) @ own["up"]) @ own["down"]
        return nn.standardize(x) @ parameters["head"]


class LSTM:
    """One layer of twice the width."""

    @staticmethod
    def initial(key):
        size = 2 * WIDTH
        shapes = {"embedding": (len(ALPHABET), WIDTH), "input": (WIDTH, 4 * size), "state": (size, 4 * size)}
        shapes |= {"head": (size, len(ALPHABET))}
        keys = random.split(key, len(shapes))
        parameters = {name: matrix(own, *shape) for own, (name, shape) in zip(keys, shapes.items())}
        return parameters | {"bias": np.zeros(4 * size, np.float32)}

    @staticmethod
    def scores(parameters, characters):
        """(tokens, alphabet): of each next character."""

        def step(carry, of_input):
            state, cell = carry
            take, keep, new, give = np.split(of_input + state @ parameters["state"], 4)
            cell = nn.sigmoid(keep) * cell + nn.sigmoid(take) * np.tanh(new)
            state = nn.sigmoid(give) * np.tanh(cell)
            return (state, cell), state

        of_inputs = parameters["embedding"][characters] @ parameters["input"] + parameters["bias"]
        start = np.zeros(2 * WIDTH, np.float32)
        _, states = lax.scan(step, (start, start), of_inputs)
        return states @ parameters["head"]


MODELS = {"transformer": Transformer, "lstm": LSTM}


def loss_of(model):
    """The loss of one sequence: the mean cross-entropy of its characters after the first."""

    def loss(parameters, sequence):
        logarithms = nn.log_softmax(model.scores(parameters, sequence[:-1]))
        return -np.mean(np.take_along_axis(logarithms, sequence[1:, None], axis=-1))

    return loss


# ------------------------------------------------------------------------------------------------ main


def main():
    parser = argument_parser(__doc__.splitlines()[0], "dp_char_lm", **DEFAULTS)
    parser.add_argument("--model", choices=sorted(MODELS), default="transformer")
    arguments, settings = parse(parser, epochs=20, quick_epochs=1)
    settings["model"] = arguments.model
    sequences, test = load_data()
    if arguments.quick:
        sequences, test = sequences[:2048], test[:256]
    loss = loss_of(MODELS[arguments.model])
    sums_of = clipped_sums(loss)
    optimizer = optim.adam(settings["lr"])

    def private_step(state, key):
        parameters, moments = state
        gradient, losses, norms = private_gradient(sums_of, parameters, key, (sequences,), BATCH, settings)
        updates, moments = optimizer.update(gradient, moments, parameters)
        return (optim.apply_updates(parameters, updates), moments), losses, norms

    @jit
    def bits(parameters):
        return np.mean(vmap(loss, (None, 0))(parameters, test)) / np.log(2)

    parameters = MODELS[arguments.model].initial(random.PRNGKey(arguments.seed))
    before = bits(parameters)
    _, norms, history = train(
        arguments,
        settings,
        start=(parameters, optimizer.init(parameters)),
        private_step=private_step,
        evaluate=lambda state: {"bits per character": float(bits(state[0]))},
        rate=BATCH / len(sequences),
    )
    frequencies = bits_by_frequency(sequences, test)
    print(f"bits per character: {before:.2f} before, {frequencies:.2f} for who knows the frequencies of characters")
    plot(arguments.output / "dp_char_lm.png", history, norms, settings["clip"], "bits per character")
    last = history[-1]
    assert last["bits per character"] < before, "private training lowers the loss, however short the run"
    if {name: settings[name] for name in DEFAULTS} == DEFAULTS and arguments.epochs == 20:
        assert last["bits per character"] < frequencies and last["epsilon"] <= 8, "the default run must learn context"


if __name__ == "__main__":
    main()
