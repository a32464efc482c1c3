"""Huazha beside public streaming Whispers: the same weights, the same clips, on one machine, in one run."""
