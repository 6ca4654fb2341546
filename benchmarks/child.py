"""One implementation in a process of its own: imports, data, the first call; then it obeys the parent, line by line.

With "memory" in the settings it measures the memory of the first call, and leaves; without "workload" it measures the
rate of products.

    python benchmarks/child.py '{"implementation": "jax", "workload": "mlp", "mode": "plain", "batch": 64, ...}'

Every line on the standard output is one JSON object; whatever the library prints goes to the standard error.
"""

import ctypes
import gc
import importlib
import json
import os
import sys
import time

SAMPLE = 1 << 18  # numbers of each leaf that are compared


def memory(field):
    """VmRSS (now) or VmHWM (the most since the start, or since the last `forget_peak`), in bytes; None if unknown."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))
    except (OSError, StopIteration):
        return None


def forget_peak():
    try:
        with open("/proc/self/clear_refs", "w") as switch:
            switch.write("5")
    except OSError:
        pass  # then the peak counts from the start


def give_back_free_memory():
    """What malloc keeps of freed memory would serve the measured call, as if that took less."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        pass  # no glibc


def tiny_calls(implementation, threads):
    """Load what the library loads at its first calls."""
    import numpy

    for function in (lambda x: x + 1, lambda x: x @ x):
        tiny = implementation.prepare(numpy.ones((64, 64), numpy.float32), threads)
        implementation.wait(implementation.compiled(function)(tiny))


def memory_of_first_call(implementation, program, threads):
    """What a first call takes beyond the memory of a process that has its data and the library's tools loaded.

    peak        the peak of the call, result included, above what imports, data and two tiny compiled calls have left
    process     the peak of the whole process, imports and tools included
    """
    tiny_calls(implementation, threads)
    gc.collect()
    give_back_free_memory()
    base, before = memory("VmRSS"), memory("VmHWM")
    forget_peak()
    program()
    peak = memory("VmHWM")
    return {} if peak is None else {"peak": max(0, peak - base), "process": max(before, peak)}


class Program:
    """The workload's function and arguments in the library's own arrays."""

    def __init__(self, implementation, case, mode, batch, dtype, threads, **choice):
        self.implementation, self.case, self.dtype, self.threads = implementation, case, dtype, threads
        start = time.perf_counter()
        weights, data = case.weights(), case.data(batch)
        self.seconds_making_data = time.perf_counter() - start
        self.weights = {name: self.prepare(array) for name, array in weights.items()}
        self.data = [self.prepare(array) for array in data]
        self.function = implementation.program(case, mode, **choice)

    def prepare(self, array):
        if array.dtype.kind == "f":
            array = array.astype(self.dtype, copy=False)
        return self.implementation.prepare(array, self.threads)

    def __call__(self):
        return self.implementation.wait(self.function(self.weights, *self.data))

    def leaves(self, result):
        """Name -> NumPy array; the Hessian by weights is a dict of dicts."""
        if not isinstance(result, dict):
            return {"result": self.implementation.numpy_array(result)}
        inner = {name: self.leaves(value) for name, value in result.items()}
        return {f"{name}/{below}": leaf for name, leaves in inner.items() for below, leaf in leaves.items()}

    def burst(self, seconds):
        """One call to warm up; then calls, each timed, until the time is over."""
        end = time.perf_counter() + seconds
        self()
        times = []
        while not times or (time.perf_counter() < end and len(times) < 1000):
            start = time.perf_counter()
            result = self()
            times.append(time.perf_counter() - start)
            del result
        return {"times": times}

    def new_batch(self, batch):
        data = [self.prepare(array) for array in self.case.data(batch)]
        start = time.perf_counter()
        self.implementation.wait(self.function(self.weights, *data))
        return {"seconds": time.perf_counter() - start}

    def save(self, path, mode):
        """A sample of every leaf of the result, for comparison; and the bytes that had to be read and written."""
        import numpy

        leaves = self.leaves(self())
        arguments = [*self.weights.values(), *self.data]
        traffic = sum(self.implementation.numpy_array(each).nbytes for each in arguments)
        traffic += sum(leaf.nbytes for leaf in leaves.values())
        if mode == "dp_step":
            before = self.leaves(self.weights)
            leaves = {name: leaf - before[name] for name, leaf in leaves.items()}
        numpy.savez(path, **{name: leaf.ravel()[:: 1 + leaf.size // SAMPLE] for name, leaf in leaves.items()})
        return {"bytes": traffic}


def sgemm_rate(implementation, threads, duration, size=2048):
    """The best rate in flop/s, in so many seconds, of float32 products of square matrices."""
    import numpy

    rng = numpy.random.default_rng(0)
    matrices = [implementation.prepare(rng.standard_normal((size, size), numpy.float32), threads) for _ in range(2)]
    best, end = float("inf"), time.perf_counter() + duration
    while time.perf_counter() < end:
        start = time.perf_counter()
        implementation.wait(implementation.product(*matrices))
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def main():
    settings = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    implementation = importlib.import_module(f"implementations.{settings['implementation']}")
    if "workload" not in settings:
        tiny_calls(implementation, settings["threads"])  # from now on the disk cache knows them
        rate = sgemm_rate(implementation, settings["threads"], settings["duration"])
        answer(version=implementation.version(), sgemm=rate)
        return
    case = importlib.import_module(f"cases.{settings['workload']}")
    names = "mode", "batch", "dtype", "threads", "microbatch"
    program = Program(implementation, case, **{name: settings[name] for name in names if name in settings})
    if settings.get("memory"):
        answer(**memory_of_first_call(implementation, program, settings["threads"]))
        return
    result = program()
    end = time.perf_counter()
    del result
    answer(end=end, seconds_making_data=program.seconds_making_data, version=implementation.version())
    for line in sys.stdin:
        order = json.loads(line)
        try:
            match order["do"]:
                case "burst":
                    answer(**program.burst(order["seconds"]))
                case "new_batch":
                    answer(**program.new_batch(order["batch"]))
                case "save":
                    answer(**program.save(order["path"], settings["mode"]))
        except Exception as error:
            answer(error=f"{type(error).__name__}: {error}"[:300])


if __name__ == "__main__":
    main()
