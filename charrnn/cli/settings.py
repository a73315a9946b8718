"""Options of commands, and those that follow from the fields of configurations: each field that says
what it is for has one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar, get_type_hints

import typer

from charrnn.config import BEAM, MAX_BEAM, UNKNOWN, SearchConfig
from charrnn.errors import InputError
from charrnn.fields import OneOf, declared, unfolded
from charrnn.tasks import REWRITERS, TASKS, those

Command = TypeVar("Command", bound=Callable[..., None])


def panel(name: str) -> Callable[..., Any]:
    """A maker of options that stand in one panel of the help; ``shown`` are words for a default."""

    def option(
        default: Any, help: str, flags: str = "", shown: str | bool = True, **more: Any
    ) -> Any:
        return typer.Option(
            default, *flags.split(), help=help, rich_help_panel=name, show_default=shown, **more
        )

    return option


def option_names(command: Callable[..., object]) -> dict[str, str]:
    """The names of a command's options, ``temp`` or ``top_k``, each with its parameter."""
    names = {}
    for parameter in inspect.signature(command).parameters.values():
        if isinstance(parameter.default, typer.models.OptionInfo):
            flags = "/".join([parameter.name, *(parameter.default.param_decls or ())])
            for flag in flags.split("/"):
                names[flag.lstrip("-").replace("-", "_")] = parameter.name
    return names


def offering(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    """What a shell's completion asks for an option that takes one of these."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def one_of(option: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """What an option has that takes one of these, or None where that is its default."""

    def check(value: str | None) -> str | None:
        if value not in (None, *names):
            ways = f"{', '.join(names[:-1])} or {names[-1]}"
            raise InputError(f"{option} must be {ways}, not {value!r}")
        return value

    return {"callback": check, "autocompletion": offering(names)}


of_unknown: Mapping[str, Any] = one_of("--unknown", UNKNOWN)
"""What each ``--unknown`` has in common."""


def numbers(option: str, value: str, separator: str) -> tuple[float, ...]:
    """Those that an option's value lists."""
    try:
        return tuple(map(float, value.split(separator)))
    except ValueError:
        raise InputError(
            f"{option} must be a number, or several with {separator} between, not {value!r}"
        ) from None


def _check_top(value: int | None) -> int | None:
    """Let ``--top`` be a number from 1 on; without it nothing is said of the best few."""
    if value is not None and value < 1:
        raise InputError(f"--top must be at least 1, not {value}")
    return value


of_top: Mapping[str, Any] = {"callback": _check_top, "metavar": "K", "shown": False}
"""What each ``--top`` of answers has in common."""


def searching(beam: int | None, length_penalty: float | None, top: int | None) -> SearchConfig:
    """How targets are searched for, as far as it is said; with ``top``, how many are told.

    Raises:
        InputError: It makes no sense.
    """
    told = top or 1
    if beam is not None and not 1 <= beam <= MAX_BEAM:
        raise InputError(f"--beam is a number from 1 to {MAX_BEAM}, not {beam}")
    if length_penalty is not None and not 0 <= length_penalty <= 10:
        raise InputError(f"--length-penalty is a number from 0 to 10, not {length_penalty:g}")
    if told > (beam or MAX_BEAM):
        raise InputError(
            f"--top {told} is more than are followed up; --beam {told} follows so many"
            if told <= MAX_BEAM
            else f"--top is a number up to {MAX_BEAM}, not {told:,}"
        )
    return SearchConfig(BEAM if beam is None else beam, told, length_penalty or 0.0)


FITTING: Mapping[str, tuple[str, ...]] = {
    "beam": REWRITERS,
    "length-penalty": REWRITERS,
    "top": those(lambda task: task.reads_whole and not task.aligned),
    "threshold": those(lambda task: task.finds and task.one_each),
    "spans": those(lambda task: task.aligned),
    "vectors": those(lambda task: task.finds),
    "confusions": those(lambda task: task.finds),
}
"""Options of answers, each with the tasks whose models they say something to."""


def require_fitting(
    given: Mapping[str, object], task: str, fitting: Mapping[str, Sequence[str]] = FITTING
) -> None:
    """Refuse options that say nothing to a model for this task.

    Args:
        given: Options and their values, None where it is not given.
        fitting: As ``FITTING``.

    Raises:
        InputError: One of them is for models of other tasks.
    """
    for option, value in given.items():
        if value is None or task in (tasks := fitting[option]):
            continue
        right = [TASKS[name].labels for name in tasks if TASKS[name].finds]
        wanted = " or ".join(right) or f"a model for {' or '.join(tasks)}"
        own = TASKS[task]
        does = "makes other texts" if own.rewrites else f"finds {own.labels}"
        raise InputError(f"--{option} is for {wanted}; this model {does}")


def parse_columns(value: str | None) -> tuple[int, ...]:
    """Numbers of columns, as in ``2,1``.

    Raises:
        InputError: It is something else.
    """
    if value is None:
        return ()
    numbers = value.split(",")
    sound = all(number.isdecimal() and int(number) for number in numbers)
    if not sound or len(numbers) not in (2, 3):
        raise InputError(
            f"--columns is two numbers, of the text and of its answer, such as 2,1, or three with features, not {value!r}"
        )
    return tuple(map(int, numbers))


def taking(kind: type[Any]) -> Callable[[Callable[[Any], None]], Callable[..., None]]:
    """Let a command's one parameter, a tuple with names, be options: a field is what Typer makes of its default."""
    hints, keyword = get_type_hints(kind), inspect.Parameter.KEYWORD_ONLY

    def decorate(command: Callable[[Any], None]) -> Callable[..., None]:
        @wraps(command)
        def called(**given: Any) -> None:
            command(kind(**given))

        called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(name, keyword, default=option, annotation=hints[name])
                for name, option in kind._field_defaults.items()
            ]
        )
        called.__annotations__ = hints
        return called

    return decorate


def takes(
    options: Mapping[str, tuple[Any, Any]], panels: Sequence[str]
) -> Callable[[Command], Command]:
    """Let a command's last parameter, ``**more``, be options: of each its type and what Typer makes of it.

    Args:
        panels: Of the help, in order.
    """

    def place(parameter: inspect.Parameter) -> int:
        """Arguments first, then the panels in order, then all else."""
        if isinstance(parameter.default, typer.models.ArgumentInfo):
            return -1
        title = parameter.default.rich_help_panel
        return [*panels, title].index(title)

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        *parameters, _more = signature.parameters.values()
        for name, (kind, option) in options.items():
            keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(inspect.Parameter(name, keyword, default=option, annotation=kind))
        parameters.sort(key=place)
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def sets(
    panels: Mapping[str, type], aliases: Mapping[str, str], defaults: Mapping[str, str]
) -> Callable[[Command], Command]:
    """Let a command's ``**settings`` be options, each None where it is not given.

    Args:
        panels: Of the help, in order, each with its configuration.
        aliases: A second flag for some settings.
        defaults: What a setting is where it is not given, in words; ``{}`` is its default.
    """
    options = {}
    for title, config in panels.items():
        for name, hint in declared(config).items():
            kind, _, said = unfolded(hint)
            if help := _words(said):
                flags = f"--{name.replace('_', '-')} {aliases.get(name, '')}"
                default = getattr(config, name)
                words = defaults.get(name, "{}").format(default)
                chosen = isinstance(default, bool) and name in defaults
                if chosen:
                    words = words.replace(f"{default}", "not")
                # A truth need not be said, unless it is not known yet.
                shown = (chosen or not isinstance(default, bool)) and words
                names = [part.names for part in said if isinstance(part, OneOf)]
                completed = offering(names[0]) if names else None
                option = panel(title)(None, help, flags, shown, autocompletion=completed)
                options[name] = kind | None, option
                if kind is bool and (chosen or default is None):  # what can be said either way
                    why = "would be chosen" if chosen else "follows from others"
                    help = f"Not {flags.strip()}, where that {why}."
                    option = panel(title)(None, help, f"--no-{name.replace('_', '-')}", False)
                    options[f"no_{name}"] = bool | None, option
    return takes(options, list(panels))


def either_way(given: dict[str, Any]) -> dict[str, Any]:
    """Settings with ``no_name`` read as ``name`` that is false.

    Raises:
        InputError: Both are given.
    """
    found = dict(given)
    for name in [name for name in given if name.startswith("no_")]:
        positive = name.removeprefix("no_")
        if found.pop(name):
            if found.get(positive):
                option = positive.replace("_", "-")
                raise InputError(f"--{option} and --no-{option} are contraries; choose one")
            found[positive] = False
    return found


def _words(said: tuple[Any, ...]) -> str:
    """What is said of a field; empty where it has no option."""
    words = "".join(part for part in said if isinstance(part, str))
    names = [", ".join(part.names) for part in said if isinstance(part, OneOf)]
    return f"{words}, one of {names[0]}." if words and names else words
