"""The operator's image, built as the repo's own Dockerfile says and unpacked."""

import pytest

import image as image_builder
import machine
from container import Image, unpack


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Where it cannot be built its tests are skipped, but never in CI."""
    if (why := image_builder.objection()) is not None:
        if machine.is_required():
            pytest.fail(why)
        pytest.skip(why)
    return unpack(image_builder.archive(), tmp_path_factory.mktemp("image"))
