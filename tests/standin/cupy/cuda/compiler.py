from .._compile import CompileException

__all__ = ["CompileException"]
