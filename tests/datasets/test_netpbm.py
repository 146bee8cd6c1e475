"""Netpbm's pictures keep all their bits, whatever the header calls white."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmf_accel.datasets import DatasetError, load

SIDES = st.tuples(st.integers(1, 6), st.integers(1, 6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory


class TestNetpbm:
    @given(SIDES.flatmap(lambda sides: arrays(np.uint16, (*sides, 3))))
    def test_colour_of_16_bits_keeps_them(self, folder, pixels):
        path = folder.mktemp("ppm") / "a.ppm"
        h, w, _ = pixels.shape
        path.write_bytes(b"P6 %d %d 65535\n" % (w, h) + pixels.astype(">u2").tobytes())
        np.testing.assert_array_equal(load(str(path)).A[:, 0], pixels.ravel() / 65535.0)

    @given(st.integers(1, 65535), st.data())
    def test_values_are_shares_of_the_largest_one(self, folder, most, data):
        values = data.draw(arrays(np.int64, (3, 2), elements=st.integers(0, most)))
        binary, text = (folder.mktemp("pgm") / name for name in ("a.pgm", "b.pgm"))
        dtype = ">u2" if most > 255 else "u1"
        binary.write_bytes(b"P5\n# made by hand\n2 3\n%d\n" % most + values.astype(dtype).tobytes())
        text.write_text(f"P2 2 3 {most}\n" + "\n".join(map(str, values.ravel())) + "\n# end\n")
        for path in (binary, text):
            np.testing.assert_array_equal(load(str(path)).A[:, 0], values.ravel() / most)

    @pytest.mark.parametrize(
        "content", [b"P1\n9 2\n101010101\n010101010\n", b"P4 9 2\n" + bytes([170, 128, 85, 0])]
    )
    def test_in_a_bitmap_1_is_black(self, tmp_path, content):
        (tmp_path / "a.pnm").write_bytes(content)
        found = load(str(tmp_path / "a.pnm"))
        np.testing.assert_array_equal(found.A[:, 0], np.arange(18) % 2)
        assert found.image_shape == (2, 9, 1)

    def test_several_pictures_in_a_file(self, tmp_path):
        (tmp_path / "a.pgm").write_bytes(b"P5 2 1 255\nab" + b"P5 2 1 255\ncd\n")
        np.testing.assert_array_equal(
            load(str(tmp_path / "a.pgm")).pixels.ravel(), np.frombuffer(b"abcd", np.uint8)
        )

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"P5 2 1 255\na", "2 bytes should follow"),
            (b"P2 2 1 9\n1 10", "it holds 10, and its header says at most 9"),
            (b"P5 0 1 255\n", "its header says 0 × 1"),
            (b"P5 1 1 65536\naa", "up to 65536"),
            (b"P5 2 x", "no header of a picture at byte 0"),
            (b"P5 1 1 255\nabc", "no header of a picture at byte 12"),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path, content, told):
        (tmp_path / "a.pgm").write_bytes(content)
        with pytest.raises(DatasetError, match=told):
            load(str(tmp_path / "a.pgm"))
