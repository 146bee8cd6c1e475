"""``--devices N``: what cannot be is said at once. What can is in ``test_shards``."""

import pytest
from click.testing import CliRunner

from nmf_accel.cli import main


@pytest.mark.parametrize("command", [["fit", "--rank", "2"], ["sweep", "--ranks", "2"]])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--backend", "numpy"], "devices is 2, but a factorization on numpy is one device's"),
        (["--backend", "jax", "--device", "cpu:0"], "--device is one, and --devices several"),
        (["--backend", "jax"], "devices is 2, but JAX has 1 here, cpu:0"),
    ],
)
def test_devices_that_cannot_be_are_refused(tmp_path, command, options, told):
    if "jax" in options:
        pytest.importorskip("jax")
    name, *rank = command
    out = ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [name, "sprites", *rank, "--devices", "2", *options, *out])
    assert done.exit_code != 0
    assert told in done.output
