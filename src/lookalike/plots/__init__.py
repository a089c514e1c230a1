"""Figures from results: grids of pictures, maps, and the charts of an evaluation."""

from __future__ import annotations

from lookalike.plots.charts import save_bars, save_benchmark_curves, save_confusion, save_curves
from lookalike.plots.evidence import search_evidence
from lookalike.plots.evidence_files import evidence_bytes, evidence_kind, save_evidence
from lookalike.plots.grid import Cell, save_grid, search_cells
from lookalike.plots.heatmap import heat_cells, overlay
from lookalike.plots.latency import save_recall_latency
from lookalike.plots.map import save_map
from lookalike.plots.sizes import save_sizes
from lookalike.plots.sweep import save_sweep

__all__ = [
    "Cell",
    "evidence_bytes",
    "evidence_kind",
    "heat_cells",
    "overlay",
    "save_bars",
    "save_benchmark_curves",
    "save_confusion",
    "save_curves",
    "save_evidence",
    "save_grid",
    "save_map",
    "save_recall_latency",
    "save_sizes",
    "save_sweep",
    "search_cells",
    "search_evidence",
]
