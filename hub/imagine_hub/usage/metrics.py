"""Gauges for Prometheus, in addition to those of the hub itself."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from imagine_hub.usage.gpus import Stock

#: The text format that every Prometheus server reads.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def as_text(*, profiles: Mapping[str, int], stock: Stock, state: Path, last_at: float) -> bytes:
    """All gauges in the text format.

    Parameters
    ----------
    profiles : mapping
        Running servers by size; ``""`` where there are no sizes.
    stock : Stock
        GPUs.
    state : Path
        The state folder.
    last_at : float
        When servers were last read, in seconds since 1970; 0 for never.
    """
    registry = CollectorRegistry()
    servers = Gauge("imagine_servers_running", "Servers that are running.", ["profile"], registry=registry)
    for profile, count in (profiles or {"": 0}).items():
        servers.labels(profile or "none").set(count)
    gpus = Gauge("imagine_gpus", "GPUs that are given out by this hub.", ["state"], registry=registry)
    gpus.labels("free").set(stock.free)
    gpus.labels("leased").set(stock.leased)
    Gauge("imagine_gpu_queue_length", "People who wait for a GPU.", registry=registry).set(stock.waiting)
    disk = os.statvfs(state)
    free = Gauge("imagine_state_free_bytes", "Space left on the disk of the state folder.", registry=registry)
    free.set(disk.f_bavail * disk.f_frsize)
    size = Gauge("imagine_state_size_bytes", "Size of the disk of the state folder.", registry=registry)
    size.set(disk.f_blocks * disk.f_frsize)
    age = Gauge("imagine_usage_sample_age_seconds", "Seconds since servers were last read.", registry=registry)
    age.set(time.time() - last_at if last_at else float("inf"))
    return generate_latest(registry)
