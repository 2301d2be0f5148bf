"""Notebooks as text: cells marked ``#export`` become a module, and a notebook runs as its own test.

The lesson's way of working, by tools that are kept: jupytext reads notebooks (``.ipynb``, or Python with
``# %%`` between cells, which a diff can show), nbclient runs them. ``python -m docs.literate --help``.
"""
