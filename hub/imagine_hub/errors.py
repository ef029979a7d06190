"""What can go wrong with the hub, said in one sentence: what, where, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class HubError(Exception):
    """Base of every error that the hub raises on purpose."""


class SettingsError(HubError):
    """The settings cannot be used as they are."""

    @classmethod
    def unknown(cls, kind: str, name: str, known: Iterable[str], where: str) -> SettingsError:
        """A name that does not exist, with the nearest one that does."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return cls(f"Unknown {kind} {name!r} in {where}; known: {', '.join(names)}.{hint}")

    @classmethod
    def wrong_type(cls, key: str, value: object, wanted: str, where: str) -> SettingsError:
        """A value of another kind than the key takes."""
        return cls(f"{key} in {where} is {value!r}, but must be {wanted}.")


class PortInUse(HubError):
    """Another program listens where the hub should."""

    @classmethod
    def at(cls, address: str, port: int) -> PortInUse:
        """Where, and the remedy."""
        return cls(
            f"Port {port} on {address} is used by another program: stop that one, or take another port, "
            f"for example: make run PORT={port + 1}"
        )


class AlreadyRunning(HubError):
    """A hub runs already on the same state folder."""

    @classmethod
    def at(cls, address: str, folder: Path) -> AlreadyRunning:
        """Where, and the remedy."""
        return cls(f"The hub is already running at {address} with {folder}: open that address, or stop it there with Ctrl-C.")


class StateError(HubError):
    """The state folder cannot be used."""

    @classmethod
    def not_writable(cls, folder: Path, reason: str) -> StateError:
        """Which folder, and why."""
        return cls(f"The state folder {folder} cannot be written ({reason}): free it, or name another one with --state.")


class EngineError(HubError):
    """The container engine cannot do what is asked."""

    @classmethod
    def silent(cls, address: str, reason: str) -> EngineError:
        """It does not answer."""
        return cls(
            f"The container engine at {address} does not answer ({reason}): start it (systemctl start docker), let the hub's "
            "account use it, or name another address in containers.engine."
        )

    @classmethod
    def no_network(cls, name: str, subnet: str, reason: str) -> EngineError:
        """The network cannot be made."""
        return cls(
            f"The network {name!r} with the addresses {subnet} cannot be made ({reason}): name free addresses in "
            "containers.subnet, or make it by hand and name it in containers.network."
        )

    @classmethod
    def no_gateway(cls, name: str) -> EngineError:
        """The network has no address for the hub."""
        return cls(
            f"The network {name!r} has no gateway, so servers could not reach the hub: give the hub's address in it as "
            "network.hub_address, or let the hub make the network."
        )

    @classmethod
    def no_swarm(cls, address: str) -> EngineError:
        """It commands this machine only."""
        return cls(
            f"The container engine at {address} leads no swarm: make it a manager (docker swarm init), name the engine of one in "
            'containers.engine, or take servers.spawner = "docker".'
        )

    @classmethod
    def no_overlay(cls, name: str) -> EngineError:
        """The network ends at this machine, or the hub's container cannot be in it."""
        return cls(
            f"The network {name!r} is no attachable overlay network: remove it (docker network rm {name}) and let the hub make it, or "
            "name another one in containers.network."
        )

    @classmethod
    def not_joined(cls, name: str, hub: str, reason: str) -> EngineError:
        """The hub's own container stays outside."""
        return cls(
            f"The container {hub!r} cannot join the network {name!r} ({reason}): see that its machine is not drained (docker node ls), "
            f"or start it anew with --network {name}."
        )


class ProviderError(HubError):
    """The provider of the institution cannot be used."""

    @classmethod
    def silent(cls, address: str, reason: str) -> ProviderError:
        """It does not answer."""
        return cls(f"The provider does not answer at {address} ({reason}): check oidc.issuer and the network, and start again.")

    @classmethod
    def unfit(cls, address: str, what: str) -> ProviderError:
        """It answers something that cannot be used."""
        return cls(f"The provider at {address} cannot be used: {what}; ask those who run it, or check oidc.issuer.")


class StartError(HubError):
    """The hub did not come up."""

    @classmethod
    def ended(cls, code: int, log: Path) -> StartError:
        """It ended before it was up."""
        return cls(f"The hub ended while starting (exit code {code}): the last lines of {log} say why.")

    @classmethod
    def ended_later(cls, code: int, log: Path) -> StartError:
        """It was up and has ended."""
        return cls(
            f"The hub has ended by itself (exit code {code}): the last lines of {log} say why; start it again with make run."
        )

    @classmethod
    def too_slow(cls, seconds: float, log: Path) -> StartError:
        """It is not up after so long."""
        return cls(f"The hub did not answer within {seconds:.0f} s: the last lines of {log} say why.")


class ListingError(HubError):
    """The listing of use cases cannot be read."""


class DesktopError(HubError):
    """There is no desktop on a user's server, or it does not start."""

    @classmethod
    def not_started(cls, said: str) -> DesktopError:
        """What the display said at last."""
        more = f" ({said})" if said else ""
        return cls(
            f"The display of the desktop did not start{more}: stop your server, start it again, and tell whoever runs this hub."
        )
