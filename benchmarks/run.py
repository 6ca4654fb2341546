"""Time vgrad beside other libraries: each in a process of its own, in turns, on the same weights and data.

    python benchmarks/run.py --workload mlp,softmax --mode plain --batch 64 --impl vgrad,jax \\
        --python jax=PATH/TO/PYTHON

For every workload, mode and batch size:
  check    each result against a float64 run of the first of jax, torch, jax_two_pass, autograd, vgrad that is there:
           for each leaf the norm of the difference over the norm.
  rounds   in every round each implementation has one burst of calls while the others wait. Median and least time of a
           call over all rounds; the ratio to JAX is the median over rounds of the ratio of the round's medians.
At one batch size of each workload and mode:
  start    processes start one after the other, implementation by implementation, with an empty disk cache and then with
           the cache so filled; the time from the start of the process to the first result, imports included and the
           making of the data taken off.
  new      one call with a batch size not seen before, arguments ready.
  memory   in a process of its own that finds its disk cache filled (JAX's too): the peak of resident memory over the
           first call, result included, above what imports, data and two tiny compiled calls have left; and the peak of
           the whole process.
Of implementations that compile for long (--brief) only the calls are timed, at that one batch size. So it is, at all
batch sizes, with the ways to a DP step that are only for this: jax_two_pass, jax_privacy, opacus, opacus_ghost. Those
that take a microbatch size run with the fastest of several, found beforehand.
A failing implementation gives a row with its error and stops nothing. Every row is appended to the history.
"""

import argparse
import json
import math
import os
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cases
import numpy as np
from machine import COPIES, copy_rate, limit_seconds, processor

FOLDER = Path(__file__).resolve().parent
# The ways to a DP step that libraries offer: the same program as vgrad's first, then those only for this.
WAYS = {"jax": ("jax", "jax_two_pass", "jax_privacy"), "torch": ("torch", "opacus", "opacus_ghost")}
ONLY_STEPS = tuple(way for ways in WAYS.values() for way in ways[1:])
IMPLEMENTATIONS = ("vgrad", "jax", "torch", "torch_compile", "autograd", *ONLY_STEPS)
LIBRARY = {way: library for library, ways in WAYS.items() for way in ways} | {"torch_compile": "torch"}
MODES = {"autograd": ("plain",)} | dict.fromkeys(ONLY_STEPS, ("dp_step",))  # of those that do not run all
MICROBATCHES = dict.fromkeys(("jax_two_pass", "jax_privacy"), (1, 2, 4, 8, 16, 32, 64, None))  # None: the whole batch
REFERENCES = ("jax", "torch", "jax_two_pass", "autograd", "vgrad")  # the first that runs gives the float64 results
CONTRACTING = ("vgrad", "jax_two_pass", "jax_privacy", "opacus_ghost")  # their DP step need not hold all gradients
BASELINE = "jax"
TOLERANCE = 2e-4
PATIENCE = 3  # times what the imports and the compilation of the best microbatch size took: slower ones are given up
LONGEST = 20.0  # seconds that one implementation may spend in bursts of one row; at least three rounds are run
GIGABYTE = 1 << 30


def say(text):
    """Progress: on a terminal each line replaces the one before; in a log, lines."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def pythons(choices):
    """{"jax": path, ...} from ["jax=path", ...]; others run on their library's interpreter, or else on this one."""
    chosen = dict(choice.split("=", 1) for choice in choices)
    unknown = set(chosen) - set(IMPLEMENTATIONS)
    if unknown:
        raise SystemExit(f"--python: no such implementation: {', '.join(sorted(unknown))}")
    return {name: chosen.get(name, chosen.get(LIBRARY.get(name), sys.executable)) for name in IMPLEMENTATIONS}


def environment(implementation, threads, cache=None, dtype="float32"):
    """Of a child: the threads, bytecode as usual, and the disk cache if there is one."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        variables[name] = str(threads)
    if implementation == "vgrad":
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FOLDER.parent), variables.get("PYTHONPATH")]))
        variables["VGRAD_NUM_THREADS"] = str(threads)
        if cache:
            variables["VGRAD_CACHE_DIR"] = cache
    if LIBRARY.get(implementation) == "jax":
        variables["JAX_PLATFORMS"] = "cpu"
        variables["JAX_TRACEBACK_FILTERING"] = "off"  # else the last line of an error is a note on it
        if dtype == "float64":
            variables["JAX_ENABLE_X64"] = "1"
        if cache:  # JAX keeps nothing on disk unless asked to
            variables["JAX_COMPILATION_CACHE_DIR"] = cache
            variables["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
            variables["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    if implementation == "torch_compile" and cache:
        variables["TORCHINDUCTOR_CACHE_DIR"] = cache
    return variables


def cache_of(options, implementation):
    """The disk cache of all of an implementation's processes but those whose starts are timed."""
    return str(options.folder / implementation)


class Failure(Exception):
    """What a child said, or that it died or took too long; of paths only the last part, for the history is public."""

    def __init__(self, text):
        super().__init__(re.sub(r"(?<!\w)/(?:[^/\s'\"]+/)+", "", text)[:300])


class Child:
    """A process that runs one implementation; `ask` sends an order and waits for the answer."""

    def __init__(self, options, implementation, cache=None, timeout=None, **settings):
        settings = {"implementation": implementation, "threads": options.threads, "dtype": "float32", **settings}
        affinity = sorted(os.sched_getaffinity(0))[: options.threads] if hasattr(os, "sched_getaffinity") else None
        self.timeout = timeout or options.timeout
        self.errors = tempfile.TemporaryFile("w+")
        self.answers = queue.Queue()
        self.spent = 0.0
        self.start = time.perf_counter()
        command = [options.pythons[implementation], str(FOLDER / "child.py"), json.dumps(settings)]
        variables = environment(implementation, options.threads, cache, settings["dtype"])
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                command, env=variables, stdin=pipe, stdout=pipe, stderr=self.errors, text=True
            )
        except OSError as error:
            self.errors.close()
            raise Failure(str(error)) from None
        if affinity:
            os.sched_setaffinity(self.process.pid, affinity)
        threading.Thread(target=self.listen, daemon=True).start()
        try:
            self.first = self.answer()
            self.timeout = options.timeout
        except BaseException:
            self.close()
            raise

    def listen(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def answer(self):
        try:
            line = self.answers.get(timeout=self.timeout)
        except queue.Empty:
            self.process.kill()
            raise Failure(f"took more than {self.timeout:.0f} s") from None
        if line is None:
            self.process.wait()
            self.errors.seek(0)
            last = [line.strip() for line in self.errors.read().splitlines() if line.strip()][-1:]
            raise Failure(last[0] if last else f"ended with code {self.process.returncode}")
        fields = json.loads(line)
        if "error" in fields:
            raise Failure(fields["error"])
        return fields

    def ask(self, **order):
        if self.process.poll() is None:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        return self.answer()

    def seconds_to_first_result(self):
        return self.first["end"] - self.start - self.first["seconds_making_data"]

    def close(self):
        """A child leaves when its input ends; one that does not is killed."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Row:
    """One implementation on one workload, mode and batch size: what is known of it, and its process while it lives."""

    def __init__(self, implementation):
        self.implementation, self.child = implementation, None
        self.fields, self.medians = {}, []

    def attempt(self, work):
        """Run `work`; a failure is noted, and ends this implementation's part."""
        if "failure" in self.fields:
            return
        try:
            work()
        except Exception as failure:  # whatever it is, the other implementations go on
            known = isinstance(failure, Failure)
            self.fields["failure"] = str(failure) if known else f"{type(failure).__name__}: {failure}"
            say(f"    {self.implementation}: {self.fields['failure']}")
            self.close()

    def close(self):
        if self.child:
            self.child.close()
            self.child = None


def measure_starts(options, rows, settings):
    """Processes with an empty cache and then with the cache so filled, in turns."""
    empty, warm = {row: [] for row in rows}, {row: [] for row in rows}

    def start(row, cache, times):
        child = Child(options, row.implementation, cache, **settings)
        child.close()
        times.append(child.seconds_to_first_result())

    def both(row):
        with tempfile.TemporaryDirectory(dir=options.folder) as cache:
            # JAX's default is no cache: that is its start, and a further process fills the cache.
            start(row, None if row.implementation == BASELINE else cache, empty[row])
            if row.implementation == BASELINE:
                start(row, cache, [])
            start(row, cache, warm[row])

    for turn in range(options.starts):
        for row in rows:
            say(f"    start {turn + 1}/{options.starts} {row.implementation}")
            row.attempt(lambda: both(row))
    for row in rows:
        if empty[row] and warm[row]:
            row.fields |= {"start_empty": statistics.median(empty[row]), "start_warm": statistics.median(warm[row])}


def microbatches(options, implementation, workload, batch):
    """The sizes to try: those that divide the batch, and whose gradients may be held."""
    largest = options.memory_limit * GIGABYTE / example_bytes(workload)
    sizes = [size for size in MICROBATCHES[implementation] if size is None or (size < batch and batch % size == 0)]
    return [size for size in sizes if (size or batch) <= largest]


def open_with_best_microbatch(options, row, settings):
    """Each size in a process of its own, for a short burst; the fastest stays. The row keeps what each took."""
    best, timeout = math.inf, None
    row.fields["tried"] = tried = {}
    for size in microbatches(options, row.implementation, settings["workload"], settings["batch"]):
        say(f"    microbatch {size} of {row.implementation}")
        child, cache = None, cache_of(options, row.implementation)
        try:
            child = Child(options, row.implementation, cache, timeout, microbatch=size, **settings)
            tried[str(size)] = seconds = min(child.ask(do="burst", seconds=options.burst)["times"])
        except Failure as failure:
            tried[str(size)], seconds = str(failure), math.inf
        if seconds < best:
            row.close()
            row.child, row.fields["microbatch"], best = child, size, seconds
            timeout = best + PATIENCE * (child.seconds_to_first_result() - best)
        elif child:
            child.close()
    if row.child is None:
        raise Failure("; ".join(dict.fromkeys(tried.values())))


def compare_results(options, rows, settings):
    """Note every row's error against a float64 run; one above the tolerance is a failure."""
    tolerance = getattr(cases.load(settings["workload"]), "TOLERANCE", TOLERANCE)
    implementation = next((name for name in REFERENCES if name in [row.implementation for row in rows]), None)
    if implementation is None:
        return
    say(f"    check against {implementation} in float64")
    reference = Row(implementation)

    def save(row, path):
        row.fields |= row.child.ask(do="save", path=str(path))

    def check(row):
        path = options.folder / f"{row.implementation}.npz"
        save(row, path)
        with np.load(path) as results, np.load(options.folder / "reference.npz") as expected:
            if set(results) != set(expected):
                raise Failure(f"results are {sorted(results)}, not {sorted(expected)}")
            row.fields["error"] = max(relative_error(results[name], expected[name]) for name in expected)
        if not row.fields["error"] <= tolerance:
            raise Failure(f"wrong result: relative error {row.fields['error']:.1e}")

    def run_reference():
        reference.child = Child(options, implementation, None, **settings | {"dtype": "float64"})
        save(reference, options.folder / "reference.npz")

    reference.attempt(run_reference)
    reference.close()
    if "failure" in reference.fields:
        say("    no reference: results are not checked")
        return
    for row in rows:
        row.attempt(lambda: check(row))


def relative_error(result, expected):
    if result.shape != expected.shape:
        return float("inf")
    norm = np.linalg.norm(expected)
    difference = np.linalg.norm(result.astype(np.float64) - expected)
    return float(difference / norm) if norm else float(difference)


def measure_calls(options, rows):
    """Bursts in turns. Every row gets all times, and the median of each of its rounds."""
    times = {row: [] for row in rows}

    def burst(row):
        start = time.perf_counter()
        measured = row.child.ask(do="burst", seconds=options.burst)["times"]
        row.child.spent += time.perf_counter() - start
        times[row] += measured
        row.medians.append(statistics.median(measured))

    for turn in range(options.rounds):
        shift = turn % len(rows)
        for row in rows[shift:] + rows[:shift]:
            if turn < 3 or (row.child and row.child.spent < LONGEST):
                time.sleep(0.02)  # the threads of the one before stop spinning
                row.attempt(lambda: burst(row))
        say(f"    round {turn + 1}/{options.rounds}")
    for row in rows:
        if times[row]:
            row.fields["medians"] = row.medians
            row.fields |= {"median": statistics.median(times[row]), "min": min(times[row])}
            row.fields |= {"rounds": len(row.medians), "calls": len(times[row])}


def new_batches(batch, count):
    """Sizes a little smaller, all different: a size seen before costs nothing."""
    return [batch - batch // 8 - 1 - i for i in range(count)]


def measure_new_batches(options, rows, batch):
    def measure(row):
        seconds = [row.child.ask(do="new_batch", batch=size)["seconds"] for size in new_batches(batch, options.new)]
        row.fields["new_batch"] = statistics.median(seconds) if seconds else None

    for row in rows:
        row.attempt(lambda: measure(row))


def measure_memory(options, rows, settings):
    """Each in a process of its own; its program is in the disk cache already."""

    def measure(row):
        child = Child(options, row.implementation, cache_of(options, row.implementation), memory=True, **settings)
        child.close()
        row.fields |= child.first

    for row in rows:
        say(f"    memory {row.implementation}")
        row.attempt(lambda: measure(row))


def implementations(options, mode, detailed):
    """Those that run a mode, at the batch size at which all is measured or at another one."""
    able = [name for name in options.impl if mode in MODES.get(name, (mode,))]
    return [name for name in able if detailed or name not in options.brief]


def measure(options, workload, mode, batch, detailed, names):
    """Rows of one workload, mode and batch size, as dicts; `detailed` if this is the size at which all is measured."""
    settings = {"workload": workload, "mode": mode, "batch": batch}
    rows = [Row(name) for name in names]
    if not rows:
        return []
    calls_only = (*options.brief, *ONLY_STEPS)
    thorough = [row for row in rows if detailed and row.implementation not in calls_only]
    measure_starts(options, thorough, settings)

    def open_child(row):
        say(f"    first call {row.implementation}")
        if row.implementation in MICROBATCHES:
            open_with_best_microbatch(options, row, settings)
        else:
            row.child = Child(options, row.implementation, cache_of(options, row.implementation), **settings)
        row.fields["version"] = row.child.first["version"]

    try:
        for row in rows:
            row.attempt(lambda: open_child(row))
        compare_results(options, rows, settings)
        measure_calls(options, rows)
        measure_new_batches(options, thorough, batch)
    finally:
        for row in rows:
            row.close()
    measure_memory(options, thorough, settings)
    flops = cases.load(workload).flops(batch, mode)
    baseline = next((row for row in rows if row.implementation == BASELINE), None)
    for row in rows:
        row.fields |= {"flops": flops, "load": os.getloadavg()[0]}
        if "median" in row.fields and "bytes" in row.fields:
            row.fields["limit"] = limit_seconds(flops, row.fields["bytes"], options.sgemm, options.copies)
        if baseline and baseline.medians and row.medians:
            row.fields["ratio"] = statistics.median(
                mine / theirs for mine, theirs in zip(row.medians, baseline.medians)
            )
    return [settings | {"impl": row.implementation, **row.fields} for row in rows]


def scaled(value, units, width=9):
    """A number with the unit that fits, right-aligned; a dash if there is none."""
    if value is None:
        return "-".rjust(width)
    factor, unit = next(((f, u) for f, u in units if abs(value) >= f), units[-1])
    return f"{value / factor:.3g} {unit}".rjust(width)


def seconds(value):
    return scaled(value, [(1, "s "), (1e-3, "ms"), (1e-6, "us")])


def memory(value):
    return scaled(value, [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")])


HEAD = (
    f"{'':<14}{'median':>9} {'min':>9} {'x jax':>7} {'limit':>6}  {'start':>9} {'warm':>9} {'new size':>9}  "
    f"{'memory':>9} {'process':>9}  {'error':>7}"
)


def table_line(row):
    if "failure" in row:
        return f"{row['impl']:<14}{row['failure']}"
    ratio = f"{row['ratio']:7.2f}" if "ratio" in row else "      -"
    limit = f"{100 * row['limit'] / row['median']:5.0f}%" if "limit" in row else "     -"
    error = f"{row['error']:.1e}" if "error" in row else "-"
    return (
        f"{row['impl']:<14}{seconds(row['median'])} {seconds(row['min'])} {ratio} {limit}  "
        f"{seconds(row.get('start_empty'))} {seconds(row.get('start_warm'))} {seconds(row.get('new_batch'))}  "
        f"{memory(row.get('peak'))} {memory(row.get('process'))}  {error:>7}"
    )


def append(path, rows):
    """One write in append mode: two runs may share a history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def example_bytes(workload):
    """The bytes of one example's gradients, or of ten for the Jacobian."""
    total = sum(array.nbytes for array in cases.load(workload).weights().values())
    return total * (10 if workload == "jacobian" else 1)


def plan(options):
    """(workload, mode, batch, whether all is measured there, a note if it is refused), in order."""
    for workload in options.workload:
        case = cases.load(workload)
        size = example_bytes(workload)
        for mode in case.MODES:
            if options.mode and mode not in options.mode:
                continue
            fixed = min(case.BATCHES) > 64  # sizes of its own: of those asked for, the ones it has
            asked = [batch for batch in options.batch if not fixed or batch in case.BATCHES]
            batches = asked or (case.BATCHES[-1:] if options.quick else case.BATCHES)
            fitting = [b for b in batches if mode in ("plain", "norms") or b * size <= options.memory_limit * GIGABYTE]
            for batch in batches:
                note = None if batch in fitting else f"per-example results of {batch * size / 1e9:.1f} GB: refused"
                yield workload, mode, batch, bool(fitting) and batch == fitting[len(fitting) // 2], note


def facts(options):
    """What the machine can do, measured now; starts every interpreter once, so that files are in memory."""
    child_python = options.pythons["vgrad"]
    for folder in (FOLDER.parent / "vgrad", FOLDER):
        subprocess.run([child_python, "-m", "compileall", "-q", str(folder)], env=environment("vgrad", 1), check=False)
    duration = 0.2 if options.quick else 1.5  # the best of so many seconds: others may be using the machine
    rates, versions, broken = {}, {}, {}
    for implementation in [name for name in options.impl if name not in ONLY_STEPS] or options.impl:
        say(f"matrix products of {implementation}")
        try:
            child = Child(options, implementation, cache_of(options, implementation), duration=duration)
            child.close()
            rates[implementation], versions[implementation] = child.first["sgemm"], child.first["version"]
        except Failure as failure:
            broken[implementation] = str(failure)
    if not rates:
        raise SystemExit(f"no implementation works: {broken}")
    say("copying memory")
    options.copies = {str(size): copy_rate(size, options.threads, duration) for size in COPIES}
    options.sgemm = max(rates.values())
    print(f"{processor()}; {options.threads} threads; load {os.getloadavg()[0]:.1f}")
    print("  ".join(f"{name} {version}" for name, version in versions.items()))
    print("limits: float32 products " + ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in rates.items()), end="")
    print(" GFLOP/s (the best counts); copies (read + written)", end=" ")
    print(", ".join(f"of {int(size) >> 20} MB {rate / 1e9:.0f} GB/s" for size, rate in options.copies.items()))
    print("start: process start to first result, imports included, data taken off; vgrad's bytecode compiled before,")
    print("       every interpreter started once before. JAX: start without, warm with its own disk cache.")
    for name, failure in broken.items():
        print(f"{name} does not start: {failure}")
    return {"cpu": processor(), "threads": options.threads, "sgemm": rates, "copies": options.copies}


def commit():
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def command(arguments):
    """The command line without the machine's own paths."""
    shown = [re.sub(r"[^=]*[/\\].*", "PATH", each) for each in arguments]
    return " ".join(["python benchmarks/run.py", *shown])


def names(text):
    return [name for name in text.split(",") if name]


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--workload", type=names, default=list(cases.NAMES), help=f"of {', '.join(cases.NAMES)}; all")
    parser.add_argument("--mode", type=names, default=[], help="plain, per_example, dp_step, ...; all of each workload")
    parser.add_argument("--batch", type=lambda text: [int(size) for size in names(text)], default=[], help="sizes")
    parser.add_argument("--impl", type=names, default=["vgrad", "jax"], help=f"of {', '.join(IMPLEMENTATIONS)}")
    parser.add_argument("--brief", type=names, default=[], help="of these only calls are timed, at one batch size")
    parser.add_argument("--python", action="append", default=[], metavar="IMPL=PATH", help="interpreter of one of them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--burst", type=float, default=0.2, help="seconds of calls in one turn (0.2)")
    parser.add_argument("--starts", type=int, default=3, help="starts with an empty and a warm disk cache (3)")
    parser.add_argument("--new", type=int, default=3, help="batch sizes not seen before (3)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for the first call or one burst (300)")
    parser.add_argument("--memory-limit", type=float, default=4, help="GB of per-example results (4)")
    parser.add_argument("--history", type=Path, default=FOLDER / "history.jsonl")
    parser.add_argument("--quick", action="store_true", help="one batch size, 3 rounds, 1 start, 1 new size")
    options = parser.parse_args(arguments)
    checked = (options.workload, cases.NAMES), (options.impl, IMPLEMENTATIONS), (options.brief, IMPLEMENTATIONS)
    for asked, known in checked:
        if set(asked) - set(known):
            parser.error(f"unknown: {', '.join(sorted(set(asked) - set(known)))}; known: {', '.join(known)}")
    if options.quick:
        options.rounds, options.starts, options.new, options.burst = min(3, options.rounds), 1, 1, 0.1
    options.pythons = pythons(options.python)
    return options


def show(line):
    """A line of the table, over the progress."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    print(line, flush=True)


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="vgrad-benchmark-") as folder:
        options.folder = Path(folder)
        measure_all(options, arguments)


def measure_all(options, arguments):
    start = time.monotonic()
    run = {"run": time.strftime("%Y-%m-%dT%H:%M:%S"), "commit": commit(), "command": command(arguments)}
    run |= {"quick": options.quick, "machine": facts(options)}
    work = list(plan(options))
    show(f"\n{HEAD}")
    for number, (workload, mode, batch, detailed, note) in enumerate(work):
        title = f"{workload}, {mode}, batch {batch}"
        say(f"[{number + 1}/{len(work)}] {title}, after {(time.monotonic() - start) / 60:.1f} minutes")
        show(title)
        names = implementations(options, mode, detailed or note)
        rows = []
        if note:
            refused = [name for name in names if mode != "dp_step" or name not in CONTRACTING]
            rows = [
                {"workload": workload, "mode": mode, "batch": batch, "impl": name, "failure": note} for name in refused
            ]
            names = [name for name in names if name not in refused]
            show(f"  {note} ({', '.join(refused)})")
        measured = measure(options, workload, mode, batch, detailed or bool(note), names)
        for row in measured:
            show(table_line(row))
        rows += measured
        append(options.history, [{**run, **row} for row in rows])


if __name__ == "__main__":
    main()
