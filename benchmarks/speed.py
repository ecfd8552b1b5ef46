"""How fast skae trains, beside a plain torch loop and other packages.

    python benchmarks/speed.py [--only digits] [--repeats 5] [--quick] [--json FILE]

Every row is a ratio of times taken in turns in this run, skae's over the peer's, so
lower is better. On a machine that others use, measure single threads by the processor's
time: ``OMP_NUM_THREADS=1 python benchmarks/speed.py --clock cpu``. MNIST is used where
SKAE_DATA has it or it can be downloaded.
"""

import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import torch
from _measure import CLOCKS, Report, parser, ratios, set_clock, take_turns
from _speed_clusters import (
    measure_cluster_classifier,
    measure_clusters,
    measure_large_clusters,
    measure_recipe,
)
from _speed_images import measure_convolutions
from _speed_inference import (
    measure_affine,
    measure_classifier,
    measure_float64,
    measure_generation,
    measure_threads,
)
from _speed_memory import measure_busy, measure_memory
from peers import (
    PACKAGES,
    as_float32,
    make_network,
    torch_loop,
    torch_variational_loop,
)
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetRegressor

from skae import AutoEncoderTransformer, VariationalAutoEncoder
from skae._training.fast.compute_dtype import has_fast_bfloat16
from skae.datasets import fetch_mnist

SMALL, BIG = (784, 128, 32), (784, 500, 500, 2000, 10)


# The network and the step of the peers: without what is around them by default.
PLAIN = {"skip_connection": False, "weight_decay": 0.0, "lr": 1e-3}


def skae_fit(X, widths, batch_size, epochs, *, compute_dtype="float32", **options):
    """Train skae's autoencoder, as the peers do or as it is by default."""
    return AutoEncoderTransformer(
        widths[-1],
        hidden_layer_sizes=widths[1:-1],
        batch_size=batch_size,
        max_epochs=epochs,
        lr_schedule="constant",
        compute_dtype=compute_dtype,
        device="cpu",
        random_state=0,  # so that losses differ by the type alone
        **options,
    ).fit(X)


def measure_digits(report, repeats):
    """Time a small network, where everything but arithmetic counts."""
    X, widths = as_float32(load_digits().data), (64, 64, 16)
    for batch_size, epochs in ((32, 30), (128, 100), (512, 200)):
        job = (X, widths, batch_size, epochs)
        contestants = {
            "skae": lambda j=job: skae_fit(*j, **PLAIN),
            "default": lambda j=job: skae_fit(*j),
            "torch": lambda j=job: torch_loop(*j),
        }
        times, _ = take_turns(contestants, repeats)
        key = f"fit_digits_{batch_size}"
        text = f"fit digits 64-64-16, batch {batch_size}"
        report.add(
            key, f"{text} / plain torch loop", ratios(times, "skae", "torch"), 1.03
        )
        report.add(
            f"{key}_default",
            f"{text}, beside PCA's affine maps / the same loop",
            ratios(times, "default", "torch"),
        )
    measure_packages(report, "digits", (X, widths, 128, 50), repeats)


def measure_packages(report, name, job, repeats):
    """Race the packages; the fastest of them counts."""
    contestants = {"skae": lambda: skae_fit(*job, compute_dtype="auto", **PLAIN)}
    contestants |= {p: lambda fit=fit: fit(*job) for p, fit in PACKAGES.items()}
    take_turns(contestants, 1)  # imports and first calls
    times, _ = take_turns(contestants, repeats)
    for package in PACKAGES:
        key = package.lower().replace("-", "_")
        report.add(
            f"fit_{name}_vs_{key}",
            f"fit {name} {'-'.join(map(str, job[1]))}, batch {job[2]} / {package}",
            ratios(times, "skae", package),
        )
    fastest = min(PACKAGES, key=lambda p: np.median(times[p]))
    report.add(
        f"fit_{name}_vs_fastest_package",
        f"fit {name} / the fastest package ({fastest})",
        ratios(times, "skae", fastest),
        0.45,
    )


def measure_mnist(report, repeats):
    """Time large data, where arithmetic counts."""
    X = as_float32(fetch_mnist().data)
    for name, widths, epochs in (("small", SMALL, 5), ("big", BIG, 2)):
        job = (X, widths, 256, epochs)
        contestants = {
            "skae": lambda j=job: skae_fit(*j, **PLAIN),
            "torch": lambda j=job: torch_loop(*j),
            "auto": lambda j=job: skae_fit(*j, compute_dtype="auto", **PLAIN),
        }
        times, results = take_turns(contestants, repeats)
        text = f"fit MNIST {'-'.join(map(str, widths))}, batch 256"
        report.add(
            f"fit_mnist_{name}",
            f"{text} / plain torch loop",
            ratios(times, "skae", "torch"),
            1.03,
        )
        report.add(
            f"fit_mnist_{name}_auto",
            f"{text}, compute_dtype='auto' / plain torch loop",
            ratios(times, "auto", "torch"),
            0.40 if name == "big" and has_fast_bfloat16(torch.device("cpu")) else None,
        )
        loss = results["auto"].loss_curve_[-1] / results["skae"].loss_curve_[-1]
        report.add(
            f"loss_mnist_{name}_auto",
            f"{text}: final loss, compute_dtype='auto' / 'float32'",
            loss,
            1.01,
        )
    report.add(
        "bfloat16_products",
        "  the matrix products alone, bfloat16 / float32, of the big network",
        measure_products(),
    )
    measure_transform(report, X, repeats)
    measure_packages(report, "mnist_big", (X[:20_000], BIG, 256, 3), repeats)


def measure_products():
    """Time the matrix products of a step in either type: what the hardware allows."""

    def products(dtype):
        sizes = [*BIG, *BIG[-2::-1]]
        layers = [
            (torch.randn(256, a).to(dtype), torch.randn(b, a).to(dtype))
            for a, b in pairwise(sizes)
        ]

        def run():
            for _ in range(20):
                for x, weight in layers:
                    grad = x @ weight.t()
                    grad.t() @ x
                    grad @ weight

        return run

    contestants = {
        "bfloat16": products(torch.bfloat16),
        "float32": products(torch.float32),
    }
    return ratios(take_turns(contestants, 5)[0], "bfloat16", "float32")


def measure_transform(report, X, repeats):
    """Time batched inference."""
    autoencoder = skae_fit(X[:2000], SMALL, 256, 1, **PLAIN)
    network = make_network(SMALL)[:3]

    def forward():
        with torch.inference_mode():
            tensor = torch.from_numpy(X)
            return torch.cat([network(x) for x in tensor.split(1024)]).numpy()

    contestants = {"skae": lambda: autoencoder.transform(X), "torch": forward}
    take_turns(contestants, 2)
    times, _ = take_turns(contestants, 3 * repeats)
    report.add(
        "transform_mnist",
        "transform 60,000 x 784 / plain forward in batches of 1024",
        ratios(times, "skae", "torch"),
        1.05,
    )


def skae_variational_fit(X, widths, batch_size, epochs, **options):
    """Train skae's variational autoencoder with the settings of the plain loop."""
    return VariationalAutoEncoder(
        widths[-1],
        hidden_layer_sizes=widths[1:-1],
        skip_connection=False,
        batch_size=batch_size,
        max_epochs=epochs,
        lr=1e-3,
        lr_schedule="constant",
        device="cpu",
        random_state=0,
        **options,
    ).fit(X)


def measure_variational(report, repeats):
    """Time variational autoencoders, small and large."""
    X, widths = as_float32(load_digits().data), (64, 64, 16)
    for batch_size, epochs in ((32, 30), (128, 100), (512, 200)):
        job = (X, widths, batch_size, epochs)
        times, _ = take_turns(
            {
                "skae": lambda j=job: skae_variational_fit(*j),
                "torch": lambda j=job: torch_variational_loop(*j),
            },
            repeats,
        )
        report.add(
            f"fit_vae_digits_{batch_size}",
            f"fit VAE digits 64-64-16, batch {batch_size} / plain torch loop",
            ratios(times, "skae", "torch"),
            0.50,
        )
    X, widths = as_float32(fetch_mnist().data)[:20_000], (784, 500, 500, 50)
    dtype = torch.float32
    if has_fast_bfloat16(torch.device("cpu")):
        dtype = torch.bfloat16
    times, _ = take_turns(
        {
            "skae": lambda: skae_variational_fit(X, widths, 256, 3),
            "torch": lambda: torch_variational_loop(X, widths, 256, 3, dtype),
        },
        repeats,
    )
    report.add(
        "fit_vae_mnist_auto",
        f"fit VAE MNIST 784-500-500-50, 'auto' / plain loop in {dtype}",
        ratios(times, "skae", "torch"),
        0.90,
    )


def repeated(function, times=100):
    """Repeat a call that is too short to be timed alone."""

    def run():
        for _ in range(times):
            function()

    return run


def measure_rows(report, repeats):
    """Time one row, as it is served."""
    X = as_float32(load_digits().data)
    row, pca = X[:1], PCA(16).fit(X)
    small = skae_fit(X, (64, 64, 16), 128, 1)
    mnist = np.random.default_rng(0).random((1000, 784), np.float32)
    big = skae_fit(mnist, BIG, 256, 1)
    encoder, x = big.module_.encoder, torch.from_numpy(mnist[:1])

    @torch.inference_mode()
    def forward():
        return encoder(x).numpy()

    variational = skae_variational_fit(X, (64, 64, 16), 128, 1)
    decoder, code = variational.module_.decoder, torch.zeros(1, 16)

    @torch.inference_mode()
    def decode_draws():
        for _ in range(variational.n_importance_samples):
            decoder(code)

    hole = row.copy()
    hole[0, :32] = np.nan
    contests = (
        (
            "row_transform_small",
            "transform one row, 64-64-16 / PCA.transform",
            lambda: small.transform(row),
            lambda: pca.transform(row),
            1.5,
        ),
        (
            "row_transform_big",
            "transform one row, 784-500-500-2000-10 / plain encoder",
            lambda: big.transform(mnist[:1]),
            forward,
            2.0,
        ),
        (
            "row_score_vae",
            "score_samples of one row, 50 draws / 50 calls of the decoder",
            lambda: variational.score_samples(row),
            decode_draws,
            None,
        ),
        (
            "row_impute_vae",
            "impute one row / 50 calls of the decoder",
            lambda: variational.impute(hole),
            decode_draws,
            None,
        ),
    )
    for key, text, ours, theirs, aim in contests:
        contestants = {"skae": repeated(ours), "peer": repeated(theirs)}
        take_turns(contestants, 1)
        times, _ = take_turns(contestants, 2 * repeats)
        report.add(key, text, ratios(times, "skae", "peer"), aim)


class SkorchAutoEncoder(TransformerMixin, BaseEstimator):
    """What a user would write around skorch for a grid search."""

    def __init__(self, n_components=16, max_epochs=100):
        self.n_components = n_components
        self.max_epochs = max_epochs

    def fit(self, X, y=None):
        """Fit the net."""
        self.net_ = NeuralNetRegressor(
            make_network((X.shape[1], 64, self.n_components)),
            max_epochs=self.max_epochs,
            lr=1e-3,
            optimizer=torch.optim.Adam,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        ).fit(X, X)
        return self

    def score(self, X, y=None):
        """Give minus the error."""
        return -float(((self.net_.predict(X) - X) ** 2).mean())


def measure_grid_search(report, repeats):
    """Time a whole search over the latent size."""
    X = as_float32(load_digits().data)
    sizes = {"n_components": [2, 4, 6, 8, 12, 16, 24, 32]}
    ours = AutoEncoderTransformer(
        hidden_layer_sizes=(64,), max_epochs=100, lr_schedule="constant", device="cpu"
    )
    contestants = {
        "skae": lambda: GridSearchCV(ours, sizes, cv=3).fit(X),
        "skorch": lambda: GridSearchCV(SkorchAutoEncoder(), sizes, cv=3).fit(X),
    }
    times, _ = take_turns(contestants, max(2, repeats // 2))
    report.add(
        "grid_search",
        "GridSearchCV, 8 latent sizes x 3 folds, digits / skorch by hand",
        ratios(times, "skae", "skorch"),
        0.40,
    )


def measure_growth(report, repeats):
    """Time a sample where there are a hundred times more of them."""
    X = np.random.default_rng(0).standard_normal((1_000_000, 64), np.float32)

    def fit(X):
        return lambda: skae_fit(X, (64, 64, 16), 128, 1)

    contestants = {"many": fit(X), "few": fit(X[:10_000])}
    take_turns({"few": contestants["few"]}, 2)
    times, _ = take_turns(contestants, repeats)
    report.add(
        "growth",
        "fit 1,000,000 x 64, time a sample / of 10,000 samples",
        [ratio / 100 for ratio in ratios(times, "many", "few")],
        1.1,
    )


def measure_import(report, repeats):
    """Time the import in new processes."""

    def run(modules):
        return lambda: subprocess.run(
            [sys.executable, "-c", f"import {modules}"], check=True
        )

    contestants = {"skae": run("skae"), "parts": run("torch, skorch, sklearn")}
    take_turns(contestants, 1)
    times, _ = take_turns(contestants, repeats + 2)
    report.add(
        "import",
        "import skae / import torch, skorch, sklearn",
        ratios(times, "skae", "parts"),
        1.05,
    )


PARTS = {
    "digits": measure_digits,
    "vae": measure_variational,
    "rows": measure_rows,
    "float64": measure_float64,
    "sample": measure_generation,
    "affine": measure_affine,
    "classifier": measure_classifier,
    "conv": measure_convolutions,
    "cluster_row": measure_cluster_classifier,
    "clusters": measure_clusters,
    "large_clusters": measure_large_clusters,
    "threads": measure_threads,
    "busy": measure_busy,
    "mnist": measure_mnist,
    "search": measure_grid_search,
    "growth": measure_growth,
    "memory": measure_memory,
    "import": measure_import,
    "recipe": measure_recipe,
}
LONG = ("mnist", "search", "growth", "large_clusters", "recipe")


def main():
    """Measure what the command line asks for."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--only", choices=PARTS, nargs="+")
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument(
        "--quick", action="store_true", help="two repeats, without the long parts"
    )
    arguments.add_argument("--clock", choices=CLOCKS, default="wall")
    arguments = arguments.parse_args()
    set_clock(arguments.clock)
    repeats = 2 if arguments.quick else arguments.repeats
    chosen = arguments.only or [p for p in PARTS if not (arguments.quick and p in LONG)]
    warnings.simplefilter("ignore", ConvergenceWarning)
    # torch loads its compiler with the first optimizer, which nobody is to pay for.
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    n_threads = torch.get_num_threads()
    report = Report(f"Speed on {n_threads} threads, {arguments.clock}: median, range")
    for part in chosen:
        PARTS[part](report, repeats)
    report.save(arguments.json)


if __name__ == "__main__":
    main()
