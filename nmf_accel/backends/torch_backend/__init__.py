"""PyTorch: the CPU, or the GPU that it reaches: CUDA, ROCm, XPU, MPS."""

from .backend import TorchBackend

__all__ = ["TorchBackend"]
