# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Processes that share the default tests; each file stays with one of them.
WORKERS ?= 2

.PHONY: demo test test-slow test-faults quality style metrics clean

demo: $(VENV)/.demo  ## install, write eight films, curate them, write demo-out/report.html
	$(BIN)/panda-hf demo --out demo-out

test: $(VENV)/.dev  ## install with the developer tools, run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-slow: $(VENV)/.dev  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow --timeout 1800

test-faults: $(VENV)/.dev  ## runs that are killed, starved and misled, 54 of them; root, for a small disk
	$(BIN)/python -m pytest tests/running/test_faults.py -m slow -s --timeout 1800

quality: $(VENV)/.dev  ## style and types, nothing is changed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

style: $(VENV)/.dev  ## mend the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

metrics:  ## each caption metric runs alone: give all of them the helper files of cider
	for name in bleu rouge_l meteor; do \
	  cp panda_hf/metrics/cider/caption_items.py panda_hf/metrics/cider/longest_match.py \
	  panda_hf/metrics/cider/ptb_*.py panda_hf/metrics/$$name/; done
	for name in bleu rouge_l; do cp panda_hf/metrics/cider/caption_corpus.py panda_hf/metrics/$$name/; done

clean:
	rm -rf $(VENV) demo-out build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.demo
