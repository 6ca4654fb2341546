"""What the DP-SGD examples share: the gradient of a private step, the privacy spent, checkpoints, the loop, the plot.

Each step draws a batch by Poisson sampling, takes one gradient per example with vmap(grad(loss)), clips each to an L2
norm, sums, and adds Gaussian noise (Abadi et al. 2016, arXiv:1607.00133). dp-accounting says how much privacy has been
spent. Batches and noise are functions of (seed, step) alone, so a killed run that is started again with --resume goes
on exactly as if nothing had happened: no noise is used twice for different data, and epsilon is the same. To release a
model trained so, keep the seed secret: who knows it can subtract the noise.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import dp_accounting
import numpy as np
from dp_accounting.pld import PLDAccountant
from plotting import figure
from tqdm import tqdm

from vgrad import jit, random, tree, value_and_grad, vmap

DELTA = 1e-5
SETTINGS = "noise_multiplier", "clip", "epochs", "lr", "seed"  # a checkpoint is good for the same ones only

# ------------------------------------------------------------------------------------------------ one private step


def clipped_sums(loss):
    """The compiled function of (parameters, batch, clip) that gives (the sum of clipped gradients, losses, norms)."""

    @jit
    def sums(parameters, batch, clip):
        losses, gradients = vmap(value_and_grad(loss), (None, *(0 for _ in batch)))(parameters, *batch)
        norms = np.sqrt(sum([np.sum(g**2, axis=tuple(range(1, g.ndim))) for g in tree.leaves(gradients)]))
        factors = np.minimum(1.0, clip / np.maximum(norms, 1e-12))
        return tree.map(lambda g: np.tensordot(factors, g, axes=1), gradients), losses, norms

    return sums


def private_gradient(sums_of, parameters, key, data, batch, settings):
    """(the noisy mean of clipped gradients, losses, norms) of a batch of expected size `batch` of the data's examples.

    The real size differs from step to step; it is private, so the sum is divided by the expected one.
    """
    batch_key, noise_key = random.split(key)
    examples = len(data[0])
    chosen = random.bernoulli(batch_key, batch / examples, (examples,))
    sums, losses, norms = sums_of(parameters, tuple([each[chosen] for each in data]), settings["clip"])
    deviation = settings["noise_multiplier"] * settings["clip"]
    leaves, structure = tree.flatten(sums)
    noise = [random.normal(key, g.shape, g.dtype) for g, key in zip(leaves, random.split(noise_key, len(leaves)))]
    return structure.unflatten([(g + deviation * n) / batch for g, n in zip(leaves, noise)]), losses, norms


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


def save_checkpoint(path, state, step, norms, history, settings):
    arrays = {f"state{tree.keystr(place)}": leaf for place, leaf in tree.leaves_with_path(state)}
    text = json.dumps({"step": step, "history": history, "settings": settings})
    write_atomically(path, lambda temporary: np.savez(temporary, run=text, norms=norms, **arrays))


def load_checkpoint(path, start, settings):
    """(state, of the structure of `start`, step, norms, history). Refuses a checkpoint of other settings."""
    with np.load(path) as saved:
        run = json.loads(str(saved["run"]))
        different = sorted(key for key in settings if run["settings"].get(key) != settings[key])
        if different:
            raise SystemExit(
                f"{path} was written with other settings ({', '.join(different)}): "
                f"{ {key: run['settings'].get(key) for key in different} } there, "
                f"{ {key: settings[key] for key in different} } now. Its epsilon would be wrong. Give the same ones, "
                "or start without --resume."
            )
        state = tree.map_with_path(lambda place, _: saved[f"state{tree.keystr(place)}"], start)
        return state, run["step"], saved["norms"], run["history"]


# ------------------------------------------------------------------------------------------------ the whole run


def train(arguments, settings, start, private_step, evaluate, rate):
    """Run all epochs, or those left. (state, gradient norms of the last epoch, history: a dict for each epoch).

    start           the first state, a pytree
    private_step    (state, key) -> (state, losses of the examples, norms of their gradients)
    evaluate        state -> dict of numbers to show
    rate            the probability of each example to be in a batch
    """
    steps_per_epoch = round(1 / rate)
    total = arguments.epochs * steps_per_epoch
    key = random.PRNGKey(arguments.seed + 1)
    checkpoint = arguments.output / "checkpoint.npz"
    state, step, norms, history = start, 0, np.zeros(0), []
    if arguments.resume:
        if not checkpoint.exists():
            raise SystemExit(f"--resume: there is no checkpoint at {checkpoint}. Start without --resume.")
        state, step, norms, history = load_checkpoint(checkpoint, start, settings)
        print(f"resuming after step {step} of {total}, epsilon {history[-1]['epsilon']:.3f} spent")

    with tqdm(total=total, initial=step, unit="step") as progress:
        while step < total:
            epoch_losses, epoch_norms = [], []
            for _ in range(steps_per_epoch):
                state, losses, norms = private_step(state, random.fold_in(key, step))
                epoch_losses.append(losses)
                epoch_norms.append(norms)
                step += 1
                progress.update()
            norms = np.concatenate(epoch_norms)
            row = {"epoch": step // steps_per_epoch, "loss": float(np.mean(np.concatenate(epoch_losses)))}
            row |= evaluate(state) | {"epsilon": epsilon_after(step, rate, settings["noise_multiplier"])}
            history.append(row)
            progress.set_postfix({name: f"{value:.3f}" for name, value in row.items() if name != "epoch"})
            save_checkpoint(checkpoint, state, step, norms, history, settings)
    last = {name: f"{value:.3f}" for name, value in history[-1].items() if name != "epoch"}
    print(*[f"{name} {value}" for name, value in last.items()], f"delta {DELTA:g}", f"{step} steps", sep="   ")
    return state, norms, history


def plot(path, history, norms, clip, measure):
    """The measure and epsilon over epochs, and the norms of the last epoch's gradients."""
    with figure(path, columns=2, figsize=(11, 4)) as (_, (left, right)):
        epochs = [row["epoch"] for row in history]
        left.plot(epochs, [row[measure] for row in history], color="tab:blue", label=measure)
        left.set(xlabel="epoch", ylabel=measure, ylim=(0, None), title=f"{measure} and privacy spent")
        spent = left.twinx()
        spent.plot(epochs, [row["epsilon"] for row in history], color="tab:red", label="epsilon")
        spent.set(ylabel=f"epsilon at delta {DELTA:g}", ylim=(0, None))
        left.legend(handles=[*left.get_lines(), *spent.get_lines()], loc="lower right")
        right.hist(norms, bins=40, color="tab:gray")
        right.axvline(clip, color="tab:red", label=f"clip at {clip:g}")
        right.set(xlabel="norm of the gradient of one example", ylabel="examples", title="Last epoch, before clipping")
        right.legend()
    print(f"{measure}, epsilon and gradient norms over time: {path}")


def argument_parser(description, name, noise_multiplier, clip, lr):
    """With the settings that all runs have; `--epochs` is left out by default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--noise-multiplier", type=float, default=noise_multiplier, help="noise standard deviation over clip"
    )
    parser.add_argument("--clip", type=float, default=clip, help="largest L2 norm of one example's gradient")
    parser.add_argument("--epochs", type=int, help="passes over the data")
    parser.add_argument("--lr", type=float, default=lr, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help="seed of initial parameters, batches and noise")
    parser.add_argument("--quick", action="store_true", help="a short run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--output", type=Path, default=Path("runs") / name, help="folder for checkpoint and plot")
    return parser


def parse(parser, epochs, quick_epochs):
    """(arguments, settings: those that a checkpoint must have been made with)."""
    arguments = parser.parse_args()
    if arguments.epochs is None:
        arguments.epochs = quick_epochs if arguments.quick else epochs
    for name, low in (("noise_multiplier", 0), ("clip", 1e-12), ("epochs", 1), ("lr", 0)):
        if not getattr(arguments, name) >= low:
            parser.error(f"--{name.replace('_', '-')} must be at least {low:g}, got {getattr(arguments, name)}")
    return arguments, {name: getattr(arguments, name) for name in SETTINGS}
