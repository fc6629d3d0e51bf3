"""Classification head with classifiers made by graph convolutions from class knowledge.

Source: grm.txt §3.3, Fig. 3(a), Eq. 4-6; form after ML-GCN (Chen et al. 2019).
Shape letters: B batch, D feature channels, H, W map size, C classes, E word vector channels.
"""
from typing import Dict, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from mmwsss.knowledge import ClassGraph

from ..layers import GraphConvolution
from ..layers.class_graph_buffers import ClassGraphBuffers, GraphSource
from .cam_head import CAMHead, classification_loss

CAM_SOURCES = ('main', 'graph', 'sum')


@MODELS.register_module()
class GCNClsHead(CAMHead):
    """The main 1x1 classifier, and beside it one whose rows a graph convolution makes.

    Two graph convolutions E -> hidden -> D, LeakyReLU(0.2) after both, no bias and no dropout, as
    published. Both classifiers see the same features, which are not detached. The published model
    uses the second for training only: activation maps and predictions come from the main one
    (``cam_from='main'``). The other options let it matter; none of them is the default.

    The state dict of a :class:`CAMHead` plus ``gcn1.weight`` (E, hidden), ``gcn2.weight``
    (hidden, D), ``graph.adjacency`` and ``graph.embeddings`` (and ``cosine_scale``).

    Args:
        num_classes (int): C; must be the number of classes of the graph.
        in_channels (int): D.
        graph (ClassGraph | str): ``'voc'``, ``'coco'`` or an npz file.
        classes (sequence of str, optional): classes in label order; the graph is aligned to
            them by name.
        adjacency (str): ``'paper'`` (Eq. 2; for ConceptNet relations the identity within 0.6 %),
            a scaled one that does couple classes (``'zero_diag'``, ``'row_max'``) or the control
            ``'identity'``; see :func:`mmwsss.models.layers.normalize_adjacency`.
        embeddings (str): ``'graph'``, or the controls ``'random'``, ``'learned'``, ``'none'``.
        hidden_channels (int): between the two convolutions. Defaults to 1024.
        loss_graph (dict): loss of the graph's scores, Eq. 5. Defaults to
            ``MultiLabelFocalLoss`` with gamma 2.
        loss_graph_weight (float): lambda of Eq. 6. Defaults to 1e-4; 0 is the control without it.
        cam_from (str): where maps and predictions come from: ``'main'`` (published), ``'graph'``,
            or ``'sum'`` of both classifiers (their average, for maps and decisions alike).
        cosine (bool): score by s cos(f, g_c) with a learned scale s: the classifiers are unit
            vectors, the features of an image are divided by the norm of their mean. Defaults to
            False (published: a plain product, whose scores start at about +10 for all classes).
        pooling, thr: see :class:`CAMHead`.

    Raises:
        ValueError: for an unknown option, or a graph of another number of classes.
        KeyError: for a class that the graph does not know.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 graph: GraphSource = 'voc',
                 classes: Optional[Sequence[str]] = None,
                 adjacency: str = 'paper',
                 embeddings: str = 'graph',
                 embedding_channels: int = 300,
                 hidden_channels: int = 1024,
                 loss_graph: Optional[dict] = None,
                 loss_graph_weight: float = 1e-4,
                 cam_from: str = 'main',
                 cosine: bool = False,
                 pooling: Union[str, dict] = 'gap',
                 thr: float = 0.5,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(num_classes, in_channels, pooling=pooling, thr=thr, init_cfg=init_cfg)
        if cam_from not in CAM_SOURCES:
            raise ValueError(f'cam_from={cam_from!r} is unknown; use one of {CAM_SOURCES}')
        if loss_graph_weight < 0:
            raise ValueError(f'loss_graph_weight must be >= 0, got {loss_graph_weight}')
        if loss_graph_weight == 0 and cam_from != 'main':
            raise ValueError(f'cam_from={cam_from!r} would take maps from classifiers that '
                             "loss_graph_weight=0 never trains: set one > 0, or cam_from='main'")
        _check_graph(graph, classes, num_classes)
        # One more than the nodes: this is how the buffers size the place of a missing file.
        self.graph = ClassGraphBuffers(
            graph, adjacency, classes, num_classes=num_classes + 1, embeddings=embeddings,
            embedding_channels=embedding_channels)
        self.gcn1 = GraphConvolution(self.graph.embedding_channels, hidden_channels)
        self.gcn2 = GraphConvolution(hidden_channels, in_channels)
        self.loss_graph = MODELS.build(loss_graph or dict(type='MultiLabelFocalLoss', gamma=2.0))
        self.loss_graph_weight = loss_graph_weight
        if loss_graph_weight == 0:  # no loss reaches them; DDP waits for gradients otherwise
            for part in (self.graph, self.gcn1, self.gcn2):
                part.requires_grad_(False)
        self.cam_from = cam_from
        self.cosine_scale = None
        if cosine:
            self.cosine_scale = nn.Parameter(
                torch.tensor(10.0), requires_grad=loss_graph_weight > 0)

    @property
    def class_names(self) -> Optional[Tuple[str, ...]]:
        """Classes of the graph in label order; None where its file is missing."""
        return self.graph.class_names

    def init_weights(self) -> None:
        """Refuse to train on a graph that is missing, and say how much of a graph there is."""
        self.graph.require()
        self.graph.log_coupling()
        super().init_weights()

    def graph_classifiers(self) -> Tensor:
        """The classifiers that the graph makes, (C, D)."""
        words_ce, adjacency_cc = self.graph()
        hidden = F.leaky_relu(self.gcn1(words_ce, adjacency_cc), 0.2)
        return F.leaky_relu(self.gcn2(hidden, adjacency_cc), 0.2)

    def graph_maps(self, x: Tensor) -> Tensor:
        """Class maps of the graph's classifiers: (B, D, H, W) -> (B, C, H, W)."""
        weight_cd = self.graph_classifiers()
        if self.cosine_scale is not None:
            weight_cd = self.cosine_scale * F.normalize(weight_cd, dim=1)
            x = x / x.mean(dim=(2, 3), keepdim=True).norm(dim=1, keepdim=True).clamp(min=1e-6)
        return F.conv2d(x, weight_cd[:, :, None, None].to(x.dtype))

    def activation_maps(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class activation maps before the ReLU, (B, C, H, W), as ``cam_from`` says."""
        x = self.last_map(feats)
        if self.cam_from == 'main':
            return self.classifier(x)
        if self.cam_from == 'graph':
            return self.graph_maps(x)
        main, graph = self._both_maps(x)
        return 0.5 * (main + graph)

    def forward(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class scores before the sigmoid, (B, C), as ``cam_from`` says."""
        return self.pool(self.activation_maps(feats))

    def loss_by_maps(self, x: Tensor, targets: Tensor) -> Dict[str, Tensor]:
        """Eq. 6: ``loss_cls`` and lambda x ``loss_graph``."""
        if self.loss_graph_weight == 0:
            return super().loss_by_maps(x, targets)
        main, graph = (self.pool(maps) for maps in self._both_maps(x))
        return dict(
            loss_cls=classification_loss(main, targets),
            loss_graph=self.loss_graph_weight * self.loss_graph(graph, targets))

    def _both_maps(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        """Class maps of the main classifier and of the graph's, 2 x (B, C, H, W)."""
        if self.cosine_scale is not None:
            return self.classifier(x), self.graph_maps(x)
        # In one convolution: the features are read, and get their gradient, once.
        graph_cd11 = self.graph_classifiers()[:, :, None, None].to(self.classifier.weight.dtype)
        return F.conv2d(x, torch.cat([self.classifier.weight, graph_cd11])).chunk(2, dim=1)


def _check_graph(graph: GraphSource, classes: Optional[Sequence[str]], num_classes: int) -> None:
    if classes is not None:
        if len(classes) != num_classes:
            raise ValueError(f'classes names {len(classes)} classes, num_classes is {num_classes}')
        return
    try:
        nodes = len(graph if isinstance(graph, ClassGraph) else ClassGraph.load(graph))
    except FileNotFoundError:
        return
    if nodes != num_classes:
        raise ValueError(
            f'the head has num_classes={num_classes}, class graph {str(graph)!r} has {nodes} '
            f'classes: set num_classes={nodes} (foreground only), or name the classes of the '
            'data set with classes=[...]')
