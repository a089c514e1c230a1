"""The families of models: catalogue entries, whose ``build()`` loads a family's weights into its network."""
