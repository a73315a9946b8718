"""What the commands do, as functions: for a notebook, a script, a server.

model = charrnn.train("poems.txt", minutes=2).model()
print("".join(charrnn.generate(model, prime="Once", temperature=0.8)))
charrnn.score(model, "Once upon a time").bits_per_char
charrnn.inspect("poems.npz", "text", "Once upon a time")
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from itertools import islice
from numbers import Real
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from charrnn.config import (
    ADAPT_RATE,
    BEAM,
    MAX_BEAM,
    MINUTES,
    AdaptRate,
    ModelConfig,
    SearchConfig,
    TextConfig,
    TrainingConfig,
    only,
)
from charrnn.drawing.data import as_json
from charrnn.drawing.figure import Figure, parts
from charrnn.errors import InputError
from charrnn.fields import Between, check, checks, declared
from charrnn.files.checkpoint import load_checkpoint
from charrnn.inspection import VIEWS
from charrnn.inspection.look import Look, Subject
from charrnn.models.answering import Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.models.mixture import Writable
from charrnn.models.rewriting import Rewriter
from charrnn.nn.loss import bits, perplexity
from charrnn.nn.parameters import Array
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.text.examples import Examples, load_examples
from charrnn.text.labels import NO_LABELS
from charrnn.text.source import Paths, several
from charrnn.training.commentary import line_of, reasons
from charrnn.training.pace import AIM, Pace, chosen_run, compile_chosen
from charrnn.training.reports import Report
from charrnn.training.trainer import Training
from charrnn.words import counted, decimals
from charrnn.writing.adapting import Adapter
from charrnn.writing.scoring import Scorer, SegmentScorer, score_texts

WIDTH = 100  # columns of a figure in plain text


@checks
def load(path: str | os.PathLike[str]) -> CharacterModel:
    """The model that a checkpoint holds; errors as those of :func:`charrnn.load_checkpoint`."""
    return load_checkpoint(Path(path)).model


@checks
def train(
    corpus: Corpus | Examples | Paths = (),
    *,
    minutes: Annotated[float, Between(0, 1e6, without=(0,))] | None = None,
    start: CharacterModel | None = None,
    tell: Callable[[str], object] | None = None,
    on_report: Callable[[Report], object] | None = None,
    **settings: Any,
) -> Training:
    """Train a model, in a given time or for so many ``epochs`` or ``steps``, as ``charrnn train`` does.

    Args:
        corpus: A file or files, or a text or examples that have been read (:meth:`Corpus.from_text`, :meth:`Examples.from_lines`,
            :func:`charrnn.load_examples`); none at all is the Python language reference, or the example of the ``task``.
        minutes: How long to take in all, 10 where nothing says how long. What is not set is chosen
            for that time and this machine. Compiling, once on each machine, is not taken from it.
        start: A model to start from, in whose alphabet the text then is.
        tell: Called with what the command says while it trains, line by line: what was chosen for the time, what is other than was
            asked for, the losses of each evaluation, in bits, and what the run does about one that rises; ``print`` shows it.
        on_report: Called with each :class:`Step`, :class:`Evaluation`, :class:`Recovery` and
            :class:`Cooldown`, thousands of them, with losses in nats.
        settings: Those of :class:`charrnn.ModelConfig`, :class:`charrnn.TrainingConfig` and, where files
            are read, :class:`charrnn.TextConfig`.

    Returns:
        The run as it stands at its end, or where it was interrupted (``KeyboardInterrupt``): its
        ``model()``, its ``history``, and its ``checkpoint()`` to be saved.

    Raises:
        InputError: A setting is unknown or out of its range, or a file cannot be read.
        UnknownCharacterError: The text has characters that ``start`` lacks.
        DivergenceError: The loss was not finite again and again.
    """
    began = time.monotonic()
    of_text, of_model, of_training = _divided(settings, TextConfig, ModelConfig, TrainingConfig)
    if minutes is not None and (settings.get("epochs") or settings.get("steps")):
        raise InputError("minutes, epochs and steps all say how long a run is; give one of them")
    if start is not None and of_model:
        raise InputError(f"{', '.join(of_model)}: a model to start from has its own")
    if isinstance(corpus, Examples) and start is None:
        of_model.setdefault("task", corpus.task)
    task = of_model.get("task", ModelConfig.task) if start is None else start.config.task
    if isinstance(corpus, Corpus | Examples):
        if of_text:
            raise InputError(f"{', '.join(of_text)}: a corpus has been read already")
    else:
        known = {"vocabulary": start.vocabulary} if start else {"config": TextConfig(**of_text)}
        if task == "lm":
            corpus = load_corpus(corpus, **known)
        else:
            corpus = load_examples(
                corpus, task, labels=start.labels if start else NO_LABELS, **known
            )
    begin, after = start or ModelConfig(**of_model), list[Callable[[Report], object]]()
    said = tell or (lambda _: None)
    if settings.get("epochs") or settings.get("steps"):
        training = Training(corpus, begin, TrainingConfig(**of_training))
    else:
        given = {**of_model, **of_training}
        began += compile_chosen(begin, given)
        seconds = 60.0 * (MINUTES if minutes is None else minutes)
        deadline = began + AIM * seconds
        training, choice = chosen_run(corpus, begin, deadline, given)
        after.append(Pace(training, choice, deadline).after)
        for line in reasons(training, choice, seconds):
            said(line)
    for line in (*training.corpus.notices, *training.notices):
        said(line)
    if on_report is not None:
        after.append(on_report)
    try:
        for report in training:
            for follow in after:
                follow(report)
            if line := line_of(report, training):
                said(line)
    except KeyboardInterrupt:  # as the command does: what has been learnt is not lost
        pass
    return training


def _divided(settings: Mapping[str, Any], *configs: type) -> list[dict[str, Any]]:
    """The settings of each configuration.

    Raises:
        InputError: One is nobody's.
    """
    known = [name for config in configs for name in declared(config)]
    for name in settings:
        if name not in known:
            close = get_close_matches(name, known, 1)
            advice = f"; did you mean {close[0]}?" if close else ""
            raise InputError(f"{name}: no such setting{advice}")
    return [only(config, settings) for config in configs]


@dataclass(frozen=True, eq=False)
class Score:
    """How unexpected a text is to a model.

    Attributes:
        text: As it was scored, a character of U+0000 to U+00FF for each byte of a model of bytes: without
            what was skipped, with what stood in for unknown characters.
        bits: ``(len(text),)``, -log2 of the probability of each character after all before it.
        unit: What it is made of: ``character``, or ``byte``.
    """

    text: str
    bits: Array
    unit: str = "character"

    @property
    def bits_per_char(self) -> float:
        """On average; NaN of no text."""
        return float(self.bits.mean()) if len(self.bits) else float("nan")

    @property
    def perplexity(self) -> float:
        """2 to that power; infinite where that is too large for a number."""
        return perplexity(self.bits_per_char)

    def __repr__(self) -> str:
        told = decimals(self.bits_per_char, 4)
        return f"<Score: {counted(len(self.text), self.unit)}, {told} bits/{TextConfig(unit=self.unit).symbol}>"


@checks
def score(
    model: Writable,
    text: str,
    *,
    unknown: str = "error",
    exact: bool = False,
    adapt: bool = False,
    adapt_rate: AdaptRate = ADAPT_RATE,
) -> Score:
    """Score a text from its beginning, as ``charrnn score`` does; :func:`score_all` does so with many.

    The first character follows a line feed, as in a text that is written without a prime.

    Args:
        text: Read as a file is: of a model of bytes it is the bytes of its UTF-8, else it gets LF as line
            ends and is composed. Of a model of records each line is a text of its own.
        exact: Read a long text as one stream too, instead of segments side by side; see ``--exact``.
        unknown: What becomes of characters that the model does not know: ``error``, ``skip`` (they do
            not count) or ``replace`` (by a similar one).
        adapt: Go on learning from the text while it is read, as one stream: dynamic evaluation (arXiv 1709.07432). Each 20
            characters are scored before they are learnt from, and so is each record. The model stays as it is;
            :func:`adapted` gives one that has read a text.
        adapt_rate: How far it learns then, in times of what does for most texts; with 0 it does not.

    Raises:
        UnknownCharacterError: There are such, and ``unknown`` is ``error``.
    """
    one = _single(model)
    unit = one.vocabulary.config.unit
    if adapt:
        known = one.vocabulary.known(one.vocabulary.read(text), unknown)
        adapter = Adapter(one.to_learn(), adapt_rate)
        return Score(known, bits(adapter.read(one.vocabulary.encode(known))), unit)
    if one.vocabulary.config.records:
        return score_all(one, [text], unknown=unknown)[0]
    known = one.vocabulary.known(one.vocabulary.read(text), unknown)
    scorer = Scorer(one) if exact else SegmentScorer(one.to_read(len(known)))
    return Score(known, bits(scorer.read(one.vocabulary.encode(known))), unit)


@checks
def score_all(model: Writable, texts: Sequence[str], *, unknown: str = "error") -> list[Score]:
    """Score texts that have nothing to do with each other, side by side; else as :func:`score`."""
    one = _single(model)
    if isinstance(texts, str):
        raise InputError("score_all takes a list of texts; for one there is score")
    vocabulary = one.vocabulary
    known = [vocabulary.known(vocabulary.read(text), unknown) for text in texts]
    # Of a model of records each line is a text of its own.
    alone = [
        list(StringIO(text, newline="\n")) if vocabulary.config.records else [text]
        for text in known
    ]
    reader = one.to_read(sum(map(len, known)))
    found = map(bits, score_texts(reader, [line for lines in alone for line in lines]))
    each = [np.concatenate([np.empty(0), *islice(found, len(lines))]) for lines in alone]
    unit = vocabulary.config.unit
    return [Score(text, own, unit) for text, own in zip(known, each, strict=True)]


def _single(model: Writable) -> CharacterModel:
    """Errors where there are several."""
    if not isinstance(model, CharacterModel):
        raise InputError(
            f"one model scores a text, not {type(model).__name__}; score with each of them"
        )
    return model


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model finds in a text.

    Attributes:
        text: As it was read: with what stood in for unknown characters.
        label: The likeliest one; of tags all of them, as they stand in a file.
        probabilities: ``(K,)``, of each label; of tags ``(T, K)``, for each character.
        labels: What these are of.
        vector: What the model holds of the text after reading it.
    """

    text: str
    label: str
    probabilities: Array
    labels: tuple[str, ...]
    vector: Array

    @property
    def probability(self) -> float:
        """Of the label; of tags that all of them are right, were they independent."""
        return float(self.probabilities.max(axis=-1).prod())

    def __repr__(self) -> str:
        return f"<Prediction: {self.label!r}, {self.probability:.3f}>"


def _who(
    model: CharacterModel | Sequence[CharacterModel], texts: Sequence[str], verb: str
) -> list[CharacterModel]:
    """The models that are to answer; errors where there is none, or one text instead of a list."""
    if isinstance(texts, str):
        raise InputError(f"{verb} takes a list of texts; for one put it in a list")
    models = [model] if isinstance(model, CharacterModel) else list(model)
    if not models:
        raise InputError(f"there is no model to {verb} with")
    return models


@checks
def predict(
    model: CharacterModel | Sequence[CharacterModel],
    texts: Sequence[str],
    *,
    unknown: str = "replace",
) -> list[Prediction]:
    """Find a label for each text, or tags for its characters, as ``charrnn predict`` does.

    Args:
        model: Of a task with labels or tags; of several the mean of their probabilities counts.
        unknown: What becomes of characters that a model does not know: ``replace`` (by a similar one), ``skip`` or ``error``.

    Raises:
        InputError: A model is for another task, or several do not have the same labels.
        UnknownCharacterError: There are unknown characters, and ``unknown`` is ``error``.
    """
    models = _who(model, texts, "predict")
    answerer = Answerer(models, sum(map(len, texts)))
    vocabulary = models[0].vocabulary
    known = [answerer.known(vocabulary.read(text), unknown) for text in texts]
    labels = answerer.labels
    return [
        Prediction(
            text,
            labels.joined(np.atleast_1d(answer.best).tolist()),
            answer.probabilities,
            labels.names,
            answer.vector,
        )
        for text, answer in zip(known, answerer(known), strict=True)
    ]


@dataclass(frozen=True)
class Target:
    """A text that was made of another one.

    Attributes:
        text: It.
        bits: How unexpected it is to the model, its end included.
    """

    text: str
    bits: float


@checks
def rewrite(
    model: CharacterModel | Sequence[CharacterModel],
    texts: Sequence[str],
    *,
    beam: Annotated[int, Between(1, MAX_BEAM)] = BEAM,
    top: Annotated[int, Between(1, MAX_BEAM)] = 1,
    length_penalty: Annotated[float, Between(0, 10)] = 0.0,
    unknown: str = "replace",
) -> list[list[Target]]:
    """Make other texts of texts, as ``charrnn predict`` does with a model for ``seq2seq``.

    Args:
        model: Of several the mean of their probabilities counts, at each symbol.
        beam: Beginnings that are followed up at each symbol; 1 takes the likeliest symbol each time.
        top: How many of the best targets are told.
        length_penalty: Bits are divided by the number of symbols to this power before targets are compared.
        unknown: What becomes of characters that a model does not know: ``replace`` (by a similar one), ``skip`` or ``error``.

    Returns:
        For each text its targets, the best first; none for a text without characters.

    Raises:
        InputError: A model is for another task, or several do not write the same symbols.
        UnknownCharacterError: There are unknown characters, and ``unknown`` is ``error``.
    """
    models = _who(model, texts, "rewrite")
    search = SearchConfig(beam, top, length_penalty)
    rewriter = Rewriter(models, sum(map(len, texts)), search=search)
    vocabulary = models[0].vocabulary
    known = [rewriter.known(vocabulary.read(text), unknown) for text in texts]
    return [
        [Target(rewriter.text(one), bits(one.nats)) for one in each] for each in rewriter(known)
    ]


@dataclass(frozen=True, repr=False, eq=False)
class Seen:
    """What a view shows: drawn in a notebook, told in plain text by ``print`` and on a prompt.

    Attributes:
        figure: All of it, as plain data to draw from.
        notices: What should be known beside it.
    """

    figure: Figure
    notices: tuple[str, ...]

    @property
    def data(self) -> dict[str, Any]:
        """What ``--json`` tells."""
        return as_json(self.figure)

    def __repr__(self) -> str:
        from charrnn.drawing.terminal import plain_text

        notices = "".join(f"{notice}\n" for notice in self.notices)
        return notices + plain_text(self.figure, WIDTH).rstrip("\n")

    def _repr_html_(self) -> str:
        from html import escape

        from charrnn.drawing.page import Section, render

        title = "".join(str(getattr(part, "text", part)) for part in parts(self.figure.title))
        page = render(title, " ".join(self.notices), [Section("view", title, self.figure)])
        # In a frame the page's style and script have nothing to do with the notebook's.
        style = "width: 100%; height: 40em; border: 0"
        return f'<iframe srcdoc="{escape(page)}" title="{escape(title)}" style="{style}"></iframe>'


@checks
def inspect(
    checkpoints: Paths, view: str = "card", value: str | None = None, **options: Any
) -> Seen:
    """Look into a model, as ``charrnn inspect`` does.

    Args:
        checkpoints: The path of a checkpoint, or of several for ``gradients`` and ``compare``.
        view: Its option without dashes, as ``gates``; ``card`` is the one without an option.
        value: That of the view's option, say the text of ``text`` or the unit of ``unit``.
        options: What else goes with the view: ``at``, ``temp`` (one or several), ``on``, ``counts``, ``unknown``.

    Raises:
        InputError: There is no such view or option, or as the view itself.
    """
    named = {view.flag.removeprefix("--") or view.file: view for view in VIEWS}
    if view not in named:
        raise InputError(f"{view}: no such view; there are {', '.join(named)}")
    chosen = named[view]
    if (value is None) is bool(chosen.metavar):
        what = f"needs a value, its {chosen.metavar}" if chosen.metavar else "takes no value"
        raise InputError(f"{view} {what}")
    for name in options:
        if name not in chosen.takes:
            takes = ", ".join(chosen.takes) or "no option"
            raise InputError(f"{view} takes {takes}, not {name}")
    said = {name: _option(name, value) for name, value in options.items()}
    paths = [Path(path) for path in several(checkpoints)]
    if not paths:
        raise InputError("there is no checkpoint to look into")
    subjects = tuple(Subject(path, load_checkpoint(path)) for path in paths)
    look = Look(subjects, value, **said)
    figure = chosen.figure(look)
    return Seen(figure, tuple(look.notices))


def _option(name: str, value: Any) -> Any:
    """What goes with a view, as :class:`Look` has it.

    Raises:
        InputError: It is of another type.
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    elif name == "temp" and isinstance(value, Real | str):
        value = (value,)
    check(name, declared(Look)[name], value)
    return value
