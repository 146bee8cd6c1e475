"""The punks are genuine or refused, and files and folders are read or named."""

import hashlib

import numpy as np
import pooch
import pytest
import requests
from PIL import Image

from nmf_accel import datasets
from nmf_accel.datasets import DatasetError, load

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])


class TestPunks:
    def test_the_genuine_sheet(self, punks_file):
        assert hashlib.sha256(punks_file.read_bytes()).hexdigest() == datasets.PUNKS_SHA256
        assert datasets.fetch_cryptopunks() == punks_file

    def test_all_of_them(self, punks_file):
        data = datasets.cryptopunks()
        assert data.A.shape == (1728, 10_000)
        assert data.pixels.shape == (10_000, 24, 24, 4)
        assert data.A.min() == 0
        assert data.A.max() == 1
        assert len({image.tobytes() for image in data.pixels}) == 10_000

    def test_where_each_one_stands(self, punks_file):
        sheet = np.asarray(Image.open(punks_file).convert("RGBA"))
        pixels = load("cryptopunks").pixels
        for i in (0, 99, 100, 1234, 9999):
            top, left = 24 * (i // 100), 24 * (i % 100)
            np.testing.assert_array_equal(pixels[i], sheet[top : top + 24, left : left + 24])

    def test_the_first_few(self, punks_file, punks):
        np.testing.assert_array_equal(load("cryptopunks", 7).A, punks[:, :7])
        with pytest.raises(ValueError, match=r"10001 samples of cryptopunks .* 1 to 10000"):
            load("cryptopunks", 10_001)

    @pytest.mark.parametrize("content", [b"", b"not a picture"])
    def test_another_file_is_refused_by_name_and_hash(self, tmp_path, monkeypatch, content):
        monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path))
        path = tmp_path / "punks.png"
        path.write_bytes(content)
        with pytest.raises(DatasetError) as caught:
            datasets.cryptopunks()
        self.assert_refused(str(caught.value), path)

    def test_a_truncated_file_is_refused(self, tmp_path, monkeypatch, punks_file):
        monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path))
        path = tmp_path / "punks.png"
        path.write_bytes(punks_file.read_bytes()[:-1])
        with pytest.raises(DatasetError) as caught:
            load("cryptopunks", 3)
        self.assert_refused(str(caught.value), path)

    def assert_refused(self, message, path):
        assert str(path) in message
        assert hashlib.sha256(path.read_bytes()).hexdigest() in message
        assert datasets.PUNKS_SHA256 in message
        assert path.exists()

    @pytest.mark.parametrize(
        "error", [requests.exceptions.ConnectionError("no route"), PermissionError("read-only")]
    )
    def test_without_file_and_network(self, tmp_path, monkeypatch, error):
        def fail(*args, **options):
            raise error

        monkeypatch.setattr(pooch, "retrieve", fail)
        monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path))
        with pytest.raises(DatasetError) as caught:
            datasets.cryptopunks()
        for told in (datasets.PUNKS_URL, str(tmp_path), datasets.FOLDER_VARIABLE, "`sprites`"):
            assert told in str(caught.value)

    def test_the_download_is_verified_and_goes_to_the_folder(self, tmp_path, monkeypatch):
        asked = {}

        def retrieve(url, known_hash, **options):
            asked.update(options, url=url, known_hash=known_hash)

        monkeypatch.setattr(pooch, "retrieve", retrieve)
        monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path))
        assert datasets.fetch_cryptopunks() == tmp_path / "punks.png"
        assert asked["url"] == datasets.PUNKS_URL
        assert asked["known_hash"] == f"sha256:{datasets.PUNKS_SHA256}"
        assert asked["path"] / asked["fname"] == tmp_path / "punks.png"

    def test_by_default_it_lies_in_the_users_cache(self, monkeypatch):
        monkeypatch.delenv(datasets.FOLDER_VARIABLE, raising=False)
        assert datasets.punks_path().parent == pooch.os_cache("nmf_accel")


class TestSprites:
    def test_as_a_data_set(self):
        data = load("sprites", 20)
        assert data.name == "sprites"
        assert data.A.shape == (1728, 20)
        assert data.image_shape == (24, 24, 3)
        assert all(len(names) == 20 for names in data.labels.values())
        np.testing.assert_array_equal(data.A[:, 3], data.pixels[3, ..., :3].ravel() / 255)

    def test_by_default_as_many_as_the_main_job_takes(self):
        assert load("sprites").A.shape == (1728, 500)

    def test_another_seed_gives_others(self):
        assert (datasets.sprites(5, seed=1).A != datasets.sprites(5).A).any()


def save_npy(path, A):
    np.save(path, A)


def save_npz(path, A):
    np.savez(path, whatever=A)


def save_csv(path, A):
    np.savetxt(path, A, delimiter=",")


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "save"), [("a.npy", save_npy), ("a.npz", save_npz), ("A.CSV", save_csv)]
    )
    def test_a_matrix(self, tmp_path, name, save):
        path = tmp_path / name
        with path.open("wb") as file:
            save(file, A)
        data = load(str(path))
        np.testing.assert_array_equal(data.A, A)
        assert data.pixels is None
        assert data.image_shape is None
        assert data.name == str(path)
        np.testing.assert_array_equal(load(str(path), 2).A, A[:, :2])
        for count in (0, 4, -1):
            with pytest.raises(ValueError, match=f"{count} samples of .* there are 1 to 3"):
                load(str(path), count)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1,2,3\n4,5,6.5\n", A),
            ("a,b,c\n1,2,3\n4,5,6.5\n", A),
            ('"mean, of a",b,c\n1,2,3\n4,5,6.5\n', A),
            ("1\n4\n", A[:, :1]),
            ("1,2,3\n", A[:1]),
            ("\ufeff1,2,3\n4,5,6.5\n", A),
            ("1e0, 2, 3\r\n4, 5, 6.5\r\n", A),
        ],
    )
    def test_csv(self, tmp_path, text, expected):
        path = tmp_path / "a.csv"
        path.write_text(text, encoding="utf-8", newline="")
        np.testing.assert_array_equal(load(str(path)).A, expected)

    @pytest.mark.parametrize("text", ["1,2\n3\n", "1,2\n3,x\n", "", "a,b\n"])
    def test_broken_csv_is_named(self, tmp_path, text):
        path = tmp_path / "a.csv"
        path.write_text(text)
        with pytest.raises(DatasetError, match=r"a.csv cannot be read"):
            load(str(path))

    def test_which_array_of_an_npz(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, B=A + 1, A=A)
        np.testing.assert_array_equal(load(str(path)).A, A)
        np.savez(path, B=A + 1, C=A)
        with pytest.raises(DatasetError, match=r"holds several arrays: B .*, C .*; choose one by"):
            load(str(path))
        np.savez(path, data=[1.0], indices=[0], indptr=[0, 1], format=b"csr", shape=[1, 1])
        assert load(str(path)).A.toarray().tolist() == [[1.0]]
        np.savez(path)
        with pytest.raises(DatasetError, match=r"a.npz cannot be read: it holds no array"):
            load(str(path))

    @pytest.mark.parametrize("name", ["a.npy", "a.npz"])
    @pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense", b"\x93NUMPY"])
    def test_broken_files_are_named(self, tmp_path, name, content):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=f"{name} cannot be read"):
            load(str(path))

    def test_pickles_are_not_opened(self, tmp_path):
        path = tmp_path / "a.npy"
        np.save(path, np.array([{}]), allow_pickle=True)
        with pytest.raises(DatasetError, match=r"a.npy cannot be read: .*not opened"):
            load(str(path))

    def test_the_content_counts_not_the_ending(self, tmp_path):
        with (tmp_path / "a.npz").open("wb") as file:
            np.save(file, A)
        with (tmp_path / "a.npy").open("wb") as file:
            np.savez(file, A)
        for name in ("a.npz", "a.npy"):
            np.testing.assert_array_equal(load(str(tmp_path / name)).A, A)

    def test_missing_and_unknown_sources(self, tmp_path):
        with pytest.raises(DatasetError, match=r"none.npy does not exist"):
            load(str(tmp_path / "none.npy"))
        with pytest.raises(DatasetError, match="'faces' is no data set"):
            load("faces")


class TestFolders:
    @staticmethod
    def save(folder, name, pixels):
        Image.fromarray(pixels).save(folder / name)

    def test_images_in_the_order_of_their_names(self, tmp_path):
        pixels = np.random.default_rng(0).integers(1, 255, (3, 4, 5, 3), dtype=np.uint8)
        for name, image in zip(("b.png", "a.PNG", "c.bmp"), pixels, strict=True):
            self.save(tmp_path, name, image)
        (tmp_path / "notes.txt").write_text("no image")
        data = load(str(tmp_path))
        assert data.image_shape == (4, 5, 3)
        expected = pixels[[1, 0, 2]].reshape(3, -1).T / 255
        np.testing.assert_array_equal(data.A, expected)
        np.testing.assert_array_equal(load(str(tmp_path), 2).A, expected[:, :2])
        with pytest.raises(ValueError, match=r"4 samples of .* there are 1 to 3"):
            load(str(tmp_path), 4)

    def test_opacity_is_kept_and_hidden_colour_is_not(self, tmp_path):
        pixels = np.full((2, 2, 4), 100, np.uint8)
        pixels[0, 0, 3] = 0
        self.save(tmp_path, "a.png", pixels)
        data = load(str(tmp_path))
        np.testing.assert_array_equal(data.A[:3, 0], 0)
        np.testing.assert_array_equal(data.A[3:, 0], 100 / 255)
        np.testing.assert_array_equal(data.pixels[0, ..., 3], pixels[..., 3])

    @pytest.mark.parametrize("dtype", [np.uint8, bool])
    def test_grey_images(self, tmp_path, dtype):
        grey = np.eye(3, dtype=dtype) * dtype(1 if dtype is bool else 255)
        self.save(tmp_path, "a.png", grey)
        np.testing.assert_array_equal(load(str(tmp_path)).A[:, 0], np.eye(3).ravel())

    def test_images_of_two_sizes(self, tmp_path):
        self.save(tmp_path, "a.png", np.ones((4, 5, 3), np.uint8))
        self.save(tmp_path, "b.png", np.ones((5, 4, 3), np.uint8))
        with pytest.raises(DatasetError, match=r"b.png is 4 × 5 pixels, but a.png is 5 × 4"):
            load(str(tmp_path))

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(DatasetError, match="holds no images"):
            load(str(tmp_path))

    @pytest.mark.parametrize("keep", [0, 20, 60])
    def test_a_broken_image(self, tmp_path, keep):
        self.save(tmp_path, "a.png", np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
        whole = (tmp_path / "a.png").read_bytes()
        (tmp_path / "b.png").write_bytes(whole[:keep])
        with pytest.raises(DatasetError, match=r"b.png cannot be read as an image"):
            load(str(tmp_path))
