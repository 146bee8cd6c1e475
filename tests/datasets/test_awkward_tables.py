"""Tables as programs and people of several fields write them, which once were read wrongly.

Each has its text, the options that are given, and what is right: the entries and the names, or what
is asked.
"""

import numpy as np
import pandas as pd
import pytest

from nmf_accel.datasets import DatasetError, read


@pytest.fixture
def reads(tmp_path):
    """Reads a text as a file of some name."""

    def reads(text, name="x.csv", **options):
        path = tmp_path / name
        path.write_text(text, newline="")
        return read(str(path), **options)

    return reads


RIGHT = {
    "a decimal comma without names": (
        "a;b;c\n0,09;0,24;0,8\n0,09;0,43;0,48\n0,73;0,11;0,39\n",
        [[0.09, 0.24, 0.8], [0.09, 0.43, 0.48], [0.73, 0.11, 0.39]],
        (None, ["a", "b", "c"]),
    ),
    "a decimal comma and what is missing": (
        "s0;s1\n0,5;0,25\nNA;0,75\n0,5;NA\n",
        [[0.5, 0.25], [np.nan, 0.75], [0.5, np.nan]],
        (None, ["s0", "s1"]),
    ),
    "one sample of decimal commas": (
        "gene;s1\nA;1,5\nB;2,25\nC;3,75\n",
        [[1.5], [2.25], [3.75]],
        (["A", "B", "C"], ["s1"]),
    ),
    "the same as R's write.csv2 has it": (
        '"";"s1"\n"A";1,5\n"B";2,25\n',
        [[1.5], [2.25]],
        (["A", "B"], ["s1"]),
    ),
    "three decimals of which none is thousands": (
        "gene;s1;s2\nA;0,123;0,456\nB;0,789;0,100\n",
        [[0.123, 0.456], [0.789, 0.1]],
        (["A", "B"], ["s1", "s2"]),
    ),
    "ids in a header of two words": (
        "#OTU ID\tS1\tS2\n4479944\t3\t0\n12\t1\t7\n358\t3\t2\n",
        [[3, 0], [1, 7], [3, 2]],
        (["4479944", "12", "358"], ["S1", "S2"]),
    ),
    "wave numbers that fall": (
        "wavenumber,s1,s2\n4000.20,0.5,0.1\n3998.1,0.25,0.7\n3996.0,0.75,0.9\n",
        [[0.5, 0.1], [0.25, 0.7], [0.75, 0.9]],
        (["4000.20", "3998.1", "3996.0"], ["s1", "s2"]),
    ),
    "a gene whose name is a number among names": (
        "gene,s1\n7157,3\n1956,4\nLOC1,5\n",
        [[3], [4], [5]],
        (["7157", "1956", "LOC1"], ["s1"]),
    ),
    "a quote within a header": (
        'gene,5" pipe,s2\nA,1,2\nB,3,4\nC 3",5,6\nD,7,8\n',
        [[1, 2], [3, 4], [5, 6], [7, 8]],
        (["A", "B", 'C 3"', "D"], ['5" pipe', "s2"]),
    ),
    "numbers above numbers, with an empty corner": (
        '"",3999.97,3998.28\na,0.5,0.25\nb,0.1,0.2\n',
        [[0.5, 0.25], [0.1, 0.2]],
        (["a", "b"], ["3999.97", "3998.28"]),
    ),
    "rows that Excel leaves": (
        "gene,s1,s2\nA,1,2\n,,\nB,3,4\n,,\n",
        [[1, 2], [3, 4]],
        (["A", "B"], ["s1", "s2"]),
    ),
    "a header behind a # that is one cell short": (
        "#s1|s2\nA|1|2\nB|3|4\n",
        [[1, 2], [3, 4]],
        (["A", "B"], ["s1", "s2"]),
    ),
    "a tab that Excel says": ("sep=\t\na\tb\n1\t2\n4\t3\n", [[1, 2], [4, 3]], (None, ["a", "b"])),
    "R's header of numbers, one cell short": (
        '"400.5" "401.9"\n"1" 0.5 0.25\n"2" 0.1 0.75\n',
        [[0.5, 0.25], [0.1, 0.75]],
        (["1", "2"], ["400.5", "401.9"]),
    ),
    "rows that all go up evenly": (
        "1,2,3\n4,5,6\n7,8,9\n",
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        (None, None),
    ),
    "columns that all count up": (
        "1,2,9\n2,3,7\n3,4,8\n4,5,10\n",
        [[1, 2, 9], [2, 3, 7], [3, 4, 8], [4, 5, 10]],
        (None, None),
    ),
    "truth among numbers": ("a,b\nTrue,1\n0,2\n", [[1, 1], [0, 2]], (None, ["a", "b"])),
}


@pytest.mark.parametrize("case", RIGHT)
def test_it_is_read_as_a_person_would(reads, case):
    text, A, names = RIGHT[case]
    data = reads(text)
    np.testing.assert_array_equal(data.A, A)
    found = [None if x is None else x.tolist() for x in (data.features, data.samples)]
    assert found == list(names)


ASKED = {
    "a spectrum whose corner is unknown": (
        "spectrum,400.12,401.98\na,0.1,0.5\nb,0.3,0.2\n",
        "header",
    ),
    "classes above numbers": ("kind,1,1,2\na,5,3,2\nb,4,9,9\n", "header"),
    "one sample called by a number": ("kind,70022\na,5\nb,7\n", "header"),
    "wave numbers above spectra": (
        "4000.2,3998.1,3996.0,3993.5,3991.9\n0.1,0.5,0.2,0.9,0.3\n0.3,0.2,0.7,0.1,0.2\n",
        "header",
    ),
    "a first cell that is empty": (",0.5\n0.25,0.75\n0.5,0.125\n", "header"),
    "ids above counts": ("8842,1123,9930\n0,3,1\n2,0,5\n1,1,0\n", "header"),
    "a column that falls": ("420,51.5,13\n415,2.5,14\n411,77,2\n400,3.5,9\n390,7.5,4\n", "index"),
    "zeros before numbers": ("a,b\n05,1\n10,2\n15,3\n", "index"),
    "an empty last column, with a header that is short": (
        "s1\ts2\ts3\ng0\t0\t2\t\ng1\t3\t4\t\n",
        "index",
    ),
    "ratings without names": (
        "\n".join(f"{i % 30}\t{(7 * i) % 41}\t{1 + i % 5}\t{880000000 + i}" for i in range(300)),
        "long",
    ),
    "ratings behind an index": (
        ",userId,movieId,rating\n" + "\n".join(f"{i},{i % 7},{i // 7},{i % 5}" for i in range(35)),
        "long",
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_it_is_asked_for(reads, case):
    text, option = ASKED[case]
    with pytest.raises(DatasetError, match=f"(?s)two ways: .*\n--{option} "):
        reads(text, "x.tsv" if "\t" in text else "x.csv")


def test_decimal_commas_without_a_header(reads):
    data = reads("A;1,5\nB;2,25\nC;3,75\n", header=False)
    np.testing.assert_array_equal(data.A, [[1.5], [2.25], [3.75]])
    assert data.features.tolist() == ["A", "B", "C"]


def test_a_table_of_entries_behind_an_index_is_pivoted(reads):
    A = reads(ASKED["ratings behind an index"][0], long=True).A.toarray()
    for i in range(35):
        assert A[i % 7, i // 7] == i % 5


def test_columns_of_a_table_of_entries_are_chosen_in_their_order(reads):
    text = "rating,note,user,item\n5,1,2,7\n4,9,2,8\n3,4,1,7\n"
    data = reads(text, long=True, columns="user,item,rating")
    assert data.features.tolist() == ["1", "2"]
    np.testing.assert_array_equal(data.A.toarray(), [[3, 0], [5, 4]])
    with pytest.raises(DatasetError, match="a long table has 3 columns"):
        reads("a,b,c,d,e\n1,2,3,4,5\n", long=True)


def test_who_chooses_columns_is_not_asked_for_entries(reads):
    text = "userId,movieId,rating\n1,7,2\n1,8,3\n2,7,4\n"
    assert reads(text, columns="rating", index=False).A.tolist() == [[2], [3], [4]]


def test_names_of_entries_are_in_order_and_keep_their_zeros(reads):
    rows = "\n".join(f"{i},0{i % 3},1" for i in (10, 2, 1, 11))
    data = reads(f"user_id,item,count\n{rows}\n", long=True)
    assert data.features.tolist() == ["1", "2", "10", "11"]


@pytest.mark.parametrize(
    "title", ["Entrez_Gene_Id", "Unnamed: 0", "chr", "Length", "Description", "sample_id"]
)
def test_names_among_the_samples_are_named_with_what_leaves_them_out(reads, title):
    text = f"gene,{title},s1,s2\nA,5,1,2\nB,7,3,4\n"
    with pytest.raises(DatasetError, match=f"column \"{title}\" .* --columns 's1:s2' takes"):
        reads(text)
    assert reads(text, columns="s1:s2").features.tolist() == ["A", "B"]
    assert reads(text, columns=f"{title}:s2").A.shape == (2, 3)


def test_a_sample_whose_name_ends_like_an_id_is_one(reads):
    assert reads("gene,fluid,acid\nA,1,2\nB,3,4\n").samples.tolist() == ["fluid", "acid"]


def test_the_second_of_two_keys_is_named(reads):
    with pytest.raises(DatasetError, match='column "year" seems to have names'):
        reads("country,year,gdp,pop\nN,2001,5,1\nN,2002,6,2\nS,2001,7,3\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gene,s1,s2\n" + "A,1,2\n" * 40 + "B,5\n", "row 42 has 2 cells, but others have 3"),
        ('gene\ts1\n"A\t1\nB\t3\n"C\t5\nD\t7\n', "runs over several lines"),
        ("gene,s1\nA,-\nB,.\n", "if it means that nothing is known, leave it empty"),
        ("gene,s1\nA,5%\nB,7%\n", "column \"s1\" holds '5%' in row 1"),
        ("a,b\n,mg\n1,2\n", "column \"b\" holds 'mg' in row 1"),
    ],
)
def test_what_is_damaged_is_refused(reads, text, told):
    with pytest.raises(DatasetError, match="cannot be read") as caught:
        reads(text, "x.tsv" if "\t" in text else "x.csv")
    assert told in str(caught.value)


def test_late_bytes_of_another_encoding_are_told_with_the_cure(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"gene,s1\n" + b"A,1\n" * 9999 + b"\xe9,2\n")
    with pytest.raises(DatasetError, match="iconv -f cp1252"):
        read(str(path))


def test_the_first_samples_of_a_transposed_table(reads):
    data = reads("sample,a,b\nx,1,2\ny,3,4\nz,5,6\n", n_images=2, transpose=True)
    assert data.samples.tolist() == ["x", "y"]
    np.testing.assert_array_equal(data.A, [[1, 3], [2, 4]])


def test_numbers_are_exact_among_what_is_none(reads):
    values = np.random.default_rng(0).random(500).tolist()
    text = "a,b\n" + "\n".join(f"{x!r},{'TRUE' if k % 2 else 1}" for k, x in enumerate(values))
    assert reads(text, index=False, header=True).A[:, 0].tolist() == values
    large = [99999999999999999999, *range(2**60, 2**60 + 99)]
    text = "a,b\n" + "\n".join(f"{x},1" for x in large)
    assert reads(text, index=False, header=True).A[:, 0].tolist() == list(map(float, large))


def test_frames_in_files_of_columns(tmp_path):
    frame = pd.DataFrame({"d": pd.date_range("2001", periods=3), "x": [1, 2, 3]}, list("abc"))
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r'column "d" holds .* no number'):
        read(str(tmp_path / "x.parquet"))
    keys = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "l"])
    pd.DataFrame({"x": [1, 2]}, keys).to_parquet(tmp_path / "x.parquet")
    assert read(str(tmp_path / "x.parquet")).features.tolist() == ["a|1", "b|2"]
    pd.DataFrame({"x": [1, 2]}, pd.RangeIndex(2000, 2002)).to_parquet(tmp_path / "x.parquet")
    assert read(str(tmp_path / "x.parquet")).features.tolist() == ["2000", "2001"]
    pd.DataFrame({"x": []}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match="it holds no numbers"):
        read(str(tmp_path / "x.parquet"))


def test_a_feather_file_that_grows_beyond_measure_is_refused_and_one_can_be_trusted(tmp_path):
    path = tmp_path / "x.feather"
    zeros = np.zeros(2**24)
    pd.DataFrame({"a": zeros, "b": zeros, "c": zeros}).to_feather(path, compression="zstd")
    with pytest.raises(DatasetError, match="claim to hold"):
        read(str(path))
    assert read(str(path), trust=True).A.shape == (2**24, 3)


@pytest.mark.filterwarnings("ignore:Feather V1 files are deprecated")
def test_a_feather_file_of_the_first_version(tmp_path):
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_feather(tmp_path / "x.feather", version=1)
    assert read(str(tmp_path / "x.feather")).A.tolist() == [[1, 3], [2, 4]]
