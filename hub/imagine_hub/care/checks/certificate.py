"""The TLS certificate and its key."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from imagine_hub.care.finding import Finding, fine, problem, warning
from imagine_hub.network import EVERYWHERE
from imagine_hub.settings import REPOSITORY, Settings

SOON_DAYS = 21


def certificate(settings: Settings) -> Finding | None:
    """It can be read, is valid now and for a while, and for the name that people open."""
    name = "certificate"
    if not settings.network.tls_certificate:
        return None
    path = file_of(settings.network.tls_certificate)
    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        return problem(name, f"{path} cannot be read as a certificate ({error})", "Name a PEM file in network.tls_certificate.")
    ends, begins = first.not_valid_after_utc, first.not_valid_before_utc
    days = (ends - datetime.now(UTC)).days
    renew = "Renew it; the hub takes the new one up by itself."
    if datetime.now(UTC) > ends:
        return problem(name, f"{path} expired on {ends:%Y-%m-%d}", renew)
    if datetime.now(UTC) < begins:
        return problem(name, f"{path} is valid only from {begins:%Y-%m-%d %H:%M} UTC", "Wait, or set the clock of this machine.")
    names = _names(first)
    missing = [host for host in hosts(settings) if not _covers(names, host)]
    if [host.startswith("*.") for host in missing] == [True]:
        return problem(
            name,
            f"{path} is for {', '.join(names)}, not for {missing[0]}, under which the servers of users are",
            f"Get one for both names (certbot certonly --dns-… -d {missing[0][2:]} -d '{missing[0]}'), or empty network.subdomain_host.",
        )
    if missing:
        return problem(
            name,
            f"{path} is for {', '.join(names) or 'no name'}, not for {' and '.join(missing)}",
            "Get one for these names, or correct network.public_url and network.subdomain_host.",
        )
    seen = f"{path} is for {', '.join(names)} and expires in {days} days ({ends:%Y-%m-%d})"
    return warning(name, seen, renew) if days < SOON_DAYS else fine(name, seen)


def key(settings: Settings) -> Finding | None:
    """It can be read by the hub only, and belongs to the certificate."""
    name = "key of the certificate"
    if not settings.network.tls_key:
        return None
    path = file_of(settings.network.tls_key)
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        return problem(
            name, f"{path} cannot be read as a key ({error})", "Name a PEM file without a passphrase in network.tls_key."
        )
    mode = path.stat().st_mode & 0o777
    if mode & 0o007:
        return problem(
            name, f"everybody on this machine can read {path} (mode {mode:04o})", f"chmod 600 {path}, and renew the key."
        )
    try:
        first = x509.load_pem_x509_certificates(file_of(settings.network.tls_certificate).read_bytes())[0]
    except (OSError, ValueError):
        # The other check says so.
        return fine(name, f"{path} can be read, mode {mode:04o}")
    if _public(first.public_key()) != _public(private.public_key()):
        return problem(name, f"{path} is the key of another certificate", "Name the key that the certificate was asked for with.")
    return fine(name, f"{path} belongs to the certificate, mode {mode:04o}")


def file_of(path: str) -> Path:
    """A path of the settings, absolute."""
    return (REPOSITORY / Path(path).expanduser()).resolve()


def hosts(settings: Settings) -> list[str]:
    """The names that the certificate has to cover, a wildcard where every user has an origin of their own."""
    network = settings.network
    found = []
    if network.public_url:
        found.append(urlsplit(network.public_url).hostname or "")
    if network.subdomain_host:
        host = urlsplit(network.subdomain_host).hostname or ""
        found += [host, f"*.{host}"]
    if not found and network.address not in EVERYWHERE:
        found.append(network.address)
    return list(dict.fromkeys(found))


def _names(found: x509.Certificate) -> list[str]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _covers(names: list[str], host: str) -> bool:
    wanted = host.lower()
    # A wildcard stands for exactly one label (RFC 9525, section 6.3).
    return any(
        name.lower() == wanted or (name.startswith("*.") and name[2:].lower() == wanted.partition(".")[2]) for name in names
    )


def _public(key_of: object) -> bytes:
    written: bytes = key_of.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return written
