"""One kind of text, by a protocol: learnt from one part, chosen by another, judged once by a third."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import Peak, say
from running import (
    NAT,
    Results,
    machine,
    replaced,
    score,
    spoken,
    threads_of,
    train,
    warm_up,
)
from splitting import Shares, write_parts
from texts_report import report


@dataclass(frozen=True)
class How:
    """What is done with a text, the same for all of its runs."""

    split: Shares
    test: bool
    adapt: bool  # the test is read a second time, and learnt from meanwhile
    records: bool
    threads: int | None
    as_bytes: bool = False  # bits are of a byte

    @property
    def options(self) -> list[str]:
        """Those that say how a text is read."""
        return ["--records"] * self.records + ["--bytes"] * self.as_bytes


def measure(
    corpus: Path,
    how: How,
    budgets: Sequence[float],
    seeds: Sequence[int],
    configurations: Sequence[str],
    output: Path,
) -> None:
    """Runs of all budgets, seeds and configurations; a report after each.

    Args:
        configurations: Options of each, none of the automatic choice.
        output: Of the report, which is about all texts whose results lie in ``texts/`` beside it.
    """
    raw = output.parent / "texts" / f"{corpus.stem}.json"
    raw.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            parts = write_parts(corpus, how.split, folder, records=how.records)
        except ValueError as error:
            sys.exit(f"{error}")
        results = known(raw, facts(corpus, how, parts))
        warm_up(parts[0], folder, *how.options)
        for minutes in budgets:
            for seed in seeds:
                for options in configurations:
                    run = one_run(parts, how, minutes, seed, options)
                    say(f"{corpus.stem}, {spoken(minutes)}, seed {seed}, {options}: {told(run)}")
                    results["runs"] = replaced(results["runs"], run, what_it_is)
                    raw.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
                    output.write_text(report(read_all(raw.parent)), encoding="utf-8")


def what_it_is(run: Results) -> tuple[float, int, str, int]:
    """What no other run of a text has: one with more threads learns more in the same time, or sooner as much."""
    return run["minutes"], run["seed"], run["options"], threads_of(run)


def facts(corpus: Path, how: How, parts: Sequence[Path]) -> Results:
    """What a text is: results of another one are not mixed with it."""
    text = corpus.read_bytes()
    return {
        "corpus": corpus.stem,
        "bytes": len(text),
        "sha256": hashlib.sha256(text).hexdigest(),
        "split": list(how.split),
        "records": how.records,
        "as_bytes": how.as_bytes,
        "parts": [path.stat().st_size for path in parts],
    }


def known(path: Path, facts: Results) -> Results:
    """The results that there are of this text."""
    if not path.exists():
        return facts | {"runs": []}
    results: Results = json.loads(path.read_text(encoding="utf-8"))
    results.setdefault("as_bytes", False)  # of before there was a choice
    if {name: results[name] for name in facts} != facts:
        sys.exit(f"{path} is about another text or another split; move it away")
    return results


def read_all(folder: Path) -> list[Results]:
    paths = sorted(folder.glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def one_run(parts: Sequence[Path], how: How, minutes: float, seed: int, options: str) -> Results:
    """What it chose, and the bits of each part."""
    learnt, validation, test = parts
    own = ["--threads", str(how.threads)] if how.threads else []
    whole = ["--val-file", str(validation), "--val-fraction", "0"]  # the same for all runs
    words = [*whole, *how.options, *own, *shlex.split(options)]
    peak = machine(Peak())
    model, run = train(learnt, minutes, seed, learnt.parent, *words)
    run["epochs"] = run.pop("history")[-1]["epoch"]
    run["validation_bits"] = run.pop("validation_loss") / NAT
    run["repeat"] = run["repeat"].replace(f"{learnt.parent}/", "")
    if how.test:
        run["test_bits"] = score(model, test)
    if how.adapt:
        run["adapted_bits"] = score(model, test, "--adapt")
    return run | {"options": options, "threads": how.threads, "machine": peak}


def told(run: Results) -> str:
    names = ("validation_bits", "test_bits", "adapted_bits")
    return ", ".join(f"{name.split('_')[0]} {run[name]:.4f}" for name in names if name in run)
