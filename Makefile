# make demo · make test [WORKERS=2] · make test-quick · make lint · make bench [FULL=1] · make reliability [KILLS=20]
# PYTHON=python3.11 and VENV=folder may be given.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python

.PHONY: install demo test test-quick lint format bench reliability

# make install DETECTRON2_SOURCE=… swaps Detectron2; without it, install does nothing twice.
ifeq ($(DETECTRON2_SOURCE),)
install: $(VENV)/.installed
else
install:
	@$(PYTHON) tools/bootstrap.py --venv $(VENV) --detectron2 $(DETECTRON2_SOURCE)
endif

$(VENV)/.installed: setup.py tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py --venv $(VENV)

demo: $(VENV)/.installed
	$(RUN) -m lt_det demo --output output/demo

# A file's tests stay together, for they share what they trained; a thread for each worker.
PYTEST = OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder

# The maths' own tests cover it whole; counting its lines in all others took a third of their time.
test: $(VENV)/.installed
	$(PYTEST) tests/core --cov
	$(PYTEST) --ignore tests/core --durations 25

# Without whole runs and several processes: for the minutes between two commits.
test-quick: $(VENV)/.installed
	$(PYTEST) -m "not slow"

lint: $(VENV)/.installed
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.installed
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: $(VENV)/.installed
	$(RUN) tools/bench.py $(if $(FULL),--full)

reliability: $(VENV)/.installed
	$(RUN) tools/reliability.py --kills $(or $(KILLS),20) --iterations $(or $(ITERATIONS),2000)
