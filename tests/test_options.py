"""The options of a run."""

import pytest

from nmf_accel import nmf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "cd"}, "solver is 'cd'; it must be one of mu, hals, bpp, apg, auto"),
        ({"inner": 0}, "inner is 0; it must be at least 1"),
        ({"stop": "never"}, "stop is 'never'; it must be one of error, kkt"),
        ({"init": "svd"}, "init is 'svd'; it must be one of random, nndsvd, nndsvda, nndsvdar"),
    ],
)
def test_bad_settings(options, message, sprites):
    with pytest.raises(ValueError, match=message):
        nmf(sprites, 2, backend="numpy", **options)
