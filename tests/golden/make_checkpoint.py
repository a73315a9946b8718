"""Make a golden checkpoint: a run left in its middle, as the charrnn of its day saved it.

Run by hand, once for each version of the format: ``python tests/golden/make_checkpoint.py``. What
it made is never made anew: ``test_checkpoint_format.py`` shows that later versions still read it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import charrnn
from charrnn.files.checkpoint import FORMAT

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "corpus.txt"
STEPS = 300


def main() -> None:
    """Train on ``corpus.txt``, stop before the end, and save everything."""
    text = CORPUS.read_text(encoding="utf-8")
    corpus = charrnn.Corpus.from_text(text, config=charrnn.TextConfig())
    half = len(corpus) // 2
    corpus = replace(corpus, parts=(half, len(corpus) - half))  # as of two files
    training = charrnn.Training(
        corpus,
        charrnn.ModelConfig(
            cell="feedforward", context=4, hidden_size=16, num_layers=2, dropout=0.1
        ),
        charrnn.TrainingConfig(
            epochs=20, batch_size=4, seq_length=16, learning_rate=0.02, eval_every=50, threads=2
        ),
    )
    for _ in training:
        if training.step == STEPS:
            break
    path = FOLDER / f"format-{FORMAT}.npz"
    charrnn.save_checkpoint(training.checkpoint(), path)
    model = training.model()
    print(f"{path}: {path.stat().st_size:,} bytes, step {STEPS} of {training.total_steps}")
    print("".join(charrnn.generate(model, prime="The ", length=120, temperature=0)))


if __name__ == "__main__":
    main()
