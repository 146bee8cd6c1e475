"""A backend that has no form of its own of anything, and takes few entries at a time."""

from toys import ToyBackend


class Plain(ToyBackend):
    """NumPy, asked for the generic forms; it notes the heights of blocks that it is asked for."""

    def __init__(self, block_entries=2**18):
        self._block_entries = block_entries
        self.heights, self.asked = [], []

    @property
    def block_entries(self):
        return self._block_entries

    def kernel(self, name, default):
        self.asked.append(name)
        return default

    def sum_over_blocks(self, function, rows, height):
        self.heights.append(height)
        return super().sum_over_blocks(function, rows, height)
