"""Spare kernels: handed to pages, kept from the culler, never given to notebooks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from imagine_kernels.apps.pool import PAGE_VARIABLE, WarmKernels

PAGE = {PAGE_VARIABLE: "http://127.0.0.1/voila/render/zooscan/identify.ipynb"}


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, timeout=120))


async def spare_of(kernels: WarmKernels, folder: str) -> str:
    while folder not in kernels._spares:
        await asyncio.sleep(0.05)
    return await kernels._spares[folder]


def made(root: Path, **traits: Any) -> WarmKernels:
    (root / "zooscan").mkdir()
    kernels = WarmKernels(root_dir=str(root), prepare="import json", **{"delay_s": 0.0, **traits})
    kernels.begin()
    return kernels


def test_a_page_gets_the_spare_and_another_one_is_started(tmp_path: Path) -> None:
    async def scenario() -> None:
        kernels = made(tmp_path, folders=["zooscan"])
        try:
            spare = await spare_of(kernels, "zooscan")
            got = await kernels.start_kernel(path="zooscan", kernel_name="python3", env=dict(PAGE))
            assert got == spare
            assert await spare_of(kernels, "zooscan") not in ("", got)
            assert len(kernels.list_kernel_ids()) == 2
        finally:
            await kernels.shutdown_all(now=True)

    run(scenario())


def test_notebooks_and_other_folders_get_a_fresh_kernel(tmp_path: Path) -> None:
    async def scenario() -> None:
        kernels = made(tmp_path, folders=["zooscan"], delay_s=1000.0)
        try:
            spare = await spare_of(kernels, "zooscan")
            assert await kernels.start_kernel(path="zooscan", kernel_name="python3") != spare
            assert await kernels.start_kernel(path="", kernel_name="python3", env=dict(PAGE)) != spare
        finally:
            await kernels.shutdown_all(now=True)

    run(scenario())


def test_a_spare_is_not_ended_for_being_idle(tmp_path: Path) -> None:
    async def scenario() -> None:
        kernels = made(tmp_path, folders=["zooscan"], cull_idle_timeout=1, cull_connected=True)
        try:
            spare = await spare_of(kernels, "zooscan")
            other = await kernels.start_kernel(path="zooscan", kernel_name="python3")
            for kernel in (spare, other):
                kernels._kernels[kernel].execution_state = "idle"
                kernels._kernels[kernel].last_activity = kernels._kernels[kernel].last_activity.replace(year=2020)
                await kernels.cull_kernel_if_idle(kernel)
            assert spare in kernels
            assert other not in kernels
        finally:
            await kernels.shutdown_all(now=True)

    run(scenario())


def test_a_spare_that_has_died_is_replaced_by_a_fresh_kernel(tmp_path: Path) -> None:
    async def scenario() -> None:
        kernels = made(tmp_path, folders=["zooscan"], delay_s=1000.0)
        try:
            spare = await spare_of(kernels, "zooscan")
            await kernels.shutdown_kernel(spare, now=True)
            got = await kernels.start_kernel(path="zooscan", kernel_name="python3", env=dict(PAGE))
            assert got != spare
            assert await kernels.is_alive(got)
        finally:
            await kernels.shutdown_all(now=True)

    run(scenario())
