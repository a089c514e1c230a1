"""Runtimes of networks, for pictures or whole volumes: onnxruntime, torch, a hosted endpoint."""
