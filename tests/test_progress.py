"""Progress counts the work that is done, and shows a bar on stderr only where it is asked to."""

import pytest

from nmf_accel.progress import Part, Progress, ProgressBar, progress_bar


class Heard(Progress):
    """Remembers what it is told."""

    def __init__(self):
        self.told = []

    def add(self, work, note=""):
        self.told.append(("add", work, note))

    def skip(self, work):
        self.told.append(("skip", work))


def test_without_a_bar_nobody_is_told(capsys):
    with progress_bar(10, show=False) as progress:
        assert not isinstance(progress, ProgressBar)
        progress.add(4, "a note")
        progress.skip(6)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_on_stderr(capsys):
    with progress_bar(10, show=True) as progress:
        progress.add(4, "a note")
        progress.add(6, "the last note")
    out, err = capsys.readouterr()
    assert out == ""
    assert "10/10" in err
    assert "the last note" in err


def test_a_bar_has_the_style_it_is_given(capsys):
    with progress_bar(3, show=True, desc="a style of its own") as progress:
        progress.add(3)
    assert "a style of its own" in capsys.readouterr().err


def test_what_was_done_before_counts_for_no_speed():
    with progress_bar(10, show=True) as progress:
        progress.skip(5)
        progress.add(2)
        progress.skip(1)
        assert progress.bar.n == 8
        assert progress.bar.n - progress.bar.initial == 2  # of which tqdm takes the speed


@pytest.mark.parametrize("worth", [0.5, 3])
def test_a_part_counts_in_the_unit_of_the_whole(worth):
    whole = Heard()
    part = Part(whole, worth)
    part.add(4, "a note")
    part.skip(2)
    Part(part, 10).add(1)
    assert whole.told == [
        ("add", 4 * worth, "a note"),
        ("skip", 2 * worth),
        ("add", 10 * worth, ""),
    ]
