"""Drafts: what was typed and decided, as a text on the disk and back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.asset_list import AssetRow
from dispatch_core.builder import query_form as forms
from dispatch_core.builder.query_form import Elements, FormRow, Group, Locked, QueryForm, Spelling
from dispatch_core.errors import InvalidInput, Issue
from dispatch_core.kept.store import Bounds, KeptTexts
from pages.shared.state.drafts import Drafts, is_untouched, read_draft, write_draft
from pages.shared.state.session import Session
from pages.shared.state.typed import LIST, Typed

NAME = "n" * 43

TYPED = Typed(
    source=LIST,
    query_text='{"half": ',
    query_form=QueryForm(
        Group(
            members=(
                FormRow("a", "is one of", "number", ("1", "2x"), others=(Spelling("b", ("iso",)),)),
                Elements("c", (Group("any", (Locked("{", "why"),)),), of_values=True),
            )
        ),
        stages=(Locked("{}", "a stage"),),
    ),
    form_text="{",
    conversion=("a quote",),
    list_text="a\nb",
    list_name="ids.csv",
    list_rows=(AssetRow(2, "a"), AssetRow(3, "")),
    list_notes=("a note",),
    extension_text=".nw",
    parameters_text='{"a": 1.',
    parameters_before="{}",
    schema_text="{",
    drafts={(("distributed_parameters", 0), ("a", "b")): "0,5", ((), ("c",)): "-"},
    table_rows={"table-1": [{"Key": "x", "Value": None}]},
    sweep_rows=(("a", "1, 2"), ("b", "3..")),
    sweep_mode="append",
    grouping={"filter_latest": "a", "filter_by": (), "group_by": ("b",), "unwind_list_fields": ()},
    target_name="mine",
    why_text="900003",
    engine="slurm",
    job_command="run {job}",
    s3_folder="s3://b/",
    pipeline="p",
)


def session_with(typed: Typed = TYPED, owner: str = "ada") -> Session:
    session = Session(owner=owner, typed=typed)
    session.edit(query={"name": "x"}, excluded=("r1",), num_parallel_workers=3)
    session.refuse("parameters", InvalidInput(Issue("it ends too early", "p", "Close it", 1, 9)))
    session.keep_view(page="Assets", query_view="JSON", facet_searches={"Subject": "9000"})
    session.reload_editors()
    session.keep_typed(table_rows=typed.table_rows)
    return session


def restored(session: Session) -> Session:
    found = read_draft(write_draft(session), session.owner)
    assert found is not None
    return found


def test_every_text_the_request_and_the_errors_are_the_same_after_a_restart() -> None:
    session = session_with()

    after = restored(session)

    assert after.typed == session.typed
    assert after.request.to_json() == session.request.to_json()
    assert {name: error.issues for name, error in after.inputs.errors.items()} == {
        name: error.issues for name, error in session.inputs.errors.items()
    }
    assert after.owner == "ada"
    assert after.epoch == session.epoch
    assert (after.views.page, after.views.query_view) == ("Assets", "JSON")
    assert after.views.facet_searches == {"Subject": "9000"}


def test_a_restored_session_has_no_results_and_says_that_it_is_restored() -> None:
    after = restored(session_with())

    assert after.work.found is None
    assert after.views.begun == "restored"


def test_an_uploaded_list_is_kept_once_and_is_the_list_of_the_request_again() -> None:
    rows = tuple(AssetRow(number, f"id-{number}") for number in range(2, 1_000))
    session = Session(typed=Typed(source=LIST, list_name="ids.csv", list_rows=rows))
    session.edit(asset_rows=rows)

    assert write_draft(session).count("id-500") == 1
    assert restored(session).request.asset_rows == rows


def test_a_pasted_list_is_the_list_of_the_request_again() -> None:
    session = Session(typed=Typed(source=LIST, list_text="a\nb"))
    session.edit(asset_rows=(AssetRow(1, "a"), AssetRow(2, "b")))

    assert restored(session).request.asset_rows == session.request.asset_rows
    assert restored(session).typed.list_text == "a\nb"


def nodes_of(form: QueryForm | None) -> list[int]:
    assert form is not None
    return [form.root.key, *(node.key for node, _ in forms.walk(form.root))]


def test_the_rows_of_a_form_keep_their_numbers_and_new_ones_get_others() -> None:
    session = session_with()
    numbers = nodes_of(session.typed.query_form)

    assert nodes_of(restored(session).typed.query_form) == numbers
    far = write_draft(session).replace(f'"key":{max(numbers)}', '"key":1000000')
    assert read_draft(far, "") is not None
    assert FormRow().key > 1_000_000


LEAVES = st.builds(
    FormRow,
    path=st.text(max_size=5),
    condition=st.sampled_from(["is", "between", "in the last", "has size"]),
    kind=st.sampled_from(["text", "number", "date", "JSON"]),
    texts=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    is_negated=st.booleans(),
) | st.builds(Locked, st.text(max_size=5), st.text(max_size=5))
NODES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(
            Elements, st.text(max_size=5), st.lists(inner, max_size=3).map(tuple), st.booleans()
        )
        | st.builds(
            Group,
            st.sampled_from(["all", "any", "none"]),
            st.lists(inner, max_size=3).map(tuple),
        )
    ),
    max_leaves=8,
)


@given(st.lists(NODES, max_size=4).map(tuple), st.text(max_size=20))
def test_every_form_and_text_reads_back_unchanged(nodes: tuple[Any, ...], text: str) -> None:
    typed = Typed(query_text=text, query_form=QueryForm(Group(members=nodes)))

    assert restored(Session(typed=typed)).typed == typed


@pytest.mark.parametrize(
    "changes",
    [
        {"mark": "another program"},
        {"typed": None},
        {"typed": {"query_text": 5}},
        {"typed": {"list_rows": [{"number": -1, "text": "x"}]}},
        {"typed": {"query_form": {"root": {"kind": "some"}}}},
        {"request": "{"},
        {"request": '{"query": {}}', "is_uploaded": True},
        {"request": '{"num_parallel_workers": 0}'},
        {"errors": {"query": [{"line": 1}]}},
        {"views": {}},
        {"epoch": -1},
        {"epoch": 1e300},
        {"form_texts": [[["a"], ["b"]]]},
    ],
)
def test_a_forged_draft_is_ignored(changes: dict[str, Any]) -> None:
    document = json.loads(write_draft(session_with()))

    assert read_draft(json.dumps(document | changes), "ada") is None


def test_a_form_with_the_same_number_twice_is_ignored() -> None:
    document = json.loads(write_draft(session_with()))
    for node in document["typed"]["query_form"]["root"]["members"]:
        node["key"] = 1

    assert read_draft(json.dumps(document), "ada") is None


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "[" * 100_000, '{"mark": "\\ud800"}'])
def test_what_is_not_a_draft_is_ignored(text: str) -> None:
    assert read_draft(text, "ada") is None


def test_a_session_in_which_nothing_was_done_is_untouched() -> None:
    assert is_untouched(Session())
    assert is_untouched(Session(typed=Typed(query_text="{}")))
    assert not is_untouched(Session(typed=Typed(query_text="{")))
    assert not is_untouched(Session(typed=Typed(job_command="x")))


class World:
    """Drafts on a disk whose writer runs when told, and the texts that were written."""

    def __init__(self, folder: Path, bounds: Bounds | None = None) -> None:
        self.texts = KeptTexts(folder / "drafts", bounds or Bounds(10, 100_000, 1_000_000, 1_000))
        self.pool = ThreadPoolExecutor(1)
        self.drafts = Drafts(self.texts, self.pool)

    def restart(self) -> Drafts:
        self.pool.shutdown()
        return Drafts(self.texts, ThreadPoolExecutor(1))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_last_change_is_on_the_disk_when_the_server_has_ended(world: World) -> None:
    session = session_with()
    for number in range(20):
        session.keep_typed(why_text=str(number))
        world.drafts.keep(NAME, session)

    after = world.restart().restore(NAME, "ada")

    assert after is not None
    assert after.typed.why_text == "19"


def test_only_the_owner_gets_the_draft(world: World) -> None:
    world.drafts.keep(NAME, session_with(owner="ada"))

    drafts = world.restart()

    assert drafts.restore(NAME, "grace") is None
    assert drafts.restore(NAME, "") is None
    assert drafts.restore("m" * 43, "ada") is None
    assert drafts.restore(NAME, "ada") is not None


def test_a_draft_is_written_only_if_something_changed(world: World) -> None:
    session = session_with()
    world.drafts.keep(NAME, session)
    world.restart()
    (file,) = world.texts._folder.glob("*.json")
    file.unlink()

    again = Drafts(world.texts, ThreadPoolExecutor(1))
    again.keep(NAME, session)
    session.keep_view(notice="of no importance")
    again.keep(NAME, session)

    assert again.restore(NAME, "ada") is None


def test_an_untouched_session_is_not_kept(world: World) -> None:
    world.drafts.keep(NAME, Session())
    world.restart()

    assert not world.texts._folder.exists()


def test_a_forgotten_draft_does_not_come_back(world: World) -> None:
    world.drafts.keep(NAME, session_with())

    world.drafts.forget(NAME, "ada")

    assert world.restart().restore(NAME, "ada") is None


def test_a_draft_that_grew_too_large_leaves_no_older_one(tmp_path: Path) -> None:
    world = World(tmp_path, Bounds(10, 10_000, 1_000_000, 1_000))
    session = session_with()
    world.drafts.keep(NAME, session)
    session.keep_typed(list_text="x" * 10_000)
    world.drafts.keep(NAME, session)

    assert world.restart().restore(NAME, "ada") is None


def test_a_draft_that_is_small_again_is_kept_and_no_longer_called_too_large(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, Bounds(10, 10_000, 1_000_000, 1_000))
    session = session_with()
    said = []
    for text in ("small", "x" * 10_000, "small"):
        session.keep_typed(list_text=text)
        world.drafts.keep(NAME, session)
        world.pool.submit(lambda: said.append(world.drafts.is_too_large(NAME))).result()

    assert said == [False, True, False]
    assert world.restart().restore(NAME, "ada") is not None


def test_a_disk_that_fails_disturbs_nothing(tmp_path: Path) -> None:
    (tmp_path / "drafts").write_text("in the way")
    world = World(tmp_path)

    world.drafts.keep(NAME, session_with())

    assert world.restart().restore(NAME, "ada") is None
