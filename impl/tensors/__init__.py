"""Implementations from scratch: tensors."""
