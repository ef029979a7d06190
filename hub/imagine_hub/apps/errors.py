"""What the apps have to say when something does not work."""

from __future__ import annotations

from imagine_hub.errors import HubError


class TooManyApps(HubError):
    """No further app can be opened now.

    Attributes
    ----------
    own : bool
        Whether it is the person's own apps that are too many, so that closing one helps.
    """

    own = False

    @classmethod
    def of_yours(cls, most: int) -> TooManyApps:
        """The person has as many open as one may have."""
        words = "an app open, and more than one" if most == 1 else f"{most} apps open, and more"
        error = cls(f"You have {words} cannot be open at a time: close one that you no longer need, and open this one again.")
        error.own = True
        return error

    @classmethod
    def of_all(cls, most: int) -> TooManyApps:
        """Everybody together has as many open as the machine can carry."""
        words = "The one place for an app is" if most == 1 else f"All {most} places for apps are"
        return cls(f"{words} taken by people at work: try again in a few minutes.")


class AppNotStarted(HubError):
    """The program behind an app did not come up."""

    @classmethod
    def because(cls, reason: str) -> AppNotStarted:
        """Why, in the words of whatever failed."""
        return cls(f"The program of the app did not start ({reason}): open the app again; if it stays, the hub's log says more.")


class RefusedMessage(HubError):
    """A browser has sent what no app of ours sends."""

    @classmethod
    def malformed(cls, reason: str) -> RefusedMessage:
        """It is no message at all."""
        return cls(f"A message to a kernel was no message ({reason}): it is not passed on.")

    @classmethod
    def kind(cls, kind: str) -> RefusedMessage:
        """It is a message, of a kind that is not for browsers."""
        return cls(f"A message of the kind {kind[:60]!r} is not for browsers: it is not passed on.")
