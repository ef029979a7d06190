"""Try the hub as a person uses it: a server, a use case on its sample, an app; then leave everything as it was."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from imagine_hub.care.hub_client import CodeError, HubClient, RefusedError, connected
from imagine_hub.errors import HubError
from imagine_hub.listing import ListingFile
from imagine_hub.services.health import token_file
from imagine_hub.state import StateFolder

if TYPE_CHECKING:
    from imagine_hub.settings import Settings

STOP_PATIENCE_S = 120.0
APP_FAILED = "There was an error when executing cell"

# Runs in the server of the account: the hub itself knows nothing of the library. A part of the sample is enough to see that
# everything is there, and does not keep the machine busy.
TRIAL = """
import json, os
os.environ["IMAGINE_USAGE"] = "off"
import imagine_kernels as ik
case = ik.use_case({use_case!r})
sample = case.open()
few = sample.where([i < 48 for i in range(len(sample))])
tables = case.identify(few).measure().tables
found = []
for name, table in tables.items():
    for column in table.columns:
        # A quantity is what has an interval, and a unit at its end.
        at, _, unit = str(column).partition("_low_")
        quantity = at + "_" + unit
        if unit and quantity in table.columns and (table[quantity] > 0).any():
            found.append([name, quantity, float(table[quantity].max())])
print(json.dumps({{"objects": len(few), "quantities": found}}))
"""


class HealthError(HubError):
    """The trial cannot be made."""


@dataclass(frozen=True)
class Step:
    """One step of the trial.

    Attributes
    ----------
    name : str
    seconds : float
        How long it took [s].
    seen : str
        What came of it.
    problem, remedy : str
        What went wrong, and what to do; empty where all is well.
    """

    name: str
    seconds: float
    seen: str = ""
    problem: str = ""
    remedy: str = ""


class _Failed(Exception):
    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def failed_step(steps: list[Step]) -> Step | None:
    """The first step that went wrong."""
    return next((step for step in steps if step.problem), None)


def try_hub(settings: Settings, tell: Callable[[str], None]) -> list[Step]:
    """Go through all steps, up to the first that goes wrong; the server is stopped in any case.

    Parameters
    ----------
    settings : Settings
    tell : callable
        Called with the name of each step as it begins.

    Raises
    ------
    HealthError
        There is no account for it, the hub has not run with it, or another trial is under way.
    """
    user = settings.health.user
    if not user:
        raise HealthError(
            'There is no account to try the hub with: name one in health.user, for example "health", and restart the hub.'
        )
    file = token_file(settings.state.path)
    try:
        token = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise HealthError(
            f"{file} cannot be read ({error.strerror}): restart the hub with health.user set, and run this with the hub's account."
        ) from error
    with _only_one(settings):
        return asyncio.run(_until_asked_to_stop(_try(settings, token, tell)))


@contextlib.contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    path = settings.state.path / "health.lock"
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HealthError(
                f"The hub is being tried already (process {file.read().strip()}): wait until that has ended."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


async def _until_asked_to_stop(trial: Awaitable[list[Step]]) -> list[Step]:
    task = asyncio.ensure_future(trial)
    # As Ctrl-C: what was started is stopped first.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise HealthError("The trial was broken off; look whether its server is still there.") from None


async def _try(settings: Settings, token: str, tell: Callable[[str], None]) -> list[Step]:
    steps: list[Step] = []
    deadline = time.monotonic() + settings.health.timeout_s

    async def step(name: str, action: Callable[[], Awaitable[str]], *, until: float = deadline) -> bool:
        if failed_step(steps) and until == deadline:
            return False
        tell(name)
        started = time.monotonic()
        seen, problem, remedy = "", "", ""
        try:
            async with asyncio.timeout(max(0.1, until - started)):
                seen = await action()
        except _Failed as error:
            problem, remedy = error.problem, error.remedy
        except TimeoutError:
            problem = f"{name}: not done within the {settings.health.timeout_s} s of health.timeout_s."
            remedy = "See hub.log in the state folder, and how busy the machine is."
        except (aiohttp.ClientError, OSError) as error:
            problem, remedy = f"{name}: the connection broke off ({error}).", "See hub.log in the state folder."
        except RefusedError as error:
            problem, remedy = f"{name}: refused ({error}).", "See hub.log in the state folder."
        steps.append(Step(name, round(time.monotonic() - started, 2), seen, problem, remedy))
        return not problem

    async with connected(settings, token) as client:
        if await step("hub answers", lambda: _reach(client)):
            broken_off = False
            try:
                await step("server starts", lambda: _start(client))
                await step("use case", lambda: _use(client, settings.health.use_case))
                await step("app opens", lambda: _open(client, settings))
            except asyncio.CancelledError:
                broken_off = True
            finally:
                # Shielded: whoever breaks the trial off gets the server stopped all the same.
                last = step("server stops", lambda: _stop(client), until=time.monotonic() + STOP_PATIENCE_S)
                stopped = await asyncio.shield(asyncio.ensure_future(last))
            if broken_off:
                what = "is stopped" if stopped else f"may be still there ({steps[-1].problem}): stop it on the page of the people"
                raise HealthError(f"The trial was broken off; the server that it had started {what}.")
    return steps


async def _reach(client: HubClient) -> str:
    try:
        await client.user_model()
    except (aiohttp.ClientError, OSError) as error:
        raise _Failed(
            f"The hub does not answer at {client.hub} ({error}).", "Start it, or see hub.log in the state folder."
        ) from error
    except RefusedError as error:
        raise _Failed(
            f"The hub does not know the account {client.user} ({error}).",
            "Restart it, so that it reads health.user in the settings.",
        ) from error
    return client.hub


async def _start(client: HubClient) -> str:
    remedy = "See hub.log in the state folder, and run imagine-hub check."
    try:
        # No other trial is under way: a server that is there was left by one that could not end.
        left = "; one of an earlier trial was stopped before" if (await client.user_model()).get("servers") else ""
        await _stop(client)
        await client.start()
        last = ""
        async for event in client.progress():
            last = str(event.get("message", ""))
            if event.get("ready"):
                return f"{client.server}{left}"
            if event.get("failed"):
                break
    except RefusedError as error:
        raise _Failed(f"The hub did not start the server ({error}).", remedy) from error
    raise _Failed(f"The server did not start: {last or 'the hub says no more'}", remedy)


async def _use(client: HubClient, use_case: str) -> str:
    remedy = f"Try it by hand in that image or environment: imagine identify {use_case}"
    try:
        printed = await client.execute(TRIAL.format(use_case=use_case))
    except CodeError as error:
        raise _Failed(f"The use case {use_case} does not work: {error}", remedy) from error
    try:
        found = json.loads(printed.strip().splitlines()[-1])
        table, quantity, largest = found["quantities"][0]
    except (ValueError, IndexError, KeyError, TypeError):
        raise _Failed(f"The use case {use_case} gave no quantity for its sample.", remedy) from None
    return f"{use_case}: {found['objects']} objects identified, {quantity} up to {largest:.4g} in {table}"


async def _open(client: HubClient, settings: Settings) -> str:
    path = _app(settings)
    status, text = await client.page(path)
    remedy = "Open it in a browser, and see hub.log in the state folder."
    if status != 200:
        raise _Failed(f"The app at {path} answers {status}.", remedy)
    if APP_FAILED in text:
        raise _Failed(f"The app at {path} opens with an error in it.", remedy)
    return f"{path}, {len(text) / 1000:.0f} kB"


def _app(settings: Settings) -> str:
    listing = ListingFile(StateFolder(settings.state.path).listing).read()
    for card in listing.cards:
        if card.name == settings.health.use_case:
            for button in card.buttons:
                if button.role == "identify":
                    return button.path
    raise _Failed(
        f"The list of use cases has no app for {settings.health.use_case}.",
        "Correct health.use_case, or see the list on the home page.",
    )


async def _stop(client: HubClient) -> str:
    # One that is still starting cannot be stopped, so it is asked for until it can.
    while (await client.user_model()).get("servers"):
        try:
            await client.stop()
        except RefusedError as error:
            # The hub could not do it just now.
            if error.status < 500:
                raise
        await asyncio.sleep(0.3)
    return "nothing is left"
