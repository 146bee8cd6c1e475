"""A TIFF that is damaged, or claims too much, is refused in one line and at once."""

import logging
import struct
import time

import numpy as np
import pytest
import tifffile

from nmf_accel.datasets import DatasetError, load

RNG = np.random.default_rng(0)


def write(path, pixels, **options):
    tifffile.imwrite(path, pixels, **options)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


def bomb(w, h, pages=1):
    """A TIFF whose pages claim a size, with one byte of pixels."""
    tags = {256: w, 257: h, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: h, 279: 1}
    out = b""
    for k in range(pages):
        start = 8 + len(out)
        after = 0 if k == pages - 1 else start + 2 + 12 * len(tags) + 4
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        out += struct.pack("<H", len(tags)) + entries + struct.pack("<I", after)
    return b"II*\0" + struct.pack("<I", 8) + out


class TestDamage:
    @pytest.mark.parametrize("claim", [(100_000, 100_000), (2**31, 2**31), (12_000, 12_000)])
    @pytest.mark.parametrize("pages", [1, 30])
    def test_a_bomb_is_one_line_within_a_second(self, path, claim, pages):
        path.write_bytes(bomb(*claim, pages))
        began = time.perf_counter()
        with pytest.raises(DatasetError, match=r"a.tif cannot be read as an image: .+") as caught:
            load(str(path))
        assert time.perf_counter() - began < 1
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("count", [10**6, 10**8, 10**10])
    def test_a_description_that_claims_too_much_is_refused_at_once(self, path, count):
        options = {"photometric": "minisblack", "metadata": {"axes": "TYX"}}
        write(path, np.ones((2, 30, 30), "u1"), ome=True, **options)
        with tifffile.TiffFile(path) as tiff:
            described = tiff.ome_metadata.replace('SizeT="2"', f'SizeT="{100 * count}"')
            counted = tiff.ome_metadata.replace('PlaneCount="2"', f'PlaneCount="{100 * count}"')
        shaped = f'{{"shape": [{count}, 30, 30]}}'
        for claim, nbytes in ((described, 800), (counted, 800), (shaped, 900)):
            write(path, np.ones((30, 30), "u1"), description=claim, metadata=None)
            began = time.perf_counter()
            with pytest.raises(DatasetError, match=f"claim to hold {nbytes * count:,}"):
                load(str(path))
            assert time.perf_counter() - began < 0.5

    def test_many_small_claims_count_together(self, path):
        path.write_bytes(bomb(3000, 3000, 30))
        with pytest.raises(DatasetError, match="claim to hold 270,000,000"):
            load(str(path))

    @pytest.mark.parametrize("kind", [{}, {"metadata": None}, {"imagej": True}, {"ome": True}])
    @pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
    def test_a_stack_that_is_cut_short_is_refused(self, path, kind, share, capfd):
        stack = RNG.integers(0, 256, (6, 30, 30), dtype=np.uint8)
        write(path, stack, **{"photometric": "minisblack", "metadata": {"axes": "TYX"}, **kind})
        assert load(str(path)).A.shape == (900, 6)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DatasetError, match=r"a.tif cannot be read as an image: .+"):
            load(str(path))
        assert capfd.readouterr().err == ""

    def test_what_tifffile_warns_of_is_said(self, path):
        pixels = np.ones((2, 3, 4), "u1")
        write(path, pixels, ome=True, metadata={"axes": "TYX"}, photometric="minisblack")
        path.write_bytes(path.read_bytes().replace(b'SizeT="2"', b'SizeT="1"'))
        said = load(str(path)).said
        assert [words for words in said if words.startswith("warning: ")]

    def test_its_logger_is_left_as_it_was(self, path):
        logger = logging.getLogger("tifffile")
        before = list(logger.handlers), logger.propagate
        path.write_bytes(b"II*\0nonsense")
        with pytest.raises(DatasetError):
            load(str(path))
        assert (list(logger.handlers), logger.propagate) == before
