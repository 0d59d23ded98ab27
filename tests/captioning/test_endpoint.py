from __future__ import annotations

import base64
import email.utils
import functools
import gc
import io
import logging
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Features, Value
from datasets.fingerprint import Hasher
from PIL import Image

from panda_hf import schema
from panda_hf.captioning import Caption, server
from panda_hf.captioning.prompts import build_prompt
from panda_hf.captioning.registry.card import Decoding
from panda_hf.captioning.registry.endpoint import Endpoint
from panda_hf.captioning.seeds import request_seed
from panda_hf.captioning.teachers.base import ClipInput
from panda_hf.captioning.teachers.endpoint import EndpointTeacher
from panda_hf.errors import EndpointError
from panda_hf.stage import apply
from panda_hf.video import pack_frames
from tests.captioning import chat_server
from tests.captioning.chat_server import about, first, status

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def fresh_servers(monkeypatch):
    """No memory of another test's server, and short pauses."""
    monkeypatch.setattr(server, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(server, "_server", functools.cache(lambda endpoint, process: server.Server(endpoint)))


@pytest.fixture
def chat():
    with chat_server.running() as running:
        yield running


def stage_of(url: str, *, sees=("video", "text"), endpoint=None, **settings) -> Caption:
    asked = {"timeout_seconds": 5.0, "patience_seconds": 3.0, **(endpoint or {})}
    served = {"teacher": "served", "family": "endpoint", "checkpoint": "tiny/model"}
    return Caption(**served, sees=sees, endpoint=Endpoint(url=url, **asked), **settings)


def rows_of(count: int, frames: int = 3) -> Dataset:
    rng = np.random.default_rng(0)
    rows = [
        {
            "clip_id": f"v.{i}",
            "title": f"ball {i}",
            "frames": pack_frames(rng.integers(0, 256, (frames, 24, 32, 3), np.uint8), list(range(frames))),
        }
        for i in range(count)
    ]
    features = {"clip_id": Value("string"), "title": Value("string"), **schema.FRAMES_COLUMNS}
    return Dataset.from_list(rows, features=Features(features))


def captions(dataset: Dataset, stage: Caption) -> list[str | None]:
    done = apply(dataset, stage)
    assert len(done) == len(dataset) and done["error"][:] == [None] * len(dataset)
    return done["caption_served"][:]


def said(i: int, pictures: int = 3) -> str:
    return f"ball {i} in {pictures} pictures."


def test_every_clip_gets_the_answer_to_its_own_request_and_tokens_are_recorded(chat):
    chat.seconds = 0.02
    done = apply(rows_of(12), stage_of(chat.url), batch_size=12)
    assert done["caption_served"][:] == [said(i) for i in range(12)]
    words = len(build_prompt(None, title="ball 0").split())
    assert done["caption_tokens"][0] == [{"teacher": "served", "prompt": words, "written": 10}]
    assert done["caption_errors"][:] == [[]] * 12


def test_frames_are_sent_as_jpeg_in_their_order_with_the_words_behind_them(chat):
    dataset = rows_of(1)
    captions(dataset, stage_of(chat.url, endpoint={"jpeg_quality": 95}))
    (request,) = chat.log.requests
    pictures, words = chat_server.parts_of(request)
    assert words == build_prompt(None, title="ball 0")
    sent = [np.asarray(Image.open(io.BytesIO(base64.b64decode(p.split(",")[1])))) for p in pictures]
    assert all(p.startswith("data:image/jpeg;base64,") for p in pictures)
    frames = np.frombuffer(dataset[0]["frames"]["data"], np.uint8).reshape(3, 24, 32, 3)
    distance = [[np.abs(s.astype(int) - f).mean() for f in frames] for s in sent]
    assert [int(np.argmin(row)) for row in distance] == [0, 1, 2]


@pytest.mark.parametrize(("sees", "pictures"), [(("image",), 1), (("video",), 3), (("text",), 0)])
def test_a_teacher_is_shown_what_its_card_says(chat, sees, pictures):
    captions(rows_of(1), stage_of(chat.url, sees=sees))
    shown, words = chat_server.parts_of(chat.log.requests[0])
    assert len(shown) == pictures
    assert ("ball 0" in words) == ("text" in sees)


def test_decoding_travels_with_the_request(chat):
    captions(rows_of(1), stage_of(chat.url, max_new_tokens=17))
    settings = {"sample": True, "temperature": 0.7, "top_p": 0.9, "seed": 4}
    extra = {"extra": (("repetition_penalty", 1.05), ("max_tokens", None), ("max_completion_tokens", 20))}
    captions(rows_of(1), stage_of(chat.url, **settings, endpoint=extra))
    greedy, drawn = ({k: v for k, v in r.items() if k not in ("messages", "model")} for r in chat.log.requests)
    assert greedy == {"max_tokens": 17, "temperature": 0.0}
    assert drawn == {
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": request_seed("4/served/v.0"),
        "repetition_penalty": 1.05,
        "max_completion_tokens": 20,
    }


def test_no_more_requests_are_under_way_than_allowed(chat):
    """The server answers the first ones when four are there; if it were asked more at once, it would see them."""

    def hold(handler, body) -> bool:
        latest = time.monotonic() + 60
        while chat.log.most_at_once < 4 and time.monotonic() < latest:
            time.sleep(0.01)
        return False

    chat.seconds = 0.05
    chat.misbehaviour.append(hold)
    patient = {"concurrency": 4, "timeout_seconds": 100.0}
    assert captions(rows_of(12), stage_of(chat.url, endpoint=patient)) == [said(i) for i in range(12)]
    assert chat.log.most_at_once == 4


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_passing_weakness_is_waited_out(chat, code):
    chat.misbehaviour.append(first(3, status(code)))
    assert captions(rows_of(4), stage_of(chat.url)) == [said(i) for i in range(4)]
    assert len(chat.log.requests) == 7


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_says_how_long_to_wait(chat, form):
    def busy(handler, body) -> bool:
        # A date has whole seconds: two of them from now are at least one.
        date = email.utils.formatdate(time.time() + 2, usegmt=True)
        return status(429, Retry_After="1" if form == "seconds" else date)(handler, body)

    chat.misbehaviour.append(first(1, busy))
    assert captions(rows_of(1), stage_of(chat.url)) == [said(0)]
    assert chat.log.times[1] - chat.log.times[0] >= 0.95


def test_a_wait_longer_than_patience_is_not_waited(chat):
    chat.misbehaviour.append(status(429, {"error": {"message": "quota used up"}}, Retry_After="86400"))
    done = apply(rows_of(2), stage_of(chat.url))
    assert done["caption_served"][:] == [None, None] and len(chat.log.requests) == 2
    ((note,),) = done["caption_errors"][:1]
    assert note["type"] == "EndpointError" and "429" in note["message"] and "quota used up" in note["message"]


MALFORMED = {
    "no JSON": b"<html>busy</html>",
    "half JSON": b'{"choices": [{"mess',
    "no choices": {"object": "error"},
    "empty choices": {"choices": []},
    "no message": {"choices": [{"text": "a ball"}]},
    "a number for content": {"choices": [{"message": {"content": 5}}]},
    "a list": [1, 2],
    "deep": b"[" * 100_000,
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_answer_is_asked_for_again_and_costs_one_candidate_at_most(chat, kind):
    chat.misbehaviour += [first(1, status(200, MALFORMED[kind])), about("ball 1", status(200, MALFORMED[kind]))]
    done = apply(rows_of(3), stage_of(chat.url))
    assert done["caption_served"][:] == [said(0), None, said(2)]
    assert [len(notes) for notes in done["caption_errors"]] == [0, 1, 0]
    message = done["caption_errors"][1][0]["message"]
    assert "no chat completion" in message and f"tried {server.TRIES} times" in message


def test_an_answer_in_parts_and_one_without_usage_are_understood(chat):
    parts = [{"type": "text", "text": "A ball"}, {"type": "text", "text": " rolls."}]
    chat.misbehaviour.append(status(200, {"choices": [{"message": {"content": parts}}], "usage": None}))
    done = apply(rows_of(1), stage_of(chat.url))
    assert done["caption_served"][:] == ["A ball rolls."] and done["caption_tokens"][:] == [[]]


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [(None, "length", "wrote nothing"), ("", "content_filter", "content filter"), ("I'm sorry.", "stop", "declined")],
)
def test_an_empty_answer_says_why(chat, content, reason, message):
    answer = {"choices": [{"message": {"content": content}, "finish_reason": reason}]}
    chat.misbehaviour.append(status(200, answer))
    done = apply(rows_of(1), stage_of(chat.url))
    assert done["caption_served"][:] == [None] and message in done["caption_errors"][0][0]["message"]
    assert len(chat.log.requests) == 1


@pytest.mark.parametrize("reason", ["length", "content_filter"])
@pytest.mark.parametrize(
    ("content", "caption"),
    [
        ("A ball rolls over the gr", None),
        ("A ball rolls. Then it", "A ball rolls."),
        ('{"caption": "A ball rolls', None),
    ],
)
def test_an_answer_that_was_cut_off_is_kept_up_to_its_first_whole_sentence(chat, content, caption, reason):
    chat.misbehaviour.append(status(200, {"choices": [{"message": {"content": content}, "finish_reason": reason}]}))
    done = apply(rows_of(1), stage_of(chat.url))
    assert done["caption_served"][:] == [caption] and len(chat.log.requests) == 1
    assert ["limit of length" in note["message"] for note in done["caption_errors"][0]] == [True] * (caption is None)


def endless(handler, body) -> bool:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 65536)
    except OSError:
        handler.close_connection = True
    return True


def dripping(handler, body) -> bool:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.1)
    except OSError:
        handler.close_connection = True
    return True


def dripping_headers(handler, body) -> bool:
    """Each line comes in time; the whole never does."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        while True:
            handler.wfile.write(b"X-More: y\r\n")
            time.sleep(0.1)
    except OSError:
        handler.close_connection = True
    return True


def hanging_up(handler, body) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')
    handler.close_connection = True
    return True


@pytest.mark.parametrize("misbehave", [endless, dripping, hanging_up])
def test_an_answer_without_end_is_left_and_the_next_is_good(chat, misbehave):
    chat.misbehaviour.append(first(1, misbehave))
    assert captions(rows_of(1), stage_of(chat.url, endpoint={"timeout_seconds": 0.5})) == [said(0)]


def test_the_time_for_an_answer_counts_its_headers_and_then_the_connection_is_closed(chat):
    closed = threading.Event()

    def drip(handler, body) -> bool:
        dripping_headers(handler, body)
        closed.set()
        return True

    chat.misbehaviour.append(first(1, drip))
    assert captions(rows_of(1), stage_of(chat.url, endpoint={"timeout_seconds": 0.5})) == [said(0)]
    assert closed.wait(60)


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_request_that_is_refused_costs_its_own_candidate_and_is_not_repeated(chat, code):
    chat.misbehaviour.append(about("ball 1", status(code, {"error": {"message": "prompt too long"}})))
    done = apply(rows_of(3), stage_of(chat.url))
    assert done["caption_served"][:] == [said(0), None, said(2)]
    assert "prompt too long" in done["caption_errors"][1][0]["message"]
    assert len(chat.log.requests) == 3


@pytest.mark.parametrize(
    ("code", "advice"), [(401, "key"), (403, "key"), (404, "/v1"), (307, "redirect"), (405, "/v1")]
)
def test_a_server_that_refuses_everything_ends_the_run_at_once(chat, code, advice):
    chat.misbehaviour.append(status(code, {"error": "no"}, Location="http://127.0.0.1:9/"))
    with pytest.raises(EndpointError, match=f"{code}.*{advice}"):
        captions(rows_of(3), stage_of(chat.url))


@pytest.mark.parametrize("code", [400, 500])
def test_a_server_that_has_answered_nothing_for_long_ends_the_run(chat, code, monkeypatch):
    monkeypatch.setattr(server, "FIRST_PAUSE_SECONDS", 0.001)
    chat.misbehaviour.append(status(code, {"message": "only model x is served"}))
    stage = stage_of(chat.url)
    done = apply(rows_of(server.REFUSALS - 1), stage)
    assert all("only model x" in notes[0]["message"] for notes in done["caption_errors"])
    with pytest.raises(EndpointError, match="only model x.*none of 16"):
        apply(rows_of(1), stage)
    chat.misbehaviour.clear()
    assert captions(rows_of(1), stage) == [said(0)]


def test_a_proxy_that_says_404_while_its_server_restarts_is_waited_for(chat):
    stage = stage_of(chat.url)
    assert captions(rows_of(1), stage) == [said(0)]
    chat.misbehaviour.append(first(2, status(404)))
    assert captions(rows_of(2), stage) == [said(0), said(1)]


def test_the_key_comes_from_the_environment_and_is_seen_nowhere_else(chat, monkeypatch, caplog):
    monkeypatch.setenv("MY_KEY", KEY + "\n")
    stage = stage_of(chat.url, endpoint={"key_variable": "MY_KEY"})
    other = Hasher.hash(stage)
    chat.misbehaviour += [about("ball 1", status(400, {"error": {"message": f"your key {KEY} may not"}}))]
    with caplog.at_level(logging.DEBUG):
        done = apply(rows_of(2), stage)
    assert chat.log.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert "your key *** may not" in done["caption_errors"][1][0]["message"]
    places = [repr(stage), str(stage.provenance()), caplog.text, str(done[:]), str(chat.log.requests)]
    assert not any(KEY in place for place in places)
    assert KEY.encode() not in pickle.dumps(stage)
    monkeypatch.setenv("MY_KEY", "another")
    assert Hasher.hash(stage_of(chat.url, endpoint={"key_variable": "MY_KEY"})) == other


@pytest.mark.parametrize("code", [200, 400])
@pytest.mark.parametrize("before", [66, 190, 390])
def test_no_part_of_a_key_that_the_server_repeats_is_left_where_its_words_are_cut(chat, monkeypatch, code, before):
    monkeypatch.setenv("MY_KEY", KEY)
    chat.misbehaviour.append(status(code, b"x" * before + KEY.encode()))
    done = apply(rows_of(1), stage_of(chat.url, endpoint={"key_variable": "MY_KEY"}))
    assert "xxx" in str(done["caption_errors"][:]) and "sk-" not in str(done["caption_errors"][:])
    chat.misbehaviour[:] = [status(code, b" " * before + KEY.encode())]
    done = apply(rows_of(1), stage_of(chat.url, endpoint={"key_variable": "MY_KEY"}))
    assert "sk-" not in str(done["caption_errors"][:])


@pytest.mark.parametrize("code", [200, 400, 500])
def test_where_the_server_is_does_not_stand_in_the_rows(chat, code):
    url = chat.url.replace("/v1", "/token-123/v1")
    chat.misbehaviour.append(status(code, f"no route {url}/chat/completions or /token-123/v1 at {url[7:22]}".encode()))
    note = str(apply(rows_of(1), stage_of(url))["caption_errors"][:])
    assert "the server answers" in note and "token-123" not in note and "127.0.0.1" not in note


def test_a_server_that_says_nothing_about_a_refusal_is_reported_so(chat):
    chat.misbehaviour.append(status(400, b""))
    note = apply(rows_of(1), stage_of(chat.url))["caption_errors"][0][0]
    assert "answers 400: nothing" in note["message"]


def test_a_request_holds_the_first_four_stops():
    card = stage_of("http://localhost/v1", sees=("text",)).card()
    clip = ClipInput("v.0", np.zeros((1, 2, 2, 3), np.uint8), title="ball")
    asked = EndpointTeacher(card, card.endpoint).request(clip, Decoding(stop=("a", "b", "c", "d", "e")))
    assert asked["stop"] == ["a", "b", "c", "d"]


def test_a_server_known_to_be_away_for_longer_than_patience_is_asked_once(chat):
    stage = stage_of(f"http://127.0.0.1:{free_port()}/v1", endpoint={"patience_seconds": 0.3})
    apply(rows_of(1), stage)
    time.sleep(0.3)
    notes = apply(rows_of(4), stage)["caption_errors"][:]
    assert [note[0]["message"].endswith("tried 1 time") for note in notes] == [True] * 4


def test_a_key_that_would_travel_in_the_open_is_warned_of(chat, monkeypatch, caplog):
    monkeypatch.setenv("MY_KEY", KEY)
    server.Server(Endpoint(url="http://models.example/v1", key_variable="MY_KEY"))
    assert "unencrypted to models.example" in caplog.text and KEY not in caplog.text
    caplog.clear()
    server.Server(Endpoint(url="https://models.example/v1", key_variable="MY_KEY"))
    server.Server(Endpoint(url=chat.url, key_variable="MY_KEY"))
    assert not caplog.text


def test_a_proxy_of_this_machine_is_not_asked_for_a_server_on_it(chat, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert captions(rows_of(1), stage_of(chat.url)) == [said(0)]


@pytest.mark.parametrize("value", [None, "  ", "schlüssel", "two\nlines"])
def test_a_key_that_is_missing_or_cannot_be_sent_is_named_by_its_variable(chat, monkeypatch, value):
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(EndpointError, match="MY_KEY") as caught:
        captions(rows_of(1), stage_of(chat.url, endpoint={"key_variable": "MY_KEY"}))
    assert "lines" not in str(caught.value) and not chat.log.requests


@pytest.mark.parametrize(
    "url",
    ["localhost:8000/v1", "ftp://h/v1", "file:///etc/passwd", "http://", "http://me:pw@h/v1", "https://h/v1?key=pw"],
)
def test_addresses_that_are_none_or_hold_a_secret_are_refused_without_showing_it(url):
    with pytest.raises(ValueError, match="url=") as caught:
        Endpoint(url=url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"timeout_seconds": 0}, {"jpeg_quality": 0}])
def test_settings_without_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Endpoint(url="http://localhost/v1", **wrong)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(port: int, seconds: float = 0.05) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.captioning.chat_server", str(port), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdout.readline()
    return process


def test_a_server_process_that_is_killed_and_comes_back_costs_no_caption():
    port = free_port()
    processes = [start(port)]

    def kill_and_restart() -> None:
        time.sleep(0.4)
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        time.sleep(0.5)
        processes.append(start(port))

    trouble = threading.Thread(target=kill_and_restart)
    stage = stage_of(f"http://127.0.0.1:{port}/v1", endpoint={"concurrency": 2, "patience_seconds": 30.0})
    try:
        assert captions(rows_of(1), stage) == [said(0)]
        trouble.start()
        done = apply(rows_of(40), stage, batch_size=40)
        trouble.join()
        assert len(processes) == 2
    finally:
        trouble.join()
        for process in processes:
            process.kill()
            process.wait()
    assert done["caption_served"][:] == [said(i) for i in range(40)]


def test_while_a_server_stays_away_clips_fail_fast_with_the_cause_and_none_is_lost():
    port = free_port()
    stage = stage_of(f"http://127.0.0.1:{port}/v1", endpoint={"patience_seconds": 0.4})
    done = apply(rows_of(30), stage, batch_size=10)
    # One patience in all: the first ten use it up, or leave the next ten a last moment of it.
    tries = [int(re.search(r"tried (\d+) time", notes[0]["message"])[1]) for notes in done["caption_errors"]]
    assert sum(tries[20:]) <= sum(tries[:10]) / 2 and min(tries[20:]) == 1
    assert done["caption_served"][:] == [None] * 30 and done["error"][:] == [None] * 30
    assert all("does not answer" in notes[0]["message"] for notes in done["caption_errors"])
    with chat_server.running(port=port):
        assert captions(rows_of(3), stage) == [said(i) for i in range(3)]


def test_a_server_that_is_forgotten_leaves_no_thread_and_no_connection(chat):
    before = set(threading.enumerate())
    known = server.Server(Endpoint(url=chat.url))
    (reply,) = known.ask_all([lambda: {"model": "m", "messages": [{"content": "x"}]}])
    assert reply.text
    (thread,) = [thread for thread in set(threading.enumerate()) - before if thread.name == "endpoint"]
    del known
    gc.collect()
    thread.join(timeout=60)
    assert not thread.is_alive()


def ask(rows: Dataset, url: str) -> list[str | None]:
    done = rows.map(stage_of(url), batched=True, batch_size=2, num_proc=2)
    return done["caption_served"][:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_workers_have_connections_of_their_own(chat):
    assert captions(rows_of(4), stage_of(chat.url)) == [said(i) for i in range(4)]
    assert ask(rows_of(8), chat.url) == [said(i) for i in range(8)]


def test_ctrl_c_does_not_wait_for_a_server_that_is_away():
    port = free_port()
    stage = stage_of(f"http://127.0.0.1:{port}/v1", endpoint={"patience_seconds": 1000.0})
    code = (
        "import sys, threading, time, signal, os\n"
        "from tests.captioning.test_endpoint import rows_of, stage_of, apply\n"
        f"stage = stage_of({stage.endpoint.url!r}, endpoint={{'patience_seconds': 1000.0}})\n"
        "rows = rows_of(4)\n"
        # A run of tests in the background hands down an ignored Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "print('go', flush=True)\n"
        "try:\n    stage({c: rows[c][:] for c in rows.column_names})\n"
        "except KeyboardInterrupt:\n    print('stopped', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert "stopped" in done.stdout, done.stderr
