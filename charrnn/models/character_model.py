"""A network with its numbers and its alphabet: all that it takes to write, or to find labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from charrnn.config import ModelConfig
from charrnn.errors import InputError
from charrnn.models.conditional import Conditional
from charrnn.models.language_model import LanguageModel
from charrnn.models.network import Network
from charrnn.models.network_for import network_for
from charrnn.nn.parameters import Parameters
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.vocabulary import Vocabulary

WORTH_LOADING = 5e10
"""Multiplications from which on the quick twin pays for being loaded: NumPy needs about two seconds for
them, compiled code about one, and half a second or more to load."""


@dataclass(frozen=True, repr=False)
class CharacterModel:
    """A network, its parameters, and what its ids mean; models that predict alike are equal.

    ``labels`` are what it chooses among, where that is not characters.
    """

    network: Network
    parameters: Parameters
    vocabulary: Vocabulary
    labels: Labels = NO_LABELS

    @classmethod
    def fresh(
        cls,
        config: ModelConfig,
        vocabulary: Vocabulary,
        rng: np.random.Generator,
        labels: Labels = NO_LABELS,
    ) -> CharacterModel:
        """A model that has learnt nothing yet."""
        network = network_for(config, len(vocabulary), len(labels))
        return cls(network, network.initialize(rng), vocabulary, labels)

    @property
    def config(self) -> ModelConfig:
        return self.network.config

    def writing(self, shares: Mapping[str, float]) -> CharacterModel:
        """The same model, writing for a label, or for a mixture of some.

        Args:
            shares: Of each label in what texts begin with; they are divided by their sum.

        Raises:
            InputError: The model does not write for labels, knows no such label, or the shares are no shares.
        """
        if not isinstance(self.network, Conditional):
            raise InputError(
                "the model writes for no labels; one that does: charrnn train --task conditional"
            )
        numbers = [self.labels.number(name) for name in shares]
        given = np.array(list(shares.values()), np.float64)
        if not len(given) or not np.isfinite(given).all() or (given < 0).any() or not given.any():
            raise InputError(
                "shares of labels are finite numbers of at least 0, and not all of them are 0"
            )
        given /= given.max()
        mixed = np.zeros(len(self.labels))
        np.add.at(mixed, numbers, given / given.sum())
        return replace(self, network=self.network.mixing(mixed))

    @property
    def symbol(self) -> str:
        """What a loss is for each of, in short."""
        return self.config.per if self.config.reads_whole else self.vocabulary.config.symbol

    @property
    def networks(self) -> tuple[Network, ...]:
        """That one: what writes may have several."""
        return (self.network,)

    def __repr__(self) -> str:
        config, numbers = self.config, self.parameters.flat.size
        labels = f"{len(self.labels)} labels, " if len(self.labels) else ""
        return (
            f"<CharacterModel: {config.cell}, {config.num_layers} x {config.hidden_size}, "
            f"{len(self.vocabulary)} {self.vocabulary.config.unit}s, {labels}{numbers:,} weights>"
        )

    def beginning(self, prime: str = "") -> str:
        """What is read before the first character is written or predicted, in characters.

        A record begins after the end of another one. A running text begins with its prime, or else
        like a line: after a line feed, or the vocabulary's first character where it has none.
        """
        if end := self.vocabulary.config.end:
            return end + prime
        return prime or ("\n" if "\n" in self.vocabulary else self.vocabulary.characters[0])

    def to_read(
        self, characters: int, on_start: Callable[[], object] | None = None
    ) -> CharacterModel:
        """The same model, by its network's quick twin if it pays to load that for so many characters.

        Args:
            on_start: As for :func:`charrnn.nn.compiled.compile_stack`.
        """
        worth = self.network.multiplications * characters >= WORTH_LOADING
        return replace(self, network=self.network.compiled(on_start)) if worth else self

    def to_learn(self, on_start: Callable[[], object] | None = None) -> CharacterModel:
        """The same model, by its network's quick twin, where there is one; ``on_start`` as for :meth:`to_read`."""
        return replace(self, network=self.network.compiled(on_start))

    def dropping(self, config: ModelConfig) -> CharacterModel:
        """The same weights in a network that drops what ``config`` says, which is like its own in all else."""
        network = network_for(config, len(self.vocabulary), len(self.labels))
        return replace(self, network=network)

    def take_over(self, other: CharacterModel) -> None:
        """Begin with the weights of another model, whose characters are the first ones of this: of each array as much as both have.

        So a layer of two directions above another one reads the lower one's forward direction as it did. What the other predicts is of use
        only where both predict characters.
        """
        writing = isinstance(self.network, LanguageModel) and isinstance(
            other.network, LanguageModel
        )
        readout = self.network.readout.parameter_shapes()
        for name, own in self.parameters.items():
            theirs = other.parameters.get(name)
            if theirs is None or own.ndim != theirs.ndim or (name in readout and not writing):
                continue
            if sum(a != b for a, b in zip(own.shape, theirs.shape, strict=True)) < 2:
                both = tuple(map(slice, map(min, own.shape, theirs.shape)))
                own[both] = theirs[both]

    def extended_to(self, vocabulary: Vocabulary, rng: np.random.Generator) -> CharacterModel:
        """This model with the further characters that ``vocabulary`` has at its end.

        What was learnt is kept; the weights of a new character start as in a fresh model.

        Raises:
            ValueError: ``vocabulary`` does not begin with this model's own.
        """
        if not vocabulary.characters.startswith(self.vocabulary.characters):
            raise ValueError("the new vocabulary must begin with the model's own characters")
        larger = CharacterModel.fresh(self.config, vocabulary, rng, self.labels)
        for name, old in self.parameters.items():
            larger.parameters[name][tuple(map(slice, old.shape))] = old
        return larger
