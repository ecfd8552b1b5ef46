"""Corruptions that consist of others."""

from sklearn.utils.metaestimators import _BaseComposition

from skae._common.user_code import is_user_code
from skae.corruption._base import Corruption


class Chain(Corruption, _BaseComposition):
    """Apply corruptions one after the other.

    Parameters
    ----------
    steps : list of (str, callable) tuples
        Names and corruptions in the order in which they are applied: objects of this
        module, whose parameters can be searched as ``noise__std`` for a step called
        "noise", or callables of the same form.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import Chain, GaussianNoise, RandomErasing
    >>> chain = Chain([("torn", RandomErasing()), ("noise", GaussianNoise())])
    >>> chain.set_params(noise__std=0.1)(torch.ones(2, 28, 28), torch.Generator()).shape
    torch.Size([2, 28, 28])
    """

    def __init__(self, steps):
        self.steps = steps

    @property
    def uses_generator_only(self):
        """Whether all steps draw from the generator alone."""
        self._check_params()
        return not any(is_user_code(step) for _, step in self.steps)

    def get_params(self, deep=True):
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the steps and their parameters as well.

        Returns
        -------
        dict
            Values by name.
        """
        return self._get_params("steps", deep=deep)

    def set_params(self, **params):
        """Set parameters, also those of the steps, or replace a step.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : Chain
            The chain.
        """
        self._set_params("steps", **params)
        return self

    def _check_params(self):
        steps = self.steps
        if not (
            isinstance(steps, list)
            and steps
            and all(isinstance(step, tuple) and len(step) == 2 for step in steps)
            # A class can be called, too, but not with x and a generator.
            and all(
                isinstance(name, str) and callable(step) and not isinstance(step, type)
                for name, step in steps
            )
        ):
            raise ValueError(
                "The 'steps' parameter of Chain must be a list of (name, corruption) "
                f"tuples, at least one. Got {steps!r} instead."
            )
        names = [name for name, _ in steps]
        if len(set(names)) < len(names) or any(
            "__" in name or name == "steps" for name in names
        ):
            raise ValueError(
                "The names in the 'steps' parameter of Chain must be unique, without "
                f"'__' and not 'steps'. Got {names!r} instead."
            )

    def _corrupt(self, x, generator):
        for _, corruption in self.steps:
            x = corruption(x, generator)
        return x


class ImagesOrRows(Corruption):
    """Corrupt images in one way, and the rows of a table in another.

    For estimators whose defaults must suit both, before X is known.

    Parameters
    ----------
    images : callable
        Corruption of images: an object of this module, or a callable of the same form.
    rows : callable
        Corruption of rows, of the same form.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import ImagesOrRows, RandomFlip, SwapNoise
    >>> corruption = ImagesOrRows(images=RandomFlip(1.0), rows=SwapNoise(0.0))
    >>> x = torch.tensor([[0.0, 1.0]])
    >>> corruption(x, torch.Generator())
    tensor([[0., 1.]])
    >>> corruption(x[:, None], torch.Generator())
    tensor([[[1., 0.]]])
    """

    _parameter_constraints: dict = {"images": [callable], "rows": [callable]}

    def __init__(self, images, rows):
        self.images = images
        self.rows = rows

    @property
    def uses_generator_only(self):
        """Whether both corruptions draw from the generator alone."""
        return not (is_user_code(self.images) or is_user_code(self.rows))

    def _check_params(self):
        super()._check_params()
        for name, corruption in vars(self).items():
            if isinstance(corruption, type):
                raise ValueError(
                    f"The {name!r} parameter of ImagesOrRows is the class "
                    f"{corruption.__name__}; pass an object."
                )

    def _corrupt(self, x, generator):
        corruption = self.rows if x.dim() == 2 else self.images
        return corruption(x, generator)
