"""Clips per second of selection among eight candidates beside a bare forward pass of the same towers.

    python benchmarks/selection.py                       mini/selector, and random weights of two larger sizes
    python benchmarks/selection.py --selector FOLDER     another checkpoint; on a GPU where there is one
    python benchmarks/selection.py --models mini base    some of the three

Ours is ``Select`` over rows with frame packs, as ``curate`` calls it: frames out of their packs, resized and
normalised, captions cut into tokens, towers, choice, rows. The bare pass is the two towers and the cosine over tensors
that were prepared before. Both take one clip at a time, ``Select`` because a clip's scores must not depend on its
neighbours; what a bare pass in batches would reach is printed too. By turns in rounds: a machine that slows down slows
both.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

GOAL, CANDIDATES = 0.8, 8
MODELS = ("mini", "small", "base")
WORDS = "a large striped red ball slides to the left on green field above blue cube while camera pans".split()


def rows_of(clips: int, height: int, width: int) -> dict[str, list[Any]]:
    """Clips of noise with captions of eight teachers: what is in the pictures takes no more and no less time."""
    from panda_hf.schema import CAPTION_ERRORS, caption_column
    from panda_hf.video import pack_frames

    rng = np.random.default_rng(0)
    times = [float(k) for k in range(8)]
    frames = [rng.integers(0, 256, (8, height, width, 3), dtype=np.uint8) for _ in range(clips)]
    captions = {
        caption_column(f"t{k}"): [" ".join(rng.choice(WORDS, 14)) for _ in range(clips)] for k in range(CANDIDATES)
    }
    return {"frames": [pack_frames(one, times) for one in frames], CAPTION_ERRORS: [None] * clips, **captions}


def larger(folder: Path, frames: int, width: int, text_layers: int) -> str:
    """A random UMT with a vision tower of twelve layers and a BERT of the same width, 224 pixels."""
    from panda_hf.mini.selector_model import selector_tokenizer
    from panda_hf.models.umt import UMTConfig, UMTForVideoTextRetrieval, UMTProcessor

    tokenizer = selector_tokenizer()
    tower = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": width // 64}
    config = UMTConfig(
        vision_config={**tower, "num_hidden_layers": 12, "num_frames": frames},
        text_config={**tower, "num_hidden_layers": text_layers, "vocab_size": len(tokenizer), "pad_token_id": 0},
        projection_dim=256,
        fusion_layers=2,
    )
    UMTForVideoTextRetrieval(config).save_pretrained(folder)
    UMTProcessor(tokenizer, num_frames=frames).save_pretrained(folder)
    return str(folder)


def compare(name: str, checkpoint: str, clips: int, size: tuple[int, int], rounds: int) -> None:
    """Measure one selector and print where the time goes."""
    import torch

    from panda_hf.selection import Select
    from panda_hf.selection.scorer import load_scorer
    from panda_hf.video import unpack_frames

    rows = rows_of(clips, *size)
    stage = Select(teachers=tuple(f"t{k}" for k in range(CANDIDATES)), selector=checkpoint)
    scorer = load_scorer(checkpoint, None, None, None)
    texts = [[rows[f"caption_t{k}"][i] for k in range(CANDIDATES)] for i in range(clips)]
    frames = [unpack_frames(pack) for pack in rows["frames"]]
    device, dtype = scorer.model.device, scorer.model.dtype
    ready = [scorer.processor(videos=[f], text=t).to(device, dtype) for f, t in zip(frames, texts, strict=True)]

    def bare() -> None:
        with torch.inference_mode():
            for inputs in ready:
                scorer.model(**inputs).similarity.tolist()

    def batched() -> None:
        with torch.inference_mode():
            for at in range(0, clips, 8):
                names = ready[at].keys()
                joined = {key: torch.cat([inputs[key] for inputs in ready[at : at + 8]]) for key in names}
                scorer.model(**joined).similarity.tolist()

    def prepare() -> None:
        for f, t in zip(frames, texts, strict=True):
            scorer.processor(videos=[f], text=t)

    parts = {
        "ours": lambda: stage.transform(rows, None),
        "bare": bare,
        "bare, batches of 8": batched,
        "prepare": prepare,
    }
    report(name, clips, measured(parts, rounds))


def measured(parts: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each part in each round, after a first round that is not counted."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for number in range(rounds + 1):
        for name, run in parts.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if number:
                found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return found


def report(name: str, clips: int, found: dict[str, list[tuple[float, float]]]) -> None:
    """Medians over the rounds, and the ratio."""
    medians = {part: np.median(np.array(seconds), axis=0) for part, seconds in found.items()}
    print(f"\n{name}, {clips} clips, {CANDIDATES} candidates each")
    for part, (wall, cpu) in medians.items():
        print(
            f"  {part:20}{clips / wall:9.1f} clips/s{1000 * wall / clips:9.2f} ms{1000 * cpu / clips:9.2f} ms of CPU"
        )
    ratio, cpu_ratio = medians["bare"] / medians["ours"]
    rest = medians["ours"][0] - medians["bare"][0] - medians["prepare"][0]
    print(f"  choice and rows: {1000 * max(rest, 0.0) / clips:.2f} ms a clip")
    print(f"  ratio {ratio:.2f} ({cpu_ratio:.2f} by CPU seconds); goal {GOAL}: {'met' if ratio >= GOAL else 'missed'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--selector", help="a checkpoint instead of the three")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, help="which of the three")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=4, help="of the larger random models; the paper's looks at 12")
    parser.add_argument("--size", type=int, nargs=2, default=(336, 597), help="height and width of the frames")
    arguments = parser.parse_args()

    import torch

    from panda_hf.models.devices import device_of

    device = device_of(None)
    what = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    print(
        f"{what}, {torch.get_num_threads()} compute thread(s), {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    size = tuple(arguments.size)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.selector:
            compare(arguments.selector, arguments.selector, arguments.clips, size, arguments.rounds)
            return
        if "mini" in arguments.models:
            compare("mini/selector", "mini/selector", arguments.clips, size, arguments.rounds)
        if "small" in arguments.models:
            made = larger(Path(folder) / "small", arguments.frames, 384, 6)
            compare("random weights, ViT-S at 224 pixels", made, max(4, arguments.clips // 8), size, arguments.rounds)
        if "base" in arguments.models:
            made = larger(Path(folder) / "base", arguments.frames, 768, 9)
            compare("random weights, UMT-B at 224 pixels", made, 2, size, min(2, arguments.rounds))


if __name__ == "__main__":
    main()
