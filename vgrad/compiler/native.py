"""The interpreter of compiled programs and the worker's loop, in the Python that Numba compiles to native code.

Relies on the numbers in compiler/runtime.py, which reads this file as text and has it compiled: with a warm disk cache
nothing imports it, nor numba. Addresses are int64.

The thread that calls `execute` leads: it alone interprets the program. A region of several lanes it announces to the
team, and every thread claims lanes, its own (lane % threads) first so that a core sees the same rows again, then those
that nobody has begun: a worker that comes late, or never (after fork), costs nothing but its help.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core.extending import intrinsic

from vgrad.compiler.runtime import (
    BUSY,
    CHECK_SIGNALS,
    CLAIMS,
    CLOCK,
    CLOCK_NAME,
    DECREASE_REFERENCES,
    DONE,
    DONE_SLEEPERS,
    END,
    FILL,
    FORKING,
    FRAME,
    GEMM,
    HOST,
    INCREMENT,
    INTEGER,
    JUMP,
    JUMP_IF_DONE,
    JUMP_TABLE,
    JUMP_UNLESS,
    KERNEL,
    NAP,
    NAP_LENGTH,
    ONES,
    POSITION,
    PRODUCT_COUNTS,
    PRODUCTS,
    REGION,
    RESTORE_THREAD,
    SAVE_THREAD,
    SCRATCH,
    SERIAL,
    SERIAL_END,
    SET_COUNTER,
    SLEEPERS,
    SLICE,
    SPINS,
    STOP,
    SWAP,
    SYSTEM_CALL,
    SYSTEM_CALL_FUTEX,
    THREADS,
    TICKET,
    TICKET_UNIT,
    VECTORCALL,
    WINDOWS,
    WORDS,
    ZERO,
)

WORD = ir.IntType(64)
BYTE = ir.IntType(8)
POINTER = ir.PointerType(BYTE)


# Memory


def pointer(builder, address, kind=WORD):
    return builder.inttoptr(address, ir.PointerType(kind))


@intrinsic
def load(typing_context, address):
    """The word at an address."""
    return types.int64(types.int64), lambda context, builder, signature, values: builder.load(pointer(builder, *values))


@intrinsic
def load_byte(typing_context, address):
    """The byte at an address."""

    def generate(context, builder, signature, values):
        return builder.zext(builder.load(pointer(builder, *values, BYTE)), WORD)

    return types.int64(types.int64), generate


@intrinsic
def store(typing_context, address, value):
    """Write a word."""

    def generate(context, builder, signature, values):
        builder.store(values[1], pointer(builder, values[0]))
        return values[1]

    return types.int64(types.int64, types.int64), generate


@intrinsic
def stack(typing_context, words):
    """Address of uninitialised words that live until the calling function returns."""

    def generate(context, builder, signature, values):
        return builder.ptrtoint(builder.alloca(WORD, values[0]), WORD)

    return types.int64(types.int64), generate


@intrinsic
def copy_memory(typing_context, to, source, size):
    """memcpy."""

    def generate(context, builder, signature, values):
        to, source, size = values
        function = builder.module.declare_intrinsic("llvm.memcpy", [POINTER, POINTER, WORD])
        builder.call(function, [pointer(builder, to, BYTE), pointer(builder, source, BYTE), size, ir.IntType(1)(0)])
        return size

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def zero_memory(typing_context, to, size):
    """memset to zero."""

    def generate(context, builder, signature, values):
        to, size = values
        function = builder.module.declare_intrinsic("llvm.memset", [POINTER, WORD])
        builder.call(function, [pointer(builder, to, BYTE), BYTE(0), size, ir.IntType(1)(0)])
        return size

    return types.int64(types.int64, types.int64), generate


# Memory that threads share


@intrinsic
def load_shared(typing_context, address):
    """The word at an address, and everything written before it was stored there."""

    def generate(context, builder, signature, values):
        return builder.load_atomic(pointer(builder, *values), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def exchange(typing_context, address, value):
    """Write a word and return the one before; sequentially consistent, as are the next two."""

    def generate(context, builder, signature, values):
        return builder.atomic_rmw("xchg", pointer(builder, values[0]), values[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def add(typing_context, address, value):
    """Add to a word and return the one before."""

    def generate(context, builder, signature, values):
        return builder.atomic_rmw("add", pointer(builder, values[0]), values[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def replace(typing_context, address, expected, value):
    """Whether the word was `expected` (1 or 0); if so it is now `value`."""

    def generate(context, builder, signature, values):
        address, expected, value = values
        outcome = builder.cmpxchg(pointer(builder, address), expected, value, "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(outcome, 1), WORD)

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def pause(typing_context):
    """Tell the processor that this thread spins."""

    def generate(context, builder, signature, values):
        if platform.machine() in ("x86_64", "AMD64"):
            function = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), function), [])
        elif platform.machine() in ("aarch64", "arm64"):
            function = ir.FunctionType(ir.VoidType(), [ir.IntType(32)])
            builder.call(builder.module.declare_intrinsic("llvm.aarch64.hint", (), function), [ir.IntType(32)(1)])
        return WORD(0)

    return types.int64(), generate


# Calls by address


@intrinsic
def call(typing_context, address, *words):
    """Call the function at an address with words, return its word."""

    def generate(context, builder, signature, values):
        function = ir.FunctionType(WORD, [WORD] * (len(values) - 1))
        return builder.call(pointer(builder, values[0], function), values[1:])

    return types.int64(types.int64, *[types.int64] * len(words)), generate


# Steps


def address_of(reference, bases, scratch, start):
    """The address that a reference means."""
    base = load(reference)
    origin = scratch if base == SCRATCH else load(bases + 8 * base)
    return origin + load(reference + 8) + start * load(reference + 16)


def begin_product(services):
    """Count a product that begins, but not while the process forks; the address of the count, for the end."""
    # Threads have their stacks some megabytes apart: each counts on a cache line of its own.
    count = services + 8 * (PRODUCTS + 8 * (stack(1) // 2**23 % PRODUCT_COUNTS))
    add(count, 1)
    while load_shared(services + 8 * FORKING):
        add(count, -1)
        call(load(services + 8 * NAP), load(services + 8 * NAP_LENGTH))
        add(count, 1)
    return count


def hold_products(services):
    """Wait until no product runs, and let none begin.

    A child that is forked while a thread holds a lock of BLAS, for its buffers, would wait for that lock for ever.
    """
    exchange(services + 8 * FORKING, 1)
    for i in range(PRODUCT_COUNTS):
        while load_shared(services + 8 * (PRODUCTS + 8 * i)):
            call(load(services + 8 * NAP), load(services + 8 * NAP_LENGTH))
    return 0


def multiply(function, one, factor, transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc):
    """C = A B + factor C by Fortran's gemm, k > 0. It sees row-major matrices transposed: C' = B' A' + factor C'."""
    words = stack(8)
    # 78 and 84 are N and T. Words are little-endian: their first bytes are the int32 and the character that BLAS reads.
    store(words, 84 if transpose_a else 78)
    store(words + 8, 84 if transpose_b else 78)
    store(words + 16, m)
    store(words + 24, n)
    store(words + 32, k)
    store(words + 40, lda)
    store(words + 48, ldb)
    store(words + 56, ldc)
    call(
        function, words + 8, words, words + 24, words + 16, words + 32,
        one, b, words + 48, a, words + 40, factor, c, words + 56,
    )  # fmt: skip
    return 0


def multiply_vector(function, one, factor, transpose, rows, columns, matrix, distance, x, x_step, y, y_step):
    """y = A x + factor y by Fortran's gemv, A row-major as it lies in memory, or its transpose; steps in elements."""
    words = stack(6)
    store(words, 78 if transpose else 84)
    store(words + 8, columns)
    store(words + 16, rows)
    store(words + 24, distance)
    store(words + 32, x_step)
    store(words + 40, y_step)
    call(
        function, words, words + 8, words + 16, one, matrix, words + 24, x, words + 32, factor, y, words + 40,
    )  # fmt: skip
    return 0


def run_gemm(step, bases, scratch, start, stop, services):
    """A `gemm_step`; see there."""
    extent = stop - start
    function, gemv, kind = load(step + 16), load(step + 280), load(step + 24)
    transpose_a, transpose_b = load(step + 32), load(step + 40)
    m = load(step + 48) + load(step + 56) * extent
    n = load(step + 64) + load(step + 72) * extent
    k = load(step + 80) + load(step + 88) * extent
    lda, ldb, ldc = load(step + 96), load(step + 104), load(step + 112)
    accumulate = load(step + 120)
    a = address_of(step + 128, bases, scratch, start)
    b = address_of(step + 152, bases, scratch, start)
    c = address_of(step + 176, bases, scratch, start)
    outer, inner = step + 200, step + 240
    if m <= 0 or n <= 0 or (k <= 0 and accumulate):
        return 0
    # BLAS wants distances of rows that cover a row, also where there is one row only, and steps that are not 0.
    if (k if transpose_a else m) == 1:
        lda = m if transpose_a else k
    if (n if transpose_b else k) == 1:
        ldb = k if transpose_b else n
    if m == 1:
        ldc = n
    item = 16 if kind == 3 else (4 if kind == 0 else 8)
    one = services + 8 * (ONES + 2 * kind)
    factor = one if accumulate else services + 8 * ZERO
    count = begin_product(services)
    for i in range(load(outer) + load(outer + 8) * extent):
        for j in range(load(inner) + load(inner + 8) * extent):
            c_matrix = c + i * load(outer + 32) + j * load(inner + 32)
            a_matrix = a + i * load(outer + 16) + j * load(inner + 16)
            b_matrix = b + i * load(outer + 24) + j * load(inner + 24)
            if k <= 0:
                for row in range(m):
                    zero_memory(c_matrix + row * ldc * item, n * item)
            elif m == 1:
                # The row C' = B' A'.
                multiply_vector(
                    gemv, one, factor, 1 - transpose_b, n if transpose_b else k, k if transpose_b else n,
                    b_matrix, ldb, a_matrix, lda if transpose_a else 1, c_matrix, 1,
                )  # fmt: skip
            elif n == 1:
                multiply_vector(
                    gemv, one, factor, transpose_a, k if transpose_a else m, m if transpose_a else k,
                    a_matrix, lda, b_matrix, 1 if transpose_b else ldb, c_matrix, ldc,
                )  # fmt: skip
            else:
                multiply(
                    function, one, factor, transpose_a, transpose_b,
                    m, n, k, a_matrix, lda, b_matrix, ldb, c_matrix, ldc,
                )  # fmt: skip
    add(count, -1)
    return 0


def run_kernel(step, bases, scratch, start, stop, words):
    """A `kernel_step`; see there."""
    unit, n_references, n_integers = load(step + 24), load(step + 32), load(step + 40)
    store(words, start * unit)
    store(words + 8, stop * unit)
    source, target = step + 48, words + 16
    for _ in range(n_references):
        store(target, address_of(source, bases, scratch, start))
        source, target = source + 24, target + 8
    for _ in range(n_integers):
        store(target, load(source))
        source, target = source + 8, target + 8
    call(load(step + 16), words)
    return 0


def run_steps(step, end, bases, scratch, start, stop, words, services):
    """The steps between two addresses, for one tile."""
    while step < end:
        opcode = load(step)
        if opcode == KERNEL:
            run_kernel(step, bases, scratch, start, stop, words)
        elif opcode == GEMM:
            run_gemm(step, bases, scratch, start, stop, services)
        elif opcode == WINDOWS:
            call(load(step + 16), step, bases, scratch, start, stop, services)
        elif opcode == FILL:
            size = load(step + 40) + load(step + 48) * (stop - start)
            zero_memory(address_of(step + 16, bases, scratch, start), size)
        else:
            size = load(step + 64) + load(step + 72) * (stop - start)
            to = address_of(step + 16, bases, scratch, start)
            copy_memory(to, address_of(step + 40, bases, scratch, start), size)
        step += 8 * load(step + 8)
    return 0


def run_lane(region, lane, bases, n_words, services):
    """One lane of a `region`; see there."""
    extent, tile, lanes = load(region + 16), load(region + 24), load(region + 32)
    scratch = load(bases + 8 * load(region + 40)) + load(region + 48) + lane * load(region + 56)
    prologue = region + 80
    body = prologue + 8 * load(region + 64)
    end = body + 8 * load(region + 72)
    words = stack(n_words)
    start, stop = extent * lane // lanes, extent * (lane + 1) // lanes
    run_steps(prologue, body, bases, scratch, start, stop, words, services)
    while start < stop:
        middle = start + tile if start + tile < stop else stop
        run_steps(body, end, bases, scratch, start, middle, words, services)
        start = middle
    return 0


# The team


def wait_for_change(address, value, sleepers, services):
    """Return when the shared word at `address` is not `value`: spin a little, then sleep until `wake`."""
    for _ in range(load(services + 8 * SPINS)):
        if load_shared(address) != value:
            return 0
        pause()
    add(sleepers, 1)
    while load_shared(address) == value:
        if load(services + 8 * SYSTEM_CALL):
            # FUTEX_WAIT_PRIVATE: sleeps if the low half of the word is still that of `value`.
            call(load(services + 8 * SYSTEM_CALL), load(services + 8 * SYSTEM_CALL_FUTEX), address, 128, value, 0, 0, 0)
        else:
            call(load(services + 8 * NAP), load(services + 8 * NAP_LENGTH))
    add(sleepers, -1)
    return 0


def wake(address, count, sleepers, services):
    """Wake up to `count` of those that sleep in `wait_for_change`."""
    if load_shared(sleepers) and load(services + 8 * SYSTEM_CALL):
        # FUTEX_WAKE_PRIVATE
        call(load(services + 8 * SYSTEM_CALL), load(services + 8 * SYSTEM_CALL_FUTEX), address, 129, count, 0, 0, 0)
    return 0


def claim(team, lane, ticket, services):
    """Run a lane of the region that `ticket` announced, unless another thread has begun it."""
    generation = ticket // TICKET_UNIT
    claimed = team + 8 * (CLAIMS + 8 * lane)
    begun = load_shared(claimed)
    if begun < generation and replace(claimed, begun, generation):
        # The region is not over before this lane is: what describes it holds still.
        run_lane(load(team + 8 * POSITION), lane, load(team + 8 * FRAME), load(team + 8 * WORDS), services)
        add(team + 8 * DONE, 1)
        wake(team + 8 * DONE, 1, team + 8 * DONE_SLEEPERS, services)
    return 0


def help_region(team, thread, ticket, services):
    """Run lanes of the announced region until all are begun: the thread's own first."""
    lanes = ticket % TICKET_UNIT
    for lane in range(thread, lanes, load(team + 8 * THREADS)):
        claim(team, lane, ticket, services)
    for lane in range(lanes):
        claim(team, lane, ticket, services)
    return 0


def run_region(region, bases, n_words, team, services):
    """All lanes of a region, shared with the team."""
    lanes = load(region + 32)
    store(team + 8 * POSITION, region)
    store(team + 8 * FRAME, bases)
    store(team + 8 * WORDS, n_words)
    # Every lane that was announced is done, so that DONE stands still.
    goal = load_shared(team + 8 * DONE) + lanes
    ticket = (load(team + 8 * TICKET) // TICKET_UNIT + 1) * TICKET_UNIT + lanes
    exchange(team + 8 * TICKET, ticket)
    wake(team + 8 * TICKET, lanes - 1, team + 8 * SLEEPERS, services)
    help_region(team, 0, ticket, services)
    done = load_shared(team + 8 * DONE)
    while done != goal:
        wait_for_change(team + 8 * DONE, done, team + 8 * DONE_SLEEPERS, services)
        done = load_shared(team + 8 * DONE)
    return 0


def work(team, thread, services):
    """The life of worker `thread`: help with every region until the team stops."""
    ticket = 0
    while ticket != STOP:
        help_region(team, thread, ticket, services)
        wait_for_change(team + 8 * TICKET, ticket, team + 8 * SLEEPERS, services)
        ticket = load_shared(team + 8 * TICKET)
    return 0


def stop_team(team, services):
    """End the workers' loops and return 1, or 0 if a program is running on the team."""
    if replace(team + 8 * BUSY, 0, 1) == 0:
        return 0
    exchange(team + 8 * TICKET, STOP)
    wake(team + 8 * TICKET, 1 << 30, team + 8 * SLEEPERS, services)
    return 1


# Programs


def milliseconds(services, buffer):
    """A steady clock; `buffer` has two words."""
    call(load(services + 8 * CLOCK), load(services + 8 * CLOCK_NAME), buffer)
    return load(buffer) * 1000 + load(buffer + 8) // 1000000


def call_host(instruction, bases, words, callback, services):
    """A `host` instruction; the thread holds the GIL. Whether it failed: then a Python exception is set."""
    n_references = load(instruction + 24)
    for i in range(n_references):
        store(words + 16 + 8 * i, address_of(instruction + 32 + 24 * i, bases, 0, 0))
    identifier = call(load(services + 8 * INTEGER), load(instruction + 16))
    address = call(load(services + 8 * INTEGER), words + 16)
    store(words, identifier)
    store(words + 8, address)
    result = call(load(services + 8 * VECTORCALL), callback, words, 2, 0)
    call(load(services + 8 * DECREASE_REFERENCES), identifier)
    call(load(services + 8 * DECREASE_REFERENCES), address)
    if result == 0:
        return 1
    call(load(services + 8 * DECREASE_REFERENCES), result)
    return 0


def interpret(code, given, n_bases, callback, team, services, state):
    """Run a program from its header to its END; without the GIL, whose thread state is `state`. Whether it failed."""
    n_counters, n_words = load(code + 16), load(code + 24)
    bases = stack(n_bases + n_counters)
    counters = bases + 8 * n_bases
    words = stack(n_words + 2)
    copy_memory(bases, given, 8 * n_bases)
    checked = 0
    alone = 0 if team else 1
    position = code
    while True:
        opcode = load(position)
        following = position + 8 * load(position + 8)
        if opcode == REGION:
            lanes = load(position + 32)
            if alone or lanes == 1:
                for lane in range(lanes):
                    run_lane(position, lane, bases, n_words, services)
            else:
                run_region(position, bases, n_words, team, services)
        elif opcode == END:
            return 0
        elif opcode == HOST:
            call(load(services + 8 * RESTORE_THREAD), state)
            failed = call_host(position, bases, words, callback, services)
            call(load(services + 8 * SAVE_THREAD))
            if failed:
                return 1
        elif opcode == SET_COUNTER:
            store(counters + 8 * load(position + 16), load(position + 24))
        elif opcode == INCREMENT:
            counter = counters + 8 * load(position + 16)
            store(counter, load(counter) + 1)
        elif opcode == JUMP:
            following = code + 8 * load(position + 16)
            if following <= position:
                now = milliseconds(services, words)
                checked = checked if checked else now
                if now - checked > 30:
                    checked = now
                    call(load(services + 8 * RESTORE_THREAD), state)
                    failed = call(load(services + 8 * CHECK_SIGNALS)) & 1
                    call(load(services + 8 * SAVE_THREAD))
                    if failed:
                        return 1
        elif opcode == JUMP_IF_DONE:
            if load(counters + 8 * load(position + 16)) >= load(position + 24):
                following = code + 8 * load(position + 32)
        elif opcode == JUMP_UNLESS:
            if load_byte(address_of(position + 16, bases, 0, 0)) == 0:
                following = code + 8 * load(position + 40)
        elif opcode == JUMP_TABLE:
            index, last = load(address_of(position + 16, bases, 0, 0)), load(position + 40) - 1
            index = 0 if index < 0 else (last if index > last else index)
            following = code + 8 * load(position + 48 + 8 * index)
        elif opcode == SLICE:
            origin = load(bases + 8 * load(position + 24)) + load(position + 32)
            moved = load(position + 40) * load(counters + 8 * load(position + 48))
            store(bases + 8 * load(position + 16), origin + moved)
        elif opcode == SWAP:
            first, second = bases + 8 * load(position + 16), bases + 8 * load(position + 24)
            kept = load(first)
            store(first, load(second))
            store(second, kept)
        elif opcode == SERIAL:
            alone += 1
        elif opcode == SERIAL_END:
            alone -= 1
        position = following


def execute(code, bases, n_bases, callback, team, services):
    """Run a program on the team, or alone if that is 0 or busy; gives up the GIL meanwhile. Whether it failed."""
    state = call(load(services + 8 * SAVE_THREAD))
    if team and replace(team + 8 * BUSY, 0, 1) == 0:
        team = 0
    failed = interpret(code, bases, n_bases, callback, team, services, state)
    if team:
        exchange(team + 8 * BUSY, 0)
    call(load(services + 8 * RESTORE_THREAD), state)
    return failed
