"""Vignettes per second from files to probabilities, next to the bare runtime on decoded arrays, a plain torch loader, and fastai.

All run the same network on the same pictures with one orientation, in one process after the other, in turns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import imagine_kernels as ik
from benchmarks.report import SHARED_DATA, write_table
from imagine_kernels.files import Files
from imagine_kernels.inference.allocator import restart_with_fast_allocator
from imagine_kernels.inference.classifier import Classifier, Prepared, identify, prepare, prepared
from imagine_kernels.inference.sessions import Session, cpu_session
from imagine_kernels.media.vignettes import load
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.models.network import build_network, load_weights
from imagine_kernels.records import Sample

DATA = SHARED_DATA / "zooscan" / "ecotaxa_ml_template_400"
N = 960
TURNS = 3
#: Share of the ceiling that is demanded end to end.
LEAST = 0.85
#: The torch peers are so slow that fewer pictures tell the same.
N_TORCH = 320


def main() -> None:
    restart_with_fast_allocator()
    plankton = ik.use_case("zooscan")
    real = DATA.is_dir()
    opened = plankton.open(DATA if real else None)
    sample = opened.where(np.arange(N) % len(opened))
    with tempfile.TemporaryDirectory() as folder:
        bundle = plankton.train(opened, epochs=0, out=Path(folder) / "model")
        ways = cpu_ways(sample, bundle)
        seconds = in_turns(list(ways.values()))
        for name, value in zip(ways, seconds, strict=True):
            print(f"{name}: {N / value:.0f} vignettes/s", flush=True)
        peers = {**torch_ways(sample.where(np.arange(N_TORCH)), bundle)}
        slow = in_turns(list(peers.values()), turns=2)
    speed = {name: N / value for name, value in zip(ways, seconds, strict=True)}
    speed |= {name: N_TORCH / value for name, value in zip(peers, slow, strict=True)}
    share = speed["identify, OpenVINO f32"] / speed["bare OpenVINO f32 on decoded arrays"]
    write_table(
        "identify",
        "Identifying vignettes on the CPU",
        text=[
            f"{N} {'real' if real else 'synthetic'} vignettes, one orientation, 224 px, EfficientNet-Lite0 in f32; medians of {TURNS} turns."
            " `identify` reads and decodes files, cuts out the object, measures its morphometry and infers.",
            f"End to end / ceiling with OpenVINO: {share:.0%}"
            + (" (85 % are demanded)." if share >= LEAST else ", less than the 85 % demanded."),
        ],
        head=["way", "vignettes/s"],
        rows=[[name, f"{value:.0f}"] for name, value in speed.items()],
    )


def in_turns(ways: Sequence[Callable[[], float]], turns: int = TURNS) -> list[float]:
    """The median seconds of each; they take turns, so that a busy moment of the machine does not hit one alone."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(turns):
        for times, way in zip(taken, ways, strict=True):
            times.append(way())
    return [statistics.median(times) for times in taken]


def cpu_ways(sample: Sample, bundle: ModelBundle) -> dict[str, Callable[[], float]]:
    decoded = list(prepared(sample, bundle.details["input"], problems=[]))

    def bare(session: Session) -> Callable[[], float]:
        def run() -> float:
            start = time.perf_counter()
            session.run(((chunk.rows, chunk.pixels, chunk.morphometry) for chunk in decoded), lambda *_: None)
            return time.perf_counter() - start

        return run

    def whole(classifier: Classifier) -> Callable[[], float]:
        def run() -> float:
            start = time.perf_counter()
            predictions, _, _ = identify(sample, bundle, classifier=classifier)
            if len(predictions) != len(sample):
                raise RuntimeError("some vignettes were not identified")
            return time.perf_counter() - start

        return run

    def reading() -> float:
        start = time.perf_counter()
        for _ in prepared(sample, bundle.details["input"], problems=[]):
            pass
        return time.perf_counter() - start

    ways: dict[str, Callable[[], float]] = {}
    for runtime, name in (("openvino", "OpenVINO f32"), ("onnxruntime", "ONNX Runtime f32")):
        classifier = Classifier(bundle, runtime=runtime, device="cpu", orientations=1)  # type: ignore[arg-type]
        ways[f"identify, {name}"] = whole(classifier)
        ways[f"bare {name} on decoded arrays"] = bare(cpu_session(bundle.graph(), runtime=runtime))  # type: ignore[arg-type]
    ways["decoding, cutting out and morphometry alone"] = reading
    return ways


def torch_ways(sample: Sample, bundle: ModelBundle) -> dict[str, Callable[[], float]]:
    import torch
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader as FastaiLoader
    from fastai.learner import Learner

    given = bundle.details["input"]
    names = sample.objects["file"].tolist()
    files = Files(sample.source)

    class Vignettes(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(names)

        def __getitem__(self, i: int) -> tuple[Any, Any, int]:
            chunk: Prepared = prepare(given, np.array([i]), [load(files, names[i])])
            return torch.from_numpy(chunk.pixels[0]), torch.from_numpy(chunk.morphometry[0]), 0

    network = build_network(
        backbone=given["backbone"], classes=len(bundle.classes), morphometry=len(given["morphometry"]), imagenet=False
    )
    load_weights(network, bundle.weights())

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: Any, morphometry: Any) -> Any:
            return self.network(pixels, morphometry)[0]

    def plain() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            for pixels, morphometry, _ in torch.utils.data.DataLoader(Vignettes(), batch_size=16, num_workers=2):
                network(pixels, morphometry)
        return time.perf_counter() - start

    def fastai() -> float:
        start = time.perf_counter()
        loader = FastaiLoader(Vignettes(), bs=16, num_workers=2, n_inp=2)
        learner = Learner(
            DataLoaders(loader, loader, device=torch.device("cpu")), Logits(), loss_func=torch.nn.CrossEntropyLoss()
        )
        learner.get_preds(dl=loader)
        return time.perf_counter() - start

    return {"torch, DataLoader with 2 workers": plain, "fastai, Learner.get_preds with 2 workers": fastai}


if __name__ == "__main__":
    main()
