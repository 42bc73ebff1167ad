from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from skfashion._base import Estimator
from skfashion._pixel_scale import compare_scale
from skfashion._sklearn import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    begin_fit,
    fit_context,
    validate_parameter_constraints,
    with_callbacks,
)
from skfashion._validation import (
    check_largest,
    infer_image_shape,
    unchanged_on_error,
    validate_images,
)

from .architectures._write_ups import ARCHITECTURES
from .runtime._embedding import embedding_of
from .runtime._export import export_onnx, plain_model, save_model
from .runtime._interrupts import answer, held_back
from .runtime._keras import check_process, load_keras, running
from .runtime._precision import PRECISIONS, choose_precision
from .runtime._predict import predict, tta_views
from .runtime._serialization import MayBePacked, pack_parameters
from .training._samples import Samples, check_not_one_hot, unique_labels
from .training._settings import TrainingSettings

if TYPE_CHECKING:
    import keras
    from scikeras.wrappers import KerasClassifier

    from .runtime._trained_network import TrainedNetwork

_KERAS_PARAMETERS = ("augmenter", "learning_rate", "loss", "optimizer")
_MAX_SEED = np.iinfo(np.int32).max


def _check_several(classes: NDArray) -> None:
    if len(classes) < 2:
        raise ValueError(
            "KerasCNNClassifier needs samples of at least 2 classes with weights above 0, got 1 "
            f"class: {classes[0]}."
        )


class KerasCNNClassifier(
    ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, Estimator
):
    """Convolutional network for image classification, trained by keras.

    The network is held by a ``scikeras.wrappers.KerasClassifier``. `fit` and `predict` take rows
    of pixels or images. Scale the pixels to small numbers first, for example with
    :class:`~skfashion.preprocessing.PixelScaler`.

    Parameters
    ----------
    architecture : {"one_conv_dropout", "small_resnet", "three_conv", "three_conv_dropout", \
            "two_conv_dropout"} or callable, default="three_conv"
        The network. A string names one of the functions of :mod:`skfashion.neural_network`. A
        callable has the signature ``(input_shape, n_classes, **options) -> keras.Model``, where
        `input_shape` is ``(height, width, channels)``, and returns a model that ends in a softmax
        over the classes. ``**options`` are those of the next six parameters that are not None.
        The function must create all layers each time it is called, so that every fit starts from
        new weights. To pickle or clone a fitted classifier, register custom layers with
        ``keras.saving.register_keras_serializable``; lambda layers cannot be pickled.

    filters : sequence of int or None, default=None
        Number of filters of each convolution, or of each stage of "small_resnet". None, here and
        in the next five parameters, means the default of the architecture.

    blocks_per_stage : int or None, default=None
        Number of residual blocks in each stage of "small_resnet". The first stage has at most one.
        The other built-in architectures do not have this option.

    kernel_size : int or None, default=None
        Height and width of the convolution kernels, in pixels. "small_resnet" does not have this
        option.

    dense_units : int or None, default=None
        Number of units of the hidden dense layer; 0 for none. "small_resnet" does not have this
        option.

    dropout : float, sequence of float or None, default=None
        Dropout rate in [0, 1): one for all dropout layers, or one for each of them.

    batch_normalization : bool or None, default=None
        Whether to apply batch normalization before each activation.

    epochs : int or tuple of int, default=20
        Number of epochs. A tuple ``(epochs, steps)`` is a minimum of both: small data sets are
        trained for more epochs until the optimizer has taken at least `steps` steps in a
        :meth:`fit`.

    batch_size : int or "auto", default=128
        Number of images in a batch. "auto" is 1/32 of the number of images, at least 16 and at
        most 256.

    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Name of a keras optimizer, or an instance, from whose class and configuration each fit
        creates a new optimizer; or "conv_muon". "conv_muon" needs fewer epochs than the others for
        networks with a normalization after each convolution, such as "small_resnet".

    learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or None, default=None
        Learning rate, above 0, or a schedule. None is the default of the optimizer.

    learning_rate_schedule : {"constant", "cosine"}, default="constant"
        "cosine" is a linear warmup from 0 to `learning_rate` followed by a cosine decay to 0
        (Loshchilov and Hutter, "SGDR", 2017; keras' ``CosineDecay``). With `warm_start`, each fit
        restarts the schedule. :meth:`partial_fit` uses a constant rate, because it does not know
        when training ends.

    warmup_fraction : float, default=0.1
        Fraction of the steps, in [0, 1), that the warmup of the "cosine" schedule takes.

    weight_decay : float or None, default=None
        Decoupled weight decay: each step subtracts this fraction of each weight, times the
        learning rate (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019). None
        is the default of the optimizer.

    ema_momentum : float or None, default=None
        Momentum, in (0, 1), of an exponential moving average of the weights over all steps. The
        average replaces the weights at the end of training. None is the default of the optimizer:
        no average. Cannot be combined with `early_stopping`, `warm_start` or :meth:`partial_fit`.

    loss : str, keras.losses.Loss or callable, default="sparse_categorical_crossentropy"
        Name of a keras loss, or a loss. A loss whose name starts with "sparse" receives class
        indices; any other loss receives one-hot rows. The network outputs probabilities, not
        logits. Sample weights are scaled to a mean of 1, so that with the default reduction of
        keras a weight of 2 is the same as including a sample twice.

    label_smoothing : float, default=0.0
        Label smoothing in [0, 1): the fraction of the target probability that is spread over all
        classes (Szegedy et al., "Rethinking the inception architecture", 2016). Needs one of the
        two categorical cross-entropies. A value above 0 overrides that of the loss.

    augmenter : RandomErasing, keras.layers.Layer, list of them or None, default=None
        Data augmentation of the training images, drawn again in each epoch. Validation images and
        images to predict are never augmented. It is a
        :class:`~skfashion.preprocessing.RandomErasing` (with ``fill_range=(0, 1)`` for pixels in
        [0, 1]), any other object with a method ``augment(images)``, a keras preprocessing layer
        such as ``RandomTranslation``, or a list of these, applied in order. Each call receives
        the images of a few batches, about a million pixels. Each fit works on copies. Layers, and
        objects with a ``random_state``, are seeded by the classifier's `random_state`; any other
        object starts each :meth:`fit` and :meth:`partial_fit` in the state in which it was passed.
        The parameters of a single augmenter can be searched, for example ``augmenter__p``.

    horizontal_flip : bool, default=False
        Whether to use mirror images, in training and for test-time augmentation. Half of the
        training images, chosen again in each epoch, are flipped left to right, and predictions
        are averaged over each image and its mirror image. Setting it on a fitted classifier
        changes predictions only. The validation accuracy in ``history_`` is without test-time
        augmentation. Images of height 1 are not flipped.

    tta_shifts : int, default=0
        Test-time augmentation: predictions are averaged over each image and copies of it shifted
        up, down, left and right by 1 to `tta_shifts` pixels, with zeros at the edges. It improves
        accuracy if training images are shifted too (see `augmenter`). Prediction takes 1 + 4
        `tta_shifts` times as long. It may be set on a fitted classifier. Images of height or
        width 1 are not shifted.

    precision : {"auto", "float32", "float64", "mixed_bfloat16"}, default="auto"
        Floating-point precision of the network. "mixed_bfloat16" computes products in 16 bits and
        keeps the weights, the loss and the probabilities in 32 bits; it is twice as fast on
        processors with bfloat16 instructions. "auto" is float64 for float64 images. For others it
        is mixed_bfloat16 if Linux reports such instructions (AVX512-BF16, AMX) and the network
        returns probabilities in float32, else float32. The layers of a functional or
        sequential model from the last one with weights on are kept in float32. Other models must
        give their last layers ``dtype="float32"`` themselves.

    class_weight : dict, "balanced" or None, default=None
        Weight of each class, multiplied by `sample_weight`. Classes that are not in the dict have
        weight 1. "balanced" weights are inversely proportional to class frequencies, for
        imbalanced data.

    early_stopping : bool, default=False
        Whether to stop training when the accuracy on the validation set stops improving, and to
        restore the weights of the best epoch, which are kept in memory.

    validation_fraction : float, default=0.1
        Fraction of the training images, in (0, 1), to set aside as a stratified validation set
        for `early_stopping`. Ignored if :meth:`fit` receives `X_val`.

    n_iter_no_change : int or numpy.inf, default=5
        Number of epochs without improvement after which `early_stopping` stops training.
        ``numpy.inf`` never stops early, but still restores the best weights.

    callbacks : list of keras.callbacks.Callback or callable, or None, default=None
        keras callbacks. Each fit works on copies of them, so that clones share no state. Callbacks
        that collect results must write them to a file. A callback that holds a live object, such
        as a progress bar or an Optuna trial, cannot be copied and is refused. Pass a function
        without arguments that returns a new callback instead; each fit calls it, and what it
        refers to is not copied.

    warm_start : bool, default=False
        Whether :meth:`fit` continues from the weights, the optimizer state and the history of the
        previous fit. The architecture, the loss, the optimizer and its learning rate remain those
        of the first fit, even if these parameters have changed. To change the learning rate, set
        ``model_.optimizer.learning_rate``. The "cosine" schedule uses a new optimizer in each fit.

    checkpoint_dir : str, os.PathLike or None, default=None
        Folder for checkpoints. :meth:`fit` saves its state there after each epoch. If it is
        interrupted or killed, calling it again with the same parameters and data resumes training
        and gives the same weights. Each training has its own file, identified by everything that
        it depends on, so that the fits of a search can share a folder. The file is removed at the
        end. `random_state` is required. The internal state of `callbacks` and of augmenters of
        other libraries is not saved: they start from the beginning, and a callback that depends on
        earlier epochs, such as ``ReduceLROnPlateau``, then leads to different weights.
        :meth:`partial_fit` saves no checkpoints.

    verbose : int or bool, default=0
        0 is silent. 1 or more shows a progress bar for each epoch.

    random_state : int, RandomState instance or None, default=None
        Controls the initial weights, the order of the images, the dropout masks, the validation
        split and the augmentation. With an int, two fits on the same machine give identical
        predictions. The global random generators of Python, NumPy and keras are not changed; as
        everywhere in scikit-learn, None draws one seed from NumPy's.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels.

    n_classes_ : int
        Number of classes.

    n_features_in_ : int
        Number of values of an image: height times width times channels.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if the training data had any.

    image_shape_ : tuple of int
        ``(height, width, channels)`` of the network's input. Rows become square gray images if
        their length is a square number, else images of height 1.

    model_ : keras.Model
        The trained network. With `horizontal_flip` or `tta_shifts`, its own predictions differ
        from those of the classifier, which apply test-time augmentation; :meth:`save_model` writes
        a model that includes it.

    precision_ : {"float32", "float64", "mixed_bfloat16"}
        Floating-point precision of the network.

    keras_classifier_ : scikeras.wrappers.KerasClassifier
        Holds ``model_``. Its classes are 0 to ``n_classes_ - 1``.

    history_ : dict of lists
        "loss" and "accuracy" of each epoch, and "val_loss" and "val_accuracy" if there is a
        validation set.

    n_iter_ : int
        Number of epochs, including those of earlier fits with `warm_start` or
        :meth:`partial_fit`.

    n_steps_ : int
        Number of optimizer steps in these epochs.

    best_epoch_ : int
        Index in ``history_`` of the epoch whose weights were restored. With `early_stopping` only.

    See Also
    --------
    skfashion.make_cnn_pipeline : Pipeline that scales the pixels for this classifier.
    sklearn.neural_network.MLPClassifier : Fully connected networks.

    Notes
    -----
    Integer pixels are converted batch by batch, so that no floating-point copy of all images is
    made.

    **Interrupting training.** Ctrl-C ends :meth:`fit` with a warning and keeps the weights learned
    so far, as in :class:`~sklearn.neural_network.MLPClassifier`; the unfinished epoch is not
    counted. In three cases it raises ``KeyboardInterrupt`` instead and leaves the classifier
    unchanged: with `checkpoint_dir`, where the next :meth:`fit` resumes training; before the end
    of the first epoch; and if :meth:`fit` was called by scikit-learn, joblib, dask or Optuna, for
    example in a search, a cross-validation or an ensemble, whose results must not contain a
    half-trained network. Pipelines do not count.

    **Global settings of keras.** `floatx`, `dtype_policy`, `epsilon` and `image_data_format` in
    ``keras.config`` have no effect on the networks and are not changed. Limits for all trainings
    (``keras.config.set_max_epochs``, ``set_max_steps_per_epoch``) apply here too, with a warning
    from keras.

    **Short rows.** Rows do not have to be images. Built-in architectures shrink their kernels and
    pools if rows are too short for them; images that are too small are an error.

    Examples
    --------
    >>> from skfashion import KerasCNNClassifier
    >>> from skfashion.datasets import make_fashion_images
    >>> X, y = make_fashion_images(300, random_state=0, return_X_y=True)
    >>> X = X / 255
    >>> cnn = KerasCNNClassifier(epochs=15, batch_size=32, random_state=0).fit(X[:200], y[:200])
    >>> cnn.predict_proba(X[200:]).shape
    (100, 10)
    >>> cnn.score(X[200:], y[200:]) > 0.5
    True
    """

    _parameter_constraints = {
        "architecture": [StrOptions(set(ARCHITECTURES)), callable],
        "filters": ["array-like", None],
        "blocks_per_stage": [Interval(Integral, 0, None, closed="left"), None],
        "kernel_size": [Interval(Integral, 1, None, closed="left"), None],
        "dense_units": [Interval(Integral, 0, None, closed="left"), None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like", None],
        "batch_normalization": ["boolean", None],
        "epochs": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "optimizer": [str, HasMethods("get_config")],
        "learning_rate": [
            Interval(Real, 0, None, closed="neither"),
            HasMethods("get_config"),
            None,
        ],
        "learning_rate_schedule": [StrOptions({"constant", "cosine"})],
        "warmup_fraction": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "ema_momentum": [Interval(Real, 0, 1, closed="neither"), None],
        "loss": [str, callable],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "augmenter": [HasMethods("augment"), HasMethods("get_config"), list, tuple, None],
        "horizontal_flip": ["boolean"],
        "tta_shifts": [Interval(Integral, 0, None, closed="left")],
        "precision": [StrOptions({"auto", *PRECISIONS})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "checkpoint_dir": [str, PathLike, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    augmenter = MayBePacked()
    learning_rate = MayBePacked()
    loss = MayBePacked()
    optimizer = MayBePacked()

    def __init__(
        self,
        architecture: str | Callable[..., keras.Model] = "three_conv",
        *,
        filters: Sequence[int] | None = None,
        blocks_per_stage: int | None = None,
        kernel_size: int | None = None,
        dense_units: int | None = None,
        dropout: float | Sequence[float] | None = None,
        batch_normalization: bool | None = None,
        epochs: int | tuple[int, int] = 20,
        batch_size: int | Literal["auto"] = 128,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule | None = None,
        learning_rate_schedule: Literal["constant", "cosine"] = "constant",
        warmup_fraction: float = 0.1,
        weight_decay: float | None = None,
        ema_momentum: float | None = None,
        loss: str | keras.losses.Loss | Callable[..., Any] = "sparse_categorical_crossentropy",
        label_smoothing: float = 0.0,
        augmenter: Any = None,
        horizontal_flip: bool = False,
        tta_shifts: int = 0,
        precision: Literal["auto", "float32", "float64", "mixed_bfloat16"] = "auto",
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 5,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        checkpoint_dir: str | PathLike[str] | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.architecture = architecture
        self.filters = filters
        self.blocks_per_stage = blocks_per_stage
        self.kernel_size = kernel_size
        self.dense_units = dense_units
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.warmup_fraction = warmup_fraction
        self.weight_decay = weight_decay
        self.ema_momentum = ema_momentum
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.augmenter = augmenter
        self.horizontal_flip = horizontal_flip
        self.tta_shifts = tta_shifts
        self.precision = precision
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    @held_back()
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Training images: finite real pixels, dense.

        y : array-like of shape (n,)
            Class labels: strings, integers or booleans, at least two different ones.

        sample_weight : array-like of shape (n,), default=None
            Sample weights, at least 0 and not all 0. Images of weight 0 are left out.

        X_val : array-like of shape (n_val, features), (n_val, height, width) or \
                (n_val, height, width, channels), default=None
            Validation images. They are evaluated after each epoch, and `early_stopping` uses them
            if it is set. For a pipeline to transform them, see
            :ref:`Validation set in a pipeline <validation-set-in-a-pipeline>`.

        y_val : array-like of shape (n_val,), default=None
            Labels of `X_val`, all of them in `y`.

        sample_weight_val : array-like of shape (n_val,), default=None
            Sample weights of `X_val`.

        Returns
        -------
        self : KerasCNNClassifier
            The fitted classifier. After an error, it is unchanged.

        Raises
        ------
        ValueError
            If the images, labels or weights are not as above, if the images are too small for
            the architecture, or if training diverges.
        """
        if self.checkpoint_dir is not None and self.random_state is None:
            raise ValueError(
                "checkpoint_dir requires random_state: without a fixed seed, a later fit "
                "cannot repeat this training, and so not resume it. Set it, for example to 0."
            )
        context = begin_fit(self, self.epochs if isinstance(self.epochs, Integral) else None)
        callback_data = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        with unchanged_on_error(self):
            first_pass = not (self.warm_start and hasattr(self, "_network"))
            rows, y = self._validate_training(X, y, first_pass)
            self._set_classes(unique_labels(y)[0], first_pass)
            samples = Samples.encode(rows, y, sample_weight, self.classes_)
            training, validation = self._split(samples, X_val, y_val, sample_weight_val)
            settings = TrainingSettings.from_estimator(self, len(training))
            if context is not None:
                context.max_subtasks = settings.epochs
                context.call_on_fit_task_begin(estimator=self, **callback_data)
            self._train(settings, training, validation, first_pass, context, callback_data)
            if not self.warm_start:
                self._network.forget_optimizer()
            if context is not None:
                context.call_on_fit_task_end(
                    estimator=self, reconstruction_attributes={}, **callback_data
                )
        return self

    @fit_context(prefer_skip_nested_validation=True)
    @held_back()
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch, continuing from the current state.

        The architecture, the loss, the optimizer and its learning rate are those of the first
        call.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Training images: finite real pixels, dense.

        y : array-like of shape (n,)
            Class labels, all of them in `classes`.

        classes : array-like of shape (n_classes,), default=None
            All class labels of all calls. Required in the first call, optional later.

        sample_weight : array-like of shape (n,), default=None
            Sample weights, at least 0 and not all 0.

        Returns
        -------
        self : KerasCNNClassifier
            The fitted classifier. After an error, it is unchanged.

        Raises
        ------
        ValueError
            As :meth:`fit`. Also if `classes` is missing in the first call or differs later, and
            with ``early_stopping=True`` or ``class_weight="balanced"``, which need all images.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not support class_weight='balanced', which needs all labels. "
                "Compute the weights first and pass class_weight as a dict."
            )
        with unchanged_on_error(self):
            first_pass = not hasattr(self, "_network")
            if classes is None and first_pass:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            rows, y = self._validate_training(X, y, first_pass)
            if classes is not None:
                self._set_classes(unique_labels(column_or_1d(classes))[0], first_pass)
            samples = Samples.encode(rows, y, sample_weight, self.classes_)
            training = samples.apply_class_weight(self.class_weight, self.classes_)
            settings = TrainingSettings.from_estimator(self, len(training), is_partial=True)
            self._train(settings, training, None, first_pass)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Images of the shape seen during fit, or rows of as many pixels.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Each row sums to 1. The columns are in the order of ``classes_``. The dtype is float64
            if ``precision_`` is "float64", else float32.

        Raises
        ------
        ValueError
            If the images have another shape than during fit, their pixels are too large, or
            `horizontal_flip` or `tta_shifts` was set to an invalid value.
        """
        check_is_fitted(self)
        return self._predict(X, lambda model: model, self.n_classes_)

    def predict_log_proba(self, X: ArrayLike) -> NDArray:
        """Predict the logarithms of class probabilities.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Images of the shape seen during fit, or rows of as many pixels.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Natural logarithms of the probabilities; minus infinity where one is 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def transform(self, X: ArrayLike) -> NDArray:
        """Return embeddings: the input of the final dense layer.

        Images that look similar to the network have embeddings close to each other, so that
        nearest neighbors among the embeddings are similar items.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Images of the shape seen during fit, or rows of as many pixels.

        Returns
        -------
        ndarray of shape (n, n_features_out)
            Embeddings: with the default parameters, 128 features for "small_resnet" and 64 for
            "three_conv". Test-time augmentation applies as in :meth:`predict_proba`. The dtype is
            float64 if ``precision_`` is "float64", else float32.

        Raises
        ------
        ValueError
            As :meth:`predict_proba`. Also if the last layer with weights is not a dense layer.

        Examples
        --------
        >>> from sklearn.pipeline import make_pipeline
        >>> from skfashion import KerasCNNClassifier, VectorizedKNNClassifier
        >>> from skfashion.datasets import make_fashion_images
        >>> X, y = make_fashion_images(100, random_state=0, return_X_y=True)
        >>> cnn = KerasCNNClassifier(epochs=2, random_state=0)
        >>> similar = make_pipeline(cnn, VectorizedKNNClassifier(3)).fit(X / 255, y)
        >>> similar[0].transform(X[:5] / 255).shape
        (5, 64)
        """
        check_is_fitted(self)
        return self._predict(X, embedding_of, self._n_features_out)

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Images of the shape seen during fit, or rows of as many pixels.

        Returns
        -------
        ndarray of shape (n,)
            The most probable label of each image; in a tie, the first one in ``classes_``.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    @property
    def model_(self) -> keras.Model:
        """The trained ``keras.Model``, which is not shared with other classifiers."""
        return self.keras_classifier_.model_

    @property
    def keras_classifier_(self) -> KerasClassifier:
        """The ``scikeras.wrappers.KerasClassifier`` that holds the network."""
        if not hasattr(self, "_network"):
            raise AttributeError(f"This {type(self).__name__} has no network yet: call fit first.")
        return self._network.detach()

    def save_model(self, path: str | bytes | PathLike) -> None:
        """Save the network to a file that keras can load without skfashion.

        The saved model takes images with pixels scaled as in training and returns the same
        probabilities as :meth:`predict_proba`, in the order of ``classes_``. It includes test-time
        augmentation if `horizontal_flip` or `tta_shifts` is set. It computes in float32, or in
        float64 if ``precision_`` is "float64". The optimizer is not saved. To save the whole
        classifier, or a pipeline with it, use pickle, joblib or skops.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            Path ending in ``.keras``, or in ``.h5`` or ``.hdf5`` for the older format of keras,
            which cannot hold test-time augmentation. An existing file is replaced once the new one
            is complete; its permissions and links are kept.

        Raises
        ------
        ValueError
            If the path has another ending, or ends in ``.h5`` or ``.hdf5`` while `horizontal_flip`
            or `tta_shifts` is set.
        """
        check_is_fitted(self)
        is_average = bool(self._effective_flip() or self._effective_shifts())
        save_model(self._plain_model(self._dtype), path, is_average=is_average)

    def _plain_model(self, precision: str) -> keras.Model:
        self._check_views()
        return plain_model(
            *self._network.model_and_weights(),
            image_shape=self.image_shape_,
            views=partial(self._views, pad=load_keras().ops.pad),
            precision=precision,
        )

    def _export_onnx(
        self, path: str | PathLike[str], steps: Sequence[Callable[[Any], Any]]
    ) -> None:
        check_is_fitted(self)
        export_onnx(
            path,
            self._plain_model("float32"),
            steps,
            image_shape=self.image_shape_,
            classes=self.classes_,
        )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, **{name: pack_parameters(state[name]) for name in _KERAS_PARAMETERS}}

    def __sklearn_clone__(self) -> Self:
        # Copying a keras layer draws from Python's global generator, so keras objects are cloned
        # as serialized parameters. Callbacks are shared, because each fit copies them.
        apart = {name: pack_parameters(vars(self)[name]) for name in _KERAS_PARAMETERS}
        rest: Any = object.__new__(type(self))
        vars(rest).update(vars(self), callbacks=None, **dict.fromkeys(apart))
        cloned = super(KerasCNNClassifier, rest).__sklearn_clone__()
        vars(cloned).update(clone(apart, safe=False), callbacks=self.callbacks)
        return cloned

    @property
    def _n_features_out(self) -> int:
        """Number of output features, from which scikit-learn makes their names."""
        with self._network.predicting() as model:
            return embedding_of(model).output_shape[-1]

    def _predict(
        self, X: ArrayLike, part_of: Callable[[keras.Model], keras.Model], n_outputs: int
    ) -> NDArray:
        """Return outputs of a part of the network, with test-time augmentation."""
        self._check_views()
        rows, _ = validate_images(self, X, reset=False)
        check_largest(rows, self._dtype)
        compare_scale(self, rows, reset=False)
        outputs = np.empty((len(rows), n_outputs), dtype=self._dtype)
        with self._network.predicting() as model, running():
            predict(part_of(model), rows, self.image_shape_, self._views, out=outputs)
        if not np.isfinite(outputs).all():
            raise ValueError(
                "The network's outputs for X are not finite. Scale X as the training images; its "
                f"pixels go up to {max(rows.max(), -rows.min()):.2g}."
            )
        return outputs

    @property
    def _dtype(self) -> Literal["float32", "float64"]:
        """Dtype of images and probabilities."""
        return "float64" if self.precision_ == "float64" else "float32"

    def _validate_training(self, X: ArrayLike, y: Any, first_pass: bool) -> tuple[NDArray, NDArray]:
        """Return rows of pixels and labels; set attributes learned from them in the first pass."""
        check_not_one_hot(y)
        (rows, y), image_shape = validate_images(self, X, y=y, reset=first_pass)
        check_classification_targets(y)
        compare_scale(self, rows, reset=first_pass)
        if first_pass:
            self.image_shape_ = image_shape or infer_image_shape(self.n_features_in_)
            self._from_rows = image_shape is None
            self.precision_ = choose_precision(self.precision, rows.dtype)
            self._seed = check_random_state(self.random_state).randint(_MAX_SEED)
            self.history_: dict[str, list[float]] = {}
            self.n_iter_ = self.n_steps_ = 0
        check_largest(rows, self._dtype)
        self._check_views()
        answer()
        return rows, y

    def _set_classes(self, classes: NDArray, first_pass: bool) -> None:
        if first_pass:
            _check_several(classes)
            self.classes_ = classes
            self.n_classes_ = len(classes)
        elif not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"Training can only continue with the same classes, {self.classes_.tolist()}; got "
                f"{classes.tolist()}."
            )

    def _split(
        self,
        samples: Samples,
        X_val: ArrayLike | None,
        y_val: ArrayLike | None,
        sample_weight_val: ArrayLike | None,
    ) -> tuple[Samples, Samples | None]:
        """Return training samples, and validation samples or None."""
        training = samples.apply_class_weight(self.class_weight, self.classes_)
        _check_several(self.classes_[np.unique(samples.codes[training.indices])])
        if not (X_val is None and y_val is None and sample_weight_val is None):
            return training, self._encode_validation(X_val, y_val, sample_weight_val)
        if not self.early_stopping:
            return training, None
        training, validation = training.split_validation(self.validation_fraction, self._seed)
        # Class weights are for training only.
        return training, replace(validation, weights=samples.weights)

    def _train(
        self,
        settings: TrainingSettings,
        training: Samples,
        validation: Samples | None,
        first_pass: bool,
        context: Any = None,
        callback_data: Any = None,
    ) -> None:
        """Train the network, a new one in the first pass, and set the learned attributes."""
        check_process()
        # Imported here, as they load keras.
        from .training._sklearn_callbacks import EpochTasks
        from .training._trainer import Trainer

        trainer = Trainer(settings, None if first_pass else self._network)
        self._network: TrainedNetwork = trainer.network
        self.precision_ = trainer.network.precision
        tasks = None
        if context is not None:
            tasks = EpochTasks(context, self, self._network, **callback_data)
        result = trainer.run(training, validation, tasks)
        for name, values in result.history.items():
            self.history_[name] = self.history_.get(name, []) + values
        self.n_iter_ = len(self.history_.get("loss", []))
        self.n_steps_ += result.n_steps
        self.__dict__.pop("best_epoch_", None)
        if result.best_epoch is not None:
            self.best_epoch_ = result.best_epoch

    def _check_views(self) -> None:
        # Also before predictions, because these two may be set on a fitted classifier.
        names = ("horizontal_flip", "tta_shifts")
        validate_parameter_constraints(
            {name: self._parameter_constraints[name] for name in names},
            {name: getattr(self, name) for name in names},
            caller_name=type(self).__name__,
        )
        height, width, _ = self.image_shape_
        if self._effective_shifts() and self.tta_shifts >= min(height, width):
            raise ValueError(
                f"tta_shifts must be less than the sides of the images, {height} x {width} pixels; "
                f"got {self.tta_shifts}."
            )

    def _views(self, images: Any, pad: Callable[..., Any] = np.pad) -> Iterator[Any]:
        return tta_views(images, self._effective_flip(), self._effective_shifts(), pad)

    def _effective_flip(self) -> bool:
        return self.horizontal_flip and self.image_shape_[0] > 1

    def _effective_shifts(self) -> int:
        return self.tta_shifts if min(self.image_shape_[:2]) > 1 else 0

    def _encode_validation(
        self,
        X_val: ArrayLike | None,
        y_val: ArrayLike | None,
        sample_weight_val: ArrayLike | None,
    ) -> Samples:
        if X_val is None or y_val is None:
            missing = "X_val" if X_val is None else "y_val"
            raise ValueError(f"A validation set needs both X_val and y_val; {missing} is missing.")
        try:
            rows, _ = validate_images(self, X_val, reset=False)
            check_largest(rows, self._dtype)
            compare_scale(self, rows, reset=False, name="X_val")
            check_not_one_hot(y_val)
            y = column_or_1d(y_val)
            assert_all_finite(y, input_name="y_val")
            check_classification_targets(y)
            check_consistent_length(rows, y)
            return Samples.encode(rows, y, sample_weight_val, self.classes_)
        except ValueError as error:
            raise ValueError(f"The validation set (X_val, y_val) is invalid: {error}") from error

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
