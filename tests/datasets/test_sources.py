"""A line added to a table of data sets is enough, and importing them is cheap."""

import importlib
import json
import sys

import numpy as np
import pytest
from conftest import require_or_skip, run_python

from nmf_accel import datasets
from nmf_accel.datasets import NAMED, READERS, Dataset, DatasetError, Named, load
from nmf_accel.study import StudySettings

FACES = Dataset("faces", np.eye(12), np.zeros((12, 2, 2, 4), np.uint8))


@pytest.fixture
def faces(monkeypatch):
    """A named data set of somebody else's, which remembers how many images it was asked for."""
    asked = []

    def faces(n_images):
        asked.append(n_images)
        return FACES

    named = Named(faces, "12, 2 × 2", lambda: "here", lambda: "fine", study_images=7)
    monkeypatch.setitem(NAMED, "faces", named)
    return asked


@pytest.fixture
def mine(monkeypatch):
    """A reader of somebody else's."""

    def read(path):
        if not path.read_text():
            raise ValueError("it is empty")
        return np.arange(6.0).reshape(2, 3)

    monkeypatch.setitem(READERS, ".mine", read)


def test_a_new_name_is_loaded(faces):
    assert load("faces", 5) is FACES
    assert load("faces") is FACES
    assert faces == [5, None]


def test_a_new_name_is_studied_with_its_own_default(faces):
    assert StudySettings("faces").load() is FACES
    assert StudySettings("faces", n_images=3).load() is FACES
    assert faces == [7, 3]


def test_the_study_takes_500_of_the_named_ones_and_all_of_a_folder(monkeypatch):
    asked = {}

    def load(source, n_images):
        asked[source] = n_images
        return FACES

    monkeypatch.setattr(datasets, "load", load)
    for source in ("cryptopunks", "sprites", "folder"):
        StudySettings(source).load()
    assert asked == {"cryptopunks": 500, "sprites": 500, "folder": None}


def test_a_new_name_is_in_the_messages(faces, tmp_path):
    with pytest.raises(DatasetError, match=r"no data set \(cryptopunks, faces, sprites\), no"):
        load("nothing")
    np.save(tmp_path / "a.npy", np.eye(2))
    with pytest.raises(ValueError, match=r"images: cryptopunks, faces, sprites or a folder of"):
        StudySettings(str(tmp_path / "a.npy")).load()


def test_a_new_reader_reads(mine, tmp_path):
    path = tmp_path / "A.MINE"
    path.write_text("something")
    np.testing.assert_array_equal(load(str(path), 2).A, [[0.0, 1.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=r"4 samples of .* there are 1 to 3"):
        load(str(path), 4)
    path.write_text("")
    with pytest.raises(DatasetError, match=r"A.MINE cannot be read: it is empty"):
        load(str(path))
    with pytest.raises(DatasetError, match=r"no \.npy, .*, \.mine file"):
        load("nothing")


READING = ["pandas", "pyarrow", "scipy", "h5py", "zarr", "tifffile", "imagecodecs"]
NAMING = ["anndata", "polars", "xarray", "dask.array", "dask.dataframe"]


@pytest.mark.parametrize("module", [*READING, *NAMING])
def test_what_reads_files_and_what_has_names_is_there(module):
    # Many tests skip without them; where they are required, none of these skips is hidden.
    try:
        importlib.import_module(module)
    except ImportError as error:
        require_or_skip("files", False, str(error))


@pytest.mark.parametrize(
    ("ending", "module"),
    [
        (".csv", "pandas"),
        (".parquet", "pyarrow"),
        (".feather", "pyarrow"),
        (".mat", "scipy"),
        (".mtx", "scipy"),
        (".wav", "scipy"),
        (".h5", "h5py"),
        (".h5ad", "h5py"),
        (".zarr.zip", "zarr"),
        (".tif", "tifffile"),
    ],
)
def test_what_is_not_installed_is_one_line_with_the_command(tmp_path, ending, module, monkeypatch):
    path = tmp_path / f"a{ending}"
    texts = {".mtx": "%%MatrixMarket matrix array real general\n1 2\n1\n2\n", ".tif": "II*\0"}
    path.write_text(texts.get(ending, "a,b\n1,2\n") + " " * 200)
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not there
    with pytest.raises(DatasetError) as caught:
        load(str(path))
    told = f"{path} takes {module}"
    assert str(caught.value).startswith(told)
    assert str(caught.value).endswith(": pip install 'nmf-accel[files]'")


def test_the_words_of_the_tables(faces, mine):
    words = datasets.sources_in_words()
    assert words.startswith("cryptopunks, faces, sprites, a .npy, .npz, ")
    assert words.endswith(
        " or .mine file with one sample a column, a zarr folder, a folder of 10x Genomics, "
        "or a folder of images of one size"
    )
    assert ".gz" not in words  # which is packed, and read all the same
    assert datasets.image_sources_in_words() == "cryptopunks, faces, sprites or a folder of images"


def test_messages_are_word_for_word_what_they_were(tmp_path):
    with pytest.raises(DatasetError) as caught:
        load("faces")
    told = str(caught.value)
    assert told.startswith(
        "'faces' is no data set (cryptopunks, sprites), no folder of images, and "
    )
    assert all(f"{ending}" in told for ending in READERS if not ending.endswith((".gz", "xz", "2")))


def test_a_data_set_says_in_one_line_what_it_is():
    assert repr(datasets.sprites(7)) == "Dataset('sprites', 1728 × 7, images of 24 × 24)"
    assert repr(Dataset("a.npy", np.zeros((300, 40)))) == "Dataset('a.npy', 300 × 40, matrix)"
    assert "\n" not in repr(NAMED) + repr(datasets.characters.load_art())


def test_a_sparse_data_set_says_so():
    sparse = pytest.importorskip("scipy.sparse")
    A = sparse.csr_array(np.eye(3))
    assert repr(Dataset("a.npz", A)) == "Dataset('a.npz', 3 × 3, sparse matrix)"


def test_importing_the_data_sets_loads_nothing_heavy():
    heavy = "PIL", "pooch", "matplotlib", "scipy", "pandas"
    script = "import sys, json; from nmf_accel import datasets; datasets.sprites(3)\n"
    done = run_python(script + f"print(json.dumps([x for x in {heavy} if x in sys.modules]))")
    assert json.loads(done.stdout) == [], done.stderr


@pytest.mark.parametrize("name", datasets.__all__)
def test_public_names_are_there(name):
    assert hasattr(datasets, name)
