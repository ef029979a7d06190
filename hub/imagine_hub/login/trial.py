"""The account of the trial: nobody logs in as it, so nobody's login can have run out."""

from __future__ import annotations

from typing import Any

from jupyterhub.orm import Service

# Name of the service with whose token `imagine-hub health` comes.
TRIAL_SERVICE = "health"


def asked_by_the_trial(handler: Any) -> bool:
    """Whether a request comes with the token of the trial, whose scopes reach that one account only."""
    asking = getattr(handler, "current_user", None)
    return isinstance(asking, Service) and asking.name == TRIAL_SERVICE
