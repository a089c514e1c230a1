"""The catalogue of encoders: finding them by name, downloading, verifying and exporting them."""
