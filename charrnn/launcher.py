"""What a launcher of MPI jobs says of the processes that it starts: ``mpirun`` of MPICH or Open MPI, Slurm's ``srun``.

It imports next to nothing: the command line asks it before anything is loaded.
"""

from __future__ import annotations

import os

# MPICH and its kin; Open MPI; a step of Slurm (not the batch script around it); MVAPICH.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "MV2_COMM_WORLD_SIZE")
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "MV2_COMM_WORLD_RANK")


def announced_size() -> int:
    """How many ranks have been started together; 1 without a launcher."""
    return max(1, *map(_number, SIZES))


def announced_rank() -> int:
    """Which of them this is, before MPI itself can be asked."""
    return max(map(_number, RANKS)) if announced_size() > 1 else 0


def _number(name: str) -> int:
    said = os.environ.get(name, "")
    return int(said) if said.isascii() and said.isdigit() else 0
