"""What every estimator that trains a module shares: fit, inference and pickling."""
