"""What the ranks of a job must have in common: each makes the same updates, and nobody would see it if they came to differ.

And what would slow them all down.
"""

from __future__ import annotations

import hashlib
import platform

import numpy as np
from threadpoolctl import threadpool_info

from charrnn.errors import RankError
from charrnn.nn.parallel import sharing
from charrnn.nn.parameters import Array
from charrnn.nn.world import World
from charrnn.text.corpus import Corpus
from charrnn.text.examples import Examples
from charrnn.version import __version__
from charrnn.words import counted


def require_alike(world: World, form: str, corpus: Corpus | Examples) -> None:
    """See that all ranks run the same program, compute in the same form, and have the same text.

    Args:
        form: Who computes, see :class:`charrnn.nn.compiled.Form`.

    Raises:
        InputError: They do not; the same one on each rank.
    """
    if world.size == 1:
        return
    blas = [
        f"{library['internal_api']} for {library.get('architecture', 'any processor')}"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    world.require_alike(
        "their versions",
        f"charrnn {__version__} with NumPy {np.__version__}",
        "install the same on all machines",
    )
    world.require_alike(
        "how they compute",
        form,
        "install charrnn-cli[fast] on all machines, or let CHARRNN_KERNELS=numpy decline it on all",
    )
    world.require_alike(
        "their processors",
        " and ".join([platform.machine(), *blas]),
        "take machines of one kind, or set OPENBLAS_CORETYPE to the oldest kind on all",
    )
    world.require_alike(
        "their texts",
        f"{len(corpus):,} characters with hash {corpus.sha256[:12]}",
        "copy the same files to all machines",
    )


def crowding(world: World, threads: int) -> list[str]:
    """Where ranks of so many threads have fewer processors, in words."""
    told = dict[str, str]()
    for place, processors, ranks in sharing(world) if world.size > 1 else ():
        if ranks * threads > processors:
            told[place] = (
                f"{ranks} ranks with {counted(threads, 'thread')} each share {counted(processors, 'processor')} of {place} and "
                "get in each other's way; start fewer there, or take fewer --threads"
            )
    return [*told.values()]


def require_one_model(world: World, weights: Array, step: int) -> None:
    """See that all ranks have come to the same weights.

    Raises:
        RankError: They have not; the same one on each rank.
    """
    if world.size == 1:
        return
    known = world.gather((hashlib.blake2b(weights.data).hexdigest(), world.place))
    for rank, (digest, place) in enumerate(known):
        if digest != known[0][0]:
            raise RankError(
                f"at step {step:,} rank {rank} ({place}) has other weights than rank 0 ({known[0][1]}), though both did the same: "
                "its memory or its processor is faulty, or its libraries are others; go on from the last save without it"
            )
