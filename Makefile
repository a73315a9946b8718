# make demo   train on the embedded corpus for two minutes and write some text
# make test   every test
# make docs   the reference of the command line and the pictures of inspect anew
# make picture  that of a page of charrnn export, which the README shows; needs Chromium
# make check  format, lint, types and tests (the docs too): what has to be green at every commit
# make bench  speed and memory beside PyTorch, in an environment of its own; some 20 minutes
# make quality  what is learnt in 82 s, 10 and 30 minutes; some two and a half hours
# make texts TEXT=code  the same of a text of another kind, by a protocol: 1, 10 and 60 minutes, three seeds; half a day.
#                        OPTIONS='…' as benchmarks/texts.py --list tells of some, such as --records
# make compare BASE=COMMIT  whether the program does bit for bit what it did there; some five minutes
# make mutants  whether the tests see faults that are planted in the numerics, training and writing; hours
# The first call of any of them sets up an environment in .venv.

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
READY := $(VENV)/ready

.PHONY: demo test check format lint types docs picture demo-model compare mutants bench quality texts clean

# What the benchmarks compare with. Where the package index has CUDA builds only, name a wheel here.
TORCH ?= torch==2.13.0
BENCH := .venv-bench
MUTANTS := .venv-mutants

demo: $(READY)
	checkpoint=$$($(BIN)/charrnn train --minutes 2) && \
	$(BIN)/charrnn sample "$$checkpoint" --temp 0.7 --length 600

test: $(READY)
	$(BIN)/python -m pytest -q -n 2

check: format lint types test

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

# docs/cli.md, docs/inspect.md and docs/images, from the program itself.
docs: $(READY)
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_api.py
	$(BIN)/python docs/make_inspect.py
	$(BIN)/python docs/make_figures.py

picture: $(READY)
	$(BIN)/python docs/make_picture.py

# The small model that lies in checkpoints/ of a clone: the kept weights, without training state.
demo-model: $(READY)
	$(BIN)/python checkpoints/make_demo.py

compare: $(READY)
	$(BIN)/python tests/compare_versions.py $(BASE)

# ONLY='charrnn.nn.loss.*' takes one file; '.venv-mutants/bin/mutmut show NAME' shows a survivor.
mutants: $(MUTANTS)/ready
	$(MUTANTS)/$(notdir $(BIN))/mutmut run $(if $(ONLY),'$(ONLY)')
	$(MUTANTS)/$(notdir $(BIN))/mutmut results | grep -v ': not checked' || true

bench: $(BENCH)/ready
	$(BENCH)/$(notdir $(BIN))/python benchmarks/speed.py

quality: $(BENCH)/ready
	corpus=$$($(BENCH)/$(notdir $(BIN))/python data/fetch.py tinyshakespeare) && \
	$(BENCH)/$(notdir $(BIN))/python benchmarks/quality.py "$$corpus"

texts: $(BENCH)/ready
	text=$$($(BENCH)/$(notdir $(BIN))/python benchmarks/texts.py $(TEXT)) && \
	$(BENCH)/$(notdir $(BIN))/python benchmarks/quality.py "$$text" --split 90/5/5 --test $(OPTIONS)

$(BENCH)/ready: pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --editable '.[fast]' $(TORCH) matplotlib
	$(BENCH)/$(notdir $(BIN))/python -c "open('$(BENCH)/ready', 'w').close()"

$(MUTANTS)/ready: pyproject.toml
	$(PYTHON) -m venv $(MUTANTS)
	$(MUTANTS)/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' mutmut==3.8.1
	$(MUTANTS)/$(notdir $(BIN))/python -c "open('$(MUTANTS)/ready', 'w').close()"

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[mpi]" || echo "without MPI: tests of its ranks are skipped"
	$(BIN)/python -c "open('$(READY)', 'w').close()"

clean:
	rm -rf $(VENV) $(BENCH) $(MUTANTS) mutants build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
