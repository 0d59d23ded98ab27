"""Which saved state a training goes on from."""

from __future__ import annotations

from panda_hf.training.states import last_complete_checkpoint, last_state


def test_a_half_written_checkpoint_is_not_resumed_from(tmp_path):
    written = {"checkpoint-9": "{}", "checkpoint-10": None, "checkpoint-11": '{"epoch": 0.'}
    for name, state in written.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text("{}")
        if state is not None:
            (tmp_path / name / "trainer_state.json").write_text(state)
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-9"
    assert last_complete_checkpoint(tmp_path / "nowhere") is None


def test_starting_anew_removes_what_earlier_runs_saved(tmp_path):
    state = tmp_path / "checkpoint-7"
    state.mkdir()
    (state / "trainer_state.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    assert last_state(tmp_path, resume=True) == str(state)
    assert last_state(tmp_path, resume=False) is None
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert last_state(tmp_path / "nowhere", resume=True) is None
