"""What keeps small sets from being overfitted: weight decay and noise of the inputs."""

import math

import torch

from skae._common.runtime import draw

# Sum over a run of the shares that the weights of a regularized network lose in each
# step: without a gradient, half of a weight is left at the end.
DECAY = 0.75
# They lose it in about so many portions, since each goes through the memory of all
# weights. A small network would spend a twentieth of its time on one in each step.
N_PORTIONS = 128
# Standard deviation of the input noise in units of the root mean square of PCA's error,
# and the number of samples above which it falls, like the error of a mean does.
INPUT_NOISE, NOISE_SAMPLES = 0.5, 300
# Below this share of the noise of small sets there is none: it costs time.
SMALLEST_NOISE_LEVEL = 0.2
# Share of a regularized run after which the input noise begins to fall, with the rate.
NOISE_HOLD = 0.3


class Regularization:
    """Weight decay and input noise for networks beside affine maps that start at PCA.

    Both are decoupled from the optimizer [1]_: a step takes from the weights a share
    that is proportional to its learning rate, whatever the gradient. In long runs only
    each n-th step does, and takes n times as much. The noise makes the network flat
    around the samples [2]_, as far as PCA's error reaches; the more samples, the less
    there is, and in most of them it decreases to the end of the run.

    Parameters
    ----------
    weights : list of torch.nn.Parameter
        Weights of the networks.
    error : float
        Mean squared error of PCA per feature, in the module's scale; zero for no noise.
    n_samples : int
        Number of training samples.
    generator : torch.Generator
        Source of the noise.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR
       2019.
    .. [2] C. M. Bishop, "Training with noise is equivalent to Tikhonov regularization",
       Neural Computation 7, 1995.
    """

    def __init__(self, weights, error, n_samples, generator):
        self.weights = weights
        self.level = min(1.0, math.sqrt(NOISE_SAMPLES / n_samples))
        self.std = INPUT_NOISE * self.level * math.sqrt(error)
        if self.level < SMALLEST_NOISE_LEVEL:
            self.std = 0.0
        self.generator = generator

    @torch.no_grad()
    def step(self, x, step, n_steps, rate, own=list):
        """Let the weights decay, and add the noise of a step.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Inputs of the encoder.
        step : int
            Number of steps of the run that are done.
        n_steps : int
            Number of steps of the run.
        rate : float
            Learning rate of the step, as a share of the sum over the run.
        own : callable
            Called with weights, returns what of them this process is to change.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Inputs with noise.
        """
        every = max(1, n_steps // N_PORTIONS)
        if step % every == 0:
            weights = [weight for weight in self.weights if weight.requires_grad]
            if weights := own(weights):  # a callback may have frozen them
                torch._foreach_mul_(weights, 1.0 - DECAY * rate * every)
        if not self.std:
            return x
        done = max(0.0, (step / n_steps - NOISE_HOLD) / (1.0 - NOISE_HOLD))
        fall = 0.5 * (1.0 + math.cos(math.pi * done))
        std = self.std * (self.level + (1.0 - self.level) * fall)
        noise = draw(torch.randn, x.shape, self.generator, x.device)
        return torch.add(x, noise, alpha=std)
