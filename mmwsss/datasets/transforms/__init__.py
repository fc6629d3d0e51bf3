from .load_seg_labels import LoadSegLabels, check_label_values, read_label

__all__ = ['LoadSegLabels', 'check_label_values', 'read_label']
