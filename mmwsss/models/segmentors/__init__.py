"""Segmentors."""
from .msc_encoder_decoder import MSCEncoderDecoder, max_fusion, shrink_labels
from .seg_crf_model import SegCRFModel, use_crf

__all__ = ['MSCEncoderDecoder', 'SegCRFModel', 'max_fusion', 'shrink_labels', 'use_crf']
