"""What a table could be taken for in two ways is asked for; columns are chosen; text is refused."""

import gzip

import numpy as np
import pandas as pd
import pytest

from nmf_accel.datasets import DatasetError, read


@pytest.fixture
def write(tmp_path):
    """Writes a file, and gives its path."""

    def write(text, name="x.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


UNCLEAR = {
    "header": "1,2\n3,1\n2,2\n",
    "header ": "2001,2002,2005\n3,7,2\n5,1,9\n",
    "header  ": "TP53,12,45\nBRCA1,5,3\nMYC,7,1\n",
    "index": "5021,3.5,4.1\n88,5.2,6.5\n17,0.5,1.5\n",
    "index ": "sample,s1\n1,5\n1,3\n",
    "index  ": "a,b\n1,5\nx,3\n2,8\n",
    "index   ": "400.5,3.1\n401,2.5\n401.5,7\n402,1.5\n402.5,2\n",
    "long": "userId,movieId,rating\n1,31,2.5\n1,1029,3.0\n2,31,4\n",
    "long ": "user\titem\tcount\nann\tbook\t3\nann\tpen\t1\nbob\tbook\t2\n",
}


@pytest.mark.parametrize("option", UNCLEAR)
def test_what_is_ambiguous_is_asked_for(write, option):
    path, text = write(UNCLEAR[option], "x.txt"), UNCLEAR[option]
    with pytest.raises(DatasetError, match="can be read in two ways") as caught:
        read(path)
    told, option = str(caught.value), option.strip()
    assert path in told
    assert f"--{option} " in told
    assert f"--no-{option} " in told
    assert f"({option}=True, {option}=False)" in told
    for line in text.splitlines()[:3]:
        assert line.replace("\t", ", ").replace(",", ", ").replace(",  ", ", ") in told


@pytest.mark.parametrize("option", ["header", "header ", "header  ", "index", "index "])
def test_either_answer_is_taken(write, option):
    path, name = write(UNCLEAR[option], "x.txt"), option.strip()
    shapes = {answer: read(path, **{name: answer}).A.shape for answer in (True, False)}
    m, n = shapes[False]
    assert shapes[True] == ((m - 1, n) if name == "header" else (m, n - 1))


def test_a_long_table_becomes_a_sparse_matrix(write):
    rows = (
        "userId,movieId,rating,timestamp\n7,31,2.5,1260759144\n7,9,0,1260759179\n2,31,4,12607591\n"
    )
    data = read(write(rows), long=True)
    assert data.features.tolist() == ["2", "7"]
    assert data.samples.tolist() == ["9", "31"]
    assert data.A.nnz == 3  # a zero that is there is known
    np.testing.assert_array_equal(data.A.toarray(), [[0, 4], [0, 2.5]])
    assert 'rows "userId", columns "movieId", entries "rating", without "timestamp"' in data.taken
    assert read(write(rows), long=False, index=False).A.shape == (3, 4)
    with pytest.raises(
        DatasetError, match=r"\(7, 31\) has more than one entry, the second in row 4"
    ):
        read(write(rows + "7,31,1,0\n"), long=True)


def test_a_long_table_of_names_without_a_header(write):
    lines = [f"u{i % 7},i{i % 5},{i}" for i in range(35)]
    path = write("\n".join(lines))
    with pytest.raises(DatasetError, match="--long makes a sparse matrix"):
        read(path)
    A = read(path, long=True).A.toarray()
    for i in range(35):
        assert A[i % 7, i % 5] == i


def test_three_samples_of_counts_are_no_long_table(write):
    counts = np.random.default_rng(0).poisson(3, (60, 3))
    frame = pd.DataFrame(counts, [f"g{k}" for k in range(60)], ["a", "b", "c"])
    np.testing.assert_array_equal(read(write(frame.to_csv())).A, counts)
    np.testing.assert_array_equal(read(write(frame.to_csv(index=False))).A, counts)


class TestColumns:
    TEXT = "gene,place,s1,s2,s3\nA,X,1,2,3\nB,Y,4,5,6\n"

    def test_text_among_the_numbers_is_named_with_its_cure(self, write):
        with pytest.raises(DatasetError) as caught:
            read(write(self.TEXT))
        assert 'column "place" holds \'X\' in row 1 ("A"), which is no number' in str(caught.value)
        assert "--columns 's1:s3' takes the others" in str(caught.value)

    @pytest.mark.parametrize(
        ("columns", "places"),
        [("s1:s3", [0, 1, 2]), ("s3,s1", [2, 0]), (["s2"], [1]), ("s2:", [1, 2])],
    )
    def test_columns_are_taken_as_asked(self, write, columns, places):
        data = read(write(self.TEXT), columns=columns)
        np.testing.assert_array_equal(data.A, np.array([[1, 2, 3], [4, 5, 6]])[:, places])
        assert data.features.tolist() == ["A", "B"]
        assert data.samples.tolist() == [f"s{k + 1}" for k in places]

    def test_names_with_commas_and_colons(self, write):
        text = '"id","a,b","chr1:2-3","x:y"\n1,5,6,7\n2,8,9,1\n'
        for columns, places in (
            ("a,b", [0]),
            ("chr1:2-3", [1]),
            ("a,b,x:y", [0, 2]),
            ("a,b:chr1:2-3", [0, 1]),
            ("chr1:2-3:x:y", [1, 2]),
        ):
            found = read(write(text), columns=columns).A
            np.testing.assert_array_equal(found, np.array([[5, 6, 7], [8, 9, 1]])[:, places])

    @pytest.mark.parametrize(
        ("columns", "told"),
        [
            ("s9", r'there is no column "s9"; there are 5: gene, place, s1'),
            ("s3:s1", r'column "s1" stands before "s3"'),
            ("s1,s1:s2", 'column "s1" is asked for twice'),
            ([], "columns names none"),
        ],
    )
    def test_columns_that_cannot_be_taken(self, write, columns, told):
        with pytest.raises(DatasetError, match=told):
            read(write(self.TEXT), columns=columns)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("\n\n# only words\n", "it holds no numbers"),
        ("a,b,c\n", "it holds no numbers"),
        ("a,b,c\n1,2,3\n4,5\n", "row 3 has 2 cells, but row 2 has 3"),
        ("1,2\n3,abc\n", "column \"1\" holds 'abc' in row 2, which is no number"),
        ("gene;s1;s2\nA;1,500;2,000\nB;3,250;4\n", "1,500 may have a comma before its decimals"),
        ("é,b\n1,2\n".encode("latin1"), "it is no UTF-8"),
        (b"\0\1\2\3", "it is no text"),
    ],
)
def test_what_is_no_table_is_refused(write, text, told):
    with pytest.raises(DatasetError, match=r"x\.csv cannot be read: ") as caught:
        read(write(text))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_packed_bomb_is_refused_before_it_grows(write):
    path = write(gzip.compress(b"1,2,3\n" * (2**27 // 6), 9), "bomb.csv.gz")
    with pytest.raises(DatasetError, match="claim to hold"):
        read(path)


def test_a_comma_between_decimals_can_be_said(write):
    data = read(write("gene;s1;s2\nA;1,500;2,000\nB;3,250;4\n"), decimal=",")
    np.testing.assert_array_equal(data.A, [[1.5, 2], [3.25, 4]])
