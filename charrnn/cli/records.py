"""Records that are not in a corpus, for ``charrnn sample --novel-only``."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from charrnn.cli.prompts import Request
from charrnn.cli.writing import Output
from charrnn.errors import SamplingError
from charrnn.models.character_model import CharacterModel
from charrnn.text.corpus import load_records
from charrnn.writing.batch import Piece
from charrnn.writing.sampling import generate_records

TRIES = 100  # records that are written for a novel one, on average, before it is given up


def write_novel(
    model: CharacterModel, request: Request, count: int, corpus: Path, output: Output
) -> None:
    """Write that many records, each as it is asked for, that are not in a corpus.

    Raises:
        InputError: The corpus cannot be read.
        SamplingError: They do not come.
    """
    known = load_records(corpus, model.vocabulary.config)
    most, written = TRIES * max(10, count), 0
    records = generate_records(model, prime=request.prime, config=request.config, rng=request.seed)
    for record in islice(records, most):
        if record not in known:
            output.begin(request)
            output.add(Piece(0, record.removeprefix(request.prime), nats=0.0, last=True))
            written += 1
            if written == count:
                return output.close()
    raise SamplingError(
        f"only {written} of {count} records in {most:,} tries are not in {corpus}; "
        "a higher --temp writes more that is new"
    )
