"""What all parts of skae share and that knows nothing of training."""
