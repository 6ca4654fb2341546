"""Draw the history of run.py: the table RESULTS.md and bars as a PNG.

    python benchmarks/report.py [--history FILE] [--output FOLDER]

Each implementation's latest measurement is shown; a ratio is of the latest run that measured both.
Needs matplotlib for the picture only.
"""

import argparse
import itertools
import json
import math
import statistics
from pathlib import Path

import cases
from run import BASELINE, FOLDER, IMPLEMENTATIONS, ONLY_STEPS, WAYS, memory, seconds

SMALL = 50e-6  # below it calling dominates, and the target is wider
MODES = (*cases.GRADIENTS, "hessian_by_input", "hessian_by_weights", "jacobian", "norms", "gram")
COLOURS = {"vgrad": "#c0392b", "jax": "#7f8c8d", "torch": "#e67e22", "torch_compile": "#f1c40f", "autograd": "#2980b9"}
COLOURS |= {"jax_two_pass": "#95a5a6", "jax_privacy": "#bdc3c7", "opacus": "#8e44ad", "opacus_ghost": "#af7ac5"}

# Targets of the DP step: for the ratio of each, and for the geometric mean.
STEP_SMALL = 0.2e-3  # vgrad's step below it is not judged against the best ways
WAY_TARGETS, PLAIN_TARGETS = (0.8, 0.35), (1.4, 1.25)
PLAIN_WORKLOADS = "softmax", "mlp", "wide_mlp", "transformer"
MEMORY_KEYS = ("wide_mlp", "dp_step", 64), ("embedding", "dp_step", 256)
MEMORY_TARGET = 1.3  # peak memory, to that of the plain step

# Targets of models as people train them: for the ratio of each, of some another, and for the geometric mean.
MODELS = "logistic", "ffnn", "mnist_cnn", "cifar_cnn", "embedding", "lstm_64", "lstm_256"
MODELS += "transformer", "transformer_tied"
MODEL_TARGETS = {
    "plain": (1.0, {"mnist_cnn": 0.6, "cifar_cnn": 0.9}),
    "per_example": (0.8, {"mnist_cnn": 0.4, "cifar_cnn": 0.6}),
    "dp_step": (0.6, {"mnist_cnn": 0.4, "cifar_cnn": 0.4}),
}
MODEL_MEAN, MODEL_TO_PLAIN = 0.35, (2.0, 1.5)


def place(key):
    workload, mode, batch = key
    return cases.NAMES.index(workload), MODES.index(mode), batch


class Measured:
    """All runs of one workload, mode and batch size; `rows` has the latest of each implementation's figures."""

    def __init__(self):
        self.runs, self.rows = {}, {}

    def add(self, row):
        self.runs.setdefault(row["run"], {})[row["impl"]] = row
        latest = self.rows.get(row["impl"], {})
        earlier, later = (row, latest) if latest and latest["run"] > row["run"] else (latest, row)
        kept = {} if "failure" in earlier or "failure" in later else earlier  # a short run has not all figures
        self.rows[row["impl"]] = {**kept, **later}

    def together(self, *names, field="median"):
        """The rows of the latest run that has this figure of all of these, or their failures; none if no run has."""

        def has(rows):
            return all([name in rows and {field, "failure"} & set(rows[name]) for name in names])

        runs = [run for run, rows in self.runs.items() if has(rows)]
        return self.runs[max(runs)] if runs else {}


def read(path, quick):
    """{(workload, mode, batch): Measured}, in the order of the tables."""
    found = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if quick or not row["quick"]:
            found.setdefault((row["workload"], row["mode"], row["batch"]), Measured()).add(row)
    return {key: found[key] for key in sorted(found, key=place)}


def ratio(measured, field, of="vgrad"):
    """Of vgrad to JAX; None if one is missing or failed."""
    rows = measured.together(of, BASELINE, field=field)
    if not rows or any("failure" in rows[name] for name in (of, BASELINE)):
        return None
    if field == "median":
        return rows[of].get("ratio")
    against = "start_empty" if field == "start_warm" else field  # JAX as it comes keeps nothing on disk
    mine, theirs = rows[of].get(field), rows[BASELINE].get(against)
    return mine / theirs if mine is not None and theirs else None


def target(key, measured, field):
    """The ratio to JAX to reach."""
    workload, mode, _ = key
    if field != "median":
        return {"start_empty": 2.0, "start_warm": 0.6, "new_batch": 0.2, "peak": 1.0, "process": 1.0}[field]
    if measured.together("vgrad", BASELINE).get(BASELINE, {}).get("median", 1) < SMALL:
        return 2.0
    if mode in ("norms", "gram"):
        return {"norms": 0.2, "gram": 0.1}[mode]
    if mode == "per_example" and workload in ("mlp", "wide_mlp", "oscillators", "chain"):
        return 0.5
    return 1.0


FIELDS = {
    "median": "time of a call",
    "start_empty": "start to first result, empty disk cache",
    "start_warm": "start to first result, warm disk cache (JAX as it comes: without one)",
    "new_batch": "call with a new batch size",
    "peak": "peak memory of the first call",
}


def judged(chosen, field):
    """(key, ratio, target) wherever vgrad and JAX both have the figure."""
    found = [(key, ratio(measured, field), measured) for key, measured in chosen.items()]
    return [(key, value, target(key, measured, field)) for key, value, measured in found if value is not None]


def label(key):
    return "{} {} {}".format(*key)


def summary(chosen):
    lines = [
        "| vgrad / JAX | target met | worse than JAX | median ratio | best | worst | missed, with the ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for field, title in FIELDS.items():
        ratios = judged(chosen, field)
        if ratios:
            values = sorted(value for _, value, _ in ratios)
            missed = sorted([each for each in ratios if each[1] > each[2]], key=lambda each: each[2] / each[1])
            names = ", ".join(f"{label(key)} ({value:.2f})" for key, value, _ in missed)
            lines.append(
                f"| {title} | {len(ratios) - len(missed)} of {len(ratios)} | {sum([value > 1 for value in values])} | "
                f"{statistics.median(values):.2f} | "
                f"{values[0]:.2f} | {values[-1]:.2f} | {names} |"
            )
    return lines


def what_failed(failure):
    if failure.startswith("NotImplementedError"):
        return "not supported"
    return "refused" if failure.endswith(": refused") else "failed"


def cell(rows, name, field, show):
    if name not in rows:
        return ""
    if "failure" in rows[name]:
        return what_failed(rows[name]["failure"]) if field == "median" else ""
    if field not in rows[name]:
        return ""
    return show(rows[name].get(field)).strip()


def bold_above(value, goal):
    if value is None:
        return ""
    return f"{value:.2f}" if value <= goal else f"**{value:.2f}**"


def verdict(key, measured, field):
    return bold_above(ratio(measured, field), target(key, measured, field))


def table(columns, figures, rows):
    """Markdown; the last so many columns are figures."""
    aligned = ["---"] * (len(columns) - figures) + ["--:"] * figures
    return ["| " + " | ".join(row) + " |" for row in (columns, aligned, *rows)]


def times(chosen, names):
    rows = []
    for key, measured in chosen.items():
        row = measured.rows.get("vgrad", {})
        limit = f"{100 * row['limit'] / row['median']:.0f} %" if "limit" in row and "median" in row else ""
        cells = [cell(measured.rows, name, "median", seconds) for name in names]
        goal = f"{target(key, measured, 'median')}" if measured.together("vgrad", BASELINE) else ""
        rows.append([*map(str, key), *cells, verdict(key, measured, "median"), goal, limit])
    columns = ["workload", "mode", "batch", *names, "vgrad / JAX", "target", "of the limit"]
    return table(columns, len(names) + 4, rows)


def holding(chosen, names, *fields):
    """(what has such a field, in the form of `chosen`; the implementations that have it)."""
    having = {
        name: {key for key, each in chosen.items() if set(fields) & set(each.rows.get(name, ()))} for name in names
    }
    kept = {key: measured for key, measured in chosen.items() if any(key in keys for keys in having.values())}
    return kept, [name for name in names if having[name]]


def starts(chosen, names):
    chosen, names = holding(chosen, names, "start_empty", "start_warm")
    rows = []
    for key, measured in chosen.items():
        fields = "start_empty", "start_warm"
        pairs = [[cell(measured.rows, name, field, seconds) for field in fields] for name in names]
        verdicts = [verdict(key, measured, field) for field in fields]
        rows.append([*map(str, key), *(", ".join(filter(None, pair)) for pair in (*pairs, verdicts))])
    columns = ["workload", "mode", "batch", *(f"{name}: empty, warm" for name in names), "vgrad / JAX"]
    return table(columns, len(names) + 2, rows)


def others(chosen, names, field, show):
    chosen, names = holding(chosen, names, field)
    rows = []
    for key, measured in chosen.items():
        cells = [cell(measured.rows, name, field, show) for name in names]
        rows.append([*map(str, key), *cells, verdict(key, measured, field)])
    return table(["workload", "mode", "batch", *names, "vgrad / JAX"], len(names) + 2, rows)


def best_way(measured, library):
    """(the fastest of the library's ways to a DP step, the ratio of vgrad to it), of one run that tried all of them."""
    ratios = {way: to_way(measured, way, WAYS[library]) for way in WAYS[library]}
    ratios = {way: value for way, value in ratios.items() if value is not None}
    return max(ratios.items(), key=lambda item: item[1]) if ratios else None


def to_way(measured, way, beside=()):
    """The ratio of vgrad's time to that of one way, of the latest run that measured it and those `beside` it."""
    rows = measured.together("vgrad", way, *beside)
    if not rows or "failure" in rows["vgrad"] or "failure" in rows[way]:
        return None
    return statistics.median(mine / theirs for mine, theirs in zip(rows["vgrad"]["medians"], rows[way]["medians"]))


def to_plain(chosen, key, field="median"):
    """The ratio of vgrad's DP step to its plain step, of the latest run that has both; None if there is none."""
    private, plain = (
        {run: rows["vgrad"][field] for run, rows in measured.runs.items() if field in rows.get("vgrad", ())}
        for measured in (chosen[key], chosen.get((key[0], "plain", key[2]), Measured()))
    )
    both = set(private) & set(plain)
    return private[max(both)] / plain[max(both)] if both else None


def steps(chosen):
    """The DP steps for which ways were measured that are only for it."""
    return {
        key: measured
        for key, measured in chosen.items()
        if key[1] == "dp_step" and set(ONLY_STEPS) & set(measured.rows)
    }


def judged_step(measured):
    return measured.rows.get("vgrad", {}).get("median", 0) > STEP_SMALL


def way_cell(rows, way):
    """Its time, with the microbatch size if it has one."""
    text, row = cell(rows, way, "median", seconds), rows.get(way, {})
    if "microbatch" not in row or "failure" in row:
        return text
    return f"{text} ({row['microbatch'] or 'all'})"


def step_times(chosen):
    ways = [way for of_library in WAYS.values() for way in of_library]
    rows = []
    for key, measured in steps(chosen).items():
        cells = [cell(measured.rows, "vgrad", "median", seconds), *(way_cell(measured.rows, way) for way in ways)]
        goal = WAY_TARGETS[0] if judged_step(measured) else math.inf
        for best in [best_way(measured, library) for library in WAYS]:
            cells.append(f"{bold_above(best[1], goal)} ({best[0]})" if best else "")
        plain_goal = PLAIN_TARGETS[0] if key[0] in PLAIN_WORKLOADS else math.inf
        rows.append([key[0], str(key[2]), *cells, bold_above(to_plain(chosen, key), plain_goal)])
    heads = [f"vgrad / best of {library}" for library in WAYS]
    return table(["workload", "batch", "vgrad", *ways, *heads, "DP / plain"], len(ways) + 4, rows)


def step_ratios(chosen):
    """(what is compared, {key: ratio}, the target for each, the target for the geometric mean)"""
    judged = {key: measured for key, measured in steps(chosen).items() if judged_step(measured)}
    for library in WAYS:
        best = {key: best_way(measured, library) for key, measured in judged.items()}
        yield (
            f"time / that of the best of {library}'s ways",
            {k: each and each[1] for k, each in best.items()},
            *WAY_TARGETS,
        )
    usual = [key for key in chosen if key[0] in PLAIN_WORKLOADS and key[1] == "dp_step"]
    yield "time / that of the plain step", {key: to_plain(chosen, key) for key in usual}, *PLAIN_TARGETS
    peaks = {key: to_plain(chosen, key, "peak") for key in MEMORY_KEYS if key in chosen}
    yield "peak memory / that of the plain step", peaks, MEMORY_TARGET, MEMORY_TARGET


def model_ratios(chosen):
    """The same for MODELS; the target for each may be a pair: of most, and {workload: of some}."""
    models = {key: measured for key, measured in chosen.items() if key[0] in MODELS}
    for mode, library in itertools.product(("plain", "per_example"), WAYS):
        ratios = {key: to_way(measured, library) for key, measured in models.items() if key[1] == mode}
        yield f"{mode} / {library}", ratios, MODEL_TARGETS[mode], None
    private = {key: measured for key, measured in models.items() if key[1] == "dp_step"}
    yield "dp_step / plain", {key: to_plain(chosen, key) for key in private}, *MODEL_TO_PLAIN
    ways = {key: [best_way(measured, library) for library in WAYS] for key, measured in private.items()}
    slowest = {key: max(each[1] for each in found) for key, found in ways.items() if None not in found}
    yield "dp_step / the best way of all libraries", slowest, MODEL_TARGETS["dp_step"], MODEL_MEAN


def targets_met(head, compared):
    """What has to be reached, and where it is not. `compared`: what step_ratios and model_ratios yield."""
    rows = []
    for title, found, goal, mean in compared:
        ratios = {key: value for key, value in found.items() if value is not None}
        if not ratios:
            continue
        usual, others = goal if isinstance(goal, tuple) else (goal, {})
        goals = {key: others.get(key[0], usual) for key in ratios}
        missed = ", ".join(f"{key[0]} {key[2]} ({ratios[key]:.2f})" for key in ratios if ratios[key] > goals[key])
        reached = f"{sum([ratios[key] <= goals[key] for key in ratios])} of {len(ratios)}"
        middle, worst = statistics.geometric_mean(ratios.values()), max(ratios.values())
        each = ", ".join([str(usual), *(f"{name} {value}" for name, value in others.items())])
        last = [str(mean), bold_above(middle, mean)] if mean else ["", f"{middle:.2f}"]
        rows.append([title, each, reached, f"{worst:.2f}", missed, *last])
    columns = [head, "target of each", "met", "worst", "missed, with the ratio"]
    return table([*columns, "target of the geometric mean", "geometric mean"], 0, rows)


def failures(chosen):
    """Each failure once, with the places where it is met."""
    places = {}
    for key, measured in chosen.items():
        for name, row in measured.rows.items():
            if "failure" in row:
                places.setdefault((name, row["failure"]), []).append(label(key))
    return [f"- {name}, {', '.join(met)}: `{failure}`" for (name, failure), met in places.items()]


def machines(chosen):
    """What was run, where: one entry a run."""
    runs = {}
    for measured in chosen.values():
        compared = [measured.together("vgrad", *names) for names in ((BASELINE,), *WAYS.values())]
        for name, row in itertools.chain(measured.rows.items(), *(rows.items() for rows in compared)):
            runs.setdefault(row["run"], (row, {}))[1].update({name: row["version"]} if "version" in row else {})
    lines = []
    for run, (row, versions) in sorted(runs.items()):
        machine = row["machine"]
        products = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in machine["sgemm"].items())
        copies = ", ".join(f"{int(size) >> 20} MB at {rate / 1e9:.0f}" for size, rate in machine["copies"].items())
        lines += [
            f"- {run}, commit {row['commit']}, {machine['cpu']}, {machine['threads']} threads;",
            f"  {', '.join(f'{name} {versions[name]}' for name in IMPLEMENTATIONS if name in versions)}.",
            f"  Float32 products in GFLOP/s: {products}; copies (read and written) in GB/s: {copies}.",
            f"  `{row['command']}`",
        ]
    return lines


STEPS = f"""
## The DP step against the best ways

The same step: vgrad's from the naive program (gradients of the examples, norms, clipping, sum) against each library's
ways to it. `jax`, `torch`: the same naive program. `jax_two_pass`: norms of the gradients, formed for so many examples
at a time, then one gradient of the weighted sum of the losses. `jax_privacy`: its `clipped_grad`, without the replacing
of NaNs. `opacus`: the gradients of the examples from hooks on the layers of an `nn.Module`. `opacus_ghost`: norms from
what the layers read and are given back where Opacus has a rule for it, then the gradient of weighted losses. fastDP is
not on PyPI and thus not here. In brackets: how many examples at a time were the fastest, of 1, 2, 4, ..., 64, and all.
The ratios are to the fastest of a library's ways, named in brackets, of one run that tried all of them; they are judged
where vgrad's step takes more than {STEP_SMALL * 1e3:g} ms. *DP / plain*: vgrad's time over that of its plain step,
judged for {", ".join(PLAIN_WORKLOADS)}.
"""


def markdown(chosen):
    shown = set().union(*(measured.rows for measured in chosen.values())) - set(ONLY_STEPS)
    names = [name for name in IMPLEMENTATIONS if name in shown]
    parts = [
        "# Benchmarks\n",
        "Made by `python benchmarks/report.py` from what these commands measured:\n",
        *machines(chosen),
        "\nTimes are medians; each implementation has its own process, and they run in turns. `vgrad / JAX` is the",
        "median over rounds of the ratio of the round's medians; bold where the target is missed. What is shown of an",
        "implementation is its latest measurement; ratios are of the latest run that measured both. *Of the limit*:",
        "the least time for the products (at the best library's measured rate) and for reading the arguments and",
        "writing the results once (at the measured rate of copying), over vgrad's time.\n",
        "![time relative to JAX](results.png)\n",
        "## Against the targets\n",
        *summary(chosen),
        "",
        *targets_met("vgrad's DP step", step_ratios(chosen)),
        "",
        "Time of vgrad / time of the other for the models that people train:",
        f"{', '.join(MODELS)}.\n",
        *targets_met("models", model_ratios(chosen)),
        *([STEPS, *step_times(chosen)] if steps(chosen) else []),
        "\n## Time of a call\n",
        *times(chosen, names),
        "\n## From process start to the first result\n",
        "Imports included, the making of the data taken off. Empty and warm disk cache; JAX: as it comes (without),",
        "and with its own persistent cache filled. The ratios are to JAX as it comes.\n",
        *starts(chosen, names),
        "\n## A call with a batch size not seen before\n",
        *others(chosen, names, "new_batch", seconds),
        "\n## Peak memory of the first call\n",
        "Resident memory at the peak of the first call, its result included, above what imports, data and two tiny",
        "compiled calls have left; the disk cache knows the program. In a process of its own.\n",
        *others(chosen, names, "peak", memory),
        "\n## Peak memory of the whole process\n",
        "The same process, imports, data and tools included: what the machine must have.\n",
        *others(chosen, names, "process", memory),
    ]
    failed = failures(chosen)
    if failed:
        parts += ["\n## What failed or was refused\n", *failed]
    return "\n".join(parts) + "\n"


def draw(chosen, path):
    """Bars of time relative to JAX, one panel for each mode of gradients and one for Hessians and Jacobian."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [[mode] for mode in cases.GRADIENTS] + [list(MODES[len(cases.GRADIENTS) :])]
    panels = [[key for key in chosen if key[1] in modes] for modes in panels]
    panels = [keys for keys in panels if keys]
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(14, 3.6 * len(panels)), squeeze=False, layout="constrained")
    for axis, keys in zip(axes[:, 0], panels):
        present = set().union(*(chosen[key].rows for key in keys))
        names = [name for name in IMPLEMENTATIONS if name in present and name != BASELINE]
        width = 0.8 / max(1, len(names))
        for offset, name in enumerate(names):
            values = [ratio(chosen[key], "median", name) or math.nan for key in keys]
            positions = [i + (offset - (len(names) - 1) / 2) * width for i in range(len(keys))]
            bars = axis.bar(
                positions, [value - 1 for value in values], width, bottom=1, color=COLOURS[name], label=name
            )
            texts = ["" if math.isnan(value) else f"{value:.2g}" for value in values]
            for bar, text, value in zip(bars, texts, values):
                if text:
                    edge = "bottom" if value >= 1 else "top"
                    axis.text(bar.get_x() + width / 2, value, text, ha="center", va=edge, fontsize=6)
        axis.axhline(1, color=COLOURS[BASELINE], linewidth=1)
        axis.set_yscale("log")
        axis.margins(y=0.15)
        axis.set_xlim(-0.6, max(len(keys), 10) - 0.4)
        axis.set_xticks(range(len(keys)), [f"{key[0]}\n{key[2]}" for key in keys], fontsize=7)
        axis.set_title(" / ".join(dict.fromkeys(key[1] for key in keys)).replace("_", " "), fontsize=10)
        axis.set_ylabel("time / JAX's time")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(fontsize=8, ncols=len(names))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--history", type=Path, default=FOLDER / "history.jsonl")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of RESULTS.md and results.png")
    parser.add_argument("--quick", action="store_true", help="count runs with --quick too")
    options = parser.parse_args(arguments)
    if not options.history.exists():
        raise SystemExit(f"{options.history} does not exist: run benchmarks/run.py first")
    chosen = read(options.history, options.quick)
    if not chosen:
        raise SystemExit(f"{options.history} has no full runs; --quick counts the quick ones too")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "RESULTS.md").write_text(markdown(chosen))
    print(f"wrote {options.output / 'RESULTS.md'}")
    draw(chosen, options.output / "results.png")
    print(f"wrote {options.output / 'results.png'}")


if __name__ == "__main__":
    main()
