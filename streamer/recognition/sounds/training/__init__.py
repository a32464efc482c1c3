"""Training a head of sounds: from text over synthetic speech to weights. Its dependencies are the extra `train`."""
