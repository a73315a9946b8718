"""The records of ``charrnn.tasks``: each task has what it needs, and a record does not contradict itself."""

from __future__ import annotations

import pytest
from conftest import Run

from charrnn.config import ModelConfig
from charrnn.inspection import VIEWS
from charrnn.models.network_for import network_for
from charrnn.tasks import TASKS, Task, those
from charrnn.text.embedded import DEFAULTS, STEMS
from charrnn.training.rules import RULES

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))


def test_what_is_found_by_name() -> None:
    """A task that is added needs all of it, in the order in which it is told."""
    assert list(TASKS) == list(RULES) == list(DEFAULTS)
    assert {*DEFAULTS.values()} == {*STEMS}
    assert ModelConfig.task == next(iter(TASKS))


def test_each_has_a_network_of_its_own() -> None:
    configs = [ModelConfig(hidden_size=2, num_layers=1, task=name) for name in TASKS]
    networks = {type(network_for(config, 5, 3)) for config in configs}
    assert len(networks) == len(TASKS)


def test_the_help_lists_them(run: Run) -> None:
    told = " ".join(run("train", "--help").out.replace("│", " ").split())
    assert f"What is learnt, one of {', '.join(TASKS)}." in told


@every_task
def test_a_record_is_of_one_piece(task: Task) -> None:
    """Text is learnt as it is, or in lines of a text and one kind of thing that belongs to it."""
    assert TASKS[task.name] is task
    kinds = task.one_each + task.aligned + task.rewrites
    assert kinds == (len(task.pair) == 2) == bool(task.label)
    assert task.fewest <= 2 * kinds
    if task.pair and not task.rewrites:
        named = task.labels if task.aligned else task.label
        assert task.pair == ((named, "text") if task.for_labels else ("text", named))
    assert task.writes + task.finds + task.rewrites == 1


@every_task
def test_a_model_knows_its_record(task: Task) -> None:
    config = ModelConfig(task=task.name)
    assert config.learns is task
    assert (config.per, config.reads_whole) == (task.per, task.reads_whole)
    assert config.bidirectional == task.reads_whole


@every_task
def test_each_can_be_looked_at(task: Task) -> None:
    """By the views for all, and by one that shows what it does."""
    shown = [view for view in VIEWS if task.name in view.tasks]
    for_all = [view for view in VIEWS if view.tasks == tuple(TASKS)]
    assert len(shown) > len(for_all) > 0


def test_those() -> None:
    assert those(lambda task: task.writes) == ("lm", "conditional")
    assert those(lambda task: task.reads_whole) == ("classify", "tag", "seq2seq")
    assert those(lambda task: task.finds) == ("classify", "tag")
