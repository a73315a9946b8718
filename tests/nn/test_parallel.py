"""How many processors a process may use, and what is done on them side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from charrnn.nn.parallel import (
    MIN_STREAMS,
    Shards,
    available_processors,
    default_shards,
    single_threaded_blas,
)

V1 = "sys/fs/cgroup/cpu"
V2 = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("group", "files", "processors"),
    [
        pytest.param("0::/\n", {f"{V2}/cpu.max": "200000 100000\n"}, 2, id="container"),
        pytest.param("0::/\n", {f"{V2}/cpu.max": "150000 100000\n"}, 2, id="a part is a thread"),
        pytest.param("0::/\n", {f"{V2}/cpu.max": "10000 100000\n"}, 1, id="one at least"),
        pytest.param("0::/\n", {f"{V2}/cpu.max": "max 100000\n"}, 8, id="no limit"),
        pytest.param("0::/\n", {f"{V2}/cpu.max": "9900000 100000\n"}, 8, id="more than there are"),
        pytest.param("0::/\n", {f"{V2}/cpu.max": "nonsense\n"}, 8, id="nonsense"),
        pytest.param("0::/\n", {f"{V2}/cpu.max": "0 100000\n"}, 8, id="nothing is no limit"),
        pytest.param("0::/a/b:c\n", {f"{V2}/cpu.max": "200000 100000\n"}, 2, id="colon in a name"),
        pytest.param(
            "0::/a/b\n",
            {f"{V2}/a/b/cpu.max": "max 100000\n", f"{V2}/a/cpu.max": "300000 100000\n"},
            3,
            id="the group above",
        ),
        pytest.param(
            "0::/seen/from/outside\n", {f"{V2}/cpu.max": "200000 100000\n"}, 2, id="own name"
        ),
        pytest.param(
            "4:memory:/other\n3:cpu,cpuacct:/box\n0::/\n",
            {
                f"{V1}/box/cpu.cfs_quota_us": "400000\n",
                f"{V1}/box/cpu.cfs_period_us": "100000\n",
                f"{V1}/other/cpu.cfs_quota_us": "200000\n",
                f"{V1}/other/cpu.cfs_period_us": "100000\n",
            },
            4,
            id="version 1",
        ),
        pytest.param(
            "3:cpuacct,cpu:/\n",
            {f"{V1}/cpu.cfs_quota_us": "-1\n", f"{V1}/cpu.cfs_period_us": "100000\n"},
            8,
            id="version 1, no limit",
        ),
        pytest.param("0::/\n", {}, 8, id="no files"),
        pytest.param(None, {}, 8, id="another system"),
    ],
)
def test_quota(
    group: str | None,
    files: Mapping[str, str],
    processors: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", {0: set(range(8))}.get, raising=False)
    if group is not None:
        files = {**files, "proc/self/cgroup": group}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert available_processors(tmp_path) == processors


def test_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as well, and where it is not known, all processors do."""
    monkeypatch.setattr(os, "sched_getaffinity", {0: {1, 5}}.get, raising=False)
    assert available_processors(tmp_path) == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert available_processors(tmp_path) == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_processors(tmp_path) == 1


def test_default_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at least, no more than there are processors, and none that is too small."""
    monkeypatch.setattr("charrnn.nn.parallel.available_processors", lambda: 3)
    sizes = [0, 1, 2 * MIN_STREAMS - 1, 2 * MIN_STREAMS, 3 * MIN_STREAMS, 9 * MIN_STREAMS]
    shards = [default_shards(size) for size in sizes]
    assert shards == [1, 1, 1, 2, 3, 3]
    assert {type(count) for count in shards} == {int}


def test_one_shard_needs_no_thread() -> None:
    """It is the caller's; several have threads of their own."""
    here = threading.get_ident()
    alone, several = (Shards(count).map(lambda *_: threading.get_ident(), 8) for count in (1, 2))
    assert alone == [here]
    assert here not in several


@pytest.mark.parametrize("count", [1, 3])
def test_shards_do_not_warn(count: int) -> None:
    """What overflows is for the caller to see, on whatever thread it is."""
    found = Shards(count).map(lambda *_: np.exp(np.full(4, 1e3, np.float32)).max(), 8)
    assert found == [np.inf] * count


def test_blas_is_let_go_by_the_last_that_holds_it() -> None:
    """Whoever begins first and ends first neither frees the others nor leaves them a limit."""
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        before = _blas_threads()
        first, second = single_threaded_blas(), single_threaded_blas()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert _blas_threads() <= {1}  # a library that cannot be asked is none of them
        second.__exit__(None, None, None)
        assert _blas_threads() == before


def _blas_threads() -> set[int]:
    libraries = threadpoolctl.threadpool_info()
    return {each["num_threads"] for each in libraries if each["user_api"] == "blas"}
