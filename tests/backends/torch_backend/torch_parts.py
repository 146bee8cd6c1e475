"""What the tests of PyTorch's backend share."""

import pytest
from conftest import require_or_skip

from nmf_accel import backends

found = backends.probe("torch")


@pytest.fixture
def torch():
    """PyTorch, where it is installed."""
    require_or_skip("torch", found.usable, found.reason)
    import torch

    return torch


def forbidding(torch, forbid):
    """Within, `forbid(function, args, outputs)` sees every operation that PyTorch carries out."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            outputs = function(*args, **(kwargs or {}))
            forbid(function, args, outputs)
            return outputs

    return Mode()
