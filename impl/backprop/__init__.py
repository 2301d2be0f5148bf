"""Implementations from scratch: backprop."""
