"""What ``charrnn train --minutes`` makes of a text in a given time; writes QUALITY.md and quality.svg, or TEXTS.md.

    make quality
    python benchmarks/quality.py CORPUS --budgets 1.37 --seeds 1    # a part, merged with the rest
    python benchmarks/quality.py CORPUS --split 90/5/5 --test --hand=--no-layer-norm

With ``--split`` a text is cut in three: one part is learnt, one chosen by, and with ``--test`` the kept model scores the third once.
Each ``--hand`` is a configuration beside that which charrnn chooses, for as long. Results of each text are kept in a file of its
own in ``texts/``, and TEXTS.md is about all of them; texts.py has some.

Each run is a process of its own, as a user starts it. What it found is kept in JSON, so that a part can be
measured anew; a run of the same budget, seed and options, of parts also as many threads, takes the place of the old one.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import protocol
from measuring import HERE, Peak, environment, say
from quality_report import SAMPLE, plot, report
from running import Results, call, machine, replaced, spoken, train, warm_up
from splitting import shares

ROOT = HERE.parent
BUDGETS = (82 / 60, 10.0, 30.0)
SPLIT_BUDGETS = (1.0, 10.0, 60.0)
SEEDS = 3
NANOGPT_CPU = (
    "train.py config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 "
    "--log_interval=1 --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 "
    "--max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
)


def nanogpt(path: Path) -> Results:
    """nanoGPT's CPU recipe, in a clone that has PyTorch and its data prepared."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *NANOGPT_CPU.split()],
        cwd=path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"step (\d+): train loss [\d.]+, val loss ([\d.]+)", done.stdout)
    if done.returncode or not found:
        sys.exit(done.stderr)
    return {"validation_loss": float(found[-1][1]), "wall_seconds": time.perf_counter() - started}


def whole(
    corpus: Path, budgets: list[float], seeds: range, clone: Path | None, output: Path
) -> None:
    """One text, of which others validate on the last tenth; what is known of it is told anew after each run."""
    raw = output.with_name("quality.json")
    results: Results = {"corpus": corpus.name, "runs": []}
    if raw.exists():
        results = json.loads(raw.read_text(encoding="utf-8"))
        if results["corpus"] != corpus.name:
            sys.exit(f"{raw} is about {results['corpus']}; choose another --output, or --split")

    def keep() -> None:
        raw.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if results["runs"]:
            output.write_text(report(results), encoding="utf-8")
            plot(results, output.with_name("quality.svg"))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm_up(corpus, folder)
        for minutes in budgets:
            for seed in seeds:
                facts = machine(Peak())
                # The tenth that others validate on, also where so much would be too long an evaluation.
                model, run = train(corpus, minutes, seed, folder, "--val-fraction", "0.1")
                sample = call("sample", str(model), *SAMPLE).stdout
                say(f"{spoken(minutes)}, seed {seed}: {run['validation_loss']:.4f}")
                run |= {"sample": sample, "machine": facts}
                results["runs"] = replaced(
                    results["runs"], run, lambda one: (one["minutes"], one["seed"])
                )
                keep()
        if clone:
            facts = machine(Peak())
            results["nanogpt"] = nanogpt(clone) | {"machine": facts}
            keep()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "corpus", type=Path, nargs="?", default=ROOT / "data" / "tinyshakespeare.txt"
    )
    parser.add_argument("--budgets", type=float, nargs="*", help="in minutes")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs for each budget")
    parser.add_argument("--first-seed", type=int, default=0, help="go on from this one")
    parser.add_argument("--nanogpt", type=Path, help="a clone, to run its CPU recipe as well")
    parser.add_argument("--output", type=Path, help="QUALITY.md, or with --split TEXTS.md")
    apart = parser.add_argument_group("a text in three parts")
    apart.add_argument("--split", type=shares, metavar="A/B/C", help="to learn, choose by, test")
    apart.add_argument("--test", action="store_true", help="score the test part, once a run")
    apart.add_argument("--adapt", action="store_true", help="and once more, learning while reading")
    apart.add_argument("--records", action="store_true", help="each line is a text of its own")
    apart.add_argument("--bytes", action="store_true", help="learn bytes, not characters")
    apart.add_argument("--threads", type=int, help="of a run")
    apart.add_argument(
        "--hand", action="append", default=[], metavar="OPTIONS", help="of charrnn train: a rival"
    )
    apart.add_argument(
        "--hand-only", action="store_true", help="the automatic choice has been measured before"
    )
    options = parser.parse_args()
    corpus = options.corpus.resolve()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.split is None:
        of_parts = "test", "adapt", "records", "bytes", "threads", "hand", "hand_only"
        if given := [f"--{name.replace('_', '-')}" for name in of_parts if getattr(options, name)]:
            parser.error(f"for a text that is --split: {', '.join(given)}")
        output = options.output or HERE / "QUALITY.md"
        whole(corpus, options.budgets or BUDGETS, seeds, options.nanogpt, output)
    else:
        if options.nanogpt:
            parser.error("--nanogpt is for a text that is not --split")
        if options.hand_only and not options.hand:
            parser.error("--hand-only needs a --hand")
        output = options.output or HERE / "TEXTS.md"
        protocol.measure(
            corpus,
            protocol.How(
                options.split,
                options.test,
                options.adapt,
                options.records,
                options.threads,
                options.bytes,
            ),
            options.budgets or SPLIT_BUDGETS,
            seeds,
            ["", *options.hand] if not options.hand_only else options.hand,
            output,
        )
    print(output)


if __name__ == "__main__":
    main()
