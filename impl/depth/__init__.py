"""Implementations from scratch: depth."""
