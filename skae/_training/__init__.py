"""The one training loop, and what it needs: rows, batches, scaling, objectives."""
