"""The numeric road against numbers known otherwise, and the random laws and points that it draws."""

from __future__ import annotations
