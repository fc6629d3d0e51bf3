"""Segmentors."""
from .msc_encoder_decoder import MSCEncoderDecoder, max_fusion, shrink_labels

__all__ = ['MSCEncoderDecoder', 'max_fusion', 'shrink_labels']
