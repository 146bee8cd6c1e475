"""How long an iteration takes here, on each backend and by each solver, beside the least time.

`compare` takes them in turns, so that a slow minute of the machine is one for all. The least time
of an iteration, its *floor*, is the longer of two: what its bytes take at the rate of a copy, and
what its operations take at the rate of a large matrix product. Both rates are measured in the same
run, between the iterations. The bytes are those of `Problem.moved`: A in each half-step, the
factors read in both and written in one. The operations are those of `Problem.flops`: the six matrix
products, without what zeros and equal rows spare. What else a solver does is in the time, not in
the floor.
"""

from .comparing import compare
from .rates import Rates
from .records import Timing, advice

__all__ = ["Rates", "Timing", "advice", "compare"]
