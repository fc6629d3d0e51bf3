"""The share of images in which an embedded absent class is predicted."""
import pytest
from mmengine.registry import METRICS

import mmwsss  # noqa: F401


def metric():
    return METRICS.build(dict(type='EmbeddingLeak'))


def test_share_of_the_images_that_were_tested():
    made = metric()
    made.process({}, [dict(embedding_leak=True), dict(other=1), dict(embedding_leak=False)])
    made.process({}, [dict(embedding_leak=True), dict(embedding_leak=True)])
    made.process({}, [dict()])
    assert made.evaluate(6) == {'leak/absent_predicted': pytest.approx(75.)}


def test_nothing_where_nothing_was_tested():
    made = metric()
    assert made.compute_metrics([]) == {}
