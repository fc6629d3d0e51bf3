"""Small class graphs for tests, made without any file."""
import numpy as np

from mmwsss.knowledge import ClassGraph

NAMES = ('cat', 'dog', 'sofa', 'car', 'bus')


def small_graph(num_classes: int = 5, channels: int = 7, seed: int = 0) -> ClassGraph:
    """A random symmetric graph with a strong diagonal, as random walks give it."""
    rng = np.random.default_rng(seed)
    relations = rng.uniform(0, 0.1, (num_classes, num_classes))
    relations = (relations + relations.T) / 2
    np.fill_diagonal(relations, rng.uniform(0.2, 0.4, num_classes))
    names = NAMES[:num_classes] if num_classes <= 5 else [f'c{i}' for i in range(num_classes)]
    words = rng.normal(size=(num_classes, channels)).astype(np.float32)
    return ClassGraph(names=names, relations=relations, embeddings=words, provenance={})
