"""The stand-in captures and replays graphs as CUDA does, and says what would go wrong there."""

import numpy as np
import pytest

pytestmark = pytest.mark.standin


class TestGraphs:
    def captured(self, cupy, work, before=lambda: None):
        """The graph of `work`, in memory of a pool of its own."""
        stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
        cupy.cuda.get_current_stream().synchronize()
        with stream, cupy.cuda.using_allocator(pool.malloc):
            before()
            stream.begin_capture()
            try:
                work()
            finally:
                graph = stream.end_capture()
        return graph, stream, pool

    def test_a_capture_runs_nothing_and_a_replay_all(self, cupy, ledger):
        x = cupy.zeros(3)

        def work():
            y = x + 1  # freed at once, and the graph's to use
            x[...] = y * 2

        with ledger.counted() as count:
            graph, stream, _pool = self.captured(cupy, work)
        assert count["captured"] == 3
        assert count["launch"] == count["graph"] == 0
        for _ in range(3):
            graph.launch(stream)
        stream.synchronize()
        assert x.tolist() == [14.0] * 3

    def test_nothing_waits_in_a_capture(self, cupy):
        x = cupy.zeros(3)
        stream = cupy.cuda.Stream(non_blocking=True)
        for call in (
            lambda: x.get(),
            lambda: float(x.sum()),
            lambda: bool(x.sum() > 0),
            stream.synchronize,
            cupy.cuda.runtime.deviceSynchronize,
            lambda: cupy.asarray(np.ones(3)),
        ):
            with stream:
                stream.begin_capture()
                with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="stream is capturing"):
                    call()
                with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="previous error"):
                    stream.end_capture()
                assert not stream.is_capturing()

    def test_cupy_calls_no_library_in_a_capture(self, cupy):
        x, stream = cupy.eye(3), cupy.cuda.Stream(non_blocking=True)
        with stream:
            stream.begin_capture()
            for call in (lambda: x @ x, lambda: cupy.linalg.solve(x[None], x[None])):
                with pytest.raises(NotImplementedError, match="during stream capture"):
                    call()
            assert stream.is_capturing()
            stream.end_capture()

    def test_memory_that_is_gone_is_noticed(self, cupy):
        x = cupy.zeros(3)
        others = [cupy.zeros(3)]
        graph, stream, _pool = self.captured(cupy, lambda: x.__setitem__(slice(None), others[0]))
        graph.launch(stream)
        others.clear()
        with pytest.raises(RuntimeError, match="freed since"):
            graph.launch(stream)

    @pytest.mark.parametrize("how", ["given", "freed", "no pool"])
    def test_a_pool_must_be_the_graphs_alone(self, cupy, how):
        x = cupy.zeros(3)
        graph, stream, pool = self.captured(cupy, lambda: x.__setitem__(slice(None), x + 1))
        if how == "given":
            with stream, cupy.cuda.using_allocator(pool.malloc):
                kept = cupy.zeros(3)
                assert kept.size == 3
        elif how == "freed":
            pool.free_all_blocks()
        del pool
        with pytest.raises(RuntimeError, match="memory of the graph"):
            graph.launch(stream)
