"""The parameters whose name says that their value may be a secret."""

from __future__ import annotations

import pytest

from dispatch_core.parameter_sets.secret_names import secret_names


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "API_KEY",
        "apiKey",
        "x-api-key",
        "GITHUB_TOKEN",
        "clientSecret",
        "aws_secret_access_key",
        "credentials",
    ],
)
def test_a_name_that_ends_with_a_secret_is_named(name: str) -> None:
    assert secret_names({"distributed_parameters": [{"a": {name: "x"}}, {name: "y"}]}) == (name,)


@pytest.mark.parametrize("name", ["max_tokens", "token_length", "key", "sort_key", "monkey", ""])
def test_a_name_with_another_meaning_is_not_named(name: str) -> None:
    assert secret_names({"fixed_parameters": {name: "x"}}) == ()


@pytest.mark.parametrize("value", ["", " ", None, 5, True, [], {}, {"a": None}])
def test_a_value_without_a_text_is_not_a_secret(value: object) -> None:
    assert secret_names({"password": value}) == ()


def test_what_is_inside_a_secret_is_named_by_the_secret() -> None:
    assert secret_names({"credentials": {"user": "a", "token": "b"}, "b": 1}) == ("credentials",)


def test_without_parameters_nothing_is_named() -> None:
    assert secret_names(None) == ()
