"""Fitted estimators for other runtimes: ``torch.export`` and ONNX.

Scaling, the unit of images and the names of classes are inside, and any number of
samples can be computed at once. ONNX needs the packages of
``pip install "skae[onnx]"``.
"""

from skae.export._onnx import to_onnx
from skae.export._program import to_program

__all__ = ["to_onnx", "to_program"]
