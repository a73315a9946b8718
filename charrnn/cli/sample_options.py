"""The options of ``charrnn sample``."""

from __future__ import annotations

from typing import NamedTuple

import typer

from charrnn.cli.adapting import RATE
from charrnn.cli.settings import of_unknown, panel
from charrnn.config import ADAPT_ONCE_RATE

MAX_LENGTH = 100_000  # characters that a line of --jsonl may ask for, where nothing else is said


of_text, of_choice = panel("Text"), panel("Choice of characters")
of_prompts, of_output = panel("Several texts"), panel("Output")


class Options(NamedTuple):
    """What the command takes: the models and files that are named, then options."""

    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]... [FILE]",
        help="Whose text to write; several write together, see --weights. What follows is a file of "
        "prompts, one a line, as with --prime-file; - is standard input.",
        show_default="the newest model in checkpoints/",
    )
    prime: str = of_text("", "Text to continue.", "--prime --primetext -p")
    prime_text: str | None = of_text(
        None,
        "Continue all of this file, with its line ends and of any length; - is standard input.",
        metavar="FILE",
    )
    adapt: bool = of_text(
        False,
        "Learn from the text of --prime-text, or from the prime, before going on with it; what is written is not learnt "
        "from, and the model's file stays as it is.",
        "--adapt",
    )
    adapt_rate: float | None = of_text(None, RATE, metavar="NUMBER", shown=f"{ADAPT_ONCE_RATE:g}")
    source_texts: list[str] | None = of_text(
        None,
        "With a model of --task seq2seq: a text that others are made of; repeated, of each. A FILE, or -, has one on each line.",
        "--source",
        metavar="TEXT",
    )
    label: list[str] | None = of_text(
        None,
        "With a model of --task conditional: what to write for; repeated, texts for each.",
        metavar="NAME",
    )
    label_mix: str | None = of_text(
        None,
        "The same for a mixture of labels, as in A=0.7,B=0.3.",
        metavar="MIX",
    )
    unknown: str = of_text(
        "error",
        "Characters of the prime, or of a source, that the model does not know: error, skip, or "
        "replace (by a similar one).",
        **of_unknown,
    )
    length: int = of_text(
        500,
        "Characters to write after the prime, at most; with 0 only --stop, --until-lines, "
        "a record's end, a closed pipe or Ctrl-C end a text.",
        "--length -n",
    )
    stop: list[str] | None = of_text(
        None,
        "End right after this string, which is still written. May be repeated.",
        metavar="STRING",
    )
    until_lines: int = of_text(0, "End after that many lines; 0 does not count.")
    temperature: str = of_choice(
        "1.0",
        "Below 1 more cautious, above 1 more daring; 0 always takes the likeliest. 1.2:0.5 goes from "
        "1.2 to 0.5 over the --length of a text.",
        "--temp --temperature -t",
        metavar="NUMBER",
    )
    top_k: int = of_choice(0, "Choose among the k likeliest; 0 among all.")
    top_p: float = of_choice(1.0, "Choose among the likeliest that together have this probability.")
    min_p: float = of_choice(
        0.0,
        "Choose among those with at least this share of the likeliest one's probability, as it is at "
        "the temperature (min-p, arXiv 2407.01082).",
    )
    ban: str = of_choice("", "Characters that are never written.", metavar="CHARS")
    dry: float = of_choice(
        0.0,
        "Against loops, also with --temp 0: penalty in nats for going on with a repeated string of "
        "--dry-length (DRY by p-e-w); 0.8 is a good one, 0 is none.",
    )
    dry_base: float = of_choice(
        1.15, "By how much the penalty grows with each further character of the string."
    )
    dry_length: int = of_choice(16, "Shorter strings may be repeated freely.")
    dry_breakers: str = of_choice(
        "", "Characters that end such a string, and may be repeated freely.", metavar="CHARS"
    )
    weights: str | None = of_choice(
        None,
        "Of several models, in proportion: their probabilities are averaged at each character.",
        metavar="NUMBERS",
        shown="all the same",
    )
    seed: int | None = of_choice(
        None, "Makes the same text again.", shown="a new one, told on standard error"
    )
    num_samples: int = of_prompts(
        1,
        "Texts to write for each prompt, in one batch; each has the seed after the one before, or after "
        "the --best-of seeds of that.",
    )
    best_of: int = of_prompts(
        1,
        "Of so many texts, write the one that surprises the model least: the fewest bits a character, "
        "as it predicts them before temperature and filters. Its seed gives it again alone.",
    )
    prime_file: str | None = of_prompts(
        None,
        "Read prompts from a file, one a line, and continue each of them; - is standard input.",
        metavar="FILE",
    )
    separator: str | None = of_prompts(
        None,
        "What stands between texts, or after each record.",
        shown=r"\n---\n, or \n for records",
    )
    novel_only: str | None = of_prompts(
        None,
        "Write only records that are not in this file, each once, until it is enough; of one prime, and not as JSON.",
        metavar="CORPUS",
    )
    echo: bool = of_output(True, "Write the prime before its continuation.", "--echo/--no-echo")
    as_json: bool = of_output(
        False,
        "A JSON object a line for each text: prime, text (what follows it), seed, "
        "bits_per_char (mean surprise of the model at the text).",
        "--json",
    )
    jsonl: bool = of_output(
        False,
        "As --json, and prompts are JSON objects too: prime, and maybe seed, temperature, "
        "length and other settings; whatever else they have is passed on. A line that is wrong gets "
        'an object with "error", and the exit code is then 1.',
        "--jsonl",
    )
    strict: bool = of_output(
        False, "With --jsonl: end at the first line that is wrong.", "--strict"
    )
    max_length: int | None = of_output(
        None,
        "With --jsonl: longest text that a line may ask for, with best_of all of them together.",
        shown=f"{MAX_LENGTH:,}, or --length times --best-of where that is more",
    )
    novelty: list[str] | None = of_output(
        None,
        "Tell on standard error, or with --json, how much of what was written stands word "
        "for word in this file. May be repeated.",
        metavar="CORPUS",
    )
    quiet: bool = of_output(False, "Do not tell the seed.", "--quiet -q")
