"""Graph reasoning mapping (GRM): class knowledge brought into a feature map.

Source: grm.txt §3.4, Fig. 5, Eq. 7-8. Shape letters: B batch, D channels, H, W map size,
N = H * W pixels, M nodes, S node channels, K classes of the head.
"""
from typing import Optional, Sequence, Tuple

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from .class_graph_buffers import ClassGraphBuffers, GraphSource
from .compatibility import AdditiveScore, BilinearScore, SeparableScore, normalize_scores
from .node_encoders import FixedNodes, GatheredNodes, PublishedNodes

MODES = ('reference', 'bilinear', 'additive')
NODES = ('fixed', 'gathered', 'coarse')
NORMALIZE = ('pixels', 'nodes')


@MODELS.register_module()
class GraphReasoningMapping(BaseModule):
    """x + mapping of class nodes onto pixels; a module between features and pixel classifier.

    ``mode='reference'`` is the published layer exactly: Eq. 7 as a 1x1 convolution on [x_i, v] to
    one scalar, a softmax over pixels, Eq. 8. Its output is x + relu(h (sum_v v')^T) with one
    map h for all nodes: rank 1, whatever the graph. The other modes make pixels and nodes
    interact. ``nodes`` decides whether there is anything to bring: with ``'fixed'`` nodes the
    output at a pixel depends on that pixel alone (up to one normaliser), with ``'gathered'`` and
    ``'coarse'`` on the whole image. docs/grm.md derives this, docs/results.md measures it.

    Args:
        in_channels (int): D.
        graph (ClassGraph | str): ``'voc'``, ``'coco'`` or an npz file, see
            :class:`ClassGraphBuffers` for this and for ``classes``, ``embeddings``,
            ``embedding_channels``.
        mode (str): score of a pixel and a node: ``'reference'``, ``'bilinear'`` or ``'additive'``.
        nodes (str, optional): ``'fixed'`` (word vectors alone), ``'gathered'`` (with features
            collected by a free soft assignment) or ``'coarse'`` (collected by a class map with
            its own loss, to which a background node belongs). Default: fixed for the reference,
            else coarse.
        normalize (str, optional): softmax over ``'pixels'`` or ``'nodes'``. Default: pixels for
            the reference, else nodes.
        adjacency (str, optional): see :func:`normalize_adjacency`. Default: ``'paper'`` for the
            reference, else ``'zero_diag'``.
        hidden_channels (int, optional): S. Default: D for the reference, else 128.
        dropout (float): on hidden nodes, in training only. Default 0.3.
        num_classes (int, optional): K, with the background as class 0 if it is one more than the
            graph has. Default: the classes of the graph, without a background.
        score_channels (int): of the additive score.

    Raises:
        ValueError: for an unknown option or one that the reference does not have.
    """

    def __init__(self,
                 in_channels: int,
                 graph: GraphSource = 'voc',
                 mode: str = 'bilinear',
                 nodes: Optional[str] = None,
                 normalize: Optional[str] = None,
                 adjacency: Optional[str] = None,
                 hidden_channels: Optional[int] = None,
                 dropout: float = 0.3,
                 num_classes: Optional[int] = None,
                 classes: Optional[Sequence[str]] = None,
                 embeddings: str = 'graph',
                 embedding_channels: int = 300,
                 score_channels: int = 32,
                 init_cfg=None) -> None:
        super().__init__(init_cfg=init_cfg)
        published = mode == 'reference'
        nodes = nodes or ('fixed' if published else 'coarse')
        normalize = normalize or ('pixels' if published else 'nodes')
        _check_options(mode, nodes, normalize)
        self.in_channels = in_channels
        self.mode, self.nodes, self.normalize = mode, nodes, normalize
        self.graph = ClassGraphBuffers(
            graph, adjacency or ('paper' if published else 'zero_diag'), classes, num_classes,
            with_background=nodes == 'coarse', embeddings=embeddings,
            embedding_channels=embedding_channels)
        hidden_channels = hidden_channels or (in_channels if published else 128)
        if published:
            self._build_published(hidden_channels, dropout)
        else:
            self._build_working(hidden_channels, dropout, num_classes, score_channels)

    def _build_published(self, hidden_channels: int, dropout: float) -> None:
        self.encoder = PublishedNodes(self.graph.embedding_channels, hidden_channels,
                                      self.in_channels, dropout)
        self.score = SeparableScore(self.in_channels)

    def _build_working(self, channels: int, dropout: float, num_classes: Optional[int],
                       score_channels: int) -> None:
        words = self.graph.embedding_channels
        if self.nodes == 'fixed':
            self.encoder = FixedNodes(words, channels, dropout)
        else:
            supervised = (num_classes or self.graph.num_nodes) if self.nodes == 'coarse' else None
            self.encoder = GatheredNodes(self.in_channels, self.graph.num_nodes, words, channels,
                                         dropout, supervised)
        if self.mode == 'bilinear':
            self.score = BilinearScore(self.in_channels, channels)
        else:
            self.score = AdditiveScore(self.in_channels, channels, score_channels)
        self.value = nn.Linear(channels, self.in_channels)

    @property
    def class_names(self) -> Optional[Tuple[str, ...]]:
        """Classes of the graph in node order, without the background; None without its file."""
        return self.graph.class_names

    def init_weights(self) -> None:
        """Refuse to train on a graph that is missing, and say how much of a graph there is."""
        self.graph.require()
        self.graph.log_coupling()
        super().init_weights()

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        """The empty place of a missing graph file takes the width that the checkpoint has."""
        words = state_dict.get(f'{prefix}graph.embeddings')
        if not self.graph.filled and words is not None:
            channels = words.shape[-1]
            if channels != self.graph.embedding_channels:
                self.graph.widen(channels)
                self.encoder.widen(channels)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def reason(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """
        Args:
            x (Tensor): (B, D, H, W).

        Returns:
            tuple[Tensor, Tensor | None]: the evolved map (B, D, H, W); and, for coarse nodes, the
            class map (B, K, H, W) that gathered them, to be trained with its own loss.
        """
        if self.mode == 'reference':
            return self._published(x), None
        words_me, adjacency_mm = self.graph()
        nodes, coarse = self.encoder(x, words_me, adjacency_mm)
        weights_bmn = normalize_scores(self.score(x, nodes), self.normalize)
        context_bdn = self.value(nodes).transpose(-1, -2) @ weights_bmn
        return x + context_bdn.reshape(x.shape), coarse

    def _published(self, x: Tensor) -> Tensor:
        words_me, adjacency_mm = self.graph()
        nodes_md = self.encoder(words_me, adjacency_mm)
        weights_bmn = normalize_scores(self.score(x, nodes_md), 'pixels', keep_scale=False)
        return x + (nodes_md.transpose(0, 1) @ weights_bmn).relu().reshape(x.shape)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, D, H, W)."""
        return self.reason(x)[0]

    def extra_repr(self) -> str:
        return (f'in_channels={self.in_channels}, mode={self.mode!r}, nodes={self.nodes!r}, '
                f'normalize={self.normalize!r}')


def _check_options(mode: str, nodes: str, normalize: str) -> None:
    for name, value, known in (('mode', mode, MODES), ('nodes', nodes, NODES),
                               ('normalize', normalize, NORMALIZE)):
        if value not in known:
            raise ValueError(f'{name}={value!r} is unknown; use one of {known}')
    if mode == 'reference' and (nodes, normalize) != ('fixed', 'pixels'):
        raise ValueError("mode='reference' is the published layer, which has nodes='fixed' and "
                         f"normalize='pixels' only; got nodes={nodes!r}, normalize={normalize!r}")
