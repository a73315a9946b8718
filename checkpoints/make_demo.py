"""Make ``demo.npz``: the small model that lets ``charrnn sample`` write right after a clone.

The same as ``charrnn train --hidden-size 128 --dropout 0.1 --learning-rate 0.01 --epochs 24 --patience 0 --threads 2``,
saved without the training state, which leaves a fifth of the size.

It makes another model than the ``demo.npz`` of a clone, which the first version made: that averaged no weights
(``--ema 0``) and read the text as it was (``--normalize none``). Tests and documents quote what that one writes.
"""

from pathlib import Path

import charrnn

TARGET = Path(__file__).with_name("demo.npz")


def main() -> None:
    """Train on the embedded corpus and save the kept weights."""
    training = charrnn.Training(
        charrnn.load_corpus(),
        charrnn.ModelConfig(hidden_size=128, dropout=0.1),
        charrnn.TrainingConfig(learning_rate=0.01, epochs=24, patience=0, threads=2),
    )
    for report in training:
        if isinstance(report, charrnn.Evaluation):
            print(f"epoch {report.epoch:.0f}: validation {report.validation_loss:.4f} nats/char")
    charrnn.save_checkpoint(training.checkpoint(with_progress=False), TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
