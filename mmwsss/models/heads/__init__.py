"""Classification heads whose weights make class activation maps."""
from .cam_head import CAMHead
from .gcn_cls_head import GCNClsHead
from .pgnn_head import PGNNHead
from .pooling import pool_class_maps
from .recam_head import ReCAMHead, class_feature_logits, class_feature_loss

__all__ = [
    'CAMHead', 'GCNClsHead', 'PGNNHead', 'ReCAMHead', 'class_feature_logits',
    'class_feature_loss', 'pool_class_maps'
]
