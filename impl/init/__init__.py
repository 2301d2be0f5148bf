"""Implementations from scratch: init."""
