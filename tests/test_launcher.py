"""What launchers say of the processes that they start."""

from __future__ import annotations

import pytest

from charrnn.launcher import LAUNCHERS, announced, announced_size

SLURM = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "3", "SLURM_LOCALID": "1"}
MPICH = {"PMI_SIZE": "4", "PMI_RANK": "2", "MPI_LOCALRANKID": "0"}
OPEN_MPI = {
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_RANK": "0",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
}


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ({}, (1, 0, 0)),
        (MPICH, (4, 2, 0)),
        (SLURM, (8, 3, 1)),
        ({**SLURM, **OPEN_MPI}, (4, 0, 0)),  # an mpirun within a step
        ({**SLURM, **MPICH}, (4, 2, 0)),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, (1, 0, 0)),  # the script around the steps
        ({"PMI_SIZE": "1", "PMI_RANK": "0"}, (1, 0, 0)),
        ({"PMI_SIZE": "many", "PMI_RANK": "-1"}, (1, 0, 0)),
        ({"PMI_SIZE": ""}, (1, 0, 0)),
    ],
)
def test_who_was_started(
    said: dict[str, str], understood: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the innermost launcher; nonsense is no launcher."""
    for names in LAUNCHERS:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert announced() == understood
    assert announced_size() == understood[0]
