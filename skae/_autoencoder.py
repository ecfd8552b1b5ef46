"""The autoencoder as a transformer."""

from skae._base import BaseAutoEncoder


class AutoEncoderTransformer(BaseAutoEncoder):
    """Autoencoder."""

    def __init__(
        self,
        n_components=16,
        *,
        hidden_layer_sizes=(128,),
        activation="relu",
        likelihood="gaussian",
        module=None,
        image_shape=None,
        weight_decay=0.0,
        l1_penalty=0.0,
        contractive_penalty=0.0,
        augmentation=None,
        optimizer="adam",
        lr=1e-3,
        lr_schedule="constant",
        batch_size=128,
        max_epochs=50,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        callbacks=None,
        device="auto",
        compute_dtype="auto",
        compile=False,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.likelihood = likelihood
        self.module = module
        self.image_shape = image_shape
        self.weight_decay = weight_decay
        self.l1_penalty = l1_penalty
        self.contractive_penalty = contractive_penalty
        self.augmentation = augmentation
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.compute_dtype = compute_dtype
        self.compile = compile
        self.random_state = random_state
        self.verbose = verbose
