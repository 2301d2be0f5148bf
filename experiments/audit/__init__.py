"""Does *your* network keep its signal? Theory and measurement side by side, layer by layer, before any training.

``audit(model, x)`` draws the weights again and again, runs both passes, and compares every operation's second moments
with those that the derivations predict, composed along the graph that was executed. Nothing of the model or of torch's
random state is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.audit.audited import Audited


def audit(model: Any, *inputs: Any, **options: Any) -> Audited:
    """The audit of ``model`` on ``inputs``; see :func:`experiments.audit.audited.audited` for the options."""
    from experiments.audit.audited import audited

    return audited(model, *inputs, **options)
