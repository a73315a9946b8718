"""Ranks of a job: what they add up, and what is sent for it."""

from __future__ import annotations

import numpy as np
import pytest
from ranks import Board, on_ranks

from charrnn.errors import InputError
from charrnn.nn.blocks import tree
from charrnn.nn.parallel import Shards, default_shards
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.nn.world import ALONE, World


def _added_up(parts: Array) -> Array:
    """Of one process."""
    rows = parts.copy()
    for i, j in tree(len(rows)).tolist():
        rows[i] += rows[j]
    total: Array = rows[0]
    return total


@pytest.mark.parametrize("each", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_where_a_part_is_changes_no_bit_of_the_sum(size: int, ranks: int, each: int) -> None:
    """Numbers of many magnitudes, whose sum depends on the order; each rank has the same in the end."""
    rng = np.random.default_rng(size + 10 * ranks + 100 * each)
    parts = rng.standard_normal((ranks * each, size)) * 10.0 ** rng.integers(-6, 6, (1, size))
    parts = parts.astype(np.float32)

    def add_up(world: World) -> Array:
        rows = parts[world.rank * each : (world.rank + 1) * each].copy()
        world.add_up(rows)
        total: Array = rows[0]
        return total

    for found in on_ranks(ranks, add_up):
        np.testing.assert_array_equal(found, _added_up(parts))


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_no_rank_sends_more_than_it_must(ranks: int) -> None:
    """2 (R - 1) / R vectors each, as the best that is known for long ones."""
    board, size = Board(ranks), 4096
    on_ranks(ranks, lambda world: world.add_up(np.ones((2, size), np.float32)), board)
    assert board.sent == [2 * (ranks - 1) * size // ranks] * ranks


@pytest.mark.parametrize(("ranks", "count"), [(1, 3), (2, 4), (3, 3), (4, 8)])
@pytest.mark.parametrize("batch", [1, 5, 16])
def test_parts_of_all_ranks_are_those_of_one(ranks: int, count: int, batch: int) -> None:
    """In number, in order, in their columns; a rank's columns are those of its parts."""

    def told(index: int, columns: slice, _workspace: Workspace) -> tuple[int, int, int]:
        return index, columns.start, columns.stop

    alone = Shards(count).map(told, batch)

    def work(world: World) -> tuple[list[tuple[int, int, int]], slice, range]:
        shards = Shards(count, world=world)
        assert shards.map_own(told, batch) == [alone[index] for index in shards.own]
        return shards.map(told, batch), shards.columns(batch), shards.own

    for found, columns, own in on_ranks(ranks, work):
        assert found == alone
        assert (columns.start, columns.stop) == (alone[own[0]][1], alone[own[-1]][2])


def test_each_rank_does_all_of_what_threads_share() -> None:
    """As an optimiser's step is: all ranks make the same."""

    def work(world: World) -> list[int]:
        shares = Shards(4, world=world).share(lambda some, _: range(7)[some], 7)
        return [n for share in shares for n in share]

    assert on_ranks(2, work) == [list(range(7))] * 2


def test_shards_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many on each rank as it has processors for itself, but no narrower than is good."""
    monkeypatch.setattr("charrnn.nn.parallel.available_processors", lambda: 4)
    assert on_ranks(2, lambda world: default_shards(1000, world)) == [8, 8]
    assert on_ranks(2, lambda world: default_shards(64, world)) == [4, 4]
    assert on_ranks(2, lambda world: default_shards(1, world)) == [2, 2]

    def on_one_machine(world: World) -> int:
        world.place = "here"
        return default_shards(1000, world)

    assert on_ranks(2, on_one_machine) == [4, 4]


def test_what_differs_is_told_alike() -> None:
    """By the same error on each rank, which names the first one that differs, and its machine."""

    def work(world: World) -> str:
        with pytest.raises(InputError) as error:
            world.require_alike("their texts", "ab"[world.rank // 2], "copy them")
        return str(error.value)

    (told,) = {*on_ranks(4, work)}
    assert (
        told
        == "the ranks differ in their texts: a on rank 0 (machine-0), b on rank 2 (machine-2); copy them"
    )
    on_ranks(3, lambda world: world.require_alike("what they are", "same", ""))


def test_who_is_alone_agrees_with_itself() -> None:
    """Without anything being sent."""
    assert (ALONE.gather(3), ALONE.from_first(4), ALONE.to_first(5)) == ([3], 4, [5])
    assert ALONE.numbers((1, 2)).tolist() == [[1, 2]]
    ticks = iter([1.0, 2.0])
    clock = ALONE.agreed(lambda: next(ticks))
    assert (clock(), clock()) == (1, 2)
