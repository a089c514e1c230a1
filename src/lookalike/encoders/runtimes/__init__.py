"""What runs a network: onnxruntime, torch, a hosted endpoint; of pictures, or of whole volumes."""
