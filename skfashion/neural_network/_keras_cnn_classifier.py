from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from os import PathLike

import numpy as np
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
from .runtime._serialization import MayBePacked, pack_parameters
from .runtime._tta import tta_views
from .training._samples import Samples, check_not_one_hot, unique_labels
from .training._settings import TrainingSettings

_KERAS_PARAMETERS = ("augmenter", "learning_rate", "loss", "optimizer")
_PREDICTION_BATCH = 1024
_MAX_SEED = np.iinfo(np.int32).max


def _check_several(classes):
    if len(classes) < 2:
        raise ValueError(
            "KerasCNNClassifier needs samples of at least 2 classes, of weight above 0; got 1 "
            f"class: {classes[0]}."
        )


class KerasCNNClassifier(
    ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, Estimator
):
    """Convolutional network for classifying images, trained by keras.

    A ``scikeras.wrappers.KerasClassifier`` holds the network. Rows of pixels and images are both
    taken, at fit and at predict alike; pixels should be small numbers, as
    :class:`~skfashion.preprocessing.PixelScaler` gives them.

    Parameters
    ----------
    architecture : {"one_conv_dropout", "residual", "three_conv", "three_conv_dropout", \
            "two_conv_dropout"} or callable, default="three_conv"
        The network: the name of a built-in one, each a function of
        :mod:`skfashion.neural_network`, or a function
        ``(input_shape, n_classes, **options) -> keras.Model``, with `input_shape` ``(height,
        width, channels)``, that ends in a softmax over the classes. ``**options`` are those of
        the six parameters below that are not None. It makes all layers when it is called, so that
        no fit begins with what another learned. For a fitted one to be pickled or copied, keras
        must know its own layers (``keras.saving.register_keras_serializable``); layers of a
        lambda cannot be.

    filters : sequence of int or None, default=None
        Filters of each convolution, or of each stage of "residual". None, here and in the five
        below: as the architecture has it.

    depth : int or None, default=None
        Residual blocks in each stage of "residual", never more than one in the first; no other
        built-in architecture has it.

    kernel_size : int or None, default=None
        Side of the convolution kernels in pixels. Not an option of "residual".

    dense_units : int or None, default=None
        Units of the hidden dense layer; 0 for none. Not an option of "residual".

    dropout : float, sequence of float or None, default=None
        Dropout rate in [0, 1), one for all places or one for each.

    batch_normalization : bool or None, default=None
        Whether to normalize batches before each activation.

    epochs : int or tuple of int, default=20
        Number of passes over the training images; or ``(epochs, steps)``, both above 0: at least
        so many passes, and so many more that the optimizer takes at least so many steps, in each
        :meth:`fit`. Of few images, as many steps need more passes.

    batch_size : int or "auto", default=128
        Number of images for one step of the optimizer. "auto": a 32nd part of the images, but at
        least 16 and at most 256.

    optimizer : str or keras.optimizers.Optimizer, default="adam"
        Name of a keras optimizer, or one whose class and settings each fit takes for a new one;
        or "conv_muon", which trains networks that normalize after each convolution, such as
        "residual", in fewer epochs than the others.

    learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or None, default=None
        Learning rate, above 0, or its schedule over the steps. None: the optimizer's own.

    learning_rate_schedule : {"constant", "cosine"}, default="constant"
        "cosine" lets the learning rate rise by the same amount a step to `learning_rate` in the
        first part of all steps, `warmup`, and go down to 0 along a cosine in the others
        (Loshchilov and Hutter, "SGDR", 2017; keras' ``CosineDecay``). Under `warm_start`, each fit
        begins the schedule anew. :meth:`partial_fit`, which does not know when training ends,
        keeps the rate constant.

    warmup : float, default=0.1
        Part of the steps, in [0, 1), of the rise of the "cosine" schedule.

    weight_decay : float or None, default=None
        Part of each weight, times the learning rate, that each step takes away (Loshchilov and
        Hutter, "Decoupled weight decay regularization", 2019). None: the optimizer's own.

    ema_momentum : float or None, default=None
        In (0, 1): the weights kept in the end are the moving average of those of all steps, with
        this momentum. None: the optimizer's own, which is no average by default. Neither for
        `early_stopping` nor for training that goes on (`warm_start`, :meth:`partial_fit`).

    loss : str, keras.losses.Loss or callable, default="sparse_categorical_crossentropy"
        Name of a keras loss, or a loss. One whose name begins with "sparse" is given the number
        of the class, any other the one-hot row. Sample weights come with a mean of 1, so that
        under keras' default reduction a weight of 2 is the same as a sample given twice. The
        network's outputs are probabilities, which suits the cross-entropies.

    label_smoothing : float, default=0.0
        Part of each image's probability, in [0, 1), that the loss spreads over all classes
        (Szegedy et al., "Rethinking the inception architecture", 2016). For the two categorical
        cross-entropies only; above 0, it takes the place of the loss's own.

    augmenter : RandomErasing, keras.layers.Layer, list of them or None, default=None
        What training images pass through, anew in each epoch; images to predict and validation
        images never do: a :class:`~skfashion.preprocessing.RandomErasing` (with
        ``fill_range=(0, 1)`` for pixels in [0, 1]), any other object with a method
        ``augment(images)``, a preprocessing layer of keras such as ``RandomTranslation``, or
        several, one after the other. Each call is given the images of a few batches, about a
        million pixels. Each fit takes copies. Layers, and objects that have a
        ``random_state``, draw from seeds that come from the classifier's; what any other object
        draws from begins each fit, and each :meth:`partial_fit`, as it was given. A search reaches
        the parameters of a single one, as in ``augmenter__p``.

    flips : bool, default=False
        Whether an image and its mirror image are the same to the network: half of the training
        images are mirrored left to right, anew in each epoch, and predictions are averaged over
        both. Set on a fitted classifier, it changes predictions only. Images of height 1 are not
        mirrored; the validation accuracy in ``history_`` is that of the images as they are.

    shifts : int, default=0
        Predictions are averaged over the images as they are and moved by 1 to `shifts` pixels up,
        down, left and right, zeros coming in, which makes them more accurate where training
        moved images too (see `augmenter`), and takes 1 + 4 `shifts` times as long. May be set on a
        fitted classifier. Images of height or width 1 are not moved.

    precision : {"auto", "float32", "float64", "mixed_bfloat16"}, default="auto"
        Arithmetic of the network. "mixed_bfloat16" multiplies in 16 bits and keeps weights, the
        loss and probabilities in 32: twice as fast on processors that have instructions for it.
        "auto": float64 for float64 images; for others mixed_bfloat16 where Linux names such
        instructions of the processor (AVX512-BF16, AMX) and the network gives probabilities in
        single precision, else float32. The last layers of a functional or sequential network, from
        the last with weights on, are kept in float32; one of another kind gives its last layers
        ``dtype="float32"``.

    class_weight : dict, "balanced" or None, default=None
        Weight of each label, multiplied with `sample_weight`; labels left out weigh 1.
        "balanced" weighs them inversely to their frequency.

    early_stopping : bool, default=False
        Whether to stop when the accuracy on validation data no longer improves, and go back to
        the weights of the best epoch, which are kept in memory.

    validation_fraction : float, default=0.1
        Part of the training images, in (0, 1), set aside for `early_stopping`, with classes in
        the same proportions; unless :meth:`fit` is given `validation_data`.

    n_iter_no_change : int or numpy.inf, default=5
        Number of epochs without improvement after which `early_stopping` stops. ``numpy.inf``
        trains for all `epochs`, and goes back to the best.

    callbacks : list of keras.callbacks.Callback or callable, or None, default=None
        Called during training. Each fit works on copies of callbacks, so that clones share nothing
        and these stay as they are; what a callback records for later, let it write to a file.
        A callback that holds something in use elsewhere, such as a progress bar or a trial of
        Optuna's, is refused: in its place, pass a function without arguments that returns a new
        callback, which each fit calls. What the function refers to is not copied.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the weights, the optimizer's state and the history of
        the last one. The network, the loss, the optimizer and its learning rate stay those of
        the first fit, whatever these parameters were set to since; to change the rate, assign to
        ``model_.optimizer.learning_rate``. The "cosine" schedule needs a new optimizer each time.

    checkpoint_dir : str, os.PathLike or None, default=None
        Folder in which :meth:`fit` writes where training stands after each epoch, so that it can be
        stopped at any time, or killed: called again with the same parameters and data, it goes
        on from there and comes to the same weights. Each training has a file of its own, known by
        all that it begins from, so that the fits of a search can share the folder; it is removed
        at the end. `random_state` must be given. What `callbacks` and augmenters of other kinds
        keep to themselves is not written: they begin anew, and a callback that goes by the epochs
        before, such as keras' ``ReduceLROnPlateau``, leads to other weights then.
        :meth:`partial_fit` writes nothing.

    verbose : int or bool, default=0
        0: silent. 1 or more: a progress bar for each epoch.

    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the order of the images, the dropout masks, the validation
        images and what the augmenter draws. An int makes two fits on one machine predict
        identically. The global generators of Python, NumPy and keras are left as they were; None
        draws one seed from NumPy's, as
        everywhere in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    n_classes_ : int
        Number of classes.

    n_features_in_ : int
        Number of pixels (times channels) of an image, for rows and images alike.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where the training data had any.

    image_shape_ : tuple of int
        ``(height, width, channels)`` of the images that the network sees. Rows become a square
        gray image where their length is a square, else a strip of height 1.

    model_ : keras.Model
        The trained network. Where `flips` or `shifts` is set, its own predictions are not those of
        the classifier, which averages over mirrored and moved images; :meth:`save_model` writes a
        model that does the same.

    precision_ : {"float32", "float64", "mixed_bfloat16"}
        Arithmetic of the network.

    keras_classifier_ : scikeras.wrappers.KerasClassifier
        Holds ``model_``; it knows the classes as 0 to ``n_classes_ - 1``.

    history_ : dict of lists
        "loss" and "accuracy" of each epoch, and "val_loss" and "val_accuracy" of those with
        validation data.

    n_iter_ : int
        Number of epochs done, those of earlier fits included under `warm_start` and
        :meth:`partial_fit`.

    n_steps_ : int
        Number of steps of the optimizer, one for each batch, in all these epochs.

    best_epoch_ : int
        Position in ``history_`` of the epoch whose weights were kept. With `early_stopping` only.

    See Also
    --------
    skfashion.make_cnn_pipeline : From pixels of bytes to this classifier, in one pipeline.
    sklearn.neural_network.MLPClassifier : Fully connected networks.

    Notes
    -----
    Integer pixels are cast batch by
    batch, so that the images in memory are not copied.

    Interrupting :meth:`fit` (Ctrl-C) ends training with a warning, as in
    :class:`~sklearn.neural_network.MLPClassifier`; what was learned so far stays, though the epoch
    begun is not counted. It raises ``KeyboardInterrupt`` instead, and the classifier is as it was
    before, in three cases: with `checkpoint_dir`, where training goes on when :meth:`fit` is called
    again; before the end of the first epoch; and where a function of scikit-learn, joblib, dask or
    Optuna has called :meth:`fit`, directly or not, such as a search, a cross-validation or an
    ensemble, whose results a network that is half trained must not enter. Pipelines do not count as
    such.

    The settings that keras has for a whole process (``keras.config``: `floatx`, `dtype_policy`,
    `epsilon`, `image_data_format`) make no difference to networks, and stay as they are. A limit to
    all trainings (``keras.config.set_max_epochs``, ``set_max_steps_per_epoch``) holds here too;
    keras warns of it.

    Rows may hold something else than images, so that built-in architectures cut kernels and pools
    to fit when rows are too short for them; images that are too small are an error.

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
        "depth": [Interval(Integral, 0, None, closed="left"), None],
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
        "warmup": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "ema_momentum": [Interval(Real, 0, 1, closed="neither"), None],
        "loss": [str, callable],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "augmenter": [HasMethods("augment"), HasMethods("get_config"), list, tuple, None],
        "flips": ["boolean"],
        "shifts": [Interval(Integral, 0, None, closed="left")],
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
        architecture="three_conv",
        *,
        filters=None,
        depth=None,
        kernel_size=None,
        dense_units=None,
        dropout=None,
        batch_normalization=None,
        epochs=20,
        batch_size=128,
        optimizer="adam",
        learning_rate=None,
        learning_rate_schedule="constant",
        warmup=0.1,
        weight_decay=None,
        ema_momentum=None,
        loss="sparse_categorical_crossentropy",
        label_smoothing=0.0,
        augmenter=None,
        flips=False,
        shifts=0,
        precision="auto",
        class_weight=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        callbacks=None,
        warm_start=False,
        checkpoint_dir=None,
        verbose=0,
        random_state=None,
    ):
        self.architecture = architecture
        self.filters = filters
        self.depth = depth
        self.kernel_size = kernel_size
        self.dense_units = dense_units
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.warmup = warmup
        self.weight_decay = weight_decay
        self.ema_momentum = ema_momentum
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.augmenter = augmenter
        self.flips = flips
        self.shifts = shifts
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
    def fit(self, X, y, sample_weight=None, validation_data=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels: finite, real, dense.

        y : array-like of shape (n,)
            Labels: strings, integers or booleans, at least two different ones.

        sample_weight : array-like of shape (n,), default=None
            Weights, at least 0 and not all 0. Images of weight 0 are left out.

        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Evaluated after each epoch, and what `early_stopping` goes by if it is set. In a
            pipeline, these images do not pass through the steps before.

        Returns
        -------
        self : KerasCNNClassifier
            The trained classifier. After an error, it is as it was before.

        Raises
        ------
        ValueError
            If the images, labels or weights are not as above, if the images are too small for
            the architecture, or if training diverges.
        """
        if self.checkpoint_dir is not None and self.random_state is None:
            raise ValueError(
                "checkpoint_dir needs random_state: without it, no two trainings are the same, so "
                "that none can go on where another stopped. Set random_state, for example to 0."
            )
        context = begin_fit(self, self.epochs if isinstance(self.epochs, Integral) else None)
        callback_data = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        with unchanged_on_error(self):
            first_pass = not (self.warm_start and hasattr(self, "_network"))
            rows, y = self._validate_training(X, y, first_pass)
            self._set_classes(unique_labels(y)[0], first_pass)
            samples = Samples.encode(rows, y, sample_weight, self.classes_)
            training, validation = self._split(samples, validation_data)
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
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on some images, going on from where training is.

        The network, the loss, the optimizer and its learning rate are those of the first call.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels: finite, real, dense.

        y : array-like of shape (n,)
            Labels, all of them among `classes`.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come. Needed in the first call, may be left out later.

        sample_weight : array-like of shape (n,), default=None
            Weights, at least 0 and not all 0.

        Returns
        -------
        self : KerasCNNClassifier
            The classifier. After an error, it is as it was before.

        Raises
        ------
        ValueError
            As :meth:`fit`, and if `classes` are missing in the first call or differ later, or
            with ``early_stopping=True`` or ``class_weight="balanced"``, which need all images.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not support class_weight='balanced', which needs all labels: "
                "compute the weights from them and pass class_weight as a dict."
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

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels, as many an image as in training; rows and images are both taken.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Each row sums to 1; columns in the order of ``classes_``. float64 where training was
            in float64, else float32.

        Raises
        ------
        ValueError
            If the images are not those that the network was trained for, their pixels are too
            large for it, or `flips` or `shifts` was set to what cannot be used.
        """
        check_is_fitted(self)
        return self._predict(X, lambda model: model, self.n_classes_)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels, as many an image as in training; rows and images are both taken.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Natural logarithms of what :meth:`predict_proba` returns; minus infinity for 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def transform(self, X):
        """Return what the network makes of each image before it tells the classes.

        These are the numbers that the last dense layer is given: images that look alike to the
        network are close to each other, so that nearest neighbours among them are similar items.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels, as many an image as in training; rows and images are both taken.

        Returns
        -------
        ndarray of shape (n, n_features_out)
            As many numbers as the last dense layer takes: 128 for "residual", 64 for "three_conv",
            as they are by default. Averaged over the same mirrored and moved images as
            predictions. float64 where training was in float64, else float32.

        Raises
        ------
        ValueError
            As :meth:`predict_proba`, and if the network is not of layers that end in a dense one.

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

    def predict(self, X):
        """Return the most probable label of each image.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, height, width) or (n, height, width, channels)
            Pixels, as many an image as in training; rows and images are both taken.

        Returns
        -------
        ndarray of shape (n,)
            Labels from ``classes_``; the first of those that are equally probable.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    @property
    def model_(self):
        """The trained network, a ``keras.Model`` that no other classifier runs on."""
        return self.keras_classifier_.model_

    @property
    def keras_classifier_(self):
        """The ``scikeras.wrappers.KerasClassifier`` that holds the network."""
        if not hasattr(self, "_network"):
            raise AttributeError(f"This {type(self).__name__} has no network yet: call fit first.")
        return self._network.detach()

    def save_model(self, path):
        """Write the network to a file from which keras alone loads it.

        The model takes images with pixels scaled as in training, and returns the probabilities that
        :meth:`predict_proba` returns, in the order of ``classes_``: where `flips` or `shifts` is
        set, it averages over the same mirrored and moved images. It computes in float32, or in
        float64 where training did, and comes without the optimizer. To keep the whole classifier,
        or the pipeline that it is in, use pickle, joblib or skops.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            Ends in ``.keras``, or in ``.h5`` or ``.hdf5`` for keras' older format, which cannot
            hold an average over mirrored and moved images. A file that is there, or that a link
            there leads to, is replaced, once the new one is whole, and the new one takes its mode.

        Raises
        ------
        ValueError
            If the path ends in anything else, or in ``.h5`` or ``.hdf5`` while `flips` or `shifts`
            is set.
        """
        check_is_fitted(self)
        is_average = bool(self._effective_flip() or self._effective_shifts())
        save_model(self._plain_model(self._dtype), path, is_average=is_average)

    def _plain_model(self, precision):
        self._check_views()
        return plain_model(
            *self._network.model_and_weights(),
            image_shape=self.image_shape_,
            views=partial(self._views, pad=load_keras().ops.pad),
            precision=precision,
        )

    def _export_onnx(self, path, steps):
        check_is_fitted(self)
        export_onnx(
            path,
            self._plain_model("float32"),
            steps,
            image_shape=self.image_shape_,
            classes=self.classes_,
        )

    def __getstate__(self):
        state = super().__getstate__()
        return {**state, **{name: pack_parameters(state[name]) for name in _KERAS_PARAMETERS}}

    def __sklearn_clone__(self):
        # The parameters that are keras' without its own copies of layers, which draw from Python's
        # global generator; callbacks as they are, as each fit copies them, or says why it cannot.
        apart = {name: pack_parameters(vars(self)[name]) for name in _KERAS_PARAMETERS}
        rest = object.__new__(type(self))
        vars(rest).update(vars(self), callbacks=None, **dict.fromkeys(apart))
        cloned = super(KerasCNNClassifier, rest).__sklearn_clone__()
        vars(cloned).update(clone(apart, safe=False), callbacks=self.callbacks)
        return cloned

    @property
    def _n_features_out(self):
        """Number of columns of what `transform` returns, by which scikit-learn names them."""
        with self._network.predicting() as model:
            return embedding_of(model).output_shape[-1]

    def _predict(self, X, part_of, n_outputs):
        """Return the outputs of a part of the network, averaged over all views of each image."""
        self._check_views()
        rows, _ = validate_images(self, X, reset=False)
        check_largest(rows, self._dtype)
        compare_scale(self, rows, reset=False)
        outputs = np.empty((len(rows), n_outputs), dtype=self._dtype)
        with self._network.predicting() as model, running():
            network = part_of(model)
            for start in range(0, len(rows), _PREDICTION_BATCH):
                answer()
                part = slice(start, start + _PREDICTION_BATCH)
                images = rows[part].reshape(-1, *self.image_shape_).astype(self._dtype, copy=False)
                predicted = [network.predict_on_batch(view) for view in self._views(images)]
                outputs[part] = np.mean(predicted, axis=0, dtype=self._dtype)
        if not np.isfinite(outputs).all():
            raise ValueError(
                "The network made numbers of X that are not finite: scale X as the training images "
                f"were scaled. Its pixels go up to {max(rows.max(), -rows.min()):.2g}."
            )
        return outputs

    @property
    def _dtype(self):
        """Type of images and probabilities."""
        return "float64" if self.precision_ == "float64" else "float32"

    def _validate_training(self, X, y, first_pass):
        """Return rows of pixels and labels; learn what they tell in the first pass."""
        check_not_one_hot(y)
        (rows, y), image_shape = validate_images(self, X, y=y, reset=first_pass)
        check_classification_targets(y)
        compare_scale(self, rows, reset=first_pass)
        if first_pass:
            self.image_shape_ = image_shape or infer_image_shape(self.n_features_in_)
            self._from_rows = image_shape is None
            self.precision_ = choose_precision(self.precision, rows.dtype)
            self._seed = check_random_state(self.random_state).randint(_MAX_SEED)
            self.history_, self.n_iter_, self.n_steps_ = {}, 0, 0
        check_largest(rows, self._dtype)
        self._check_views()
        answer()
        return rows, y

    def _set_classes(self, classes, first_pass):
        if first_pass:
            _check_several(classes)
            self.classes_ = classes
            self.n_classes_ = len(classes)
        elif not np.array_equal(classes, self.classes_):
            raise ValueError(
                "Training can only go on with the classes it began with, "
                f"{self.classes_.tolist()}; got {classes.tolist()}."
            )

    def _split(self, samples, validation_data):
        """Return samples to train on, and those to validate with or None."""
        training = samples.apply_class_weight(self.class_weight, self.classes_)
        _check_several(self.classes_[np.unique(samples.codes[training.indices])])
        if validation_data is not None:
            return training, self._encode_validation(validation_data)
        if not self.early_stopping:
            return training, None
        training, validation = training.split_validation(self.validation_fraction, self._seed)
        # Class weights are for training only.
        return training, replace(validation, weights=samples.weights)

    def _train(self, settings, training, validation, first_pass, context=None, callback_data=None):
        """Train the network, a new one in the first pass, and learn what came of it."""
        check_process()
        # Imported here, as they load keras.
        from .training._sklearn_callbacks import EpochTasks
        from .training._trainer import Trainer

        trainer = Trainer(settings, None if first_pass else self._network)
        self._network = trainer.network
        self.precision_ = trainer.network.precision
        tasks = None
        if context is not None:
            tasks = EpochTasks(context, self, self._network, **callback_data)
        result = trainer.run(training, validation, tasks)
        for name, values in result.history.items():
            self.history_[name] = self.history_.get(name, []) + values
        self.n_iter_ = len(self.history_.get("loss", []))
        self.n_steps_ += result.n_steps
        vars(self).pop("best_epoch_", None)
        if result.best_epoch is not None:
            self.best_epoch_ = result.best_epoch

    def _check_views(self):
        # Before predictions too, as these two may have been set since training.
        names = ("flips", "shifts")
        validate_parameter_constraints(
            {name: self._parameter_constraints[name] for name in names},
            {name: getattr(self, name) for name in names},
            caller_name=type(self).__name__,
        )
        height, width, _ = self.image_shape_
        if self._effective_shifts() and self.shifts >= min(height, width):
            raise ValueError(
                f"shifts must be less than the sides of the images, {height} x {width} pixels; got "
                f"{self.shifts}."
            )

    def _views(self, images, pad=np.pad):
        return tta_views(images, self._effective_flip(), self._effective_shifts(), pad)

    def _effective_flip(self):
        return self.flips and self.image_shape_[0] > 1

    def _effective_shifts(self):
        return self.shifts if min(self.image_shape_[:2]) > 1 else 0

    def _encode_validation(self, validation_data):
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            length = f" of {len(validation_data)}" if hasattr(validation_data, "__len__") else ""
            raise ValueError(
                "validation_data must be a tuple (X, y) or (X, y, sample_weight), got a "
                f"{type(validation_data).__name__}{length}."
            )
        X, y, *sample_weight = validation_data
        try:
            rows, _ = validate_images(self, X, reset=False)
            check_largest(rows, self._dtype)
            compare_scale(self, rows, reset=False, name="X of validation_data")
            check_not_one_hot(y)
            y = column_or_1d(y)
            assert_all_finite(y, input_name="y")
            check_classification_targets(y)
            check_consistent_length(rows, y)
            return Samples.encode(rows, y, *(sample_weight or [None]), self.classes_)
        except ValueError as error:
            raise ValueError(f"validation_data cannot be used: {error}") from error

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
