"""Detection of outliers."""

from skae.outliers._detector import AutoEncoderOutlierDetector

__all__ = ["AutoEncoderOutlierDetector"]
