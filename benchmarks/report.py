"""Draw the history of run.py: the table RESULTS.md and bars as a PNG.

    python benchmarks/report.py [--history FILE] [--output FOLDER]

Of every workload, mode and batch size the latest run counts that has both vgrad and JAX (or else the latest run).
Needs matplotlib for the picture only.
"""

import argparse
import json
import math
import statistics
from pathlib import Path

import cases
from run import BASELINE, FOLDER, IMPLEMENTATIONS, memory, seconds

SMALL = 50e-6  # below it calling dominates, and the target is wider
MODES = (*cases.GRADIENTS, "hessian_by_input", "hessian_by_weights", "jacobian", "norms", "gram")
COLOURS = {"vgrad": "#c0392b", "jax": "#7f8c8d", "torch": "#e67e22", "torch_compile": "#f1c40f", "autograd": "#2980b9"}


def place(key):
    workload, mode, batch = key
    return cases.NAMES.index(workload), MODES.index(mode), batch


def latest(path, quick):
    """{(workload, mode, batch): {implementation: row}}, each of one run."""
    runs = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if quick or not row["quick"]:
            key = row["workload"], row["mode"], row["batch"]
            runs.setdefault(key, {}).setdefault(row["run"], {})[row["impl"]] = row
    chosen = {}
    for key in sorted(runs, key=place):
        of_key = runs[key]
        both = [run for run, rows in of_key.items() if {"vgrad", BASELINE} <= set(rows)]
        chosen[key] = of_key[max(both or of_key)]
    return chosen


def ratio(rows, field, of="vgrad"):
    """Of vgrad to JAX; None if one is missing or failed."""
    if any(name not in rows or "failure" in rows[name] for name in (of, BASELINE)):
        return None
    if field == "median":
        return rows[of].get("ratio")
    against = "start_empty" if field == "start_warm" else field  # JAX as it comes keeps nothing on disk
    mine, theirs = rows[of].get(field), rows[BASELINE].get(against)
    return mine / theirs if mine is not None and theirs else None


def target(key, rows, field):
    """The ratio to JAX to reach."""
    workload, mode, _ = key
    if field != "median":
        return {"start_empty": 2.0, "start_warm": 0.6, "new_batch": 0.2, "peak": 1.0, "process": 1.0}[field]
    if rows[BASELINE].get("median", 1) < SMALL:
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
    found = [(key, ratio(rows, field), rows) for key, rows in chosen.items()]
    return [(key, value, target(key, rows, field)) for key, value, rows in found if value is not None]


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


def cell(rows, name, field, show):
    if name not in rows:
        return ""
    if "failure" in rows[name]:
        return "failed" if field == "median" else ""
    if field not in rows[name]:
        return ""
    return show(rows[name].get(field)).strip()


def verdict(key, rows, field):
    value = ratio(rows, field)
    if value is None:
        return ""
    return f"{value:.2f}" if value <= target(key, rows, field) else f"**{value:.2f}**"


def times(chosen, names):
    lines = [
        "| workload | mode | batch | " + " | ".join(names) + " | vgrad / JAX | target | of the limit |",
        "|---|---|--:|" + "--:|" * (len(names) + 3),
    ]
    for key, rows in chosen.items():
        row = rows.get("vgrad", {})
        limit = f"{100 * row['limit'] / row['median']:.0f} %" if "limit" in row and "median" in row else ""
        cells = [cell(rows, name, "median", seconds) for name in names]
        goal = f"{target(key, rows, 'median')}" if BASELINE in rows else ""
        lines.append("| " + " | ".join([*map(str, key), *cells, verdict(key, rows, "median"), goal, limit]) + " |")
    return lines


def holding(chosen, names, *fields):
    """(rows that have such a field, in the form of `chosen`; the implementations that have it)."""
    kept = {
        key: rows for key, rows in chosen.items() if any([field in row for row in rows.values() for field in fields])
    }
    named = [name for name in names if any([field in rows.get(name, ()) for rows in kept.values() for field in fields])]
    return kept, named


def starts(chosen, names):
    chosen, names = holding(chosen, names, "start_empty", "start_warm")
    lines = [
        "| workload | mode | batch | " + " | ".join(f"{name}: empty, warm" for name in names) + " | vgrad / JAX |",
        "|---|---|--:|" + "--:|" * (len(names) + 1),
    ]
    for key, rows in chosen.items():
        pairs = [[cell(rows, name, field, seconds) for field in ("start_empty", "start_warm")] for name in names]
        verdicts = [verdict(key, rows, field) for field in ("start_empty", "start_warm")]
        cells = [", ".join(filter(None, pair)) for pair in (*pairs, verdicts)]
        lines.append("| " + " | ".join([*map(str, key), *cells]) + " |")
    return lines


def others(chosen, names, field, show):
    chosen, names = holding(chosen, names, field)
    lines = [
        "| workload | mode | batch | " + " | ".join(names) + " | vgrad / JAX |",
        "|---|---|--:|" + "--:|" * (len(names) + 1),
    ]
    for key, rows in chosen.items():
        cells = [cell(rows, name, field, show) for name in names]
        lines.append("| " + " | ".join([*map(str, key), *cells, verdict(key, rows, field)]) + " |")
    return lines


def failures(chosen):
    """Each failure once, with the places where it is met."""
    places = {}
    for key, rows in chosen.items():
        for name, row in rows.items():
            if "failure" in row:
                places.setdefault((name, row["failure"]), []).append(label(key))
    return [f"- {name}, {', '.join(met)}: `{failure}`" for (name, failure), met in places.items()]


def machines(chosen):
    """What was run, where: one entry a run."""
    runs = {}
    for rows in chosen.values():
        for name, row in rows.items():
            runs.setdefault(row["run"], (row, {}))[1].update({name: row["version"]} if "version" in row else {})
    lines = []
    for run, (row, versions) in sorted(runs.items()):
        machine = row["machine"]
        products = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in machine["sgemm"].items())
        copies = ", ".join(f"{int(size) >> 20} MB at {rate / 1e9:.0f}" for size, rate in machine["copies"].items())
        lines += [
            f"- {run}, commit {row['commit']}, {machine['cpu']}, {machine['threads']} threads;",
            f"  {', '.join(f'{name} {version}' for name, version in versions.items())}.",
            f"  Float32 products in GFLOP/s: {products}; copies (read and written) in GB/s: {copies}.",
            f"  `{row['command']}`",
        ]
    return lines


def markdown(chosen):
    names = [name for name in IMPLEMENTATIONS if any(name in rows for rows in chosen.values())]
    parts = [
        "# Benchmarks\n",
        "Made by `python benchmarks/report.py` from what these commands measured:\n",
        *machines(chosen),
        "\nTimes are medians; each implementation has its own process, and they run in turns. `vgrad / JAX` is the",
        "median over rounds of the ratio of the round's medians; bold where the target is missed. *Of the limit*: the",
        "least time for the products (at the best library's measured rate) and for reading the arguments and writing",
        "the results once (at the measured rate of copying), over vgrad's time.\n",
        "![time relative to JAX](results.png)\n",
        "## Against the targets\n",
        *summary(chosen),
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
    names = [name for name in IMPLEMENTATIONS if name != BASELINE and any(name in rows for rows in chosen.values())]
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(14, 3.6 * len(panels)), squeeze=False, layout="constrained")
    for axis, keys in zip(axes[:, 0], panels):
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
    axes[0, 0].legend(fontsize=8, ncols=len(names))
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
    chosen = latest(options.history, options.quick)
    if not chosen:
        raise SystemExit(f"{options.history} has no full runs; --quick counts the quick ones too")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "RESULTS.md").write_text(markdown(chosen))
    print(f"wrote {options.output / 'RESULTS.md'}")
    draw(chosen, options.output / "results.png")
    print(f"wrote {options.output / 'results.png'}")


if __name__ == "__main__":
    main()
