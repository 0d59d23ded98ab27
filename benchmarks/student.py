"""Clips per second and peak memory of the student beside a plain loop over the same model.

    python benchmarks/student.py                          mini/student where it is shipped, films drawn here
    python benchmarks/student.py --student FOLDER         any student; on a GPU where there is one
    python benchmarks/student.py --random                 random weights, every caption as long as --tokens

The plain loops decode a batch, prepare it and call ``generate``, one after the other, with 1 and with 32 clips at
once. Ours is ``describe_rows`` as ``panda-hf caption`` uses it: the next window is decoded and the next batches are
prepared while the model writes; batches of 32. A fourth side is the plain loop of 32 with a static cache. All sides
use our decoder, and the same clips with the words around them.

Every side runs in a process of its own, so that its peak memory is its own; sides take turns, and each is measured
several times. Loading and a first batch are not counted. CPU seconds are of all threads, less swayed by other load.
Memory is the largest resident set of the process, with Python and torch in it, and what torch allocated on a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Row = dict[str, Any]
SIDES = ("plain loop, 1", "plain loop, 32", "plain, 32, static", "ours, 32")


def clips_of(folder: Path) -> list[Row]:
    """One clip per scene of films of the miniature world."""
    from panda_hf.mini.score import clip_rows_of

    films = sorted(path for path in folder.iterdir() if path.suffix in (".mp4", ".mkv", ".webm"))
    return [row for path in films for row, _ in clip_rows_of(path)]


def plain(rows: Sequence[Row], student: Any, tokens: int, batch: int, **settings: Any) -> list[str]:
    """Decode, prepare, generate; then the next."""
    import torch

    from panda_hf.captioning import SampleFrames
    from panda_hf.video import unpack_frames

    found: list[str] = []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        packs = SampleFrames()({column: [row[column] for row in part] for column in part[0]})["frames"]
        inputs = student.processor(
            videos=[unpack_frames(pack).copy() for pack in packs],
            subtitles=[row["subtitle"] for row in part],
            metadata=[(row["title"], row["description"]) for row in part],
        ).to(student.model.device)
        with torch.inference_mode():
            ids = student.model.generate(**inputs, max_new_tokens=tokens, do_sample=False, **settings)
        found += student.processor.batch_decode(ids, skip_special_tokens=True)
    return found


def ours(rows: Sequence[Row], checkpoint: str, tokens: int, batch: int) -> list[str | None]:
    from panda_hf.captioning import Describe
    from panda_hf.describing import describe_rows

    stage = Describe(checkpoint=checkpoint, max_new_tokens=tokens, model_batch_size=batch)
    return [row["student_caption"] for row in describe_rows(rows, stage)]


def work_of(side: str, checkpoint: str, tokens: int) -> Callable[[Sequence[Row]], list[Any]]:
    """What a side does with clips; its model is loaded."""
    from panda_hf.captioning import Describe
    from panda_hf.captioning.teachers.base import load_teacher
    from panda_hf.models.devices import device_of

    stage = Describe(checkpoint=checkpoint)
    student = load_teacher(stage.card(), device_of(None), stage.loading)
    if side == "ours, 32":
        return lambda rows: ours(rows, checkpoint, tokens, 32)
    batch = 1 if side == "plain loop, 1" else 32
    more = {"cache_implementation": "static"} if side.endswith("static") else {}
    return lambda rows: plain(rows, student, tokens, batch, **more)


def measure(side: str, checkpoint: str, films: Path, tokens: int) -> Row:
    """Seconds, memory and captions of one side, in this process."""
    import torch

    rows, work = clips_of(films), work_of(side, checkpoint, tokens)
    warm, rows = rows[:2], rows[2:]
    work(warm)
    started, cpu = time.perf_counter(), time.process_time()
    written = work(rows)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    gpu = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
    return {"clips": len(rows), "seconds": seconds, "cpu": cpu, "resident": resident, "gpu": gpu, "written": written}


def random_student(folder: Path) -> str:
    """A student of some ten million random weights whose captions never end by themselves."""
    import torch

    from panda_hf.mini.teacher_models import word_tokenizer
    from panda_hf.models.student import PandaStudentConfig, PandaStudentForConditionalGeneration, PandaStudentProcessor

    torch.manual_seed(0)
    tokenizer = word_tokenizer(start=True)
    narrow = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 6, "intermediate_size": 768}
    special = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    config = PandaStudentConfig(
        vision_config={**narrow, "image_size": 112, "initializer_range": 0.02},
        qformer_config=narrow,
        video_qformer_config={"intermediate_size": 768},
        text_qformer_config={"num_attention_heads": 4, "intermediate_size": 768},
        text_config={"model_type": "llama", "vocab_size": len(tokenizer), **narrow, **special},
    )
    model = PandaStudentForConditionalGeneration(config)
    with torch.no_grad():
        model.language_model.lm_head.weight[[tokenizer.eos_token_id, tokenizer.pad_token_id]] = 0
    model.save_pretrained(folder)
    PandaStudentProcessor(tokenizer, image_size=112).save_pretrained(folder)
    return str(folder)


def in_a_process(side: str, arguments: argparse.Namespace, films: Path, checkpoint: str) -> Row:
    command = [sys.executable, __file__, "--side", side, "--films-in", str(films), "--student", checkpoint]
    done = subprocess.run([*command, "--tokens", str(arguments.tokens)], stdout=subprocess.PIPE, text=True, check=True)
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def show(results: dict[str, list[Row]]) -> None:
    print(f"{'':20}{'clips/s':>9}{'of each round':>24}{'CPU s/clip':>12}{'resident MiB':>14}{'GPU MiB':>9}")
    speeds = {side: [run["clips"] / run["seconds"] for run in runs] for side, runs in results.items()}
    for side, runs in results.items():
        rounds = " ".join(f"{speed:.1f}" for speed in speeds[side])
        gpu = max((run["gpu"] for run in runs if run["gpu"]), default=None)
        shown = "none" if gpu is None else f"{gpu:.0f}"
        cpu = median(run["cpu"] / run["clips"] for run in runs)
        resident = max(run["resident"] for run in runs)
        print(f"{side:20}{median(speeds[side]):9.1f}{rounds:>24}{cpu:12.3f}{resident:14.0f}{shown:>9}")
    best = median(speeds[SIDES[-1]])
    for side in SIDES[:2]:
        print(f"ratio to the {side} clip(s) at once: {best / median(speeds[side]):.2f}")


def same_captions(results: dict[str, list[Row]]) -> None:
    from panda_hf.captioning.sentences import CandidateError, clean_sentence

    def cleaned(text: str) -> str | None:
        try:
            return clean_sentence(text)
        except CandidateError:
            return None

    said = [results[side][0]["written"] for side in SIDES]
    if any(said[3]):
        same = sum(cleaned(a) == b for a, b in zip(said[0], said[3], strict=True))
        print(f"ours and the plain loop of 1 wrote the same caption of {same} of {len(said[0])} clips")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="mini/student", help="a folder, a Hub id or mini/NAME")
    parser.add_argument("--random", action="store_true", help="random weights instead of --student")
    parser.add_argument("--films", type=int, default=12, help="how many films to draw")
    parser.add_argument("--tokens", type=int, default=24, help="of a caption, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--films-in", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(arguments.side, arguments.student, arguments.films_in, arguments.tokens)))
        return
    import torch

    from panda_hf.mini.films import write_films

    what = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{what}, {torch.get_num_threads()} compute thread(s), load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        films = Path(name) / "films"
        write_films(films, "test", arguments.films)
        checkpoint = random_student(Path(name) / "student") if arguments.random else arguments.student
        results: dict[str, list[Row]] = {side: [] for side in SIDES}
        for _ in range(arguments.rounds):
            for side in SIDES:
                results[side].append(in_a_process(side, arguments, films, checkpoint))
    print(f"{checkpoint if not arguments.random else 'random weights'}, {results[SIDES[0]][0]['clips']} clips")
    show(results)
    same_captions(results)


if __name__ == "__main__":
    main()
