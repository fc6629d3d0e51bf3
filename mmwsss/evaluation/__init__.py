"""Metrics of pseudo labels, and writers that are metrics of a test loop."""
from .activation_writer import ActivationWriter

__all__ = ['ActivationWriter']
