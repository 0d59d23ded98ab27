from __future__ import annotations

import time

import pytest

from panda_hf.captioning.sentences import clean_sentence, first_sentence, repetition
from panda_hf.errors import CandidateError
from panda_hf.mini.truth import canonical_caption
from panda_hf.mini.world import generator, random_scene


@pytest.mark.parametrize(
    "text",
    [
        "A man in a red shirt is playing the guitar on a stage.",
        "a red ball rolls to the left on a green field",
        "here is a red ball bouncing by the blue sea",
        "This is a sign that reads: Stop here.",
        'A sign says "OPEN" above the door of a shop.',
        '"OPEN" is written on a sign that hangs under "SHOP"',
        "Great white sharks swim past a diver's cage.",
        "The video game's title screen fades in.",
        "Row, row, row your boat, sings a choir of children.",
        "A very, very, very tall giraffe eats.",
        "猫が窓のそばに座っている。",
        "Кошка сидит у окна.",
        "Chef José pours ½ cup of crème fraîche into a bowl – slowly.",
        "'Cause it rains, a dog's owner opens an umbrella.",
    ],
)
def test_a_good_sentence_stays_as_it_is(text):
    assert clean_sentence(text) == text
    assert clean_sentence(f"  {text}\n") == text


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("A cat sits.###Human: and then?", "A cat sits."),
        ("### Assistant: A cat sits.\n### Human: x", "A cat sits."),
        ("<|im_start|>assistant\nA cat sits.<|im_end|>\n<|im_start|>user", "A cat sits."),
        ("A cat sits</s><s>[INST] more [/INST]", "A cat sits"),
        ("A cat sits\nUser: what else?\nAssistant: nothing", "A cat sits"),
        ("A cat sits<end_of_turn>", "A cat sits"),
        ("ASSISTANT: Answer: A cat sits.", "A cat sits."),
    ],
)
def test_a_caption_ends_where_the_conversation_would_go_on(raw, sentence):
    assert clean_sentence(raw) == sentence


def test_a_teacher_may_have_stops_of_its_own():
    assert clean_sentence("A cat sits END A dog", stop=("END",)) == "A cat sits"
    assert clean_sentence("A cat (2.) sits", stop=("(2.)", "")) == "A cat"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("Sure, here is a one-sentence summary:\n\nA cat sits.", "A cat sits."),
        ("Sure! A cat sits.", "A cat sits."),
        ("Certainly. Here's the caption for the video: A cat sits.", "A cat sits."),
        ("Here is what I can see:\n\n- A cat sits.", "A cat sits."),
        ("Based on the frames, I would summarize the video as follows: A cat sits.", "A cat sits."),
        ('**Caption:** "A cat sits."', "A cat sits."),
        ("# Summary\nA cat sits.", "Summary"),  # a heading without its colon cannot be told from a caption
        ("1. A cat sits.\n2. A dog runs.", "A cat sits."),
        ("> *A cat* sits on `the mat`.", "A cat sits on the mat."),
        ("“A cat sits.”", "A cat sits."),
        ("'A cat sits'", "A cat sits"),
        ('"A sign says "OPEN" to a cat."', 'A sign says "OPEN" to a cat.'),
        ('A cat sits"', "A cat sits"),
        ("<think>Frames show... a cat?</think>\n\nA cat sits.", "A cat sits."),
        ("A cat\n sits.", "A cat sits."),
        ('```json\n{"caption": "A dog runs on grass."}\n```', "A dog runs on grass."),
        ('{"frames": 3, "summary": "A dog runs. It barks."}', "A dog runs."),
        ("```\nA dog runs.\n```", "A dog runs."),
        ("A. A dog runs.", "A dog runs."),
        ("Human: what?\nAssistant: A dog runs.", "A dog runs."),
        ("Assistant: " * 50_000 + "A dog runs.", "A dog runs."),
        ("A cat\u202e\x00\tsits.", "A cat sits."),
    ],
)
def test_roles_chatter_quotes_and_markdown_are_removed(raw, sentence):
    assert clean_sentence(raw) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A cat sits. A dog runs.", "A cat sits."),
        ("a cat sits. a dog runs.", "a cat sits."),
        ("Is it a cat? It is.", "Is it a cat?"),
        ("Dr. A. B. Lee and Mr. Ito walk 1.5 miles. They rest.", "Dr. A. B. Lee and Mr. Ito walk 1.5 miles."),
        ("The U.S. Army marches. Flags wave.", "The U.S. Army marches."),
        ("He lives in the U.S. The dog barks.", "He lives in the U.S."),
        ("At 5 p.m. a train leaves. It rains.", "At 5 p.m. a train leaves."),
        ("A train leaves at 5 p.m. Rain falls.", "A train leaves at 5 p.m."),
        ("Tools, e.g. a saw, lie on St. John's table. One falls.", "Tools, e.g. a saw, lie on St. John's table."),
        ("Runner No. 5 wins. He waves.", "Runner No. 5 wins."),
        ("She waits... then leaves. The end.", "She waits... then leaves."),
        ("She waits... Then she leaves.", "She waits..."),
        ('"Stop!" a man shouts. A dog runs.', '"Stop!" a man shouts.'),
        ('A man shouts "Stop!" A dog runs.', 'A man shouts "Stop!"'),
        ('A sign reads "Stop. Go." on a road. Next.', 'A sign reads "Stop. Go." on a road.'),
        ("A sign reads “Stop. Go on.” in red. Next.", "A sign reads “Stop. Go on.” in red."),
        ('A 5" pipe lies. A 6" pipe lies.', 'A 5" pipe lies.'),
        ("A Ph.D. student reads. She writes.", "A Ph.D. student reads."),
        ("v2.0 of panda_hf.captioning loads. Done.", "v2.0 of panda_hf.captioning loads."),
        ("猫が座っている。犬が走る。", "猫が座っている。"),
    ],
)
def test_one_sentence_is_kept_and_abbreviations_and_decimals_end_none(text, sentence):
    assert first_sentence(text) == sentence


def test_openers_go_only_if_asked():
    raw = "The video shows a man cooking."
    assert clean_sentence(raw) == raw
    assert clean_sentence(raw, drop_openers=True) == "A man cooking."
    assert clean_sentence("in this clip, we can see a man.", drop_openers=True) == "a man."
    assert clean_sentence("The video shows.", drop_openers=True) == "The video shows."
    assert clean_sentence("The videographer walks.", drop_openers=True) == "The videographer walks."


@pytest.mark.parametrize(
    "raw",
    ["", " \n\t", "...", "###", '""', "<|im_end|>", "<think>a cat", "Caption:", "Sure!", "AI: " * 9999, '{"id": 3}'],
)
def test_nothing_is_no_caption(raw):
    with pytest.raises(CandidateError, match="wrote nothing"):
        clean_sentence(raw)


@pytest.mark.parametrize(
    "raw",
    ["I'm sorry, but I can't see the video.", "As an AI model, I cannot watch.", "Unfortunately, I do not know."]
    + ["N/A", "None", "null.", "Unable to process the image.", "There is no video provided."]
    + ["It is not possible to determine what happens.", "Lo siento, no puedo ver el vídeo."]
    + ["Es tut mir leid, ich sehe nichts.", "Ich kann das Video nicht sehen.", "对不起，我无法看到视频。"],
)
def test_a_refusal_is_no_caption(raw):
    with pytest.raises(CandidateError, match="declined"):
        clean_sentence(raw)


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ("a man a man a man a man", "2 words, 4 times"),
        ("ball ball ball ball ball ball", "1 word, 6 times"),
        ("A cat " + "and a dog and a cat " * 4, "6 words, 4 times"),
        ("Ha" * 40, "2 characters, 40 times"),
        ("的" * 60, "1 character, 60 times"),
    ],
)
def test_going_round_in_circles_is_no_caption_and_the_text_is_not_quoted(loop, said):
    with pytest.raises(CandidateError) as caught:
        clean_sentence(loop)
    assert said in str(caught.value)
    assert not {"man", "ball", "dog", "的"} & set(str(caught.value).split())


@pytest.mark.parametrize("text", ["no, no, no, no", "left, right, left, right", "a wooooooooooow effect", ""])
def test_a_little_repetition_is_none(text):
    assert repetition(text) is None


def test_captions_of_the_miniature_are_never_touched():
    for index in range(200):
        caption = canonical_caption(random_scene(generator(index, "test", "sentences"), "test"))
        assert clean_sentence(caption) == caption


@pytest.mark.parametrize(
    "piece", ['"', "<think>", "a. ", "Here is ", "**", "#", "<|", "caption: ", "\n", "Sure, ", "「"]
)
def test_a_hostile_answer_takes_no_time(piece):
    started = time.process_time()
    try:
        clean_sentence(piece * (300_000 // len(piece)))
    except CandidateError:
        pass
    assert time.process_time() - started < 6.0


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("A cat sits on the mat. It looks at the d", "A cat sits on the mat."),
        ("A cat sits on the mat.", "A cat sits on the mat."),
        ("A cat sits on the mat\n\nIt is a sma", "A cat sits on the mat"),
        ("A cat sits on the mat\n", "A cat sits on the mat"),
        ("A cat sits on the mat### Human: and", "A cat sits on the mat"),
        ("猫が窓のそばに座っている。犬が", "猫が窓のそばに座っている。"),
    ],
)
def test_of_what_was_cut_off_a_whole_first_sentence_stays(raw, sentence):
    assert clean_sentence(raw, cut=True) == sentence


@pytest.mark.parametrize(
    "raw",
    [
        "A cat sits on the",
        "A cat meets Mr.",
        "A man flies to the U.S.",
        "Sure! Here is a caption: A cat sits on",
        "A cat\nsits on the",  # a line that goes on
        '```json\n{"caption": "A cat sits. It',
        '{\n"caption": "A cat sits. It',
    ],
)
def test_a_first_sentence_that_was_cut_off_is_no_caption(raw):
    with pytest.raises(CandidateError, match="limit of length.*max_new_tokens"):
        clean_sentence(raw, cut=True)


def test_a_sentence_longer_than_is_looked_at_is_cut_off_too():
    words = " ".join(f"word{i}" for i in range(1000))
    with pytest.raises(CandidateError, match="limit of length"):
        clean_sentence(words)
    assert clean_sentence("A cat sits. " + words) == "A cat sits."


def test_a_loop_that_ran_into_the_limit_is_called_a_loop():
    with pytest.raises(CandidateError, match="repeats itself"):
        clean_sentence("a red ball " * 10, cut=True)
