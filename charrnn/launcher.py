"""What a launcher of MPI jobs says of the processes that it starts: ``mpirun`` of MPICH or Open MPI, Slurm's ``srun``.

It imports next to nothing: the command line asks it before anything is loaded.
"""

from __future__ import annotations

import os

# How many ranks there are, which this one is, and which of those on its machine. Slurm comes last: what it says of a step holds
# also for an mpirun within. (What it says of a batch script has other names.)
LAUNCHERS = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_LOCAL_RANK"),
    ("PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID"),
)


def announced() -> tuple[int, int, int]:
    """How many ranks have been started together, which of them this is, and which of those on its machine; (1, 0, 0) without a launcher.

    That is what is known before MPI itself can be asked.
    """
    for names in LAUNCHERS:
        size, rank, local = (_number(os.environ.get(name, "")) for name in names)
        if size:
            return size, rank, local
    return 1, 0, 0


def announced_size() -> int:
    """How many ranks have been started together; 1 without a launcher."""
    return announced()[0]


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() else 0
