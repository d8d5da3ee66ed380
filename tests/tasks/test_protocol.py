"""The tasks of the package keep to the protocol."""

from ecojax.tasks import ImageClassification
from ecojax.testing import check_task


def test_image_classification(make_dataset) -> None:
    check_task(ImageClassification(make_dataset(), ["linear"], "float32", epochs=2, inference_batch=4))
