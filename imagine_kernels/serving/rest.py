"""The REST service: the paths of DEEPaaS v2, with what breaks there mended.

==================================================  ===================================================================
``GET /``                                           the versions
``GET /api``, ``GET /swagger.json``                 a page to try it, and its description (Swagger 2.0)
``GET /v2/models/``                                 the use cases
``GET /v2/models/{name}/``                          one of them: what it is, and the model in use
``POST /v2/models/{name}/predict/``                 identify and measure what is uploaded
``POST /v2/models/{name}/train/``                   begin a training; it is a job that outlives the service
``GET /v2/models/{name}/train/``                    the trainings
``GET``, ``DELETE /v2/models/{name}/train/{uuid}``  one of them; stop it
==================================================  ===================================================================

Mended are: a training survives the service and can be stopped; an error is one sentence in JSON (RFC 9457); every number in an answer is finite;
what is uploaded is limited and removed; a page of another site cannot call it; beyond this machine it asks for a token.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from imagine_kernels.errors import DataNotFound, ImagineError, SettingError
from imagine_kernels.jobs import Jobs
from imagine_kernels.serving import trainings
from imagine_kernels.serving.arguments import InvalidArguments, Received, receive
from imagine_kernels.serving.description import page, swagger
from imagine_kernels.serving.service import Argument, Service

LOG = logging.getLogger("imagine.serve")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Requests that may wait for a model; more are asked to come again later.
MAX_WAITING = 32


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the operator allows.

    Attributes
    ----------
    token : str or None
        What a caller must send as ``Authorization: Bearer …``; None asks for nothing.
    hosts : tuple of str
        Names under which the service may be called, besides those of this machine.
    max_upload : int
        Bytes of one upload.
    folders : tuple of Path
        Folders whose content callers may name by its path; without one everything must be uploaded.
    train : bool
        Trainings may be started.
    base_path : str
        Put before every path, for a reverse proxy.
    """

    token: str | None = None
    hosts: tuple[str, ...] = ()
    max_upload: int = 2 * 1024**3
    folders: tuple[Path, ...] = ()
    train: bool = True
    base_path: str = ""


def make_app(services: Sequence[Service], limits: Limits) -> web.Application:
    """The application that serves these use cases."""
    return _Rest(services, limits).app


def check_listening(host: str, token: str | None) -> None:
    """Beyond this machine only with a token.

    Raises
    ------
    SettingError
        `host` is reached from elsewhere and there is no token, or a short one.
    """
    if is_loopback(host):
        return
    if not token:
        raise SettingError(
            f"Listening on {host} opens the service to others: set IMAGINE_SERVE_TOKEN to a secret that callers must send, or leave"
            " the address at 127.0.0.1."
        )
    if len(token) < 16:
        raise SettingError(
            "IMAGINE_SERVE_TOKEN is shorter than 16 characters: take a longer one, e.g. from `openssl rand -hex 32`."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class _Rest:
    def __init__(self, services: Sequence[Service], limits: Limits) -> None:
        self.services = {service.name: service for service in services}
        self.limits = limits
        self.jobs = Jobs()
        # One batch at a time and model: more at once would only share the same processors.
        self.pools = {name: ThreadPoolExecutor(1, thread_name_prefix=f"predict-{name}") for name in self.services}
        self.waiting = dict.fromkeys(self.services, 0)
        self.app = web.Application(middlewares=[self._errors, self._guard], client_max_size=limits.max_upload + 2**20)
        self.app.on_startup.append(self._warm)
        self.app.on_cleanup.append(self._close)
        self._route("GET", "/", self.versions)
        self._route("GET", "/ui", self.to_page)
        self._route("GET", "/api", self.show_page)
        self._route("GET", "/swagger.json", self.describe)
        self.app.router.add_get("/favicon.ico", self.no_icon)
        self._route("GET", "/v2", self.version)
        self._route("GET", "/v2/debug", self.debug)
        self._route("GET", "/v2/models", self.models)
        self._route("GET", "/v2/models/{name}", self.model)
        self._route("POST", "/v2/models/{name}/predict", self.predict)
        self._route("POST", "/v2/models/{name}/train", self.train)
        self._route("GET", "/v2/models/{name}/train", self.trainings)
        self._route("GET", "/v2/models/{name}/train/{uuid}", self.training)
        self._route("DELETE", "/v2/models/{name}/train/{uuid}", self.stop)

    def _route(self, method: str, path: str, handler: Handler) -> None:
        base = self.limits.base_path.rstrip("/")
        # With the slash at the end and without: a redirect would send an upload twice.
        for each in {base + path, f"{base}{path.rstrip('/')}/"} - {""}:
            self.app.router.add_route(method, each, handler)

    async def _warm(self, app: web.Application) -> None:
        for name, service in self.services.items():
            self.pools[name].submit(_warm_or_say, service)

    async def _close(self, app: web.Application) -> None:
        for pool in self.pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    # What every request goes through.

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except InvalidArguments as error:
            # The very shape of DEEPaaS.
            response = web.json_response(error.messages, status=422)
        except ImagineError as error:
            response = problem(404 if isinstance(error, NotFound) else 422, str(error), type(error).__name__)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            response = problem(error.status, error.text or error.reason, error.reason)
        except Exception:
            LOG.exception("%s %s", request.method, request.path)
            response = problem(500, "Something went wrong here; the log of the service has the details.", "InternalError")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        host = urlsplit(f"//{request.host}").hostname or ""
        if not (is_loopback(host) or host in self.limits.hosts):
            # A name of someone else that leads here: a page of theirs would be taken for one of ours.
            raise web.HTTPForbidden(text=f"The service does not answer to the name {host[:100]!r}: the operator can allow it.")
        origin = request.headers.get("Origin")
        if request.headers.get("Sec-Fetch-Site") == "cross-site" or (origin and urlsplit(origin).netloc != request.host):
            raise web.HTTPForbidden(text="A page of another site cannot call the service.")
        if self.limits.token is not None:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.limits.token.encode()):
                return problem(401, "Send the token of the service as “Authorization: Bearer …”.", "Unauthorized",
                               {"WWW-Authenticate": "Bearer"})  # fmt: skip
        return await handler(request)

    # What can be asked.

    async def versions(self, request: web.Request) -> web.Response:
        base = self.limits.base_path.rstrip("/")
        return web.json_response(
            {
                "versions": [self._version()],
                "links": [
                    {"rel": "help", "type": "text/html", "href": f"{base}/api"},
                    {"rel": "describedby", "type": "application/json", "href": f"{base}/swagger.json"},
                ],
            }
        )

    def _version(self) -> dict[str, Any]:
        href = f"{self.limits.base_path.rstrip('/')}/v2/"
        return {"version": "stable", "id": "v2", "links": [{"rel": "self", "type": "application/json", "href": href}]}

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response(self._version())

    async def debug(self, request: web.Request) -> web.Response:
        # Theirs gives the whole standard output away.
        return web.Response(status=204)

    async def no_icon(self, request: web.Request) -> web.Response:
        # Browsers ask for one beside every JSON that they show.
        return web.Response(status=204)

    async def to_page(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{self.limits.base_path.rstrip('/')}/api")

    async def show_page(self, request: web.Request) -> web.Response:
        text = page(list(self.services.values()), base_path=self.limits.base_path.rstrip("/"), train=self.limits.train)
        policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def describe(self, request: web.Request) -> web.Response:
        return web.json_response(swagger(list(self.services.values()), base_path=self.limits.base_path, train=self.limits.train))

    def _model(self, service: Service) -> dict[str, Any]:
        href = f"{self.limits.base_path.rstrip('/')}/v2/models/{service.name}/"
        return {**service.metadata(), "links": [{"rel": "self", "href": href}]}

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"models": [self._model(service) for service in self.services.values()]})

    async def model(self, request: web.Request) -> web.Response:
        return web.json_response(self._model(self._service(request)))

    async def predict(self, request: web.Request) -> web.Response:
        service = self._service(request)
        if self.waiting[service.name] >= MAX_WAITING:
            return problem(503, "Too many requests wait already: try again in a minute.", "Busy", {"Retry-After": "60"})
        place = Path(tempfile.mkdtemp(prefix="imagine-upload-"))
        cancel = threading.Event()
        self.waiting[service.name] += 1
        work: asyncio.Future[Any] | None = None
        try:
            got = await receive(request, service.predict_arguments(), place / "upload", self.limits.max_upload)
            accept = _accepted(request, got)

            def identify() -> Any:
                if cancel.is_set():
                    return None
                data = self._data(got)
                return service.predict(
                    data, accept=accept, model=got.values.get("model"), given=service.split(got.values), cancel=cancel
                )

            work = asyncio.get_running_loop().run_in_executor(self.pools[service.name], identify)
            answer = await asyncio.shield(work)
        except InvalidArguments:
            raise
        except ImagineError as error:
            # The caller knows the file by its name, not by where it lies here.
            raise type(error)(str(error).replace(f"{place}/upload/", "").replace(f"{place}/", "")) from None
        finally:
            # Where the caller has gone, the work is stopped before its files are taken away.
            cancel.set()
            self.waiting[service.name] -= 1
            if work is None or work.done():
                shutil.rmtree(place, ignore_errors=True)
            else:
                work.add_done_callback(lambda left: _forget(left, place))
        if isinstance(answer.body, dict):
            return web.json_response({"status": "OK", "predictions": answer.body}, dumps=_dumps)
        names = {"application/zip": "predictions.zip", "text/csv": "predictions.csv"}
        disposition = f'attachment; filename="{names[answer.content_type]}"'
        return web.Response(body=answer.body, content_type=answer.content_type, headers={"Content-Disposition": disposition})

    async def train(self, request: web.Request) -> web.Response:
        service = self._service(request)
        if not self.limits.train:
            return problem(402, "Trainings are turned off here: train in a notebook or in the terminal.", "Disabled")
        name = self.jobs.new_id()
        folder = self.jobs.folder_of(name)
        try:
            got = await receive(request, service.train_arguments(), folder / "upload", self.limits.max_upload)
            data = self._data(got) or service.workflow.bundled_sample()
            command = service.train_command(
                data,
                name=got.values.get("name"),
                epochs=got.values["epochs"],
                seed=got.values["seed"],
                given=service.split({name: got.values[name] for name in got.given}),
            )
            trainings.keep_arguments(folder, {**got.values, "data": got.shown})
            job = self.jobs.submit(command, folder=folder, job_id=name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return web.json_response(trainings.described(job, folder))

    async def trainings(self, request: web.Request) -> web.Response:
        name = self._service(request).name
        found = [job for job in self.jobs.list() if trainings.is_training(job, name)]
        return web.json_response([trainings.described(job, self.jobs.folder_of(job.id)) for job in found])

    async def training(self, request: web.Request) -> web.Response:
        name = self._training(request)
        return web.json_response(trainings.described(self.jobs.get(name), self.jobs.folder_of(name)))

    async def stop(self, request: web.Request) -> web.Response:
        name = self._training(request)
        job = self.jobs.cancel(name)
        for _ in range(50):
            if job.ended:
                break
            await asyncio.sleep(0.2)
            job = self.jobs.get(name)
        return web.json_response(trainings.described(job, self.jobs.folder_of(name)))

    def _service(self, request: web.Request) -> Service:
        name = request.match_info["name"]
        if name not in self.services:
            raise NotFound(f"There is no model {name!r} here; there are {', '.join(self.services)}.")
        return self.services[name]

    def _training(self, request: web.Request) -> str:
        name, wanted = self._service(request).name, request.match_info["uuid"]
        if not any(job.id == wanted and trainings.is_training(job, name) for job in self.jobs.list()):
            raise NotFound(f"There is no training {wanted[:40]!r} of {name}.")
        return wanted

    def _data(self, got: Received) -> Path | None:
        """What was uploaded, or what was named and may be."""
        if got.upload is not None:
            return got.upload
        named = got.values.get("data")
        if not named:
            return None
        path = Path(str(named)).expanduser().resolve()
        if not any(path.is_relative_to(folder.resolve()) for folder in self.limits.folders):
            raise DataNotFound(f"The service may not read {named}: upload the data, or ask the operator to allow their folder.")
        return path


class NotFound(ImagineError):
    """No model or training of that name."""


def problem(status: int, detail: str, title: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error as RFC 9457 wants it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json", headers=headers)


def _accepted(request: web.Request, got: Received) -> str:
    """The type of answer: the argument, then the header, as far as it names one that there is."""
    argument: Argument = next(each for each in got.arguments if each.name == "accept")
    if "accept" in got.given:
        return str(got.values["accept"])
    wanted = [part.partition(";")[0].strip() for part in request.headers.get("Accept", "*/*").split(",")]
    for each in wanted:
        if each in argument.choices:
            return each
    if any(each in ("*/*", "application/*", "text/html", "") for each in wanted):
        return str(argument.default)
    raise InvalidArguments({"accept": [f"There are {', '.join(argument.choices)}, not {wanted[0][:80]}."]})


def _forget(work: asyncio.Future[Any], place: Path) -> None:
    """What nobody waits for any more: its files go, and how it ended is no news."""
    shutil.rmtree(place, ignore_errors=True)
    if not work.cancelled():
        work.exception()


def _warm_or_say(service: Service) -> None:
    try:
        service.warm()
    except ImagineError as error:
        LOG.warning("%s: %s", service.name, error)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
