# make demo · make test · make lint       PYTHON=python3.11 and VENV=folder may be given.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python

.PHONY: install demo test lint format

install: $(VENV)/.installed

$(VENV)/.installed: setup.py tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py --venv $(VENV)

demo: $(VENV)/.installed
	$(RUN) tools/train_net.py --config-file configs/synthetic/cascade_small_tde.yaml OUTPUT_DIR output/demo

test: $(VENV)/.installed
	$(RUN) -m pytest --cov

lint: $(VENV)/.installed
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.installed
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .
