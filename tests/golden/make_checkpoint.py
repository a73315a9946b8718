"""Make golden checkpoints: runs left in their middle, as the charrnn of its day saved them.

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
RUN = charrnn.TrainingConfig(
    epochs=20, batch_size=4, seq_length=16, learning_rate=0.02, eval_every=50, threads=2
)


def main() -> None:
    """Train on ``corpus.txt``, on the tags that say which of its letters are vowels, and on its words turned round; stop before the end, and save everything."""
    text = CORPUS.read_text(encoding="utf-8")
    corpus = charrnn.Corpus.from_text(text, config=charrnn.TextConfig())
    half = len(corpus) // 2
    corpus = replace(corpus, parts=(half, len(corpus) - half))  # as of two files
    model = charrnn.ModelConfig(
        cell="gru", hidden_size=16, num_layers=1, dropout=0.1, layer_norm=True
    )
    _save(charrnn.Training(corpus, model, RUN), f"format-{FORMAT}.npz")
    tagged = [f"{line}\t{vowels(line)}" for line in text.splitlines() if line]
    examples = charrnn.Examples.from_lines(tagged, "tag")
    model = charrnn.ModelConfig(cell="gru", hidden_size=6, num_layers=2, task="tag")
    _save(charrnn.Training(examples, model, replace(RUN, epochs=40)), f"format-{FORMAT}-tag.npz")
    examples = charrnn.Examples.from_lines(turned(text), "seq2seq")
    model = charrnn.ModelConfig(cell="gru", hidden_size=12, num_layers=1, task="seq2seq")
    _save(
        charrnn.Training(examples, model, replace(RUN, epochs=60)), f"format-{FORMAT}-seq2seq.npz"
    )


def vowels(line: str) -> str:
    """Tags of a line."""
    return "".join("v" if c in "aeiouAEIOU" else "-" for c in line)


def turned(text: str) -> list[str]:
    """Each of its different words, and the same from its end."""
    words = sorted({word for word in text.lower().split() if word.isalpha()})
    return [f"{word}\t{word[::-1]}" for word in words]


def _save(training: charrnn.Training, name: str) -> None:
    for _ in training:
        if training.step == STEPS:
            break
    path, model = FOLDER / name, training.model()
    charrnn.save_checkpoint(training.checkpoint(), path)
    print(f"{path}: {path.stat().st_size:,} bytes, step {training.step} of {training.total_steps}")
    print(training.validation_loss)
    if model.config.task == "lm":
        print("".join(charrnn.generate(model, prime="The ", length=120, temperature=0)))
    elif model.config.task == "tag":
        print(charrnn.predict(model, ["The sun was low"])[0].label)
    else:
        print(charrnn.rewrite(model, ["corner", "sun"]))


if __name__ == "__main__":
    main()
