"""How far people agree, what each tends to, and what their annotations come to together.

Everything here is pure calculation on annotations and labels; `imagine_kernels.annotation.quality` takes them from a project.
"""

from imagine_kernels.measures.agreement.annotators import (
    DawidSkene,
    Drift,
    confusion_of,
    counting,
    dawid_skene,
    drift,
    majority,
    rates,
)
from imagine_kernels.measures.agreement.coefficients import (
    cohen_kappa,
    fleiss_kappa,
    fleiss_null_error,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
)
from imagine_kernels.measures.agreement.comparing import (
    Agreement,
    Comparison,
    Difference,
    OfTwo,
    agreement,
    compare,
    things_rated,
)
from imagine_kernels.measures.agreement.consensus import REASONS, Proposal, between, propose, to_decide
from imagine_kernels.measures.agreement.controls import Score, answers, planted, score
from imagine_kernels.measures.agreement.matching import Pair, Thing, individuals, label_of, match, match_all
from imagine_kernels.measures.agreement.overlap import Nearness, overlap
from imagine_kernels.measures.agreement.ratings import NOTHING, Draws, Ratings

__all__ = [
    "NOTHING",
    "REASONS",
    "Agreement",
    "Comparison",
    "DawidSkene",
    "Difference",
    "Draws",
    "Drift",
    "Nearness",
    "OfTwo",
    "Pair",
    "Proposal",
    "Ratings",
    "Score",
    "Thing",
    "agreement",
    "answers",
    "between",
    "cohen_kappa",
    "compare",
    "confusion_of",
    "counting",
    "dawid_skene",
    "drift",
    "fleiss_kappa",
    "fleiss_null_error",
    "gwet_ac1",
    "individuals",
    "krippendorff_alpha",
    "label_of",
    "majority",
    "match",
    "match_all",
    "overlap",
    "percent_agreement",
    "planted",
    "propose",
    "rates",
    "score",
    "things_rated",
    "to_decide",
]
