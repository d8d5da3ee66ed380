"""A dictionary of digests, against Python's own."""

from itertools import product

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ecojax.engine import digests as digests_module
from ecojax.engine.digests import BYTES, Digests, digest

# awkward for arrays of bytes: zeros at the end, in the middle, everywhere
AWKWARD = [
    bytes(16),
    *(
        bytes([*first, *([0] * 12), *last])
        for first in ((0, 1), (1, 0), (255, 0))
        for last in ((0, 0), (0, 1), (128, 0))
    ),
]
keys = st.sampled_from(AWKWARD) | st.binary(min_size=BYTES, max_size=BYTES)


@pytest.fixture(autouse=True)
def few(monkeypatch) -> None:
    monkeypatch.setattr(digests_module, "WAITING", 5)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(keys, st.integers(0, 2**40)), max_size=60), st.lists(keys, max_size=10))
def test_it_holds_what_a_dictionary_does(entries, others) -> None:
    expected: dict[bytes, int] = {}
    found = Digests()
    for key, number in entries:
        expected.setdefault(key, number)
        found.add(key, number)
        assert len(found) == len(expected)
    for key in [*(key for key, _ in entries), *others, *AWKWARD]:
        assert found.get(key) == expected.get(key)
        assert (key in found) == (key in expected)


def test_texts_have_digests_of_their_own_and_seeds_another_order() -> None:
    texts = ["".join(letters) for letters in product("ab{", repeat=6)]
    assert len({digest(text) for text in texts}) == len(texts)
    assert {len(digest(text, seed)) for text in texts for seed in (0, 1, 2**64 - 1, 2**70)} == {BYTES}
    assert sorted(texts, key=lambda t: digest(t, 0)) != sorted(texts, key=lambda t: digest(t, 1))
