from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.configuration.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15),
        ("10ms", 0.01),
        ("1h30m", 5400),
        ("167h", 601_200),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("0", 0),
        ("2m0s", 120),
        ("7us", 7e-6),
    ],
)
def test_go_durations_are_read(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "s", "1d", "-5s", "1h 30m", "1h30", "1e3s", "9" * 50 + "h", "١s"])
def test_what_is_no_duration_is_told_how_to_write_one(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**10))
def test_what_is_written_reads_back(milliseconds):
    value = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(value)) == value


def test_zero_parts_are_left_out():
    assert format_duration(timedelta(hours=1, seconds=5)) == "1h5s"
    assert format_duration(timedelta()) == "0s"
