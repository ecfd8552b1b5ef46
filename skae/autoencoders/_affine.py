"""What affine maps are fitted on."""

import torch

# The affine maps are fitted on at least so many samples or draws of their corruption,
# where there are, and on at most so many numbers.
MIN_AFFINE_ROWS, MAX_AFFINE_SIZE = 4096, 2**24


def gather(batches):
    """Collect samples, of several passes where they are drawn at random.

    Parameters
    ----------
    batches : Batches
        Training batches.

    Returns
    -------
    x : ndarray of shape (n_rows, n_features)
        Inputs in the module's scale.
    target : ndarray of shape (n_rows, n_outputs)
        Targets; ``x`` itself where they are the inputs.
    """
    xs, targets, n_rows = [], [], 0
    max_rows = MAX_AFFINE_SIZE // batches.rows[0].array.shape[1]
    min_rows = 0 if batches.transform is None else min(MIN_AFFINE_ROWS, max_rows)
    while not n_rows or n_rows < min_rows:
        for x, target in batches:
            xs.append(x)
            targets.append(target)
            n_rows += len(x)
            if n_rows >= max_rows:
                break
    target = torch.cat(targets).double().cpu().numpy()
    if xs[0] is targets[0]:
        return target, target
    return torch.cat(xs).double().cpu().numpy(), target
