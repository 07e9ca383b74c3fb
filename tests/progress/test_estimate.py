"""How fast images come, and how long the rest takes."""

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.progress.estimate import Pace, Worker, time_left

A, B = "http://a", "http://b"


@pytest.mark.parametrize(
    ("workers", "waiting", "seconds"),
    [
        ([], 3, None),
        ([(10, 0)], 0, 0),
        ([(10, 4)], 0, 4),
        ([(10, 4)], 1, 14),
        ([(10, 0)], 5, 50),
        ([(10, 5), (10, 5)], 1, 15),
        ([(10, 5), (10, 5)], 2, 15),
        ([(10, 5), (10, 5)], 3, 25),
        ([(1, 0), (3, 0)], 4, 3),
        ([(1, 0.5), (60, 50)], 10, 50),
        ([(1, 0), (1000, 0)], 10, 10),
    ],
    ids=str,
)
def test_whoever_is_free_takes_the_next_image(workers, waiting, seconds):
    found = time_left([Worker(each=each, rest=rest) for each, rest in workers], waiting)

    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.01))


@given(
    workers=st.lists(st.tuples(st.floats(0.001, 1e4), st.floats(0, 1e4)), min_size=1, max_size=9),
    waiting=st.integers(-3, 5000),
)
def test_it_is_never_negative_and_bounded_by_what_one_alone_would_need(workers, waiting):
    rows = [Worker(each=each, rest=rest) for each, rest in workers]

    found = time_left(rows, waiting)

    assert found is not None
    at_hand = max(row.rest for row in rows)
    alone = min(row.rest + max(0, waiting) * row.each for row in rows)
    assert at_hand <= found <= max(at_hand, alone) * 1.001


def test_nothing_is_said_before_something_is_known():
    assert Pace().of(A, "default") is None


def test_the_first_image_counts_only_until_there_is_a_second():
    """Models are loaded for it."""
    pace = Pace()
    pace.learn(A, "default", 60)
    assert pace.of(A, "default") == 60

    pace.learn(A, "default", 5)

    assert pace.of(A, "default") == 5


def test_newer_images_count_more():
    pace = Pace()
    for seconds in [9, 2, 2, 2, 2, *[10] * 8]:
        pace.learn(A, "default", seconds)

    assert 9 < pace.of(A, "default") < 10


@pytest.mark.parametrize(
    ("server", "template", "seconds"),
    [(A, "default", 4), (B, "default", 4), (A, "other", 20), (B, "other", 20), (A, "new", 12)],
)
def test_what_is_not_known_is_taken_from_the_nearest_that_is(server, template, seconds):
    pace = Pace()
    pace.learn(A, "default", 4)
    pace.learn(B, "other", 20)

    assert pace.of(server, template) == seconds
    assert (pace.own(server, template) is None) == ((server, template) not in pace._seconds)


def test_an_image_that_took_no_time_divides_nothing_by_zero():
    pace = Pace()
    pace.learn(A, "default", 0)

    assert pace.of(A, "default") > 0
