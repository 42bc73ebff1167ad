from collections.abc import Mapping
from numbers import Integral

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skfashion._sklearn import check_matplotlib_support

_METRICS = ("loss", "accuracy")
# Entries of the legend: inside the Axes, and in a column beside them.
_MAX_LEGEND_INSIDE, _MAX_LEGEND_ROWS = 8, 15


class TrainingHistoryDisplay:
    """Loss and accuracy of each epoch, of one training or of several.

    Two Axes side by side: training solid, validation dashed; the epoch whose weights were kept is
    marked by a dot on the dashed line and a dotted vertical line. It is recommended to use
    :meth:`from_estimator` or :meth:`from_histories` to make one.

    Parameters
    ----------
    histories : dict of str to dict of lists
        For each training by its name, "loss" and "accuracy" of each epoch, and "val_loss" and
        "val_accuracy" where there are any.

    best_epochs : dict of str to int
        Position of the best epoch, from 0, of those of the trainings that have one.

    Attributes
    ----------
    axes_ : ndarray of shape (2,) of matplotlib.axes.Axes
        Axes of the loss and of the accuracy.

    figure_ : matplotlib.figure.Figure
        Figure that holds the Axes.

    lines_ : dict of tuples (str, str) to matplotlib.lines.Line2D
        The curves, by the name of the training and that of the figures, "val_loss" for example.

    See Also
    --------
    skfashion.neural_network.KerasCNNClassifier : Its ``history_`` and ``best_epoch_`` are drawn.
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

    def __init__(self, *, histories, best_epochs):
        self.histories = histories
        self.best_epochs = best_epochs

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw the training of a fitted network, or of several.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            A fitted :class:`~skfashion.neural_network.KerasCNNClassifier`, a pipeline or a search
            that ends in one; or several of these by name, to be drawn over one another.
        name : str, default=None
            Name of a single one. None: that of its class.
        ax : sequence of two matplotlib.axes.Axes, default=None
            Where to draw loss and accuracy. None makes a figure.

        Returns
        -------
        TrainingHistoryDisplay
            With its attributes set.

        Raises
        ------
        TypeError
            If `estimator` does not end in a `KerasCNNClassifier`, or a search was not refitted.
        ValueError
            If a name is given beside names.
        sklearn.exceptions.NotFittedError
            If `estimator` is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if isinstance(estimator, Mapping):
            if name is not None:
                raise ValueError(f"The estimators have names already; leave out name={name!r}.")
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
    def from_histories(cls, histories, *, best_epochs=None, ax=None):
        """Draw given figures.

        Parameters
        ----------
        histories : dict of str to dict of lists
            For each training by its name, "loss" and "accuracy" of each epoch, and "val_loss" and
            "val_accuracy" of each epoch where there are any; NaN for epochs without.
        best_epochs : dict of str to int, default=None
            Position of the best epoch, from 0 as in ``best_epoch_``, of those of the trainings
            that have one.
        ax : sequence of two matplotlib.axes.Axes, default=None
            Where to draw loss and accuracy. None makes a figure.

        Returns
        -------
        TrainingHistoryDisplay
            With its attributes set.

        Raises
        ------
        ValueError
            If there is no history, figures are missing or of different lengths, or a best epoch is
            none of them.
        """
        check_matplotlib_support(f"{cls.__name__}.from_histories")
        if not isinstance(histories, Mapping) or not histories:
            raise ValueError(
                "Expected histories as a dict of at least one name to a history, such as "
                f"{{'cnn': cnn.history_}}; got {histories!r}."
            )
        if not isinstance(best_epochs, Mapping | None):
            raise ValueError(
                "Expected best_epochs as a dict of names to positions, such as {'cnn': 3}; got "
                f"{best_epochs!r}."
            )
        best_epochs = {} if best_epochs is None else dict(best_epochs)
        if unknown := best_epochs.keys() - histories.keys():
            raise ValueError(f"best_epochs has names that histories lacks: {sorted(unknown)}.")
        for name, history in histories.items():
            _check_history(name, history, best_epochs.get(name, 0))
        return cls(histories=dict(histories), best_epochs=best_epochs).plot(ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : sequence of two matplotlib.axes.Axes, default=None
            Where to draw loss and accuracy. None makes a figure.

        Returns
        -------
        TrainingHistoryDisplay
            The display itself, with its attributes set.

        Raises
        ------
        ValueError
            If `ax` is anything else.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        self.axes_ = np.ravel(ax)
        if len(self.axes_) != 2:
            raise ValueError(
                "Expected two Axes in ax, for loss and accuracy, such as plt.subplots(1, 2)[1]; "
                f"got {len(self.axes_)}."
            )
        self.figure_ = self.axes_[0].figure
        self.lines_ = {}
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
        else:  # they would hide the curves
            n_columns = -(-len(handles) // _MAX_LEGEND_ROWS)
            place = {"loc": "upper left", "bbox_to_anchor": (1, 1), "ncols": n_columns}
            self.axes_[1].legend(handles=handles, fontsize="small", **place)
        return self

    def _draw(self, axes, name, key, color, linestyle):
        values = np.asarray(self.histories[name][key], dtype=float)
        epochs = np.arange(1, len(values) + 1)
        # The line of a single epoch would not be seen.
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
    """Return the fitted network that an estimator is or ends in."""
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
            f"Expected 'loss' and 'accuracy' in the history of {name!r}, {missing} is missing."
        )
    keys = [*_METRICS, *(f"val_{metric}" for metric in _METRICS)]
    lengths = {key: len(history[key]) for key in keys if key in history}
    n_epochs = lengths["loss"]
    if set(lengths.values()) != {n_epochs} or n_epochs == 0:
        raise ValueError(
            f"Expected a value of each epoch in the history of {name!r}, and at least one, got "
            f"{lengths}: pass NaN to from_histories for epochs without."
        )
    if not isinstance(best_epoch, Integral) or not 0 <= best_epoch < n_epochs:
        raise ValueError(
            f"Expected a position from 0 to {n_epochs - 1} for the best epoch of {name!r}, got "
            f"{best_epoch!r}."
        )
