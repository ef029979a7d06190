"""Help from models while annotating: they name, suggest, say what to label next, show likely mistakes, and learn from corrections.

What a model does is always a proposal with its probability, and never changes what a person gave.
"""

from imagine_kernels.assistance.crops import Crops
from imagine_kernels.assistance.items import Item, find, items_of
from imagine_kernels.assistance.looking import Looker
from imagine_kernels.assistance.model import Model
from imagine_kernels.assistance.predicting import Predicted, Thresholds, predict
from imagine_kernels.assistance.suggesting import suggest

__all__ = ["Crops", "Item", "Looker", "Model", "Predicted", "Thresholds", "find", "items_of", "predict", "suggest"]
