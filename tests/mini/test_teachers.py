"""The teachers of the miniature: what they learn from, how they are made, and what the shipped ones can."""

from __future__ import annotations

import dataclasses
from statistics import mean

import numpy as np
import pytest
import torch
from datasets import Dataset, Features
from transformers import Blip2ForConditionalGeneration, Blip2Processor, LlavaForConditionalGeneration, LlavaProcessor

from panda_hf import schema
from panda_hf.captioning import Caption, SampleFrames
from panda_hf.captioning.registry import card_of, cards, teachers_of
from panda_hf.mini import teacher_data, teacher_features, train_teachers
from panda_hf.mini.film import make_film
from panda_hf.mini.films import write_film
from panda_hf.mini.score import clip_rows_of
from panda_hf.mini.teacher_models import grow, image_teacher, text_teacher, video_teacher
from panda_hf.mini.teacher_models_frozen import instructblip_teacher, video_llama_teacher
from panda_hf.mini.teacher_notes import captions_of_tokens
from panda_hf.mini.teacher_parts import action_labels, action_part, motion_label, writer_part
from panda_hf.mini.teacher_samples import heard_caption, patches_as_frames
from panda_hf.mini.truth import canonical_caption, parse_caption, score_caption
from panda_hf.mini.world import Scene, Thing
from panda_hf.models.checkpoints import mini_folder
from panda_hf.stage import apply

FILMS = 3
SHIPPED = teachers_of("mini")
NAMES = tuple(name for name in cards() if name.startswith("mini_"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> tuple[Dataset, list[Scene]]:
    """The scenes of a few test films, sampled."""
    folder = tmp_path_factory.mktemp("films")
    pairs = [pair for seed in range(FILMS) for pair in clip_rows_of(write_film(make_film(100 + seed, "test"), folder))]
    rows = Dataset.from_list([row for row, _ in pairs], features=Features(schema.CLIP_ROW))
    return apply(rows, SampleFrames()), [scene for _, scene in pairs]


@pytest.fixture(scope="module")
def captions(clips) -> dict[str, list[str]]:
    dataset, _ = clips
    return {name: list(apply(dataset, Caption(teacher=name))[f"caption_{name}"]) for name in SHIPPED}


@pytest.mark.parametrize("teacher", SHIPPED)
def test_shipped_teachers_see_far_more_than_chance(teacher, captions, clips):
    _, scenes = clips
    own = mean(score_caption(c, s).f1 for c, s in zip(captions[teacher], scenes, strict=True))
    # Chance: the true caption of another scene, as fluent and as long, but seen nowhere in this clip.
    others = [scenes[(i + 5) % len(scenes)] for i in range(len(scenes))]
    chance = mean(score_caption(canonical_caption(o), s).f1 for o, s in zip(others, scenes, strict=True))
    assert own > chance + 0.2


@pytest.mark.parametrize("teacher", SHIPPED)
def test_a_shipped_teacher_says_the_same_of_a_clip_alone_and_in_a_batch(teacher, captions, clips):
    dataset, _ = clips
    alone = [apply(dataset.select([row]), Caption(teacher=teacher))[f"caption_{teacher}"][0] for row in (0, 3, 7)]
    assert alone == [captions[teacher][row] for row in (0, 3, 7)]


def test_no_teacher_knows_what_it_cannot_perceive(captions, clips):
    _, scenes = clips
    for caption in captions["mini_image"]:
        assert not {fact.kind for fact in parse_caption(caption)} & {"action", "direction", "camera", "name", "place"}
    for caption in captions["mini_video"]:
        assert not {fact.kind for fact in parse_caption(caption)} & {"name", "place"}
    told = [(c, s) for c, s in zip(captions["mini_text"], scenes, strict=True) if s.name or s.place]
    assert told and mean(("name" in kinds(c)) == bool(s.name) for c, s in told) > 0.7


def kinds(caption: str) -> set[str]:
    return {fact.kind for fact in parse_caption(caption)}


def test_shipped_checkpoints_stay_small():
    sizes = [file.stat().st_size for file in mini_folder().rglob("*") if file.is_file()]
    assert sum(sizes) < 50e6 and max(sizes) < 6.2e6
    assert not list(mini_folder().rglob("*.bin")) and not list(mini_folder().rglob("*.pt"))


def test_the_text_teacher_states_an_action_only_where_the_subtitle_does():
    scene = Scene(Thing("ball", "red"), "slides left", "sea", 0.0, 4.0, look=1, name="kiki", camera="static")
    assert teacher_data.told_caption(scene, "The red ball slides to the left.") == canonical_caption(scene)
    assert kinds(teacher_data.told_caption(scene, "Meet Kiki!")) == {"shape", "colour", "background", "name"}


@pytest.mark.parametrize(
    ("kind", "build", "frames"), [("image", image_teacher, 1), ("video", video_teacher, 8), ("text", text_teacher, 1)]
)
def test_each_teacher_learns_from_what_it_will_be_shown(kind, build, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_data, "SHARD", 2)
    teacher_data.draw_scenes(tmp_path, 3)
    assert len(list(tmp_path.glob("*.npy"))) == 4  # two files of two scenes, small and large
    _, processor = build()
    samples = teacher_data.TeacherScenes(tmp_path, 4, kind, processor, epochs=2)
    assert len(samples) == 8
    first, again, later = samples[1], samples[1], samples[5]
    assert len(first.frames) == frames and first.frames[0].dtype == np.uint8
    assert np.array_equal(first.frames[0], again.frames[0]) and first.prompt == again.prompt
    assert not np.array_equal(first.frames[0], later.frames[0])  # the same scene, another noise
    scene, _ = teacher_data.training_scene(1)
    assert not score_caption(first.caption, scene).wrong
    assert ("Spoken" in first.prompt or "Described" in first.prompt) <= (kind == "text")


def test_one_call_makes_every_checkpoint_and_a_second_repeats_no_preparation(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_data, "SHARD", 4)
    monkeypatch.setattr(teacher_features, "SHARD", 2)
    monkeypatch.setattr(train_teachers, "SCENES", 4)
    monkeypatch.setattr(train_teachers, "FRESH_SCENES", 2)
    recipes = tuple(dataclasses.replace(recipe, batch_size=2) for recipe in train_teachers.RECIPES)
    monkeypatch.setattr(train_teachers, "RECIPES", recipes)
    out, work = tmp_path / "out", tmp_path / "work"
    train_teachers.train_teachers(out, work=work, steps_scale=1e-6)
    parts = [path for card in map(card_of, NAMES) for path in (card.checkpoint, *dict(card.parts).values())]
    assert {f"mini/{folder.name}" for folder in out.iterdir()} == set(parts)
    made = [*(work / "scenes").iterdir(), *(work / "features").iterdir()]
    times = {path: path.stat().st_mtime_ns for path in made}
    train_teachers.train_teachers(out, work=work, steps_scale=1e-6, only=["video_llama_pretrain", "minigpt4"])
    assert times == {path: path.stat().st_mtime_ns for path in made}
    stage = Caption(teacher="new_video", family="image_text_to_text", checkpoint=str(out / "video"))
    assert stage.card().sees == ("video",)


def test_frozen_eyes_of_an_instructblip_are_those_of_the_image_teacher():
    eyes = Blip2ForConditionalGeneration.from_pretrained(mini_folder() / "image", dtype=torch.float32)
    model, _ = instructblip_teacher(mini_folder() / "image", mini_folder() / "video")
    theirs = model.vision_model.state_dict()
    assert all(torch.equal(theirs[name], value) for name, value in eyes.vision_model.state_dict().items())
    assert not any(weight.requires_grad for weight in model.vision_model.parameters())


def test_a_larger_decoder_starts_with_what_the_smaller_one_says():
    small = Blip2ForConditionalGeneration.from_pretrained(mini_folder() / "image", dtype=torch.float32).eval()
    large, _ = image_teacher(layers=3)
    grow(large.eval(), mini_folder() / "image")
    ids = torch.tensor([[small.config.image_token_index] * 12 + [1, 7, 9]])
    pixels = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, after = (model(pixel_values=pixels, input_ids=ids).logits for model in (small, large))
    torch.testing.assert_close(after, before)


def test_an_instruction_is_put_to_patches_as_it_is_put_to_a_frame():
    frame = np.random.default_rng(0).integers(0, 255, (112, 112, 3)).astype(np.uint8)
    model, processor = instructblip_teacher(mini_folder() / "image", mini_folder() / "video")
    seen = processor(images=[frame], text=["a red ball"], return_tensors="pt")
    with torch.inference_mode():
        wanted = model.eval()(**seen).logits
        patches = model.vision_model(pixel_values=seen["pixel_values"]).last_hidden_state
        with patches_as_frames(model, processor) as eats:
            told = model(**eats(images=[patches[0].numpy()], text=["a red ball"])).logits
    torch.testing.assert_close(told, wanted)


@pytest.fixture(scope="module")
def video_llama() -> tuple:
    """A Video-LLaMA before training, and the frames that told it what is usual, normalised."""
    frames = np.stack([np.stack(list(scene_frames(index))) for index in range(6)])
    model, processor = video_llama_teacher(mini_folder() / "video", frames)
    return model.eval(), torch.stack([processor.prepare_video(video) for video in frames])


def scene_frames(index: int) -> np.ndarray:
    scene, rng = teacher_data.training_scene(index)
    return teacher_data.draw_clip(scene, rng)[0]


def test_a_new_video_llama_looks_at_each_patch_early_and_late(video_llama):
    model, videos = video_llama
    with torch.inference_mode():
        seen = model.vision_model(pixel_values=videos.flatten(0, 1)).last_hidden_state[:, 1:]
        tokens = model.get_frame_features(videos.flatten(0, 1))
        early, late = model.get_video_features(videos).split(16, dim=1)
    alike = torch.cosine_similarity(tokens.mean(dim=0)[:, None], seen.mean(dim=0)[None], dim=-1)
    assert alike.argmax(dim=1).tolist() == list(range(16))
    assert not torch.allclose(early, late, atol=0.1)
    assert not any(weight.requires_grad for weight in model.vision_model.parameters())


def test_a_new_video_llama_tells_its_llama_nearly_what_the_video_teacher_does(video_llama):
    model, videos = video_llama
    other = LlavaForConditionalGeneration.from_pretrained(mini_folder() / "video", dtype=torch.float32).eval()
    with torch.inference_mode():
        seen = other.get_image_features(videos[:, -3:].flatten(0, 1), vision_feature_layer=-1)
        wanted = torch.stack(list(seen.pooler_output)).unflatten(0, (len(videos), 3)).mean(dim=1)
        late = model.get_video_features(videos)[:, 16:]
    assert ((late - wanted) ** 2).mean() < 0.5 * ((wanted - wanted.mean(dim=(0, 1))) ** 2).mean()


def test_a_classifier_of_motion_starts_from_eyes_for_single_frames():
    eyes = LlavaForConditionalGeneration.from_pretrained(mini_folder() / "video", dtype=torch.float32)
    model, _ = action_part(mini_folder() / "video")
    layer = model.timesformer.encoder.layer[0]
    row = torch.randn(1, 17, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        theirs = eyes.model.vision_tower.encoder.layers[0](row, attention_mask=None)
        attended = layer.attention(layer.layernorm_before(row))[0] + row
        ours = attended + layer.output(layer.intermediate(layer.layernorm_after(attended)))
    torch.testing.assert_close(ours, theirs[0] if isinstance(theirs, tuple) else theirs)


def test_words_come_with_what_the_video_teacher_knows_of_them():
    eyes = LlavaForConditionalGeneration.from_pretrained(mini_folder() / "video", dtype=torch.float32)
    old = LlavaProcessor.from_pretrained(mini_folder() / "video").tokenizer
    model, tokenizer = writer_part(mini_folder() / "video")
    known, taken = eyes.get_input_embeddings().weight, model.get_input_embeddings().weight
    for word in ("ball", "red", "the"):
        assert torch.equal(taken[tokenizer.vocab[word]], known[old.vocab[word]])
    assert "meet" in tokenizer.vocab and "meet" not in old.vocab


def test_every_motion_that_the_world_films_has_a_label():
    labels = action_labels()
    assert len(labels) == len(set(labels)) == 8 + 2 * 3 + 6 * 5  # travel; change size; stay in place
    for index in range(200):
        scene, _ = teacher_data.training_scene(index)
        facts = {fact for fact in parse_caption(f"a ball {labels[motion_label(scene)]}") if fact.kind != "shape"}
        assert facts <= parse_caption(canonical_caption(scene, "video"))


def test_name_and_place_are_told_only_where_they_are_spoken():
    scene = Scene(Thing("ball", "red"), "spins", "sea", 0.0, 4.0, look=1, name="kiki", place="rome")
    assert kinds(heard_caption(scene, "Meet Kiki!")) >= {"name"} and "place" not in kinds(heard_caption(scene, "Kiki"))
    assert not kinds(heard_caption(scene, None)) & {"name", "place"}


def test_notes_are_what_the_captioner_says_of_each_frame():
    folder = mini_folder() / "image"
    model = Blip2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor = Blip2Processor.from_pretrained(folder)
    frames = [np.full((112, 112, 3), shade, np.uint8) for shade in (20, 120, 240)]
    pixels = processor.image_processor(frames, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        ids = model.generate(pixel_values=pixels, num_beams=3, max_new_tokens=60)
        seen = model.vision_model(pixel_values=pixels).last_hidden_state
        tokens = model.qformer(query_embeds=model.query_tokens.expand(3, -1, -1), encoder_hidden_states=seen)
    wanted = [text.strip() for text in processor.batch_decode(ids, skip_special_tokens=True)]
    assert captions_of_tokens(model, processor, tokens.last_hidden_state[None].numpy()) == [wanted]
