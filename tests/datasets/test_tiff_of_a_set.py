"""A TIFF gives the planes that it has, whatever its description says of other files."""

import numpy as np
import pytest
import tifffile

from nmf_accel.datasets import load

RNG = np.random.default_rng(0)
STACK = RNG.integers(1, 2**16, (4, 6, 7), dtype=np.uint16)
OWN = "each of its own planes a sample: its OME description is of other planes too"


def described(k, count, planes="", width=7, height=6):
    """OME's description of a set of files with one plane each, as the k-th of them has it."""
    parts = planes or "".join(
        f'<TiffData FirstT="{i}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="x{i}.ome.tif">urn:uuid:{i}</UUID></TiffData>'
        for i in range(count)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:{k}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        f'Type="uint16" SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" SizeT="{count}">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{parts}</Pixels></Image></OME>'
    )


@pytest.fixture
def folder(tmp_path):
    for k, plane in enumerate(STACK):
        path = tmp_path / f"x{k}.ome.tif"
        tifffile.imwrite(path, plane, description=described(k, 4), metadata=None)
    return tmp_path


def test_each_file_of_a_set_gives_its_own_planes(folder):
    found = load(str(folder))
    np.testing.assert_array_equal(found.pixels[..., 0], STACK)
    assert found.samples.tolist() == [f"x{k}.ome.tif" for k in range(4)]
    assert OWN in found.said


@pytest.mark.parametrize("alone", [True, False])
def test_one_file_of_a_set_gives_its_own_plane(folder, alone):
    for k in (0, 2, 3) if alone else ():
        (folder / f"x{k}.ome.tif").unlink()
    found = load(str(folder / "x1.ome.tif"))
    np.testing.assert_array_equal(found.pixels[..., 0], STACK[1:2])
    assert found.said == (OWN, "uint16 pixels, divided by 65,535")


def test_the_other_files_of_a_set_are_not_opened(folder, monkeypatch):
    opened = []

    class Recorded(tifffile.TiffFile):
        def __init__(self, file, *args, **options):
            opened.append(str(file))
            super().__init__(file, *args, **options)

    for module in (tifffile, tifffile.tifffile):
        monkeypatch.setattr(module, "TiffFile", Recorded)
    load(str(folder / "x1.ome.tif"))
    assert set(opened) == {str(folder / "x1.ome.tif")}


def test_planes_that_are_described_but_not_there_are_not_made_up(tmp_path):
    path = tmp_path / "a.ome.tif"
    text = described(0, 9, planes='<TiffData IFD="0" PlaneCount="4"/>')
    tifffile.imwrite(path, STACK, description=text, metadata=None, photometric="minisblack")
    found = load(str(path))
    np.testing.assert_array_equal(found.pixels[..., 0], STACK)
    assert OWN in found.said
    assert not any("zeroed" in words for words in found.said)


def test_a_file_is_not_judged_by_the_size_of_its_set(tmp_path):
    text = described(0, 5000, width=300, height=300)
    plane = np.full((300, 300), 7, np.uint16)
    tifffile.imwrite(tmp_path / "x0.ome.tif", plane, description=text, metadata=None)
    assert load(str(tmp_path / "x0.ome.tif")).A.shape == (90_000, 1)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_that_zero_is_white_is_said(tmp_path, photometric):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 4), "u1"), photometric=photometric)
    said = load(str(tmp_path / "a.tif")).said
    assert ("counted from white: inverted" in said) == (photometric == "miniswhite")
