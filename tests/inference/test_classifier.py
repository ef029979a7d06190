"""Identifying with the starter model on the bundled sample: right, complete, cancellable, and without torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import imagine_kernels as ik
from imagine_kernels.errors import BundleError, Cancelled, SettingError
from imagine_kernels.files import Files
from imagine_kernels.inference import classifier as module
from imagine_kernels.inference.allocator import FAST, restart_with_fast_allocator
from imagine_kernels.inference.classifier import Classifier, identify
from imagine_kernels.inference.pictures import oriented
from imagine_kernels.inference.sessions import cpu_session
from imagine_kernels.measures.morphometry import FEATURES
from imagine_kernels.media.vignettes import load
from imagine_kernels.models.bundle import ModelBundle
from imagine_kernels.records import Sample


@pytest.fixture(scope="module")
def bundle(starter_model: Callable[[str], ModelBundle]) -> ModelBundle:
    return starter_model("zooscan")


@pytest.fixture(scope="module")
def sample(bundle: ModelBundle) -> Sample:
    whole = ik.use_case("zooscan").open()
    return whole.where(np.arange(0, len(whole), 5))


@pytest.fixture(scope="module")
def pictures(sample: Sample) -> list[np.ndarray]:
    with Files(sample.source) as files:
        return [load(files, name) for name in sample.objects["file"]]


def test_better_than_chance_on_pictures_of_another_seed(sample: Sample, bundle: ModelBundle) -> None:
    seen: list[tuple[int, int, str]] = []
    predictions, problems, _ = identify(sample, bundle, progress=lambda *a: seen.append(a))
    truth = sample.objects["label"].to_numpy()
    commonest = max((truth == label).mean() for label in set(truth))
    assert (predictions.label == truth).mean() > commonest + 0.2
    assert problems == []
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)
    assert seen[-1] == (len(sample), len(sample), "identifying")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)


def test_both_runtimes_agree_with_each_other_and_with_torch(
    bundle: ModelBundle, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from imagine_kernels.models.network import build_network, load_weights

    # All in f32: a processor with bf16 is given that where its answers are the same, with slightly other probabilities.
    monkeypatch.setattr(module, "has_bf16", lambda: False)
    given = bundle.details["input"]
    few = pictures[:20]
    vino, onnx = (Classifier(bundle, runtime=name, orientations=1).probabilities(few) for name in ("openvino", "onnxruntime"))
    network = build_network(
        backbone=given["backbone"], classes=len(bundle.classes), morphometry=len(given["morphometry"]), imagenet=False
    )
    load_weights(network, bundle.weights())
    chunk = module.prepare(given, np.arange(len(few)), few)
    with torch.inference_mode():
        logits = network(torch.from_numpy(chunk.pixels), torch.from_numpy(chunk.morphometry))[0].numpy()
    expected = module.softmax(logits / bundle.temperature)
    np.testing.assert_allclose(vino, expected, atol=1e-4)
    np.testing.assert_allclose(onnx, expected, atol=1e-4)


def test_it_does_not_matter_how_a_picture_lies(bundle: ModelBundle, pictures: list[np.ndarray]) -> None:
    classifier = Classifier(bundle, orientations=8)
    chunk = module.prepare(bundle.details["input"], np.arange(6), pictures[:6])
    logits = np.zeros((2, 6, len(bundle.classes)), dtype=np.float32)
    classifier.add_logits([chunk], logits[0])
    classifier.add_logits([replace(chunk, pixels=oriented(chunk.pixels, 5))], logits[1])
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-3)
    alone = np.zeros_like(logits[0])
    Classifier(bundle, orientations=1).add_logits([chunk], alone)
    assert np.abs(alone - logits[0]).max() > 1e-2


def test_saving_the_pictures_again_changes_few_predictions(bundle: ModelBundle, pictures: list[np.ndarray]) -> None:
    again = [cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], cv2.IMREAD_GRAYSCALE) for p in pictures]
    classifier = Classifier(bundle)
    before, after = (classifier.probabilities(given).argmax(axis=1) for given in (pictures, again))
    assert (before != after).mean() <= 0.02


def test_broken_pictures_become_problems_and_the_rest_is_done(sample: Sample, bundle: ModelBundle, tmp_path: Path) -> None:
    names = sample.objects["file"].tolist()[:6]
    for name in names:
        shutil.copy(sample.source / name, tmp_path / name)
    (tmp_path / names[1]).write_bytes(b"")
    (tmp_path / names[3]).write_bytes((tmp_path / names[3]).read_bytes()[:100])
    (tmp_path / names[4]).write_text("not a picture")
    broken = replace(sample.where(np.arange(6)), source=tmp_path)
    predictions, problems, columns = identify(broken, bundle, orientations=1)
    ids = broken.objects["object_id"].tolist()
    assert predictions.object_id.tolist() == [ids[0], ids[2], ids[5]]
    assert [problem.item for problem in problems] == [names[1], names[3], names[4]]
    assert all(problem.what and problem.severity == "error" for problem in problems)
    assert all(len(values) == 3 and np.isfinite(values).all() for values in (columns["object_area"], columns["object_major"]))
    alone, _, _ = identify(sample.where(np.array([0, 2, 5])), bundle, orientations=1)
    np.testing.assert_allclose(predictions.probabilities, alone.probabilities, atol=1e-5)


def test_cancelled(sample: Sample, bundle: ModelBundle) -> None:
    stop = threading.Event()
    with pytest.raises(Cancelled, match="Stopped on request"):
        identify(sample, bundle, cancel=stop, progress=lambda *_: stop.set(), orientations=1)


def test_identifying_imports_neither_torch_nor_fastai(sample: Sample, bundle: ModelBundle) -> None:
    code = """
import json, sys
import numpy as np
import imagine_kernels as ik
from imagine_kernels.inference.classifier import identify
from imagine_kernels.models.bundle import ModelBundle
sample = ik.use_case("zooscan").open()
predictions, problems, _ = identify(sample.where(np.arange(20)), ModelBundle.load(sys.argv[1]), orientations=1)
print(json.dumps([len(predictions), [m for m in ("torch", "fastai", "timm", "sklearn", "torchvision") if m in sys.modules]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundle.path)], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [20, []]


def test_settings_that_cannot_be_taken(bundle: ModelBundle) -> None:
    with pytest.raises(SettingError, match="orientations takes values from 1 up to 8, not 9"):
        Classifier(bundle, orientations=9)
    with pytest.raises(SettingError, match="Unknown device 'abacus'; known: auto, cpu, cuda"):
        Classifier(bundle, device="abacus")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="Unknown runtime 'torch' for the CPU"):
        cpu_session(bundle.graph(), runtime="torch")


def test_a_model_that_wants_an_unknown_feature(bundle: ModelBundle, pictures: list[np.ndarray]) -> None:
    given = {**bundle.details["input"], "morphometry": ["area", "aura"]}
    with pytest.raises(BundleError, match="wants the feature 'aura'"):
        module.prepare(given, np.arange(1), pictures[:1])


def test_pictures_are_made_ready_as_the_model_says(bundle: ModelBundle) -> None:
    given = {**bundle.details["input"], "size": 96}
    rng = np.random.default_rng(0)
    grey = np.clip(rng.normal(180, 2, (48, 96)), 0, 255).astype(np.uint8)
    grey[10:30, 20:50] = 60
    ones = np.arange(1)
    as_it_is = module.prepare(given, ones, [grey])
    white = module.prepare({**given, "white_background": True}, ones, [grey])
    area = FEATURES.index("area")
    # On a grey background everything is darker than white paper; once that is white the particle alone is measured.
    assert as_it_is.measured[0, area] == grey.size
    assert white.measured[0, area] == pytest.approx(20 * 30, rel=0.02)
    rim = module.prepare({**given, "background": 255, "margin": 0.0, "surround": "rim", "morphometry": []}, ones, [grey])
    assert abs(int(rim.pixels[0, 0, 2, 2]) - 180) <= 1
    np.testing.assert_array_equal(rim.pixels[0, 0, 24:72], grey)
    assert np.isnan(rim.measured).all()


def test_a_gpu_that_is_lost_leaves_the_work_to_the_processor(bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from imagine_kernels.inference import classifier as module

    # The device file is there, as in a container that has lost its GPU; what torch says of it is real.
    monkeypatch.setattr(module, "gpu_is_there", lambda: True)
    if torch.cuda.is_available():
        assert Classifier(bundle).session.runtime == "torch"
        return
    with pytest.warns(RuntimeWarning, match="no GPU that torch can use; identifying goes on on the processor"):
        assert Classifier(bundle).session.runtime == "openvino"
    with pytest.raises(SettingError, match="There is no GPU that torch can use: choose the device cpu"):
        Classifier(bundle, device="cuda")


def test_a_faster_precision_only_where_it_was_found_to_agree(bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which precision is asked for; whether the processor has bf16 is set here, the session is the real one."""
    asked: list[str] = []

    def noted(graph: bytes, *, runtime: str | None = None, precision: str = "f32") -> object:
        asked.append(precision)
        return cpu_session(graph)

    monkeypatch.setattr(module, "cpu_session", noted)
    monkeypatch.setattr(module, "has_bf16", lambda: True)
    for agreement in ({}, {"bf16": 0.99}, {"bf16": 0.996}):
        Classifier(replace(bundle, details={**bundle.details, "precision": agreement}), device="cpu")
    assert asked == ["f32", "f32", "bf16"]


def test_no_pictures(bundle: ModelBundle) -> None:
    assert Classifier(bundle).probabilities([]).shape == (0, len(bundle.classes))


def test_the_process_starts_again_once_with_the_allocator_settings(tmp_path: Path) -> None:
    script = tmp_path / "once.py"
    script.write_text(
        "import os, sys\n"
        "from imagine_kernels.inference.allocator import restart_with_fast_allocator\n"
        "print('start', os.getpid(), flush=True)\n"
        "restart_with_fast_allocator()\n"
        "print('work', os.getpid(), os.environ['MALLOC_MMAP_MAX_'], sys.argv[1:], flush=True)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in FAST} | {
        "PYTHONPATH": str(Path(ik.__file__).parent.parent)
    }
    done = subprocess.run([sys.executable, str(script), "a b"], capture_output=True, text=True, check=True, env=environment)
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["start", "start", "work"]
    assert len({line[1] for line in lines}) == 1
    assert lines[2][2:] == ["0", "['a b']"]


def test_the_process_is_left_alone_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FAST:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMAGINE_KEEP_ALLOCATOR", "1")
    restart_with_fast_allocator()
    assert not any(name in os.environ for name in FAST)
