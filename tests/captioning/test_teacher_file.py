from __future__ import annotations

from pathlib import Path

import pytest

from panda_hf.captioning import Caption
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.captioning.teacher_file import read_teachers
from panda_hf.errors import SourceError
from panda_hf.models.loading import Loading

SECRET = "sk-very-secret-0123456789"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "teachers.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_all_that_python_can(tmp_path):
    text = """
mine:
  family: image_text_to_text
  checkpoint: a/model
  sees: [video, subtitle]
  sample: true
  temperature: 1   # a whole number is a number too
  loading: {dtype: bfloat16, quantization: {load_in_4bit: true}, device_map: {"": 0}}
served:
  family: endpoint
  checkpoint: the/model
  endpoint: {url: "http://localhost:8000/v1", key_variable: MY_KEY, concurrency: 3, extra: {stop: null, n: 1}}
videochat_text:
  checkpoint: models/writer
  parts: {frames: models/florence}
blip2_opt_2_7b: {max_new_tokens: 20}
"""
    assert read_teachers(written(tmp_path, text)) == [
        Caption(
            teacher="mine",
            family="image_text_to_text",
            checkpoint="a/model",
            sees=("video", "subtitle"),
            sample=True,
            temperature=1.0,
            loading=Loading(dtype="bfloat16", quantization=(("load_in_4bit", True),), device_map=(("", 0),)),
        ),
        Caption(
            teacher="served",
            family="endpoint",
            checkpoint="the/model",
            endpoint=Endpoint(
                url="http://localhost:8000/v1", key_variable="MY_KEY", concurrency=3, extra=(("stop", None), ("n", 1))
            ),
        ),
        Caption(teacher="videochat_text", checkpoint="models/writer", parts=(("frames", "models/florence"),)),
        Caption(teacher="blip2_opt_2_7b", max_new_tokens=20),
    ]


SERVED = "a: {family: endpoint, checkpoint: m, endpoint: "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: {famly: git}", "a: there is no setting 'famly'; did you mean 'family'"),
        ("a: {version: 3}", "no setting 'version'"),
        ("a: {loading: {dtyp: float16}}", "a.loading: .*did you mean 'dtype'"),
        (SERVED + "{url: 'http://h/v1', concurency: 2}}", "a.endpoint: .*did you mean 'concurrency'"),
        (SERVED + "{key_variable: KEY}}", "a.endpoint: url is missing"),
        ("a: {family: gti, checkpoint: m}", "a.family: expected one of blip2.*not 'gti'"),
        ("a: {sees: video}", "a.sees: expected a list of .*not a text"),
        ("a: {sees: [vision]}", "a.sees: expected one of image"),
        ("a: {checkpoint: [m]}", "a.checkpoint: expected a text, not a list"),
        ("a: {max_new_tokens: '40'}", "a.max_new_tokens: expected a whole number, not a text"),
        ("a: {max_new_tokens: true}", "expected a whole number, not true or false"),
        ("a: {parts: [x]}", "a.parts: expected a mapping, not a list"),
        ("nobody: {max_new_tokens: 4}", "nobody: no teacher is called 'nobody'"),
        ("a: {checkpoint: x}", "a: .*give both"),
        ("a: {seed: 1, seed: 2}", "line 1: .*'seed' stands there twice"),
        ("a: [", "line 1: no YAML"),
        ("a:", "a: expected settings"),
        ("", "expected names of teachers"),
        ("- a", "expected names of teachers"),
        ("3: {seed: 1}", "expected names of teachers"),
        ("a: !!python/object/apply:os.getcwd []", "no YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, says, tmp_path):
    with pytest.raises(SourceError, match=rf"teachers\.yaml.*{says}"):
        read_teachers(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        SERVED + f"{{url: 'http://h/v1', api_key: {SECRET}}}}}",
        SERVED + f"{{url: 'http://h/v1', key_variable: {SECRET}}}}}",
        SERVED + f"{{url: 'http://h/v1', extra: {{Authorization: {SECRET}}}}}}}",
        SERVED + f"{{url: 'http://h/v1', concurrency: {SECRET}}}}}",
        f"a: {{token: {SECRET}}}",
        f"a: {{max_new_tokens: {SECRET}}}",
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(text, tmp_path):
    with pytest.raises(SourceError) as refused:
        read_teachers(written(tmp_path, text))
    assert SECRET not in str(refused.value)
    assert "concurrency" in text or "max_new" in text or "key_variable" in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SourceError, match="nowhere.yaml cannot be read"):
        read_teachers(tmp_path / "nowhere.yaml")
    (tmp_path / "teachers.yaml").write_bytes(b"a: \xff")
    with pytest.raises(SourceError, match="no YAML"):
        read_teachers(tmp_path / "teachers.yaml")
    (tmp_path / "teachers.yaml").write_bytes(b"#" * (1 << 21))
    with pytest.raises(SourceError, match="2,097,152 bytes"):
        read_teachers(tmp_path / "teachers.yaml")
