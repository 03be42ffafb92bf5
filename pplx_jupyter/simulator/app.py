"""The routes of the simulated service, as a Starlette application."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pplx_jupyter.simulator import agent, sonar
from pplx_jupyter.simulator.agent_checks import agent_order
from pplx_jupyter.simulator.faults import traits
from pplx_jupyter.simulator.refusals import RefusalError, bad_request, invalid, refusal
from pplx_jupyter.simulator.runs import State
from pplx_jupyter.simulator.sonar_checks import sonar_order
from pplx_jupyter.simulator.webhooks import deliver_later

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from pplx_jupyter.simulator.faults import Faults
    from pplx_jupyter.simulator.runs import Order, Run
    from pplx_jupyter.simulator.world import World

    Handler = Callable[[Request], Awaitable[Response]]

__all__ = ["Service", "make_app"]

_SONAR = ("/async/chat/completions", "/v1/async/sonar")
_AGENT = ("/v1/responses", "/v1/agent")
# A synchronous run is cut where a proxy on the way would cut it.
_SYNC_CUT = 60.0
_SYNC_LOOK = 0.02


class Service:
    """What the routes share: the world, its faults, and whether the server is closing."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self.closing = threading.Event()

    # ---- sonar

    async def sonar_submit(self, request: Request) -> Response:
        """Take a sonar job."""
        account = self._enter(request, "sonar post", is_sonar=True)
        try:
            order = sonar_order(await request.json())
        except ValueError:
            raise invalid([(("body", 0), "JSON decode error", "json_invalid")]) from None
        run, new = self._submit(account, order)
        state = State("queued", 0.0, run.created_at) if new else self.world.state(run)
        if new:
            deliver_later(self.world, run, self.closing)
        return JSONResponse(sonar.body(run, state))

    async def sonar_list(self, request: Request) -> Response:
        """List sonar jobs."""
        account = self._enter(request, "list", is_sonar=True)
        asked = request.query_params
        return JSONResponse(
            sonar.rows(self.world, account, limit=asked.get("limit"), token=asked.get("next_token"))
        )

    async def sonar_get(self, request: Request) -> Response:
        """Give a sonar job."""
        account = self._enter(request, "get", is_sonar=True)
        run = self.world.find(account, "sonar", request.path_params["id"])
        return JSONResponse(sonar.body(run, self.world.state(run)))

    async def sonar_delete(self, request: Request) -> Response:
        """Cancel a sonar job."""
        account = self._enter(request, "cancel", is_sonar=True)
        return JSONResponse(sonar.delete(self.world, account, request.path_params["id"]))

    # ---- agent

    async def agent_submit(self, request: Request) -> Response:
        """Take an agent run; without ``background`` the reply waits for its end."""
        account = self._enter(request, "agent post")
        try:
            order = agent_order(await request.json())
        except ValueError:
            raise bad_request("the body is not valid JSON") from None
        agent.check_parent(self.world, account, order)
        run, _ = self._submit(account, order)
        if order.body.get("background"):
            return JSONResponse(agent.first_body(run))
        cut = time.monotonic() + _SYNC_CUT
        while (state := self.world.state(run)).ended_at is None:
            if time.monotonic() > cut:
                return Response(
                    "<html><body><h1>504 Gateway Time-out</h1></body></html>", 504, media_type="text/html"
                )
            await asyncio.sleep(_SYNC_LOOK)
        return JSONResponse(agent.body(run, state))

    async def agent_get(self, request: Request) -> Response:
        """Give an agent run."""
        account = self._enter(request, "get")
        run = self.world.find(account, "agent", request.path_params["id"])
        return JSONResponse(agent.body(run, self.world.state(run)))

    async def agent_cancel(self, request: Request) -> Response:
        """Cancel an agent run."""
        account = self._enter(request, "cancel")
        return JSONResponse(agent.cancel(self.world, account, request.path_params["id"]))

    # ---- the simulator's own

    async def bill(self, _: Request) -> Response:
        """Say what was bought so far."""
        bill = self.world.bill()
        return JSONResponse({"total": bill.total, "jobs": bill.jobs})

    async def set_fault(self, request: Request) -> Response:
        """Set a fault: ``{"spec": "status=503@get", "times": 3}``."""
        try:
            asked = await request.json()
            self.faults.add(str(asked["spec"]), asked.get("times"))
        except (ValueError, TypeError, KeyError) as error:
            raise bad_request(str(error)) from None
        return JSONResponse({"ok": True})

    async def clear_faults(self, _: Request) -> Response:
        """Take all faults back."""
        self.faults.clear()
        return JSONResponse({"ok": True})

    async def advance(self, request: Request) -> Response:
        """Move the clock forward: ``{"seconds": 600}``."""
        try:
            self.world.clock.advance(float((await request.json())["seconds"]))
        except (ValueError, TypeError, KeyError) as error:
            raise bad_request(str(error)) from None
        return JSONResponse({"ok": True})

    def _enter(self, request: Request, kind: str, *, is_sonar: bool = False) -> str:
        account = self.world.account(request.headers.get("authorization"))
        if is_sonar:
            sonar.retired_or_not(self.world)
        self.world.limit(account, kind)
        return account

    def _submit(self, account: str, order: Order) -> tuple[Run, bool]:
        known = self.world.known(account, order)
        if known is not None:
            return known, False
        hits = self.faults.for_job(traits("POST", _SONAR[0] if order.backend == "sonar" else _AGENT[0]))
        outcome = "stuck" if "stuck" in hits else "failed" if "fail" in hits else None
        return self.world.submit(account, order, outcome=outcome, costless="no-cost" in hits), True


def make_app(service: Service) -> Starlette:
    """Give the application: both APIs under both their paths, and the simulator's own routes."""
    routes: list[Route] = []
    for base in _SONAR:
        routes += _routes(base, {"POST": service.sonar_submit, "GET": service.sonar_list})
        routes += _routes(base + "/{id}", {"GET": service.sonar_get, "DELETE": service.sonar_delete})
    for base in _AGENT:
        routes += _routes(base, {"POST": service.agent_submit})
        routes += _routes(base + "/{id}", {"GET": service.agent_get})
        routes += _routes(base + "/{id}/cancel", {"POST": service.agent_cancel})
    routes += _routes("/simulator/bill", {"GET": service.bill})
    routes += _routes("/simulator/faults", {"POST": service.set_fault, "DELETE": service.clear_faults})
    routes += _routes("/simulator/advance", {"POST": service.advance})
    handlers: dict[Any, Any] = {RefusalError: _refused, HTTPException: _no_route}
    return Starlette(routes=routes, exception_handlers=handlers)


def _routes(path: str, handlers: dict[str, Handler]) -> list[Route]:
    # One route a path, so that another method is answered with 405 and the methods there are.
    return [Route(path, functools.partial(_dispatch, handlers), methods=list(handlers))]


async def _dispatch(handlers: dict[str, Handler], request: Request) -> Response:
    return await handlers.get(request.method, handlers.get("GET", _missing))(request)


async def _missing(_: Request) -> Response:
    raise HTTPException(405)


async def _refused(_: Request, error: RefusalError) -> Response:
    return JSONResponse(error.body, error.status, headers=error.headers)


async def _no_route(_: Request, error: HTTPException) -> Response:
    kind = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
    said = refusal(error.status_code, kind, error.detail)
    return JSONResponse(said.body, error.status_code, headers=dict(error.headers or {}))
