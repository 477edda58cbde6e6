"""A filter in any spelling that people paste is read as that filter, or refused."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dispatch_core.builder.pasted import convert
from dispatch_core.errors import InvalidInput
from tests.support.spellings import CERTAIN, REFUSED
from tests.support.tier import SOAK, examples

SPELLINGS = CERTAIN | REFUSED
PATHS = ["name", "subject.subject_id", "data_description.modality.0.abbreviation", "location", "n"]
TEXTS = st.one_of(
    st.sampled_from(["789917", "^ecephys_\\d+", "a\\.b$", "it's", 'say "x"', "C:\\new\\table"]),
    st.sampled_from(["a + b", "50%", "x&y=1", "&quot;", "$or", "{a: 1}", "# no", "// no", "> x"]),
    st.text("ab\\/'\"{}[]:,$+%&#\n\t \u00e9\u2019\U0001f600", max_size=8),
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.just(2.5) | TEXTS
CONDITIONS = st.one_of(
    SCALARS,
    st.fixed_dictionaries({"$in": st.lists(SCALARS, max_size=3)}),
    st.fixed_dictionaries({"$gte": SCALARS, "$lt": SCALARS}),
    st.fixed_dictionaries({"$regex": TEXTS, "$options": st.just("i")}),
    st.fixed_dictionaries({"$not": st.fixed_dictionaries({"$regex": TEXTS})}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
)
FIELDS = st.dictionaries(st.sampled_from(PATHS), CONDITIONS, min_size=1, max_size=3)
FILTERS = FIELDS | st.builds(
    lambda fields, members: fields | {"$or": members},
    FIELDS,
    st.lists(FIELDS, min_size=1, max_size=2),
)
EXAMPLES = settings(
    max_examples=examples(300, 8_000),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize=not SOAK or os.environ.get("CI") == "true",
)


@pytest.mark.soak
@EXAMPLES
@given(FILTERS, st.sampled_from(sorted(SPELLINGS)), st.integers(0, 2**32))
def test_a_filter_in_any_spelling_is_read_as_it_is_or_refused(
    query: dict[str, Any], spelling: str, seed: int
) -> None:
    text = SPELLINGS[spelling](query, random.Random(seed))

    try:
        found = convert(text)
    except InvalidInput:
        return

    assert found.value == query, text


EVERYDAY = {
    "data_description.project_name": "Thalamic Ephys Survey",
    "subject.subject_id": {"$in": ["900001", "900002"]},
    "name": {"$regex": "^ecephys_9", "$options": "i"},
}


@pytest.mark.parametrize("spelling", CERTAIN)
def test_an_everyday_filter_is_read_in_every_certain_spelling(spelling: str) -> None:
    texts = [CERTAIN[spelling](EVERYDAY, random.Random(seed)) for seed in range(12)]

    assert [convert(text).value for text in texts] == [EVERYDAY] * 12


@pytest.mark.parametrize("spelling", ["java joined", "r list", "yaml", "changed by code"])
def test_a_spelling_that_is_not_certain_is_refused(spelling: str) -> None:
    with pytest.raises(InvalidInput):
        convert(REFUSED[spelling](EVERYDAY, random.Random(1)))
