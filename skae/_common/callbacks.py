"""scikit-learn's callbacks, which its versions have from 1.9 on."""

from contextlib import contextmanager

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # then no estimator has ``set_callbacks``, and nothing is reported

    class CallbackSupportMixin:
        """Nothing: this scikit-learn has no callbacks."""


# What scikit-learn needs at the end of a fit, also of one that failed.
RUNNING = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


def restore_attributes(estimator, before):
    """Restore the attributes from before a fit that failed.

    Callbacks that were set up in it are still to be torn down: what scikit-learn does
    that by stays.

    Parameters
    ----------
    estimator : estimator
        The estimator.
    before : dict
        Its attributes from before the fit.
    """
    attributes = vars(estimator)
    running = {name: attributes[name] for name in RUNNING if name in attributes}
    attributes.clear()
    attributes.update(before, **running)


@contextmanager
def report_fit(estimator, n_tasks, X, y=None):
    """Report a fit to the callbacks of a meta-estimator, if there are such things.

    Parameters
    ----------
    estimator : estimator
        The meta-estimator that is fitted inside.
    n_tasks : int
        Number of estimators that it fits, each inside of :func:`report_part`.
    X, y : array-like
        What it is fitted on.
    """
    if not hasattr(estimator, "set_callbacks"):
        yield
        return
    context = estimator._init_callback_context(max_subtasks=n_tasks)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    yield
    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes={}
    )


@contextmanager
def report_part(estimator, name, part, X, y=None):
    """Report that a meta-estimator fits an estimator, and pass its callbacks on.

    Parameters
    ----------
    estimator : estimator
        The meta-estimator, inside of :func:`report_fit`.
    name : str
        Name of the task.
    part : estimator
        The estimator that is fitted inside.
    X, y : array-like
        What it is fitted on.
    """
    context = getattr(estimator, "_callback_fit_ctx", None)
    if context is None:
        yield
        return
    context = context.subcontext(task_name=name)
    # Not asked by `hasattr`: a FrozenEstimator has the attributes of what it contains,
    # but its fit reports nothing.
    if hasattr(type(part), "set_callbacks"):
        with context.propagate_callback_context(part):
            context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
            yield
    else:
        context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        yield
    context.call_on_fit_task_end(estimator=estimator, X=X, y=y)
