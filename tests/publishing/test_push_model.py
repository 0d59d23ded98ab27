"""`push-model` against a Hub on loopback: what arrives loads back by its id, and what must not go there is refused."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from panda_hf.cli import app
from panda_hf.cli.push_model import command_of, measured
from panda_hf.errors import OutputError, SourceError
from panda_hf.evaluation.results import Benchmark, Evaluation, Score, write_results
from panda_hf.models.checkpoints import shipped
from panda_hf.publishing.card_parts import front_matter
from panda_hf.publishing.hub.model_files import publishable
from panda_hf.publishing.model_card import Told, count_parameters, render_model_card
from tests.models.student_sizes import save
from tests.publishing.hub_client import in_process
from tests.publishing.hub_server import Hub
from tests.video.films import write_film

REPO = "user/model"
HOSTILE = "a|b <script>alert(1)</script> `x` [y](http://z) \n# T\n---\nlicense: mit"


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save(tmp_path_factory.mktemp("models") / "student")
    record = {
        "command": "panda-hf train student clips --from start --out student", "data": "user/clips", "split": "train",
        "clips": 24, "held_out_clips": 4, "clips_skipped": 1, "recipe": "Panda-70M, appendix D.2", "started_from": "x",
        "settings": {"steps": 6, "learning_rate": 1e-4}, "figures": {"eval_video_loss": 1.25},
    }  # fmt: skip
    (folder / "training.json").write_text(json.dumps(record))
    (folder / "skipped.jsonl").write_text('{"clip_id": "v2.0", "reason": "/home/me/v2.mp4 is broken"}\n')
    return folder


PUSH = """
import dataclasses, json
from panda_hf.errors import HubError
from panda_hf.publishing.hub.push_model import push_model
from panda_hf.publishing.model_card import Told

def pushed(folder, repo=REPO, told=Told(license="apache-2.0"), **options):
    summary = push_model(folder, repo, told, pause_seconds=0.01, **options)
    print(json.dumps({**dataclasses.asdict(summary), "said": str(summary)}))
"""


def ran(hub: Hub, home: Path, code: str) -> list[str]:
    """What a process printed that talks to the Hub on loopback alone."""
    done = in_process(hub, home, f"REPO = {REPO!r}\n{code}")
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()


def example_of(card: str) -> str:
    """The lines of code that a reader copies."""
    return re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]


def test_a_student_is_pushed_and_runs_from_its_id(hub: Hub, student: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(student, tmp_path / "student"))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    code = f"""{PUSH}
try:
    pushed({str(folder)!r}, told=Told())
except HubError as error:
    print(error)
pushed({str(folder)!r})
pushed({str(folder)!r})
import os
os.remove({str(folder / "chat_template.jinja")!r})
pushed({str(folder)!r})
pushed({str(folder)!r}, "user/secret", Told(), private=True)
"""
    refused, *told = ran(hub, tmp_path, code)
    first, again, less, secret = map(json.loads, told)
    assert "licence" in refused
    files = hub.repos[REPO].files
    assert {"model.safetensors", "config.json", "processor_config.json", "README.md", "provenance.json"} <= set(files)
    assert "modeling_student.py" in files and "skipped.jsonl" not in files and files["model.safetensors"].lfs
    assert set(first["uploaded"]) == {*files, "chat_template.jinja"}
    titles = [title for _, title, _ in hub.repos[REPO].commits]
    assert "card and provenance" not in titles[1] and "card and provenance" in titles[2]
    assert not again["uploaded"] and again["unchanged"] == len(files) + 1
    assert less["deleted"] == ["chat_template.jinja"] and set(less["uploaded"]) == {"provenance.json"}
    assert "every size and hash as here" in first["said"] and "rows" not in first["said"]
    assert hub.repos["user/secret"].private and not hub.repos[REPO].private
    assert "**not stated**" in hub.read("user/secret", "README.md").decode()

    card = hub.read(REPO, "README.md").decode()
    front = front_matter(card)
    assert (front["license"], front["pipeline_tag"]) == ("apache-2.0", "video-text-to-text")
    assert "user/clips" in card and "1.2500" in card and "24 clips" in card
    assert f"| parameters | {count_parameters(student / 'model.safetensors'):,} |" in card
    write_film(tmp_path / "clip.mp4", count=30)
    code = f"import os; os.chdir({str(tmp_path)!r})\n{example_of(card)}"
    there, here = ran(hub, tmp_path / "fresh", code + example_of(card).replace(REPO, str(student)))
    assert there == here


@pytest.mark.slow
def test_a_pushed_student_runs_without_the_package(hub: Hub, student: Path, tmp_path: Path) -> None:
    ran(hub, tmp_path, f"{PUSH}\npushed({str(student)!r})")
    write_film(tmp_path / "clip.mp4", count=30)
    example = example_of(hub.read(REPO, "README.md").decode())
    alone = example.replace("import panda_hf.models.student  # registers its classes\n", "")
    alone = alone.replace(f'from_pretrained("{REPO}"', f'from_pretrained("{REPO}", trust_remote_code=True')
    there = ran(hub, tmp_path / "fresh", f"import os; os.chdir({str(tmp_path)!r})\n{example}")
    hidden = "import sys; sys.modules['torchvision'] = None  # the package lets a build of another torch import\n"
    check = "assert not any(name.startswith('panda_hf') for name in sys.modules)\n"
    bare = ran(hub, tmp_path / "bare", f"{hidden}import os; os.chdir({str(tmp_path)!r})\n{alone}{check}")
    assert bare == there


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini/selector", "mini/image"])
def test_a_selector_and_a_teacher_are_pushed_and_run_from_their_id(hub: Hub, name: str, tmp_path: Path) -> None:
    ran(hub, tmp_path, f"from panda_hf.models.checkpoints import resolve\n{PUSH}\npushed(resolve({name!r}))")
    card = hub.read(REPO, "README.md").decode()
    write_film(tmp_path / "clip.mp4", count=60)
    said = ran(hub, tmp_path / "fresh", f"import os; os.chdir({str(tmp_path)!r})\n" + example_of(card))[-1]
    assert re.match(r"tensor\(\[\[-?[\d.]+, ", said) if name == "mini/selector" else said.startswith(("a ", "the "))


def refusal(folder: Path) -> str:
    with pytest.raises(OutputError) as refused:
        publishable(folder)
    return str(refused.value)


def test_what_must_not_be_published_is_refused(student: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    config = (student / "config.json").read_text()

    def with_file(name: str, data: bytes | str) -> str:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(student, folder)
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return refusal(folder)

    assert "can hold code" in with_file("optimizer.pt", pickle.dumps([1]))
    assert "can hold code" in with_file("pytorch_model.bin", b"x")
    assert "can hold code" in with_file("run.py", "print(1)")
    assert "no whole safetensors" in with_file("model.safetensors", pickle.dumps([1] * 99))
    whole = (student / "model.safetensors").read_bytes()
    assert "no whole safetensors" in with_file("model.safetensors", whole[:-1])
    token = "hf_" + "a1B2" * 9
    assert "secret" in with_file("notes.txt", f"log in with {token}") and token not in with_file("notes.txt", token)
    assert "secret" in with_file("config.json", json.dumps({**json.loads(config), "api_key": "0123456789abcdef"}))
    named = json.dumps({**json.loads(config), "trained_on": "/home/me/films/secret.mp4"})
    assert "path of this machine" in with_file("config.json", named)
    assert "path of this machine" in with_file("curves.csv", f"step\n{Path.cwd()}/x\n")
    assert "not JSON" in with_file("config.json", "{")
    index = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}})
    assert "model-00001-of-00002" in with_file("model.safetensors.index.json", index)
    (folder / "config.json").unlink()
    assert "no config.json" in refusal(folder)
    publishable(student)


def test_hidden_files_stay_at_home(student: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(student, tmp_path / "student"))
    (folder / ".env").write_text("HF_TOKEN=hf_" + "x" * 30)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("/home/me")
    assert set(publishable(folder)) == set(publishable(student))


def test_nothing_that_strangers_wrote_is_markup_in_a_card(student: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(student, tmp_path / "student"))
    record = {"data": HOSTILE, "split": HOSTILE, "recipe": HOSTILE, "command": HOSTILE, "settings": {HOSTILE: HOSTILE},
              "figures": {HOSTILE: 1.0}, "started_from": HOSTILE}  # fmt: skip
    (folder / "training.json").write_text(json.dumps(record))
    told = Told(license=HOSTILE, parts=((HOSTILE, HOSTILE),), data=HOSTILE, limits=(HOSTILE,), commands=(HOSTILE,),
                base_model=HOSTILE)  # fmt: skip
    card = render_model_card(folder, REPO, told)
    head, body = card.split("\n---\n\n", 1)
    front = yaml.safe_load(head.removeprefix("---\n"))
    assert front["license"] == HOSTILE and front["base_model"] == HOSTILE and front["library_name"] == "transformers"
    outside = re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", body, flags=re.DOTALL))
    assert "<script" not in outside and "](http://z" not in outside
    assert not re.search(r"^# T|^license: mit|^---$", body, re.MULTILINE)
    tables = [line for line in body.splitlines() if line.startswith("|")]
    assert all(line.count("|") in (3, 5) for line in tables)


def test_figures_come_from_an_evaluation_with_their_command(student: Path, tmp_path: Path) -> None:
    benchmark = Benchmark(name="msrvtt", config=None, split="test", videos=2990, references=59800)
    scores = {"cider": Score(value=0.315, low=0.30, high=0.33), "meteor": Score(value=0.277)}
    one = Evaluation(model="ours", task="video-captioning", benchmark=benchmark, scores=scores)
    noted = Evaluation(
        model="theirs", task="video-captioning", benchmark=benchmark, scores=scores, settings={"command": "panda-hf x"}
    )
    write_results([one, noted], tmp_path / "table")
    with pytest.raises(SourceError, match="several models.*'ours', 'theirs'"):
        measured(Told(), [tmp_path / "table"], None)
    told = measured(Told(), [tmp_path / "table"], "ours")
    card = render_model_card(student, REPO, told)
    assert "| `msrvtt test, 2,990 videos` | `cider` | 0.3150 | 0.3000 to 0.3300 |" in card
    assert "`panda-hf evaluate captioning -d msrvtt --split test --model ours`" in card
    index = front_matter(card)["model-index"]
    assert index[0]["name"] == "model" and index[0]["results"][0]["metrics"][0]["value"] == 0.315
    assert command_of(noted) == "panda-hf x"


def test_the_command_writes_a_card_and_publishes_nothing(student: Path, tmp_path: Path) -> None:
    words = ["push-model", str(student), REPO, "--card", str(tmp_path / "card.md"), "--license", "apache-2.0"]
    result = CliRunner().invoke(app, [*words, "--part", "language model=llama2", "--limit", "Only <b>colours</b>."])
    assert result.exit_code == 0, result.output
    card = (tmp_path / "card.md").read_text()
    assert "| `language model` | `llama2` |" in card and "Only &lt;b&gt;colours" in card
    result = CliRunner().invoke(app, [*words, "--part", "llama2"])
    assert result.exit_code == 1 and "PART=LICENSE" in result.stderr


def test_each_card_in_the_repository_is_of_a_model_that_is_shipped() -> None:
    cards = list((Path(__file__).parents[2] / "model_cards").glob("*.md"))
    assert cards
    for path in cards:
        text = path.read_text(encoding="utf-8")
        assert path.stem.replace("-", "/", 1) in shipped() and front_matter(text)["license"] == "apache-2.0"
        assert f'from_pretrained("panda-hf/{path.stem}")' in text or f'checkpoint="panda-hf/{path.stem}"' in text
