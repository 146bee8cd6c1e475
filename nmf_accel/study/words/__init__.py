"""What the numbers say, in sentences: how numbers are written, and a module a task.

Every sentence is made from the numbers of the run, and reads differently when they do.
"""

from .phrases import Numbers, indexed, listed, number, percent

__all__ = ["Numbers", "indexed", "listed", "number", "percent"]
