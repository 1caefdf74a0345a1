"""The frame every service runs in: settings, bus, health endpoints, background work, and an end that loses nothing.

async def app(frame: Frame[EchoSettings]) -> AsyncIterator[None]:   # with @asynccontextmanager
    store = await frame.enter(open_store(frame.settings.database))
    frame.bus.on("echo-asked", ASKED, handler=...)
    frame.background("relay", outbox.run())
    yield

run_service("echo", EchoSettings, app)
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Generic, NoReturn, TypeVar

import msgspec
import uvloop
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from jurymast import clock
from jurymast.bus import Bus
from jurymast.errors import Fatal, JurymastError, Misconfigured, Transient
from jurymast.messages.service import STARTED, STATUS, STOPPED, Check, ServiceStarted, ServiceStatus, ServiceStopped, StatusAsked
from jurymast.settings import Settings, load, redacted
from jurymast.streams import TABLE, Table
from jurymast.tasks import asked_to_end, cancel, ended_unasked, exit_within
from jurymast.telemetry import Metrics, Tracer, start_logging

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
CHECK_WITHIN_S = 2.0
STALE_S = 5.0
"""Results older than this are not believed: the process is too busy to notice that it is unwell."""
CONSUMERS_EVERY_S = 10.0
CLOSE_S = 5.0
"""On top of the drain: for what the app and the connection need to close."""

EXIT_OK, EXIT_FAILED, EXIT_MISCONFIGURED = 0, 1, 2

S = TypeVar("S", bound=Settings)
T = TypeVar("T")
App = Callable[["Frame[S]"], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Ending:
    code: int
    reason: str


class Frame(Generic[S]):
    """What an app is given. Everything entered or started through it ends in reverse order."""

    def __init__(self, name: str, settings: S, table: Table) -> None:
        self.name = name
        self.settings = settings
        self.instance = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self.started_ms = clock.now_ms()
        self.metrics = Metrics()
        self.tracer = Tracer(name, settings.otlp_endpoint)
        self.bus = Bus(
            settings,
            service=name,
            table=table,
            metrics=self.metrics,
            tracer=self.tracer,
            fatal=self.fatal,
            name=f"{name} {self.instance}",
        )
        self.http_port = 0
        self._stack = AsyncExitStack()
        self._started = False
        self._serving = False
        self._ending: Ending | None = None
        self._ended = asyncio.Event()
        self._checks: dict[str, Callable[[], Awaitable[None]]] = {"nats": self._check_nats}
        self._results: tuple[Check, ...] = ()
        self._checked_s = 0.0

    # -- for apps ------------------------------------------------------------------------------------------------------

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource that closes when the service ends."""
        return await self._stack.enter_async_context(resource)

    def background(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Work that must go on as long as the service does: if it ends, the process does too, and is restarted."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._background_ended)

        self._stack.push_async_callback(cancel, task)

    def ready_when(self, name: str, check: Callable[[], Awaitable[None]]) -> None:
        """Ready only while `check` returns; what it raises is the reason why not."""
        self._checks[name] = check

    def fatal(self, error: Fatal) -> None:
        """End this process with a failure."""
        log.critical("stopping: %s", error)
        self._end(EXIT_MISCONFIGURED if isinstance(error, Misconfigured) else EXIT_FAILED, str(error))

    # -- life ----------------------------------------------------------------------------------------------------------

    async def run(self, app: App[S]) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, EXIT_OK, signal.Signals(number).name)
        async with self._health_server():
            serving = asyncio.create_task(self._serve(app))
            ended = asyncio.create_task(self._ended.wait())
            await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if not self._started:  # There is nothing to drain.
                serving.cancel()
            try:
                await serving
            except asyncio.CancelledError:
                log.info("stopped before it had started")
        return self._ending.code if self._ending else EXIT_FAILED

    async def _serve(self, app: App[S]) -> None:
        async with self._stack:
            try:
                await self._start(app)
                await self._ended.wait()
            finally:
                exit_within(self.settings.drain_s + CLOSE_S, (self._ending and self._ending.code) or EXIT_FAILED)

    async def _start(self, app: App[S]) -> None:
        self._stack.push_async_callback(asyncio.to_thread, self.tracer.close)
        self.background("checks", self._check_forever())
        await self.bus.connect()
        self._stack.push_async_callback(self.bus.close)
        await self._stack.enter_async_context(app(self))
        await self.bus.consume()
        self._stack.push_async_callback(self._drain)
        self.background("consumer checks", self._check_consumers())
        await self.bus.queries.answer(STATUS, self._answer_status, everyone=True)
        self._started = self._serving = True
        await self._check_once()
        log.info("ready", extra={"settings": redacted(self.settings)})
        started = ServiceStarted(
            service=self.name, instance=self.instance, version=version("jurymast"), started_ms=self.started_ms
        )
        await self._announce(STARTED, started)

    async def _drain(self) -> None:
        reason = self._ending.reason if self._ending else "unknown"
        log.info("draining: %s", reason)
        self._serving = False
        try:
            async with asyncio.timeout(self.settings.drain_s):
                await self.bus.drain()
        except TimeoutError:
            log.warning("handlers still ran after %g s: their messages will come again", self.settings.drain_s)
        stopped = ServiceStopped(service=self.name, instance=self.instance, reason=reason, stopped_ms=clock.now_ms())
        await self._announce(STOPPED, stopped)

    async def _announce(self, channel: Any, event: Any) -> None:
        """News about a service must not decide whether it lives."""
        with suppress(Transient):
            await self.bus.publish(channel, event, id=self.instance, within_s=1.0)

    def _end(self, code: int, reason: str) -> None:
        if self._ending is None:
            self._ending = Ending(code, reason)
            self._ended.set()
        elif code == EXIT_OK:  # Whoever asks a second time does not want to wait for what is still running.
            log.critical("leaving at once: %s again", reason)
            os._exit(EXIT_FAILED)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        if reason := ended_unasked(task):
            error = None if task.cancelled() else task.exception()
            self.fatal(error if isinstance(error, Fatal) else Fatal(f"background task {task.get_name()} {reason}"))

    # -- health --------------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return all(check.ok for check in self._current())

    def _current(self) -> tuple[Check, ...]:
        late_s = clock.uptime_s() - self._checked_s
        fresh = Check(name="fresh", ok=late_s <= STALE_S, reason="" if late_s <= STALE_S else f"checks are {late_s:.0f} s late")
        phase = "draining" if self._ending else "starting"
        serving = Check(name="serving", ok=self._serving, reason="" if self._serving else phase)
        return (serving, fresh, *self._results)

    async def _check_forever(self) -> None:
        while True:
            await self._check_once()
            await asyncio.sleep(CHECK_EVERY_S)

    async def _check_once(self) -> None:
        results = await asyncio.gather(*(_outcome(name, check) for name, check in self._checks.items()))
        for old, new in zip(self._results, results, strict=False):
            if old.ok and not new.ok:
                log.warning("not ready: %s: %s", new.name, new.reason)
        self._results = tuple(results)
        self._checked_s = clock.uptime_s()
        self.metrics.ready.set(self.ready)

    async def _check_nats(self) -> None:
        if self.bus.trouble:
            raise Transient(self.bus.trouble)
        self.metrics.round_trip.set(await self.bus.round_trip(CHECK_WITHIN_S))

    async def _check_consumers(self) -> None:
        """A consumer that an operator removed while we run would be silence, not an error, to whoever pulls from it."""
        while True:
            await asyncio.sleep(CONSUMERS_EVERY_S)
            with suppress(Transient):  # The round trip check tells about an unreachable server.
                await self.bus.check_consumers()

    async def _answer_status(self, asked: StatusAsked) -> ServiceStatus | None:
        if asked.service not in ("", self.name):
            return None
        return ServiceStatus(
            service=self.name,
            instance=self.instance,
            version=version("jurymast"),
            started_ms=self.started_ms,
            ready=self.ready,
            checks=self._current(),
            http_port=self.http_port,
        )

    @asynccontextmanager
    async def _health_server(self) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await runner.setup()
        host, port = self.settings.http_host, self.settings.http_port
        try:
            site = web.TCPSite(runner, host, port, reuse_port=False)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            taken = "is taken by another process" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise Misconfigured(f"JURYMAST_HTTP_PORT: port {port} of {host} {taken}") from None
        self.http_port = runner.addresses[0][1]
        log.info("health endpoints on port %d", self.http_port, extra={"http_port": self.http_port})
        try:
            yield
        finally:
            await runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        wrong = [f"{check.name}: {check.reason}" for check in self._current() if not check.ok]
        return web.Response(text="ok\n" if not wrong else "\n".join(wrong) + "\n", status=503 if wrong else 200)

    async def _healthz(self, _: web.Request) -> web.Response:
        status = msgspec.to_builtins(await self._answer_status(StatusAsked()))
        status |= {"uptime_s": (clock.now_ms() - self.started_ms) / 1000, "settings": redacted(self.settings)}
        body = msgspec.json.format(msgspec.json.encode(status, enc_hook=str), indent=2)
        return web.Response(body=body, content_type="application/json", status=200 if self.ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        self.metrics.ready.set(self.ready)
        return web.Response(body=generate_latest(self.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _outcome(name: str, check: Callable[[], Awaitable[None]]) -> Check:
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            await check()
    except TimeoutError:
        return Check(name=name, ok=False, reason=f"no answer within {CHECK_WITHIN_S:g} s")
    except asyncio.CancelledError:
        if asked_to_end():
            raise
        return Check(name=name, ok=False, reason="what it waited for was cancelled")
    except Exception as error:  # noqa: BLE001  Whatever a check raises is the reason to report.
        return Check(name=name, ok=False, reason=str(error) or repr(error))
    return Check(name=name, ok=True)


def run_service(name: str, settings_type: type[S], app: App[S], *, table: Table = TABLE) -> NoReturn:
    """The whole life of a service process; exits with 0 (asked to stop), 1 (failed) or 2 (an operator must act first)."""
    start_logging(name, "-", "info")
    try:
        settings = load(settings_type, os.environ)
        code = uvloop.run(_run(name, settings, app, table))
    except Misconfigured as error:
        log.critical("%s", error)
        code = EXIT_MISCONFIGURED
    except JurymastError as error:
        log.critical("%s: %s", type(error).__name__, error)
        code = EXIT_FAILED
    except Exception:
        log.critical("could not go on", exc_info=True)
        code = EXIT_FAILED
    sys.exit(code)


async def _run(name: str, settings: S, app: App[S], table: Table) -> int:
    frame = Frame(name, settings, table)
    start_logging(name, frame.instance, settings.log_level)
    return await frame.run(app)
