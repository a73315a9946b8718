"""What the ranks of a job must have in common: each makes the same updates, and nobody would see it if they came to differ.

And what would slow them all down.
"""

from __future__ import annotations

import hashlib
import math
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from threadpoolctl import threadpool_info

from charrnn.errors import RankError
from charrnn.nn.parallel import MIN_STREAMS, available_processors, processors_each, sharing
from charrnn.nn.parameters import Array
from charrnn.nn.world import World
from charrnn.text.corpus import Corpus
from charrnn.text.examples import Examples
from charrnn.version import __version__
from charrnn.words import counted, listed

MANY = 4  # times as many threads as processors: a run of several machines that one goes on with


def require_alike(world: World, form: str, corpus: Corpus | Examples) -> None:
    """See that all ranks run the same program, compute in the same form, and have the same text.

    Args:
        form: Who computes, see :class:`charrnn.nn.compiled.Form`.

    Raises:
        InputError: They do not; the same one on each rank.
    """
    if world.size == 1:
        return
    versions = [f"{name} {version}" for name, version in _versions()]
    world.require_alike("their versions", listed(versions), "install the same on all machines")
    world.require_alike(
        "how they compute",
        form,
        "see what keeps Numba (pip install numba) from compiling, or let CHARRNN_KERNELS=numpy decline it on all",
    )
    blas = [
        f"{library['internal_api']} for {library.get('architecture', 'any processor')}"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    kinds = [platform.machine(), *blas, f"results {_trial()}"]
    world.require_alike(
        "their processors",
        listed(kinds),
        "take machines of one kind, or set OPENBLAS_CORETYPE and NPY_DISABLE_CPU_FEATURES to what the oldest kind has, on all",
    )
    world.require_alike(
        "their texts",
        f"{len(corpus):,} characters with hash {corpus.sha256[:12]}",
        "copy the same files to all machines",
    )


def _versions() -> Iterator[tuple[str, str]]:
    """Of what decides the bits of a result."""
    yield "charrnn", f"{__version__}"
    yield "Python", platform.python_version()
    yield "NumPy", np.__version__
    with suppress(PackageNotFoundError):
        yield "Numba", version("numba")


def _trial() -> str:
    """A hash of what functions make of some numbers: libraries choose among forms that differ in last bits."""
    x = np.linspace(-9, 9, 4096, dtype=np.float32).reshape(64, 64)
    found = [np.exp(x), np.tanh(x), np.log1p(np.abs(x)), np.sqrt(np.abs(x)), x @ x.T, x @ x[0]]
    single = [math.cos(n) + math.log(1 + n) + math.exp(-n) for n in range(64)]
    digest = hashlib.blake2b(np.array(single).data, digest_size=4)
    for array in found:
        digest.update(array.data)
    return digest.hexdigest()


def crowding(world: World, threads: int) -> list[str]:
    """Where ranks of so many threads have fewer processors, or a process alone far fewer, in words."""
    if world.size == 1:
        processors = available_processors()
        if threads <= MANY * processors:
            return []
        return [
            f"batches are computed in {threads} parts, on as many threads, for which {counted(processors, 'processor')} are few; "
            f"--threads {processors} goes on more quickly, but not bit for bit"
        ]
    told = dict[str, str]()
    for place, processors, ranks in sharing(world):
        if ranks * threads > processors:
            told[place] = (
                f"{ranks} ranks with {counted(threads, 'thread')} each share {counted(processors, 'processor')} of {place} and "
                "get in each other's way; start fewer there, or take fewer --threads"
            )
    return [*told.values()]


def idleness(world: World, threads: int, streams: int) -> list[str]:
    """Where each rank of a job takes few of its processors, in words."""
    if world.size == 1 or 2 * threads > (processors := processors_each(world)):
        return []
    return [
        f"each rank takes {threads} of the {processors} processors that it has: batches of {counted(streams, 'stream')} are wide enough for "
        f"no more ({MIN_STREAMS} each); --threads or --batch-size takes more"
    ]


def require_one_model(world: World, vectors: Sequence[Array], step: int) -> None:
    """See that all ranks have come to the same weights and averages.

    Raises:
        RankError: They have not; the same one on each rank.
    """
    if world.size == 1:
        return
    digest = hashlib.blake2b()
    for vector in vectors:
        digest.update(vector.data)
    known = world.gather((digest.hexdigest(), world.place))
    for rank, (found, place) in enumerate(known):
        if found != known[0][0]:
            raise RankError(
                f"at step {step:,} rank {rank} ({place}) has come to other weights than rank 0 ({known[0][1]}): one of them has a faulty "
                "memory or processor, or a library that computes otherwise; go on from the last save without it"
            )
