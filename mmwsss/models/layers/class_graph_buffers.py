"""A class graph as buffers of a model.

Shape letters: C classes of the graph, M nodes (C, or C + 1 with a background node),
E word vector channels.
"""
from os import PathLike
from typing import Optional, Sequence, Tuple, Union

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmwsss.knowledge import ClassGraph

from .adjacency import coupling, normalize_adjacency

GraphSource = Union[ClassGraph, str, PathLike]

EMBEDDINGS = ('graph', 'random', 'learned', 'none')


class ClassGraphBuffers(nn.Module):
    """Normalised relations and word vectors of the classes, kept in the checkpoint.

    Both are persistent buffers, so a trained model needs no knowledge files: where the graph file
    is missing at build time, empty buffers are made and the checkpoint fills them.
    Training without the file is refused by ``require``.

    Args:
        graph (ClassGraph | str): a graph, ``'voc'``, ``'coco'`` or the path of an npz file.
        adjacency (str): see :func:`normalize_adjacency`.
        classes (sequence of str, optional): foreground classes in label order; the graph is put
            in this order by name.
        num_classes (int, optional): classes of the segmentation head. Must be C, or C + 1 with
            the background as class 0.
        with_background (bool): add an isolated background node in front if ``num_classes`` is
            C + 1. It has no word vector (zeros).
        embeddings (str): ``'graph'``: the word vectors; controls: ``'random'`` (seeded normal
            vectors of the same mean norm), ``'learned'`` (word vectors as start values of a
            parameter), ``'none'`` (zeros).
        embedding_channels (int): E of the empty buffers where the file is missing.

    Attributes:
        class_names (tuple of str | None): node order without the background; None if the graph
            file is missing.

    Raises:
        ValueError: if ``num_classes`` does not fit the graph, or an option is unknown.
        KeyError: from ``ClassGraph.align``, for a class that the graph does not know.
    """

    def __init__(self,
                 graph: GraphSource,
                 adjacency: str = 'zero_diag',
                 classes: Optional[Sequence[str]] = None,
                 num_classes: Optional[int] = None,
                 with_background: bool = False,
                 embeddings: str = 'graph',
                 embedding_channels: int = 300) -> None:
        super().__init__()
        if embeddings not in EMBEDDINGS:
            raise ValueError(f'embeddings={embeddings!r} is unknown; use one of {EMBEDDINGS}')
        self.source = graph if isinstance(graph, (str, PathLike)) else repr(graph)
        self.mode = adjacency
        self.class_names: Optional[Tuple[str, ...]] = None
        loaded = _load(graph, classes)
        if loaded is None:
            relations_cc, words_ce = _placeholder(self.source, classes, num_classes,
                                                  embedding_channels)
        else:
            self.class_names = tuple(loaded.names)
            relations_cc = torch.as_tensor(loaded.relations, dtype=torch.float64)
            words_ce = torch.as_tensor(loaded.embeddings, dtype=torch.float32)
        num_nodes = len(words_ce)
        has_background = _has_background(num_nodes, num_classes, self.source)
        matrix_mm = normalize_adjacency(relations_cc, adjacency).float()
        self.coupling = coupling(matrix_mm)
        words_ce = _choose_embeddings(words_ce, embeddings)
        if with_background and has_background:
            matrix_mm = torch.block_diag(torch.ones(1, 1), matrix_mm)
            words_ce = torch.cat([torch.zeros_like(words_ce[:1]), words_ce])
        self.register_buffer('adjacency', matrix_mm)
        if embeddings == 'learned':
            self.embeddings = nn.Parameter(words_ce)
        else:
            self.register_buffer('embeddings', words_ce)
        self.filled = loaded is not None

    @property
    def num_nodes(self) -> int:
        """M."""
        return self.embeddings.shape[0]

    @property
    def embedding_channels(self) -> int:
        """E."""
        return self.embeddings.shape[1]

    def require(self) -> None:
        """Raise ``FileNotFoundError`` if neither a file nor a checkpoint has given the graph."""
        if not self.filled:
            raise FileNotFoundError(
                f'class graph {str(self.source)!r} is missing: build it with '
                'tools/build_class_graph.py, or load a checkpoint that holds it')

    def widen(self, channels: int) -> None:
        """Make the empty word vectors (M, ``channels``), before a checkpoint fills them."""
        words_me = self.embeddings.detach().new_zeros(self.num_nodes, channels)
        learned = isinstance(self.embeddings, nn.Parameter)
        self.embeddings = nn.Parameter(words_me) if learned else words_me

    def log_coupling(self) -> None:
        """One line that says how much of a graph there is."""
        print_log(
            f'class graph {str(self.source)!r}, adjacency {self.mode!r}: {self.num_nodes} nodes, '
            f'{100 * self.coupling:.2f} % of a row couples to other classes', logger='current')

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        if prefix + 'adjacency' in state_dict and prefix + 'embeddings' in state_dict:
            self.filled = True

    def forward(self) -> Tuple[Tensor, Tensor]:
        """
        Returns:
            tuple[Tensor, Tensor]: word vectors (M, E) and normalised relations (M, M).
        """
        self.require()
        return self.embeddings, self.adjacency

    def extra_repr(self) -> str:
        return (f'source={str(self.source)!r}, adjacency={self.mode!r}, nodes={self.num_nodes}, '
                f'coupling={self.coupling:.4f}')


def _load(graph: GraphSource, classes: Optional[Sequence[str]]) -> Optional[ClassGraph]:
    """The graph in the order of ``classes``; None where its file is missing."""
    if not isinstance(graph, ClassGraph):
        try:
            graph = ClassGraph.load(graph)
        except FileNotFoundError as error:
            print_log(f'{error}: its place is kept empty until a checkpoint fills it',
                      logger='current')
            return None
    return graph if classes is None else graph.align(classes)


def _placeholder(source, classes, num_classes, embedding_channels) -> Tuple[Tensor, Tensor]:
    """Zeros of the right shape for a graph whose file is missing."""
    if classes is None and num_classes is None:
        raise FileNotFoundError(
            f'class graph {str(source)!r} is missing, and without num_classes or classes its size '
            'is unknown: build it with tools/build_class_graph.py')
    num_nodes = len(classes) if classes is not None else num_classes - 1
    return (torch.zeros(num_nodes, num_nodes, dtype=torch.float64),
            torch.zeros(num_nodes, embedding_channels))


def _has_background(num_nodes: int, num_classes: Optional[int], source) -> bool:
    """Whether class 0 of the head is a background that the graph does not have."""
    if num_classes is None:
        return False
    if num_classes not in (num_nodes, num_nodes + 1):
        raise ValueError(
            f'the head has num_classes={num_classes}, class graph {str(source)!r} has {num_nodes} '
            f'classes: set num_classes to {num_nodes + 1} (background first) or {num_nodes}, or '
            'name the classes of the data set with classes=[...]')
    return num_classes == num_nodes + 1


def _choose_embeddings(words_ce: Tensor, kind: str) -> Tensor:
    if kind == 'none':
        return torch.zeros_like(words_ce)
    if kind == 'random':
        noise_ce = torch.randn(words_ce.shape, generator=torch.Generator().manual_seed(0))
        return noise_ce * words_ce.norm(dim=1).mean() / words_ce.shape[1]**0.5
    return words_ce.clone()
