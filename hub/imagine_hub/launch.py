"""Start the hub, say where it is, and end everything that belongs to it.

The terminal stays quiet: what the hub, its proxy and the servers have to say goes to ``hub.log`` in the state folder.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import urlsplit

from imagine_hub import listing, processes
from imagine_hub.announcement import CODE_VARIABLE, check_login, code_of_administrators, words
from imagine_hub.errors import AlreadyRunning, HubError, StartError
from imagine_hub.network import (
    EVERYWHERE,
    check_port,
    proxy_addresses,
    proxy_command,
    public_address,
    with_free_ports,
)
from imagine_hub.settings import (
    DEFAULT_FILE,
    PASSWORD_VARIABLE,
    REPOSITORY,
    SETTINGS_VARIABLE,
    Network,
    Settings,
    environment_name,
    read_settings,
)
from imagine_hub.state import StateFolder, one_time_password

START_PATIENCE_S = 90.0
STOP_PATIENCE_S = 12.0
PROXY_TOKEN_VARIABLE = "CONFIGPROXY_AUTH_TOKEN"  # noqa: S105
STOPS_EVERYTHING = "Ctrl-C stops everything; files and corrections stay."
LOG_KEEP_BYTES = 5 * 1024 * 1024


class Stop(Exception):
    """Somebody asked the hub to end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the hub until Ctrl-C.

    Returns
    -------
    int
        0 after Ctrl-C or a termination signal, 1 after an error, which is said in one sentence.
    """
    given = _parser().parse_args(arguments)
    environ = dict(os.environ)
    for section, key, value in (("network", "port", given.port), ("state", "folder", given.state)):
        if value is not None:
            environ[environment_name(section, key)] = str(value)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _ask_to_stop)
    try:
        run(read_settings(given.settings, environ), given.settings, environ)
    except Stop:
        return 0
    except HubError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


def run(settings: Settings, settings_file: Path, environ: Mapping[str, str]) -> None:
    """Start the hub, announce it, and wait until it ends or somebody asks it to.

    Raises
    ------
    Stop
        Somebody asked it to end; it has ended.
    HubError
        It cannot start, or it ended by itself.
    """
    started = time.monotonic()
    state = StateFolder(settings.state.path)
    state.prepare()
    with _only_one(state, settings), contextlib.ExitStack() as last:
        left = processes.end_all(state.path)
        if left:
            _say(f"Ended {left} process(es) that an earlier hub had left behind.")
        state.proxy_pid.unlink(missing_ok=True)
        if not settings.network.proxy_api:
            check_port(settings.network.address, settings.network.port)
        settings = with_free_ports(in_the_network_of_containers(settings))
        check_login(settings)
        password, code = one_time_password(), code_of_administrators(settings, state)
        environ = _environment(settings, settings_file, environ, state)
        log = last.enter_context(_open_log(state.log))
        last.callback(_without_interruption, processes.end_all, state.path)
        _say("Starting the hub …")
        secrets = {PASSWORD_VARIABLE: password, **({CODE_VARIABLE: code} if code else {}), **_proxy_token(settings, state)}
        spared: set[int] = set()
        if settings.servers.in_containers and not settings.network.proxy_api:
            # Its own process, so that people work on while the hub is down.
            command = [*proxy_command(settings), *proxy_addresses(settings)]
            proxy = _start(command, {**environ, **_proxy_token(settings, state)}, log)
            spared.add(proxy.pid)
            last.callback(_without_interruption, _end, proxy)
        hub = _start_hub({**environ, **secrets}, log)
        last.callback(_without_interruption, lambda: _end_hub(hub))
        # The first time the list is made while the hub comes up; later the old one serves until everything is up.
        first = None if state.listing.exists() else _in_background(_refresh, settings, state, environ)
        _wait_until_up(hub, settings, state.log)
        if first is None:
            _in_background(_refresh, settings, state, environ)
        else:
            first.join(timeout=60)
        _announce(settings, words(settings, password, code), time.monotonic() - started, state)
        while True:
            try:
                _watch(hub, settings, state, environ)
            except StartError as error:
                if not settings.servers.in_containers:
                    raise
                # Servers and proxy go on; a hub that cannot come up again ends everything with its reason.
                _say(f"{error} The servers go on; starting the hub again …")
                # Its services have lost it, and would be there twice.
                processes.end_all(state.path, spare=spared)
                hub = _start_hub({**environ, **secrets}, log)
                _wait_until_up(hub, settings, state.log)
                _say("The hub is up again.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hub/run.py", description="Start the hub and say where it is.")
    parser.add_argument("--port", type=int, help="port to listen on, instead of the one in the settings")
    parser.add_argument("--state", type=Path, help="folder for everything that the hub keeps, instead of the one in the settings")
    parser.add_argument("--settings", type=Path, default=DEFAULT_FILE, help="settings file (default: %(default)s)")
    return parser


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    # Once is enough: a second Ctrl-C must not break off the tidying up.
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise Stop


def _without_interruption(action: Callable[..., object], *arguments: object) -> None:
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    action(*arguments)


@contextlib.contextmanager
def _only_one(state: StateFolder, settings: Settings) -> Iterator[None]:
    """Hold the state folder: two hubs on one database would break it. The system lets go of it however this process ends."""
    with open(os.open(state.lock, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning.at(file.read().strip() or public_address(settings), state.path) from None
        file.truncate(0)
        file.write(public_address(settings))
        file.flush()
        yield


def _environment(settings: Settings, settings_file: Path, environ: Mapping[str, str], state: StateFolder) -> dict[str, str]:
    return {
        **environ,
        SETTINGS_VARIABLE: str(settings_file),
        environment_name("network", "hub_address"): settings.network.hub_address,
        environment_name("network", "hub_port"): str(settings.network.hub_port),
        environment_name("network", "proxy_port"): str(settings.network.proxy_port),
        environment_name("state", "folder"): str(state.path),
        processes.RUN_VARIABLE: str(state.path),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY / "hub"), environ.get("PYTHONPATH")))),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", os.defpath))),
        "PYTHONUNBUFFERED": "1",
        "IMAGINE_MODELS": str(state.models),
        "IMAGINE_SAMPLES": str(state.samples),
    }


def _proxy_token(settings: Settings, state: StateFolder) -> dict[str, str]:
    """The secret between hub and proxy where the proxy outlives the hub; otherwise the hub makes one for each start."""
    if not settings.servers.in_containers or PROXY_TOKEN_VARIABLE in os.environ:
        return {}
    return {PROXY_TOKEN_VARIABLE: state.proxy_token.read_text(encoding="ascii").strip()}


def _open_log(path: Path) -> IO[bytes]:
    if path.stat().st_size > LOG_KEEP_BYTES:
        shutil.move(path, path.with_suffix(".log.1"))
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)


def _start_hub(environ: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jupyterhub", "-f", str(REPOSITORY / "hub" / "jupyterhub_config.py"), "--upgrade-db"]
    # The database of an earlier release is brought up to date; JupyterHub keeps a copy beside it.
    return _start(command, environ, log)


def _start(command: Sequence[str], environ: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=dict(environ),
        cwd=environ[environment_name("state", "folder")],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        # Ctrl-C goes to the launcher alone, which then ends the others in order.
        start_new_session=True,
        # No thread runs yet, and the function does one system call.
        preexec_fn=processes.end_with_parent(),  # noqa: PLW1509
    )


def _end_hub(hub: subprocess.Popen[bytes]) -> None:
    if hub.poll() is None:
        _say("Stopping the hub …")
        # A hub with processes ends its servers and its proxy first; what does not end in time is ended after it.
        _end(hub)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _in_background(action: Callable[..., object], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=action, args=arguments, daemon=True)
    thread.start()
    return thread


def _refresh(settings: Settings, state: StateFolder, environ: Mapping[str, str]) -> None:
    listing.refresh(state.listing, settings.listing.command, environ)


def _wait_until_up(hub: subprocess.Popen[bytes], settings: Settings, log: Path) -> None:
    """Ask for the login page until it comes."""
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        if hub.poll() is not None:
            raise StartError.ended(hub.returncode, log)
        if not _listens(settings.network.hub_address, settings.network.hub_port):
            time.sleep(0.1)
            continue
        connection = _connection(settings)
        try:
            # Where every user has a name of their own, the hub is found by its own only.
            name = {"Host": urlsplit(settings.network.subdomain_host).netloc} if settings.network.subdomain_host else {}
            connection.request("GET", "/hub/login", headers=name)
            if connection.getresponse().status == http.client.OK:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        # A proxy that was there before the hub complains of every try.
        time.sleep(0.5 if settings.servers.in_containers else 0.1)
    raise StartError.too_slow(START_PATIENCE_S, log)


def _listens(address: str, port: int) -> bool:
    """Whether the hub does; asked first, so that a proxy that is there already does not complain of each try."""
    try:
        socket.create_connection(("127.0.0.1" if address in EVERYWHERE else address, port), timeout=5).close()
    except OSError:
        return False
    return True


def _connection(settings: Settings) -> http.client.HTTPConnection:
    network = settings.network
    host = "127.0.0.1" if network.address in EVERYWHERE else network.address
    if network.proxy_api:
        # The proxy is elsewhere, perhaps in a container of its own.
        host = urlsplit(network.proxy_api).hostname or host
    if network.tls_certificate:
        # The certificate is for the name that people type, and this asks at the number.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, network.port, timeout=5, context=context)
    return http.client.HTTPConnection(host, network.port, timeout=5)


def in_the_network_of_containers(settings: Settings) -> Settings:
    """The settings with the hub's address in the network of the servers, which is made where it is missing.

    Raises
    ------
    EngineError
        There is no engine, or the network cannot be made.
    SettingsError
        The settings are not for a swarm.
    """
    if settings.servers.spawner == "swarm":
        from imagine_hub.spawners.overlay import ensure_overlay

        ensure_overlay(settings)
        return settings
    here = settings.network.hub_address == Network().hub_address
    if settings.servers.spawner != "docker" or not here:
        return settings
    from imagine_hub.spawners.engine import ensure_network

    return settings.replace("network", hub_address=ensure_network(settings))


def _announce(settings: Settings, login: Sequence[tuple[str, str]], seconds: float, state: StateFolder) -> None:
    lines = [
        f"{settings.site.title} is ready after {seconds:.0f} s. Open this address in your browser:",
        "",
        f"    address    {public_address(settings)}",
        *(f"    {name:<9}  {value}" for name, value in login),
        "",
        "Ctrl-C stops the hub; servers go on." if settings.servers.in_containers else STOPS_EVERYTHING,
        f"Log: {state.log}",
    ]
    width = max(map(len, lines))
    edge = "─" * (width + 4)
    _say("\n".join(("", f"┌{edge}┐", *(f"│  {line:<{width}}  │" for line in lines), f"└{edge}┘", "")))


def _watch(hub: subprocess.Popen[bytes], settings: Settings, state: StateFolder, environ: Mapping[str, str]) -> None:
    pause = settings.listing.refresh_minutes * 60 or None
    while True:
        try:
            code = hub.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            _refresh(settings, state, environ)
        else:
            raise StartError.ended_later(code, state.log)


def _say(text: str) -> None:
    print(text, flush=True)
