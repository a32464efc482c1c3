"""The control plane: what people and monitoring look at, apart from the calls."""
