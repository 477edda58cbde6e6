"""The arguments of the command line, and what the environment says where they say nothing.

The parser is made from `OPTIONS`. An option that is not given takes its environment variable.
Nothing heavy is imported here: ``--help`` and a wrong argument need no client and no model.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from dispatch_core import __version__
from dispatch_core.environment.limits import LIMITS
from dispatch_core.errors import InvalidInput, Issue, showable
from dispatch_core.options import OPTIONS, PRESETS, VERBS, Option, every_option, option_of
from dispatch_core.text.field_list import read_list

_DESCRIPTION = """\
Find data assets, locate their files, and write the job models of an analysis into worker folders.

examples:
  # print the jobs for all derived assets of a project, and which assets are excluded
  %(prog)s --plan --file_extension .nwb \\
      --docdb_query '{"data_description.project_name": "Thalamic Ephys Survey",
                      "data_description.data_level": "derived"}'

  # write worker folders for the ids of ./in/data_asset_input.csv, and the ledger
  %(prog)s --input_directory in --output_directory out \\
      --use_data_asset_csv 1 --file_extension .nwb --ledger ledger.csv

  # the same dispatch again, from the record of the first one
  %(prog)s --request out.dispatch.json --output_directory again
"""
_EPILOG = """\
Parameters are read from <input_directory>/analysis_parameters/analysis_parameters.json,
else from <input_directory>/analysis_parameters.json, else from the only such file (or
distributed_parameters.json) one folder below. A blank value (--group_by=) means
unset. Lists are comma-separated, a JSON list, or the option given several times.

An option that is not given takes its environment variable: TASKS_PER_JOB=4, and
DISPATCH_PLAN=1 for a name without an underscore. A file .env in the working folder is read.

Without DOCDB_HOST everything runs on an embedded demo of generated assets. It is refused on a
platform and for the output /results; DOCDB_HOST=demo allows it.

exit codes: 0 written or planned, 2 invalid input, 3 nothing found (or an asset is excluded with
--on_missing=fail), 4 a service or the disk failed, 130 interrupted, 141 the reader of the output
closed it
"""
_USUAL = (
    "docdb_query",
    "file_extension",
    "plan",
    "output_directory",
    "zip",
    "input_directory",
    "ledger",
    "request",
)
"""The options that most commands use, which ``--help`` shows first."""

_OF_A_REQUEST = ("use_data_asset_csv", "input_directory", "no_trial")
"""Options without a field that decide what is dispatched, as the fields of a request do."""

_SCRIPT = "job-dispatch"
_SWITCH = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
_WHOLE = re.compile("[+-]?[0-9]{1,40}")
"""Python itself also reads ``1_0`` as 10, and the digits of other scripts."""

_RIVALS = (
    {"num_parallel_workers", "tasks_per_job"},
    {"docdb_query", "use_data_asset_csv"},
    {"trial_first", "trial_random", "trial_one_per", "no_trial"},
)
"""Options of which one replaces another: the environment gives none beside a rival."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The values of the arguments by name; None for an argument that is not given.

    A wrong argument ends the process with exit code 2, as argparse does.
    """
    return build_parser().parse_args(arguments)


def add_environment(given: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Enter the value of a variable, else of the preset, for each option that is not given.

    ``given.origins`` then maps each option to where its value is from, and
    ``given.ignored`` has the variables that do not change a replayed request.

    Raises
    ------
    InvalidInput
        A variable cannot be read, or two variables of one option differ.
    """
    named = {one.argument: one for one in every_option() if one.argument}
    given.origins = {name: f"--{name}" for name in named if _is_given(given, name)}
    given.ignored = []
    on_command_line = frozenset(given.origins)
    for name in ("request", *named):  # first whether a request is replayed
        if name not in given.origins and not _has_rival(given, name, on_command_line):
            _take_variable(given, named[name], environment)
    _take_preset(given)


def misspelled_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Each variable with our prefix that is almost one of ours -> the one that is meant."""
    ours = {name for option in every_option() for name in option.variables}
    ours |= {limit.variable for limit in LIMITS}
    foreign = [one for one in environment if one.startswith("DISPATCH_") and one not in ours]
    near = {one: difflib.get_close_matches(one, ours, 1, 0.9) for one in foreign}
    return {one: names[0] for one, names in near.items() if names}


def _take_preset(given: argparse.Namespace) -> None:
    """Enters the values of the preset for the options that are still not given.

    One from the environment does not change what a replayed request dispatches. Processed jobs
    are looked for only where there are results.
    """
    is_replay = bool(given.request) and given.origins.get("preset") != "--preset"
    present = frozenset(given.origins)
    has_results = bool(given.results_database and given.results_collection)
    for name, value in PRESETS.get(given.preset, {}).items():
        if name == "skip_processed" and not has_results:
            continue
        is_fixed = is_replay and bool(option_of(name).field)
        if name not in present and not is_fixed and not _has_rival(given, name, present):
            setattr(given, name, value)
            given.origins[name] = f"preset {given.preset}"


def _is_given(given: argparse.Namespace, name: str) -> bool:
    return getattr(given, name) not in (None, ())


def _has_rival(given: argparse.Namespace, name: str, among: frozenset[str]) -> bool:
    """Whether an option `among` those given replaces the option `name`."""
    rivals = {other for group in _RIVALS if name in group for other in group - {name}}
    return any(getattr(given, other) for other in rivals & among)


def _take_variable(
    given: argparse.Namespace, option: Option, environment: Mapping[str, str]
) -> None:
    """Enters the value of the variable of `option`, if it is set, and where it is from."""
    variable, text = _variable_of(option, environment)
    value = _read_variable(option, variable, text) if variable else None
    if value in (None, ()):
        return
    if given.request and (option.field or option.argument in _OF_A_REQUEST):
        given.ignored.append(variable)
        return
    setattr(given, option.argument, value)
    given.origins[option.argument] = variable


def _variable_of(option: Option, environment: Mapping[str, str]) -> tuple[str, str]:
    """The name and the text of the variable that is set for `option`, or two empty texts."""
    found = dict(_variables_of(option, environment))
    if len({text.strip() for text in found.values()}) > 1:
        what = f"{' and '.join(found)} have different values for one option"
        raise InvalidInput(Issue(what, f"--{option.argument}", "Unset all but one"))
    return next(iter(found.items()), ("", ""))


def _variables_of(option: Option, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables of `option` that are not blank; their names may be in lower case."""
    for name in option.variables:
        for spelled in (name, name.lower()):
            if text := environment.get(spelled, "").strip():
                yield spelled, text


def _read_variable(option: Option, variable: str, text: str) -> Any:
    try:
        if option.kind == "paths":
            return tuple(_paths(text, variable))
        return _reader(option)(text)
    except argparse.ArgumentTypeError as error:
        action = "Write one of them, or unset it" if option.choices else "Correct it, or unset it"
        raise InvalidInput(Issue(str(error), variable, action)) from None


def build_parser() -> ArgumentParser:
    """The parser of every option that has an argument."""
    parser = ArgumentParser(
        prog=program_name(),
        usage="%(prog)s [--option VALUE ...]\n       %(prog)s VERB [--help]",
        description=_DESCRIPTION,
        epilog=f"{_verbs_text()}\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version = f"{_SCRIPT} {__version__}"
    parser.add_argument("--version", action="version", version=version, help="print the version")
    for title, options in _groups().items():
        group = parser.add_argument_group(title)
        for option in options:
            group.add_argument(f"--{option.argument}", **_settings(option))
    return parser


def _verbs_text() -> str:
    lines = [f"  {name:<9} {text}" for name, text in VERBS.items()]
    return "\n".join(["verbs, each with its own --help:", *lines, ""])


def program_name() -> str:
    """How this process was started, so that the examples can be pasted."""
    name, _ = os.path.splitext(os.path.basename(sys.argv[0]))  # Windows adds .exe
    return _SCRIPT if name == _SCRIPT else "python -m dispatch_core"


def _groups() -> dict[str, list[Option]]:
    """Title -> the options that have an argument, the usual ones first."""
    rest = {
        title: [one for one in options if one.argument and one.argument not in _USUAL]
        for title, options in OPTIONS.items()
    }
    return {"usual options": [option_of(name) for name in _USUAL], **rest}


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose errors name the nearest option instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print only the error: the usage of 40 options would push it off the screen."""
        _, _, unknown = message.partition("unrecognized arguments: ")
        near = dict.fromkeys(map(self._nearest, unknown.split(" ")))
        hint = " or ".join(name for name in near if name)
        hint = f"Did you mean {hint}? " if hint else ""
        # an excerpt with its caret ends with a line of its own
        end = "\n" if "\n" in message else ". "
        message = showable(message.rstrip("."))
        self.exit(2, f"error: {message}{end}{hint}--help explains every option.\n")

    def _nearest(self, word: str) -> str:
        """The option or verb that is most similar to an unknown one, or empty."""
        known = [name for name in self._option_string_actions if name.startswith("--")]
        known += VERBS
        return "".join(difflib.get_close_matches(word.partition("=")[0], known, 1))


def _settings(option: Option) -> dict[str, Any]:
    """The settings of argparse for one option; None is the default, so that it shows as unset."""
    settings: dict[str, Any] = {"help": _help(option), "metavar": option.metavar, "default": None}
    if option.kind == "paths":
        return settings | {"action": _Paths}
    if option.metavar.endswith(",..."):
        return settings | {"action": _Joined}
    if option.kind == "flag":
        settings |= {"nargs": "?", "const": True}
    return settings | {"type": _reader(option)}


def _help(option: Option) -> str:
    """The description and the default; argparse takes % for a placeholder."""
    parts = [option.variable, option.default_text]
    default = ", else ".join(part for part in parts if part)
    text = f"{option.description} (default: {default})" if default else option.description
    return text.replace("%", "%%")


def _reader(option: Option) -> Callable[[str], Any]:
    """The function that reads a value of this kind from its text; blank text is None."""
    if option.kind == "choice":
        return partial(_choice, option.choices)
    readers: dict[str, Callable[[str], Any]] = {
        "switch": _switch,
        "flag": _switch,
        "integer": _integer,
        "positive": _positive,
    }
    return readers.get(option.kind, _text)


def _text(text: str) -> str | None:
    return text if text.strip() else None


def _switch(text: str) -> bool | None:
    if not text.strip():
        return None
    if text.strip().lower() not in _SWITCH:
        words = "(or true, yes, on, t, y and their opposites)"
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0 nor 1 {words}")
    return _SWITCH[text.strip().lower()]


def _integer(text: str) -> int | None:
    if not text.strip():
        return None
    if not _WHOLE.fullmatch(text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _positive(text: str) -> int | None:
    number = _integer(text)
    if number is not None and number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _choice(choices: Sequence[str], text: str) -> str | None:
    if text.strip() and text.strip() not in choices:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(choices)}")
    return text.strip() or None


class _Paths(argparse.Action):
    """Collects names: ``a,b``, ``[a, b]``, ``["a", "b"]``, or the option several times."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        try:
            more = _paths(values or "", str(option))
        except InvalidInput as error:
            parser.error(str(error))
        setattr(namespace, self.dest, (*(getattr(namespace, self.dest) or ()), *more))


class _Joined(argparse.Action):
    """Collects texts with commas: ``a,b``, or the option several times; blank starts again."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        text = _text(values or "")
        texts = (getattr(namespace, self.dest), text) if text else ()
        setattr(namespace, self.dest, ",".join(filter(None, texts)) or None)


def _paths(text: str, where: str) -> list[str]:
    """The names of a list, without the spaces around them."""
    items = read_list(text, where)
    if not all(isinstance(item, str) for item in items):
        action = "Write field paths, such as subject.subject_id"
        raise InvalidInput(Issue("an item of the list is not a text", where, action))
    return [item.strip() for item in items]
