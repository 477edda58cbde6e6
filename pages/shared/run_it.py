"""The part of the page Deliver about what runs the jobs: files to lay beside the folder."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.dispatch_plan import DispatchPlan
from dispatch_core.engines.handover import ENGINES, check_command, handover_files
from dispatch_core.engines.order import Handover, HandoverFile, here
from dispatch_core.errors import InvalidInput
from pages.shared.state.session import Session
from pages.shared.widgets.download import kept_file
from pages.shared.widgets.messages import escaped, show_error

_HERE, _CODE_OCEAN = "", "codeocean"
_LABELS = {
    _HERE: "this machine, to try it",
    **{name: one.label for name, one in ENGINES.items()},
    _CODE_OCEAN: "Code Ocean",
}
_COMMAND, _S3 = "Command for one job", "Where the worker folder is copied to"
_INPUTS = {"--command": _COMMAND, "--s3": _S3, "--workers": "Workers, on the page Jobs"}
_EXAMPLE = "python analyze.py {job}"


def run_it(session: Session, plan: DispatchPlan, folder: str) -> None:
    """Show what starts the worker folder `folder` on an engine, and what runs only the failed."""
    st.header("Run it")
    engine, command = _choices(session)
    if engine == _CODE_OCEAN:
        _run_on_code_ocean(session, folder)
        return
    if not command:
        st.caption(
            "Enter the command that runs one job. {job} becomes the path of its file, {name} its "
            "name. Each engine runs the jobs of a worker one after the other and marks each as "
            "done or failed."
        )
        return
    try:
        made = _handover(engine, folder, len(plan.workers), command, _more(session, engine))
    except InvalidInput as error:
        show_error(_in_words_of_the_page(error))
        return
    _files(made, engine)
    _lines(made, folder)


def _in_words_of_the_page(error: InvalidInput) -> InvalidInput:
    """The error about the inputs of this page, not about options of the command line."""
    return InvalidInput(
        [replace(issue, where=_INPUTS.get(issue.where, issue.where)) for issue in error.issues]
    )


def _choices(session: Session) -> tuple[str, str]:
    """The chosen engine and the typed command."""
    key, typed = session.epoch, session.typed
    which, what = st.columns([2, 3])
    names = list(_LABELS)
    engine = which.selectbox(
        "Run on",
        names,
        names.index(typed.engine) if typed.engine in names else 0,
        format_func=_LABELS.__getitem__,
        key=f"engine-{key}",
    )
    session.keep_typed(engine=engine)
    if engine == _CODE_OCEAN:  # the pipeline has its own command
        pipeline = what.text_input("Id of the pipeline", typed.pipeline, key=f"pipeline-{key}")
        session.keep_typed(pipeline=pipeline)
        return engine, ""
    command = what.text_input(
        _COMMAND, typed.job_command, placeholder=_EXAMPLE, key=f"command-{key}"
    )
    session.keep_typed(job_command=command)
    return engine, command.strip()


def _run_on_code_ocean(session: Session, folder: str) -> None:
    """Show the command that starts the pipeline whose dispatcher makes this plan again."""
    pipeline = session.typed.pipeline.strip()
    if not pipeline:
        st.caption(
            "Enter the id of a pipeline whose dispatcher is this package. It gets this request and "
            "the fingerprint of this plan, and stops if it would make other jobs."
        )
        return
    words = ["job-dispatch", "handover", _CODE_OCEAN, here(folder), f"--pipeline={pipeline}"]
    st.caption(
        "Write the worker folders first: the record beside them has the request. Then, with "
        "CODEOCEAN_DOMAIN and CODEOCEAN_TOKEN set, in the folder that contains them:"
    )
    st.code(shlex.join([*words, "--wait"]), "bash", wrap_lines=True)
    st.caption("The same command again starts nothing: it shows the run and how it ended.")


def _more(session: Session, engine: str) -> dict[str, Any]:
    """What only this engine asks for."""
    if engine != "aws-batch":
        return {}
    place = st.text_input(
        _S3,
        session.typed.s3_folder,
        placeholder="s3://my-bucket/my-dispatch",
        key=f"s3-{session.epoch}",
    )
    session.keep_typed(s3_folder=place)
    return {"s3": place.strip()}


def _handover(
    engine: str, folder: str, workers: int, command: str, more: dict[str, Any]
) -> Handover:
    if engine != _HERE:
        return handover_files(engine, folder, workers, command, **more)
    check_command(command)
    words = ["job-dispatch", "run", here(folder), f"--command={command}"]
    again = ["job-dispatch", "status", here(folder), "--failed"]
    return Handover((), shlex.join(words), f"{shlex.join(again)} | {shlex.join(words)} --only -")


def _files(made: Handover, engine: str) -> None:
    """Offer each file; they belong into the folder that contains the worker folder."""
    if not made.files:
        return
    line = st.container(horizontal=True)
    for number, file in enumerate(made.files):
        _offer(line, file, f"handover-{engine}-{number}")
    for note in made.notes:
        st.warning(escaped(note), icon=":material/warning:")


def _offer(line: DeltaGenerator, file: HandoverFile, key: str) -> None:
    line.download_button(
        f"Download {escaped(file.name)}",
        kept_file(lambda: file.text, file.name, "text/plain"),
        file.name,
        "text/plain",
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )


def _lines(made: Handover, folder: str) -> None:
    unpack = f"unzip -n {shlex.quote(f'{folder}.zip')} -d {shlex.quote(folder)}"
    st.caption("Start it, in the folder that contains these files (the zip is unpacked first):")
    st.code(f"{unpack}\n{made.start}", "bash", wrap_lines=True)
    if made.failed != made.start:
        st.caption("Then run only what failed:")
        st.code(made.failed, "bash", wrap_lines=True)
    st.caption("What is done, failed and missing:")
    st.code(f"job-dispatch status {shlex.quote(here(folder))}", "bash", wrap_lines=True)
