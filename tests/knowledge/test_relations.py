import numpy as np
import pytest

from mmwsss.knowledge import (
    ClassGraph,
    conditional_probabilities,
    cooccurrence_relations,
    identity_relations,
    random_relations,
)


def slow_cooccurrence(labels, threshold, reweight):
    size = labels.shape[1]
    relations = np.zeros((size, size))
    for i in range(size):
        images = [row for row in labels if row[i]]
        partners = [j for j in range(size) if j != i and images
                    and sum(row[j] for row in images) / len(images) >= threshold]
        for j in partners:
            relations[i, j] = reweight / len(partners)
        relations[i, i] = 1 - reweight if partners else 1
    return relations


def test_cooccurrence_is_ml_gcns():
    labels = (np.random.default_rng(0).random((60, 7)) < 0.35).astype(int)
    labels[:, 6] = 0
    for threshold, reweight in ((0.4, 0.2), (0.3, 0.5), (1.0, 0.2)):
        expected = slow_cooccurrence(labels, threshold, reweight)
        found = cooccurrence_relations(labels, threshold, reweight)
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(found.sum(axis=1), 1)


def slow_conditional(labels):
    """By counting images."""
    size = labels.shape[1]
    given = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            both = sum(1 for row in labels if row[i] and row[j])
            alone = sum(1 for row in labels if row[i])
            given[i, j] = both / alone if alone else 0
        given[i, i] = 1
    return given


def test_conditional_and_symmetric_forms():
    labels = np.random.default_rng(1).random((40, 6)) < 0.3
    labels[:, 5] = False  # a class that no image shows
    expected = slow_conditional(labels)
    assert (expected != expected.T).any()
    np.testing.assert_allclose(conditional_probabilities(labels), expected)
    np.testing.assert_allclose(cooccurrence_relations(labels, form='conditional'), expected)
    found = cooccurrence_relations(labels, form='symmetric')
    for i in range(6):
        for j in range(6):
            assert found[i, j] == pytest.approx((expected[i, j] * expected[j, i])**0.5)
    np.testing.assert_array_equal(found[5], np.eye(6)[5])


def test_shipped_voc_cooccurrence_knows_tables_and_chairs():
    graph, walk = ClassGraph.load('voc_cooccurrence'), ClassGraph.load('voc')
    assert graph.names == walk.names
    np.testing.assert_array_equal(graph.embeddings, walk.embeddings)
    np.testing.assert_array_equal(graph.relations, graph.relations.T)
    assert graph.provenance['relations']['images'] == 10582
    weight = graph.relations - np.eye(20)
    strongest = np.unravel_index(weight.argmax(), weight.shape)
    assert {graph.names[i] for i in strongest} == {'chair', 'diningtable'}


@pytest.mark.parametrize('labels, kwargs, message', [
    (np.ones(3), {}, 'images, classes'), (np.full((2, 2), 2), {}, '0 or 1'),
    (np.ones((2, 2)), dict(threshold=0), 'threshold=0'),
    (np.ones((2, 2)), dict(reweight=1), 'reweight=1'),
    (np.ones((2, 2)), dict(form='pmi'), "form='pmi' is unknown"),
])
def test_bad_labels(labels, kwargs, message):
    with pytest.raises(ValueError, match=message):
        cooccurrence_relations(labels, **kwargs)


def test_controls():
    np.testing.assert_array_equal(identity_relations(3), np.eye(3))
    found = random_relations(6, seed=1)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diagonal(found), 1)
    np.testing.assert_array_equal(found, random_relations(6, seed=1))
    assert (found != random_relations(6, seed=2)).any()
    dealt = random_relations(6, seed=3, like=found)
    upper = np.triu_indices(6, 1)
    np.testing.assert_array_equal(np.sort(dealt[upper]), np.sort(found[upper]))
    assert (dealt != found).any() and (dealt == dealt.T).all()
    with pytest.raises(ValueError, match='symmetric'):
        random_relations(6, like=np.eye(5))
    with pytest.raises(ValueError, match='at least 1'):
        identity_relations(0)
