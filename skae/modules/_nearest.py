"""Missing values taken from the nearest samples."""

import torch

from skae._common.runtime import draw
from skae.modules._stored_arrays import StoredArrays

# Number of nearest samples, and how many samples the value to start from counts as.
N_NEAREST, START_SHARE = 10, 0.3
# Number of samples that are compared at a time.
CHUNK_LENGTH = 1024


class NearestSamples(StoredArrays):
    """Fill missing values (NaN) with means of the nearest samples that have them.

    Samples are compared after a first fill, so that distances are those of all
    features. A near sample counts more than a far one.

    Parameters
    ----------
    x : torch.Tensor of shape (n_samples, n_features)
        Samples to take values from, NaN where one is missing.
    filled : torch.Tensor of shape (n_samples, n_features)
        The same after the first fill.

    Examples
    --------
    >>> import torch
    >>> from skae.modules._nearest import NearestSamples
    >>> x = torch.tensor([[0.0, 1.0], [0.1, 3.0], [9.0, 9.0], [9.1, 9.0]])
    >>> incomplete, start = torch.tensor([[9.2, torch.nan]]), torch.tensor([[9.2, 9.0]])
    >>> NearestSamples(x, x)(incomplete, start).round(decimals=1)
    tensor([[9.2000, 9.0000]])
    """

    def __init__(self, x, filled):
        super().__init__()
        self.register_buffer("x", x)
        self.register_buffer("filled", filled)

    @torch.no_grad()
    def forward(self, x, filled, generator=None):
        """Fill missing values.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, NaN where a value is missing.
        filled : torch.Tensor of shape (n_samples, n_features)
            The same after the first fill.
        generator : torch.Generator, default=None
            Source of random numbers: values are then those of one near sample, which is
            drawn, instead of means.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            A copy without NaN.
        """
        chunks = zip(x.split(CHUNK_LENGTH), filled.split(CHUNK_LENGTH), strict=True)
        return torch.cat([self._fill(*chunk, generator) for chunk in chunks])

    def _fill(self, x, filled, generator):
        n_nearest = min(N_NEAREST + 1, len(self.x))  # one may be the sample itself
        distance, nearest = torch.cdist(filled, self.filled).topk(
            n_nearest, largest=False
        )
        squares = distance.square()
        scale = squares.median(dim=1, keepdim=True).values
        share = 1.0 / (squares / scale.clamp(min=1e-12) + 1.0)
        if generator is None:
            weight = x.new_zeros(len(x), len(self.x)).scatter_(1, nearest, share)
            total = weight @ self.x.nan_to_num(0.0) + START_SHARE * filled
            count = weight @ (~self.x.isnan()).to(x.dtype) + START_SHARE
            return torch.where(x.isnan(), total / count, x)
        # The order in which they are asked for a value, by the Gumbel distribution.
        noise = draw(torch.rand, share.shape, generator, x.device).to(x.dtype)
        order = (share.log() - (-noise.clamp(min=1e-12).log()).log()).argsort(
            dim=1, descending=True
        )
        for donors in nearest.gather(1, order).t():
            x = torch.where(x.isnan(), self.x[donors], x)
        return torch.where(x.isnan(), filled, x)
