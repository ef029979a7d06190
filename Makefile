# make run      the hub on http://127.0.0.1:8000, with all it needs          (make run PORT=8001)
# make test     everything the tests need, then all tests, in two processes   (make test TESTERS=4)
# make lint     ruff and mypy          make docs    the documentation, warnings are errors
# make images   images of containers for users' servers and for the hub (hub/images/build.py --help)
# make bench    speed and accuracy against named peers, as tables in benchmarks/results
# make lock     new exact versions in requirements.lock                      make clean   remove what was made

PYTHON ?= python3
PORT ?= 8000
TESTERS ?= 2
BIN := .venv/bin

.PHONY: run test test-all frontend-test lint docs images bench lock install install-test clean

run: install
	@IMAGINE_HOME="$(CURDIR)/.imagine" $(BIN)/imagine models starter
	@exec $(BIN)/python hub/run.py --port $(PORT)

test: install-test frontend-test
	@$(BIN)/python -m pytest -n $(TESTERS) -m "not slow"

test-all: install-test frontend-test
	@$(BIN)/python -m pytest -n $(TESTERS)

frontend-test: install-test
	@cd imagine_kernels/widgets/frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check && PATH="$(CURDIR)/$(BIN):$$PATH" npm test --silent

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: install
	@$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

images:
	@$(PYTHON) hub/images/build.py $(IMAGES)

bench: install-test
	@$(BIN)/python -m benchmarks

lock: install
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --python-version 3.11 --upgrade --no-header --no-annotate --quiet -o requirements.lock

install:
	@$(PYTHON) install.py

install-test:
	@$(PYTHON) install.py --browser

clean:
	rm -rf .venv .imagine docs/_build imagine_kernels/widgets/static imagine_kernels/widgets/frontend/node_modules
