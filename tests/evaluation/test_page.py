from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset
from PIL import Image

from panda_hf.errors import MissingColumnError, SourceError
from panda_hf.evaluation.captioner import write_captions
from panda_hf.evaluation.page import extremes, write_page
from panda_hf.evaluation.plot import figure_of, write_plot
from panda_hf.evaluation.references import load_benchmark, references_of
from panda_hf.evaluation.results import Benchmark, Evaluation, Score
from panda_hf.evaluation.sources import captioner_of

HOSTILE = "<script>alert(1)</script> & a \u202e dog"


def evaluation(model: str) -> Evaluation:
    on = Benchmark(name="mini <b>", config="full", split="test", videos=2, references=4)
    scores = {"cider": Score(value=0.5, low=0.4, high=0.6), "meteor": Score(value=0.2, spread=0.01)}
    return Evaluation(model=model, task="video-captioning", benchmark=on, scores=scores)


def test_best_and_worst_are_the_ends_of_the_scores() -> None:
    shown = extremes("m", "cider", list("abcde"), ["x"] * 5, [("r",)] * 5, [0.1, 0.9, 0.5, 0.9, 0.0], {}, count=2)
    assert [sample.video_id for sample in shown.best] == ["b", "d"]
    assert [sample.video_id for sample in shown.worst] == ["e", "a"]
    few = extremes("m", "cider", ["a"], ["x"], [("r",)], [0.1], {}, count=2)
    assert (len(few.best), len(few.worst)) == (1, 0)


def test_what_is_level_is_ordered_by_a_second_metric_and_counted(tmp_path: Path) -> None:
    shown = extremes("m", "cider", list("abcde"), ["x"] * 5, [("r",)] * 5, [0.0, 0.9, 0.0, 0.0, 0.5], {}, count=2,
                     then=("rouge_l", [0.2, 0.9, 0.0, 0.3, 0.1]))  # fmt: skip
    assert [sample.video_id for sample in shown.worst] == ["c", "a"]
    html = write_page([evaluation("m")], [shown], None, tmp_path).read_text()
    assert "3 share the lowest score; shown are those of lowest ROUGE-L." in html
    assert "What the model gets right." in html
    nothing = extremes("m", "cider", ["a", "b"], ["x"] * 2, [("r",)] * 2, [0.0, 0.0], {})
    html = write_page([evaluation("m")], [nothing], None, tmp_path).read_text()
    assert "No caption scored above 0." in html and "What the model gets right." not in html


def test_each_direction_of_retrieval_has_a_table_of_its_own(tmp_path: Path) -> None:
    scores = {metric: Score(value=0.5) for metric in ("t2v_R@1", "t2v_mean_rank", "v2t_R@1", "v2t_mean_rank")}
    one = replace(evaluation("m"), task="video-text-retrieval", scores=scores,
                  settings={"ties": "average", "video_to_text": "videos"})  # fmt: skip
    html = write_page([one], [], None, tmp_path).read_text()
    heads = [head.split("</thead>")[0] for head in html.split("<thead>")[1:]]
    assert [("T2V" in head, "V2T" in head, head.count("<th")) for head in heads] == [
        (True, False, 3),
        (False, True, 3),
    ]
    assert "a video's best text is ranked among the best text of each other video" in html
    assert "in brackets" not in html


def test_the_page_shows_frames_and_escapes_every_text(benchmark: Path, tmp_path: Path) -> None:
    rows = load_benchmark(benchmark)
    videos = dict(zip(rows["video_id"], rows["video"], strict=True))
    ids = list(rows["video_id"][:2])
    videos[HOSTILE] = videos.pop(ids[0])
    ids[0] = HOSTILE
    shown = extremes(HOSTILE, "cider", ids, [HOSTILE, "b"], [(HOSTILE,), ("r",)], [0.9, 0.1], videos)
    plot = write_plot([evaluation("one"), evaluation("two")], tmp_path)
    html = write_page([evaluation(HOSTILE)], [shown], plot, tmp_path).read_text()
    assert html.count("data:image/jpeg;base64,") == 2 and html.count("data:image/png;base64,") == 1
    assert "<script" not in html and "<code>&lt;script&gt;alert(1)&lt;/script&gt; &amp; a" in html
    assert "mini &lt;b&gt;" in html and "\u202e" not in html
    with Image.open(plot) as picture:
        assert picture.size[0] > 300


def test_the_picture_says_what_it_shows_and_every_line_is_an_interval_over_videos() -> None:
    seeded = replace(evaluation("seeded"), scores={"cider": Score(value=0.9, low=0.8, high=0.95, spread=0.25)})
    long = replace(seeded, benchmark=replace(seeded.benchmark, name="mini-msrvtt-12-films", videos=2990))
    assert figure_of([long]).get_suptitle() == "mini-msrvtt-12-films, full/test: 2,990 videos"
    figure = figure_of([seeded, evaluation("plain")], ["cider"])
    (axis,) = figure.axes
    lines = [list(line.get_xdata()) for line in axis.lines]
    assert lines == [pytest.approx(x) for x in ([80.0, 95.0], [90.0], [40.0, 60.0], [50.0])]
    left, right = axis.get_xlim()
    assert left < 40 - 5 and right > 95 + 5
    assert figure.get_suptitle() == "mini <b>, full/test: 2 videos"
    assert figure.get_supxlabel() == "Times 100; lines: 95 % intervals over the videos"
    one = replace(evaluation("one video"), scores={"cider": Score(value=0.5)})
    alone = figure_of([one])
    assert alone.get_supxlabel() == "Times 100" and len(alone.axes[0].lines) == 1


def test_a_captioner_is_shown_each_video_of_a_benchmark(benchmark: Path) -> None:
    rows = load_benchmark(benchmark)
    written = write_captions(rows, [captioner_of("mini/image"), captioner_of("moving=mini_video")])
    assert set(written) == {"mini/image", "moving"}
    for (captions,) in written.values():
        assert set(captions) == set(rows["video_id"])
        assert all(len(caption.split()) > 2 for caption in captions.values())


def test_a_video_that_cannot_be_read_has_no_prediction(benchmark: Path, tmp_path: Path) -> None:
    rows = load_benchmark(benchmark).select(range(2))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = {"path": str(tmp_path / "broken.mp4"), "bytes": None}
    rows = rows.map(
        lambda row, i: {"video": broken if i == 0 else row["video"]}, with_indices=True, features=rows.features
    )
    written = write_captions(rows, [captioner_of("mini/image")])
    assert set(written["mini/image"][0]) == {rows["video_id"][1]}
    none = rows.map(lambda row: {"video": None}, features=rows.features)
    with pytest.raises(SourceError, match="none of the benchmark's rows"):
        write_captions(none, [captioner_of("mini/image")])


def test_references_are_matched_by_id(benchmark: Path, tmp_path: Path) -> None:
    rows = load_benchmark(benchmark)
    references = references_of(rows)
    assert list(references) == list(rows["video_id"]) and all(len(said) == 20 for said in references.values())
    from datasets import concatenate_datasets

    with pytest.raises(SourceError, match="twice"):
        references_of(concatenate_datasets([rows, rows]))
    with pytest.raises(SourceError, match="no reference for 'v'"):
        references_of(Dataset.from_list([{"video_id": "v", "captions": []}]))
    with pytest.raises(SourceError, match="something else than texts for 'v'"):
        references_of(Dataset.from_list([{"video_id": "v", "captions": ["a", None]}]))
    (tmp_path / "t.csv").write_text("video_id,text\na,b\n")
    with pytest.raises(MissingColumnError, match="captions"):
        load_benchmark(tmp_path, split="train")
    with pytest.raises(SourceError, match="cannot load"):
        load_benchmark(tmp_path / "nothing")


def test_loading_back_is_what_load_dataset_gives(benchmark: Path) -> None:
    assert load_benchmark(benchmark)["captions"][:] == load_dataset(str(benchmark), split="test")["captions"][:]
