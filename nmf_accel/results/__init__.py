"""What a factorization gives back: its file, its tables, what stands out in it."""

from .export import EXPORTS
from .factorization import Factorization
from .file import is_factorization
from .interrupted import Interrupted
from .top import Top, TopFeature

__all__ = ["EXPORTS", "Factorization", "Interrupted", "Top", "TopFeature", "is_factorization"]
