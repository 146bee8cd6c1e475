"""The spectrogram of a sound has its tones in the right rows and its windows at the right times."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmf_accel.datasets import DatasetError, read

wavfile = pytest.importorskip("scipy.io.wavfile")

SCIPYS = Path(pytest.importorskip("scipy.io").__file__).parent / "tests" / "data"
RATE = 8000
TONE = 1000


def tone(seconds=1.0, amplitude=0.5, rate=RATE, hz=TONE):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


def as_stored(sound, dtype):
    if dtype == "uint8":
        return np.rint(sound * 127 + 128).astype(dtype)
    if np.dtype(dtype).kind == "i":
        return np.rint(sound * np.iinfo(dtype).max).astype(dtype)
    return sound.astype(dtype)


def refused(path, match, **options):
    with pytest.raises(DatasetError, match=match) as caught:
        read(str(path), **options)
    assert "\n" not in str(caught.value)


@pytest.fixture
def wav(tmp_path):
    """``wav(sound, rate)``: the path of a file."""

    def write(sound, rate=RATE):
        wavfile.write(tmp_path / "a.wav", rate, sound)
        return str(tmp_path / "a.wav")

    return write


@pytest.mark.parametrize(
    ("dtype", "kept", "close"),
    [
        ("uint8", "float32", 1e-2),
        ("int16", "float32", 1e-4),
        ("int32", "float64", 1e-6),
        ("float32", "float32", 1e-6),
        ("float64", "float64", 1e-9),
    ],
)
def test_a_tone_is_half_its_amplitude_in_its_row_whatever_the_type(wav, dtype, kept, close):
    data = read(wav(as_stored(tone(), dtype)), n_fft=800)
    inside = data.A[:, 3:-3]  # whole windows
    row = TONE * 800 // RATE
    assert data.features[row] == "1000.0 Hz"
    assert set(inside.argmax(axis=0)) == {row}
    np.testing.assert_allclose(inside[row], 0.25, atol=close)
    np.testing.assert_allclose(inside[[row - 1, row + 1]], 0.125, atol=close)  # as of Hann
    assert inside[0].max() < close  # of 8 bits too, the middle is silence
    assert data.A.min() >= 0
    assert data.A.dtype == kept


def test_samples_are_times_at_which_something_is_heard(wav):
    sound = np.zeros(RATE)
    sound[RATE // 2] = 1.0
    data = read(wav(sound), n_fft=400)
    assert data.samples[:3].tolist() == ["0.000 s", "0.013 s", "0.025 s"]
    assert data.samples[data.A.sum(axis=0).argmax()] == "0.500 s"
    assert data.features[:2].tolist() == ["0.0 Hz", "20.0 Hz"]
    assert data.features[-1] == "4000.0 Hz"
    assert data.said == ("8,000 Hz", "spectrogram, n_fft 400, hop 100")


def test_by_default_windows_have_2048_samples(wav):
    data = read(wav(tone()))
    assert data.A.shape == (1025, 16)
    assert "spectrogram, n_fft 2,048, hop 512" in data.said


def test_a_long_sound_is_what_its_parts_are(wav):
    sound = np.random.default_rng(0).uniform(-1, 1, 40_000).astype("float32")
    whole = read(wav(sound), n_fft=16)
    part = read(wav(sound[19_000:21_000]), n_fft=16)
    assert whole.A.shape == (9, 10_000)
    np.testing.assert_allclose(whole.A[:, 4760:5240], part.A[:, 10:490], atol=1e-6)


def test_channels_are_averaged_and_that_is_said(wav):
    left, right = tone(amplitude=0.5), tone(amplitude=0.1)
    data = read(wav(np.stack([left, right], axis=1)))
    np.testing.assert_allclose(data.A, read(wav((left + right) / 2)).A, atol=1e-12)
    assert "2 channels averaged" in data.said


@given(st.integers(2, 100), st.integers(100, 300))
def test_every_size_of_window_gives_names_that_differ(tmp_path_factory, n_fft, length):
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    wavfile.write(path, 44_100, np.ones(length, np.float32))
    data = read(str(path), n_fft=n_fft)
    hop = max(1, n_fft // 4)
    assert data.A.shape == (n_fft // 2 + 1, -(-length // hop))
    assert len(set(data.features)) == len(data.features) == data.A.shape[0]
    assert len(set(data.samples)) == len(data.samples) == data.A.shape[1]
    assert np.isfinite(data.A).all()


@pytest.mark.parametrize("n_fft", [1, 0, -5])
def test_windows_without_a_frequency_are_refused(wav, n_fft):
    refused(wav(tone()), f"n_fft is {n_fft}; it must be 2 or more", n_fft=n_fft)


def test_sound_shorter_than_a_window_is_refused(wav):
    refused(wav(tone(0.1)), "800 samples of sound, fewer than a window of n_fft = 2,048; choose")


def test_sound_that_is_not_finite_is_refused(wav):
    refused(wav(np.full(4000, np.nan)), "not all finite")


def test_an_empty_and_a_foreign_file_are_refused(tmp_path, wav):
    (tmp_path / "b.wav").touch()
    refused(tmp_path / "b.wav", "it is empty$")
    (tmp_path / "b.wav").write_bytes(b"nothing of the kind, and long enough to look at")
    refused(tmp_path / "b.wav", "b.wav cannot be read: ")
    refused(wav(np.zeros(0, np.int16)), "holds 0 samples")


def test_a_file_that_was_cut_off_is_read_and_that_is_said(tmp_path, wav):
    path = Path(wav(tone().astype("float32")))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    data = read(str(path), n_fft=400)
    assert data.A.shape == (201, 40)
    assert "cut off: fewer samples than its header claims" in data.said


SHIPPED = {
    "test-44100Hz-le-1ch-4bytes.wav": 1,
    "test-44100Hz-be-1ch-4bytes.wav": 1,
    "test-44100Hz-2ch-32bit-float-le.wav": 2,
    "test-44100Hz-2ch-32bit-float-be.wav": 2,
    "test-48000Hz-2ch-64bit-float-le-wavex.wav": 2,
    "test-8000Hz-le-2ch-1byteu.wav": 2,
    "test-8000Hz-le-3ch-5S-24bit.wav": 3,
    "test-8000Hz-be-3ch-5S-24bit.wav": 3,
    "test-8000Hz-le-4ch-9S-12bit.wav": 4,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_files_that_scipy_ships_are_read(name):
    path = SCIPYS / name
    if not path.exists():
        pytest.skip("this scipy came without its tests")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rate, stored = wavfile.read(path)
    largest = {"f": 1.0, "i": 2.0 ** (8 * stored.dtype.itemsize - 1), "u": 128.0}[stored.dtype.kind]
    middle = 128 if stored.dtype.kind == "u" else 0
    sound = ((stored.astype(float) - middle) / largest).reshape(len(stored), -1).mean(axis=1)
    data = read(str(path), n_fft=4)
    # The mean of a window of 4 samples (Hann: 0, 1/2, 1, 1/2), the third one in its centre.
    padded = np.pad(sound, 2)
    expected = [abs(padded[k : k + 4] @ [0, 0.25, 0.5, 0.25]) for k in range(len(sound))]
    np.testing.assert_allclose(data.A[0], expected, atol=1e-3, rtol=1e-2)
    assert f"{rate:,} Hz" in data.said
    assert (f"{SHIPPED[name]} channels averaged" in data.said) == (SHIPPED[name] > 1)


def test_a_kind_that_scipy_does_not_know_is_refused():
    path = SCIPYS / "test-8000Hz-le-1ch-1byte-ulaw.wav"
    if not path.exists():
        pytest.skip("this scipy came without its tests")
    refused(path, "MULAW")
