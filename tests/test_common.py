"""scikit-learn's own checks, on every estimator of the package."""

import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator,
    check_estimator_cloneable,
    check_estimator_repr,
    check_estimator_tags_renamed,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_valid_tag_types,
    parametrize_with_checks,
)

import skfashion
from skfashion import (
    FashionMNISTLoader,
    ImageEncoder,
    ImageLoader,
    ImageReshaper,
    KerasCNNClassifier,
    PixelScaler,
    RandomErasing,
    VectorizedKNNClassifier,
    make_cnn_pipeline,
)
from skfashion.neural_network._presets import PRESETS
from skfashion.neural_network.architectures._write_ups import ARCHITECTURES

DROPOUT = {
    "check_sample_weight_equivalence_on_dense_data": (
        "dropout masks are drawn for each row of a batch, so a row given twice is masked twice, "
        "a row of weight 2 once"
    )
}
NORMALIZATION = {
    "check_sample_weight_equivalence_on_dense_data": (
        "batch normalization takes the mean and variance of all rows of a batch alike, so a row of "
        "weight 2 counts once, a row given twice counts twice"
    )
}
ESTIMATORS = {
    KerasCNNClassifier(): {},
    ImageEncoder(image_size=32): {},
    ImageReshaper(): {},
    PixelScaler(): {},
    PixelScaler(dtype=None): {},
    PixelScaler(pixel_range=(-10, 300), clip=True): {},
    RandomErasing(): {},
    RandomErasing(1, fill_range=(-1, 1), pixel_level=True, random_state=0): {},
    VectorizedKNNClassifier(): {},
    VectorizedKNNClassifier(1, weights="distance", metric="sqeuclidean", n_jobs=2): {},
    VectorizedKNNClassifier(3, metric="cosine"): {},
    # With fewer and smaller layers, and fewer epochs: more of the same take minutes.
    KerasCNNClassifier("small_resnet", blocks_per_stage=1, filters=(8, 16)): NORMALIZATION,
    **{
        make_cnn_pipeline(
            preset, blocks_per_stage=1, filters=(8, 16), epochs=min(settings["epochs"][0], 10)
        )["cnn"]: NORMALIZATION
        for preset, settings in PRESETS.items()
    },
    KerasCNNClassifier("one_conv_dropout"): DROPOUT,
    KerasCNNClassifier("three_conv_dropout"): DROPOUT,
    KerasCNNClassifier("two_conv_dropout"): DROPOUT,
}
# Of an estimator that takes files, scikit-learn leaves out all checks, as most pass it numbers.
OF_FILES = [
    ImageLoader(),
    ImageLoader((20, 30), resize="pad", background="#102030", n_jobs=2),
    FashionMNISTLoader(),
    FashionMNISTLoader((64, 48, 3), background="dark", trim=None),
]
CHECKS_WITHOUT_AN_ARRAY = [
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator_cloneable,
    check_estimator_repr,
    check_estimator_tags_renamed,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_valid_tag_types,
]


def expected_failures(estimator):
    # Estimators are cloned before they get here, so they are told apart by their parameters.
    return next(reasons for known, reasons in ESTIMATORS.items() if repr(known) == repr(estimator))


def is_network(estimator):
    return isinstance(estimator, KerasCNNClassifier)


@parametrize_with_checks(
    [estimator for estimator in ESTIMATORS if not is_network(estimator)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_accepts(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [estimator for estimator in ESTIMATORS if is_network(estimator)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_accepts_networks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", CHECKS_WITHOUT_AN_ARRAY)
@pytest.mark.parametrize("estimator", OF_FILES)
def test_scikit_learn_accepts_what_takes_files(estimator, check):
    check(type(estimator).__name__, estimator)


@pytest.mark.parametrize("estimator", OF_FILES)
def test_scikit_learn_knows_that_it_takes_no_array(estimator):
    with pytest.warns(SkipTestWarning, match="requires input"):
        assert not [r for r in check_estimator(estimator) or [] if r["status"] == "failed"]


def test_every_estimator_is_checked_and_the_defaults_have_no_expected_failure():
    public = {getattr(skfashion, name) for name in skfashion.__all__}
    classes = {c for c in public if isinstance(c, type) and issubclass(c, BaseEstimator)}
    assert {type(estimator) for estimator in [*ESTIMATORS, *OF_FILES]} == classes
    checked = {e.architecture for e in ESTIMATORS if is_network(e)}
    assert checked == set(ARCHITECTURES)
    for cls in classes - {type(estimator) for estimator in OF_FILES}:
        # Of the encoder, smaller images: those of the default take minutes.
        default = cls(image_size=32) if cls is ImageEncoder else cls()
        assert expected_failures(default) == {}


@pytest.mark.parametrize("estimator", [KerasCNNClassifier(), VectorizedKNNClassifier()])
def test_the_defaults_are_deterministic_classifiers(estimator):
    tags = estimator.__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert not tags.non_deterministic
    assert not tags.classifier_tags.poor_score
