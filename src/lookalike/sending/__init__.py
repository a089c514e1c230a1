"""Answers as DICOM objects that a PACS keeps: the similar cases as a report or a selection, the heat as a segmentation
or a parametric map; and the ways there. Every object is new, derived, and says that it is for research.
"""
