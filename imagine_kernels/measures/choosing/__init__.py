"""What to label next: what a model is unsure of, what is unlike anything labelled, or what most narrows the interval of a quantity.

Everything here is pure calculation on arrays of probabilities and embeddings, and the same seed gives the same choice.
"""

from imagine_kernels.measures.choosing.batches import WAYS, Choice, Pool, Way, choose
from imagine_kernels.measures.choosing.quantities import (
    Drawn,
    Estimate,
    Expected,
    draw,
    estimate,
    expected,
    labels_needed,
    labels_planned,
)
from imagine_kernels.measures.choosing.scores import entropy, least_confidence, margin, novelty

__all__ = [
    "WAYS",
    "Choice",
    "Drawn",
    "Estimate",
    "Expected",
    "Pool",
    "Way",
    "choose",
    "draw",
    "entropy",
    "estimate",
    "expected",
    "labels_needed",
    "labels_planned",
    "least_confidence",
    "margin",
    "novelty",
]
