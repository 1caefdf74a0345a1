"""The chains that value lives on: what Jurymast needs of one (`chain.py`, `words.py`), and a plug-in per family.

A plug-in is one package with one entry point, and the conformance suite that it passes (`tests/conformance`).
"""
