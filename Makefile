# Everything a person types here. Needs python3 (3.11 or newer, with venv) and make; the first time also a network.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test check format bench peers pins clean

help:
	$(info make run            set up, then the whole story with a real document; keeps serving afterwards)
	$(info $()                    FILE=contract.pdf signs that file, ONCE=1 stops after the story)
	$(info make test           set up, then every test; ends with what this machine could not run)
	$(info make check          format, lint, types, contracts and the fast tests, in under two minutes)
	$(info make bench          how fast: against the bare primitive and against other libraries)
	$(info )
	$(info make format         let the formatter have its way)
	$(info make peers          get npm's jose, so that `make test` skips nothing that needs it)
	$(info make pins           write requirements/*.txt anew from the .in files)
	$(info make clean          remove everything that these commands made)
	@:

run:
	@$(PYTHON) tools/prepare.py run
	@$(BIN)/undersign demo $(if $(FILE),"$(FILE)") $(if $(ONCE),--once)

test:
	@$(PYTHON) tools/prepare.py test
	@$(BIN)/python -m pytest $(ARGS)

check:
	@$(PYTHON) tools/prepare.py test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src typing_tests $(wildcard examples benchmarks)
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow and not peer" $(ARGS)

format:
	@$(PYTHON) tools/prepare.py test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench:
	@$(PYTHON) tools/prepare.py test
	@$(BIN)/python -m benchmarks $(ARGS)

peers:
	npm install --prefix tests/peers/node --no-package-lock --no-audit --no-fund --ignore-scripts

pins:
	@$(PYTHON) tools/prepare.py pins
	@.venv-pins/bin/python tools/pins.py

clean:
	@$(PYTHON) tools/prepare.py clean
