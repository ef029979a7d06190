"""Sessions of the identify app that were identified before: what a model said is given, so that none is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pages import IdentifyPage
from playwright.sync_api import Page
from voila_server import Server

import imagine_kernels as ik
from imagine_kernels.annotation import AnnotationStore
from imagine_kernels.records import Predictions
from imagine_kernels.result import Result


def save_session(home: Path, use_case: str, data: Path, labels: Sequence[str], **settings: Any) -> str:
    """Save what a model that says `labels` (n,) would have made of the n objects at `data`; the session that shows it."""
    workflow = ik.use_case(use_case)
    sample = workflow.open(data, **settings)
    classes = tuple(dict.fromkeys(labels))
    sure = np.linspace(0.6, 0.9, len(sample))[:, None] * (np.array(labels)[:, None] == np.array(classes))
    probabilities = sure + (1 - sure.sum(axis=1, keepdims=True)) / len(classes)
    predictions = Predictions.of(sample.objects["object_id"].to_numpy(dtype=object), classes, probabilities)
    store = AnnotationStore(home / "annotations.db")
    session = store.new_session(use_case=use_case, name=data.name, source=str(data), fingerprint=data.name, model_hash="")
    store.close()
    Result(declaration=workflow.declaration, sample=sample, predictions=predictions).save(home / "results" / session.id)
    return session.id


def open_session(page: Page, server: Server, use_case: str, session: str) -> IdentifyPage:
    """The app with that session."""
    page.goto(f"{server.address(f'{use_case}/identify.ipynb')}#session={session}")
    app = IdentifyPage(page)
    app.wait_grid()
    return app
