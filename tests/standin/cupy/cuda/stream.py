from .._stream import Event, Stream
from .._stream import current as get_current_stream

__all__ = ["Event", "Stream", "get_current_stream"]
