"""Trains a small network on real images with differential privacy (DP-SGD), and shows what it costs.

    python examples/dp_sgd_digits.py                 half a minute
    python examples/dp_sgd_digits.py --quick         a few seconds
    python examples/dp_sgd_digits.py --resume        go on from the last checkpoint

The data are scikit-learn's digits: 1,797 scanned 8x8 images of handwritten digits, inside the package.
Each step draws a batch by Poisson sampling, takes one gradient per example with vmap(grad(loss)), clips each to an L2
norm, sums, adds Gaussian noise, and moves the parameters (Abadi et al. 2016, arXiv:1607.00133). dp-accounting says how
much privacy has been spent. Batches and noise are functions of (seed, step) alone, so a killed run that is started
again with --resume goes on exactly as if nothing had happened: no noise is used twice for different data, and epsilon
is the same. To release a model trained so, keep the seed secret: who knows it can subtract the noise.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import dp_accounting
import numpy as np
from dp_accounting.pld import PLDAccountant
from sklearn.datasets import load_digits
from tqdm import tqdm

from vgrad import random, value_and_grad, vmap

DELTA = 1e-5
BATCH = 256  # expected batch size; the real one differs from step to step
HIDDEN = 64


def load_data():
    """(train images, train labels, test images, test labels); pixels in [0, 1]. The split never changes."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16.0, labels[order]
    held_out = len(images) // 5
    return images[held_out:], labels[held_out:], images[:held_out], labels[:held_out]


# ------------------------------------------------------------------------------------------------ the model


def initial_parameters(key):
    first, second = random.split(key)
    return {
        "w1": random.normal(first, (64, HIDDEN)) / 8.0,
        "b1": np.zeros(HIDDEN),
        "w2": random.normal(second, (HIDDEN, 10)) / np.sqrt(HIDDEN),
        "b2": np.zeros(10),
    }


def logits(parameters, image):
    hidden = np.tanh(image @ parameters["w1"] + parameters["b1"])
    return hidden @ parameters["w2"] + parameters["b2"]


def loss(parameters, image, label):
    """Cross-entropy of one example."""
    scores = logits(parameters, image)
    scores = scores - np.max(scores)
    return np.log(np.sum(np.exp(scores))) - scores[label]


def accuracy(parameters, images, labels):
    return float(np.mean(np.argmax(logits(parameters, images), axis=-1) == labels))


# ------------------------------------------------------------------------------------------------ one private step


per_example_losses_and_gradients = vmap(value_and_grad(loss), in_axes=(None, 0, 0))


def private_step(parameters, key, images, labels, settings):
    """(new parameters, mean loss, gradient norms of the batch)."""
    batch_key, noise_key = random.split(key)
    rate = BATCH / len(images)
    chosen = random.bernoulli(batch_key, rate, (len(images),))
    losses, gradients = per_example_losses_and_gradients(parameters, images[chosen], labels[chosen])
    squares = [np.sum(g.reshape(len(losses), -1) ** 2, axis=1) for g in gradients.values()]
    norms = np.sqrt(sum(squares))
    factors = np.minimum(1.0, settings["clip"] / np.maximum(norms, 1e-12))
    updated = {}
    for name, noise_key_of_leaf in zip(parameters, random.split(noise_key, len(parameters))):
        clipped_sum = np.tensordot(factors, gradients[name], axes=1)
        noise = settings["noise_multiplier"] * settings["clip"] * random.normal(noise_key_of_leaf, clipped_sum.shape)
        updated[name] = parameters[name] - settings["lr"] * (clipped_sum + noise) / BATCH
    return updated, float(np.mean(losses)) if len(losses) else float("nan"), norms


def epsilon_after(steps, rate, noise_multiplier):
    """Epsilon at DELTA of this many steps of the Poisson-sampled Gaussian mechanism; infinite without noise."""
    if steps == 0:
        return 0.0
    if noise_multiplier == 0:
        return float("inf")
    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise_multiplier))
    return float(PLDAccountant().compose(event, steps).get_epsilon(DELTA))


# ------------------------------------------------------------------------------------------------ checkpoints


def write_atomically(path, write):
    """Call write(temporary path), then rename: the file at `path` is whole at every moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=path.suffix)
    os.close(handle)
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def save_checkpoint(path, parameters, step, norms, history, settings):
    arrays = {f"parameter_{name}": value for name, value in parameters.items()}
    state = json.dumps({"step": step, "history": history, "settings": settings})
    write_atomically(path, lambda temporary: np.savez(temporary, state=state, norms=norms, **arrays))


def load_checkpoint(path, settings):
    """(parameters, step, norms, history). Refuses a checkpoint of other settings: its epsilon would be wrong."""
    with np.load(path) as saved:
        state = json.loads(str(saved["state"]))
        if state["settings"] != settings:
            different = sorted(k for k in settings if state["settings"].get(k) != settings[k])
            raise SystemExit(
                f"{path} was written with other settings ({', '.join(different)}): "
                f"{ {k: state['settings'].get(k) for k in different} } there, "
                f"{ {k: settings[k] for k in different} } now. Give the same ones, or start without --resume."
            )
        names = [name.removeprefix("parameter_") for name in saved.files if name.startswith("parameter_")]
        return {name: saved[f"parameter_{name}"] for name in names}, state["step"], saved["norms"], state["history"]


# ------------------------------------------------------------------------------------------------ the plot


def plot(path, history, norms, settings):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [100 * row["accuracy"] for row in history], color="tab:blue", label="test accuracy")
    left.set(xlabel="epoch", ylabel="test accuracy (%)", ylim=(0, 100), title="Accuracy and privacy spent")
    spent = left.twinx()
    spent.plot(epochs, [row["epsilon"] for row in history], color="tab:red", label="epsilon")
    spent.set(ylabel=f"epsilon at delta {DELTA:g}", ylim=(0, None))
    left.legend(handles=[*left.get_lines(), *spent.get_lines()], loc="lower right")
    right.hist(norms, bins=40, color="tab:gray")
    right.axvline(settings["clip"], color="tab:red", label=f"clip at {settings['clip']:g}")
    right.set(
        xlabel="norm of the gradient of one example", ylabel="examples", title="Last epoch's gradients, before clipping"
    )
    right.legend()
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    pyplot.close(figure)


# ------------------------------------------------------------------------------------------------ main


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise-multiplier", type=float, default=2.0, help="noise standard deviation over clip")
    parser.add_argument("--clip", type=float, default=1.0, help="largest L2 norm of one example's gradient")
    parser.add_argument("--epochs", type=int, default=None, help="passes over the data (default 40, with --quick 8)")
    parser.add_argument("--lr", type=float, default=2.0, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help="seed of initial parameters, batches and noise")
    parser.add_argument("--quick", action="store_true", help="a short run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/dp_sgd_digits"), help="folder for checkpoint and plot"
    )
    arguments = parser.parse_args()
    arguments.epochs = arguments.epochs if arguments.epochs is not None else (8 if arguments.quick else 40)
    for name, low in (("noise_multiplier", 0), ("clip", 1e-12), ("epochs", 1), ("lr", 0)):
        if not getattr(arguments, name) >= low:
            parser.error(f"--{name.replace('_', '-')} must be at least {low:g}, got {getattr(arguments, name)}")
    return arguments


def main():
    arguments = parse_arguments()
    settings = {name: getattr(arguments, name) for name in ("noise_multiplier", "clip", "epochs", "lr", "seed")}
    images, labels, test_images, test_labels = load_data()
    rate = BATCH / len(images)
    steps_per_epoch = round(1 / rate)
    total = arguments.epochs * steps_per_epoch
    root = random.PRNGKey(arguments.seed)
    initial_key, training_key = random.split(root)

    checkpoint = arguments.output / "checkpoint.npz"
    parameters, step, norms, history = initial_parameters(initial_key), 0, np.zeros(0), []
    if arguments.resume:
        if not checkpoint.exists():
            raise SystemExit(f"--resume: there is no checkpoint at {checkpoint}. Start without --resume.")
        parameters, step, norms, history = load_checkpoint(checkpoint, settings)
        print(f"resuming after step {step} of {total}, epsilon {history[-1]['epsilon']:.3f} spent")

    with tqdm(total=total, initial=step, unit="step") as progress:
        while step < total:
            losses, epoch_norms = [], []
            for _ in range(steps_per_epoch):
                key = random.fold_in(training_key, step)
                parameters, batch_loss, batch_norms = private_step(parameters, key, images, labels, settings)
                losses.append(batch_loss)
                epoch_norms.append(batch_norms)
                step += 1
                progress.update()
            norms = np.concatenate(epoch_norms)
            row = {
                "epoch": step // steps_per_epoch,
                "loss": float(np.nanmean(losses)),
                "accuracy": accuracy(parameters, test_images, test_labels),
                "epsilon": epsilon_after(step, rate, settings["noise_multiplier"]),
            }
            history.append(row)
            progress.set_postfix(
                loss=f"{row['loss']:.3f}", accuracy=f"{row['accuracy']:.3f}", epsilon=f"{row['epsilon']:.2f}"
            )
            save_checkpoint(checkpoint, parameters, step, norms, history, settings)

    last = history[-1]
    picture = arguments.output / "dp_sgd_digits.png"
    plot(picture, history, norms, settings)
    print(
        f"test accuracy {100 * last['accuracy']:.1f} %   epsilon {last['epsilon']:.3f}   delta {DELTA:g}   {step} steps"
    )
    print(f"accuracy, epsilon and gradient norms over time: {picture}")
    if settings == {"noise_multiplier": 2.0, "clip": 1.0, "epochs": 40, "lr": 2.0, "seed": 0}:
        assert last["accuracy"] >= 0.90 and last["epsilon"] <= 8, "the default run must reach 90 % at epsilon 8"


if __name__ == "__main__":
    main()
