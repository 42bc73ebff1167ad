from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skfashion._sklearn import check_matplotlib_support

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_METRICS = ("loss", "accuracy")
# Maximum numbers of entries of a legend inside the Axes, and of a column of a legend beside them.
_MAX_LEGEND_INSIDE, _MAX_LEGEND_ROWS = 8, 15


class TrainingHistoryDisplay:
    """Loss and accuracy of each epoch, for one or several trainings.

    The display has two Axes. Lines are solid for training and dashed for validation. A dot on the
    dashed line and a dotted vertical line mark the epoch whose weights were kept. It is recommended
    to use :meth:`from_estimator` or :meth:`from_histories` to create a display.

    Parameters
    ----------
    histories : dict of str to dict of lists
        For each training, by its name, "loss" and "accuracy" of each epoch, and "val_loss" and
        "val_accuracy" if there are any.

    best_epochs : dict of str to int
        Index of the best epoch, from 0, for each training that has one, by its name.

    Attributes
    ----------
    axes_ : ndarray of shape (2,) of matplotlib.axes.Axes
        Axes of the loss and of the accuracy.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    lines_ : dict of tuples (str, str) to matplotlib.lines.Line2D
        The curves, by the names of the training and of the metric, for example "val_loss".

    See Also
    --------
    skfashion.neural_network.KerasCNNClassifier : Has ``history_`` and ``best_epoch_``.
    sklearn.model_selection.LearningCurveDisplay : Scores by the number of training images.
    sklearn.model_selection.ValidationCurveDisplay : Scores by the value of a parameter.

    Notes
    -----
    Write-up A, "Three conv, dropout", shows such curves.

    Examples
    --------
    >>> from skfashion.inspection import TrainingHistoryDisplay
    >>> history = {
    ...     "loss": [0.9, 0.5, 0.3],
    ...     "accuracy": [0.6, 0.8, 0.9],
    ...     "val_loss": [0.8, 0.6, 0.7],
    ...     "val_accuracy": [0.6, 0.8, 0.7],
    ... }
    >>> display = TrainingHistoryDisplay.from_histories({"cnn": history}, best_epochs={"cnn": 1})
    >>> display.lines_["cnn", "val_loss"].get_xdata()
    array([1, 2, 3])
    """

    def __init__(
        self,
        *,
        histories: dict[str, Mapping[str, Sequence[float]]],
        best_epochs: dict[str, int],
    ) -> None:
        self.histories = histories
        self.best_epochs = best_epochs

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: Sequence[Axes] | NDArray | None = None,
    ) -> Self:
        """Draw the training of one or several fitted networks.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            A fitted :class:`~skfashion.neural_network.KerasCNNClassifier`, or a pipeline or search
            that ends in one. Or several of these, by name, which are drawn on the same Axes.
        name : str, default=None
            Name of a single network. None means the name of its class.
        ax : sequence of two matplotlib.axes.Axes, default=None
            Axes to draw loss and accuracy on, or None for a new figure.

        Returns
        -------
        TrainingHistoryDisplay
            The display, with its attributes set.

        Raises
        ------
        TypeError
            If `estimator` does not end in a `KerasCNNClassifier`, or a search was not refitted.
        ValueError
            If `name` is given together with several networks.
        sklearn.exceptions.NotFittedError
            If `estimator` is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if isinstance(estimator, Mapping):
            if name is not None:
                raise ValueError(f"The estimators have names already. Leave out name={name!r}.")
            networks = {name: _network(one) for name, one in estimator.items()}
        else:
            network = _network(estimator)
            networks = {type(network).__name__ if name is None else name: network}
        return cls.from_histories(
            {name: network.history_ for name, network in networks.items()},
            best_epochs={
                name: network.best_epoch_
                for name, network in networks.items()
                if hasattr(network, "best_epoch_")
            },
            ax=ax,
        )

    @classmethod
    def from_histories(
        cls,
        histories: Mapping[str, Mapping[str, Sequence[float]]],
        *,
        best_epochs: Mapping[str, int] | None = None,
        ax: Sequence[Axes] | NDArray | None = None,
    ) -> Self:
        """Draw given histories.

        Parameters
        ----------
        histories : dict of str to dict of lists
            For each training, by its name, "loss" and "accuracy" of each epoch, and "val_loss" and
            "val_accuracy" of each epoch if there are any, with NaN for epochs without them.
        best_epochs : dict of str to int, default=None
            Index of the best epoch, from 0 as in ``best_epoch_``, for each training that has one,
            by its name.
        ax : sequence of two matplotlib.axes.Axes, default=None
            Axes to draw loss and accuracy on, or None for a new figure.

        Returns
        -------
        TrainingHistoryDisplay
            The display, with its attributes set.

        Raises
        ------
        ValueError
            If there is no history, metrics are missing or of different lengths, or a best epoch is
            not an index of the epochs.
        """
        check_matplotlib_support(f"{cls.__name__}.from_histories")
        if not isinstance(histories, Mapping) or not histories:
            raise ValueError(
                "Expected histories as a dict of at least one name to a history, such as "
                f"{{'cnn': cnn.history_}}; got {histories!r}."
            )
        if not isinstance(best_epochs, Mapping | None):
            raise ValueError(
                "Expected best_epochs as a dict of names to indices, such as {'cnn': 3}; got "
                f"{best_epochs!r}."
            )
        best_epochs = {} if best_epochs is None else dict(best_epochs)
        if unknown := best_epochs.keys() - histories.keys():
            raise ValueError(
                f"best_epochs has names that histories lacks: {sorted(unknown)}. Remove them."
            )
        for name, history in histories.items():
            _check_history(name, history, best_epochs.get(name, 0))
        return cls(histories=dict(histories), best_epochs=best_epochs).plot(ax)

    def plot(self, ax: Sequence[Axes] | NDArray | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : sequence of two matplotlib.axes.Axes, default=None
            Axes to draw loss and accuracy on, or None for a new figure.

        Returns
        -------
        TrainingHistoryDisplay
            The display itself, with its attributes set.

        Raises
        ------
        ValueError
            If `ax` is not two Axes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        self.axes_ = np.ravel(ax)  # type: ignore[arg-type]
        if len(self.axes_) != 2:
            raise ValueError(
                "Expected two Axes in ax, for loss and accuracy, such as plt.subplots(1, 2)[1]; "
                f"got {len(self.axes_)}."
            )
        self.figure_ = self.axes_[0].figure
        self.lines_: dict[tuple[str, str], Line2D] = {}
        for number, (name, history) in enumerate(self.histories.items()):
            color = f"C{number}"
            for axes, metric in zip(self.axes_, _METRICS, strict=True):
                for key, linestyle in ((metric, "-"), (f"val_{metric}", "--")):
                    if key in history:
                        self._draw(axes, name, key, color, linestyle)
        for axes, metric in zip(self.axes_, _METRICS, strict=True):
            axes.set(xlabel="epoch", ylabel=metric)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        handles = self._legend()
        if len(handles) <= _MAX_LEGEND_INSIDE:
            self.axes_[1].legend(handles=handles)
        else:  # Inside of the Axes, they would hide the curves.
            n_columns = -(-len(handles) // _MAX_LEGEND_ROWS)
            place = {"loc": "upper left", "bbox_to_anchor": (1, 1), "ncols": n_columns}
            self.axes_[1].legend(handles=handles, fontsize="small", **place)
        return self

    def _draw(self, axes, name, key, color, linestyle):
        values = np.asarray(self.histories[name][key], dtype=float)
        epochs = np.arange(1, len(values) + 1)
        # The line of a single epoch is not visible.
        marker = "." if len(values) == 1 else None
        style = {"color": color, "linestyle": linestyle, "marker": marker}
        (self.lines_[name, key],) = axes.plot(epochs, values, **style)
        if name in self.best_epochs and key.startswith("val_"):
            best = self.best_epochs[name]
            axes.plot(epochs[best], values[best], color=color, marker="o", linestyle="")
            axes.axvline(epochs[best], color=color, linestyle=":", linewidth=1)

    def _legend(self):
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], color=f"C{number}", linewidth=4, label=name)
            for number, name in enumerate(self.histories)
        ]
        style = {"color": "tab:gray"}
        handles.append(Line2D([], [], linestyle="-", label="training", **style))
        if any(key.startswith("val_") for _, key in self.lines_):
            handles.append(Line2D([], [], linestyle="--", label="validation", **style))
        if self.best_epochs:
            handles.append(Line2D([], [], linestyle=":", marker="o", label="best epoch", **style))
        return handles


def _network(estimator):
    """Return an estimator, or the last step of a pipeline or search, if it is a fitted network."""
    from skfashion.neural_network import KerasCNNClassifier

    last = estimator
    while True:
        if isinstance(last, Pipeline):
            last = last[-1]
        elif hasattr(last, "best_estimator_"):
            last = last.best_estimator_
        else:
            break
    if not isinstance(last, KerasCNNClassifier):
        raise TypeError(
            "Expected a KerasCNNClassifier, or a pipeline or a fitted search with refit that ends "
            f"in one; got {type(last).__name__}."
        )
    check_is_fitted(last, "history_")
    return last


def _check_history(name, history, best_epoch):
    if missing := [metric for metric in _METRICS if metric not in history]:
        raise ValueError(
            f"Expected 'loss' and 'accuracy' in the history of {name!r}, but {missing} is missing."
        )
    keys = [*_METRICS, *(f"val_{metric}" for metric in _METRICS)]
    lengths = {key: len(history[key]) for key in keys if key in history}
    n_epochs = lengths["loss"]
    if set(lengths.values()) != {n_epochs} or n_epochs == 0:
        raise ValueError(
            "Expected at least one epoch, and metrics of the same length, in the history of "
            f"{name!r}; got the lengths {lengths}. Pass NaN for epochs without a value."
        )
    if not isinstance(best_epoch, Integral) or not 0 <= best_epoch < n_epochs:
        raise ValueError(
            f"Expected an index from 0 to {n_epochs - 1} for the best epoch of {name!r}, got "
            f"{best_epoch!r}."
        )
