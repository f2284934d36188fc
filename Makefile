# make          the module: build/ngx_http_ehr_module.so
# make run      a private PostgreSQL and nginx with a demo hospital below run/
#               (PORT=8080, RUN_DIR=run); make stop ends just that
# make test     everything, from nothing (TESTS='t/a.t t/b.t' for some)
# make soak     the tests under faults for longer (EHR_CHAOS_SECONDS=120 each,
#               a million requests), the fuzz targets (EHR_FUZZ_SECONDS=600),
#               and 10^8 steps of the engine (EHR_ENGINE_STEPS): two to three
#               hours on two processors
# make sanitize the same tests on nginx and module with ASan and UBSan
# make bench    measurements against pgbench and plain nginx
# make replay   110,527 real appointments, booked and proved (docs/replay.md);
#               DATA=../shared/data/appointments
# make replay-inpatient    275 admissions with their movements, as they were
#               and then all at once; DATA=../shared/data/inpatient
# make import DATA=folder    FHIR R4 bundles into the running hospital
# make migrate, make audit-verify    of the running hospital's database
# make install  the module into nginx's modules (MODULES_DIR=, DESTDIR=)
# make clean    removes build/ (run/ is yours: make stop, then remove it)

PORT ?= 8080
RUN_DIR ?= run
TESTS ?=
DATA ?=
DESTDIR ?=
MODULES_DIR ?= /usr/lib/nginx/modules

BUILD = build
MODULE = $(BUILD)/ngx_http_ehr_module.so

export LC_ALL = C.UTF-8

.PHONY: module run stop test soak sanitize bench replay replay-inpatient \
        import migrate audit-verify install clean

module:
	@tools/install-packages build
	@tools/build-module $(BUILD)

run:
	@tools/install-packages build run
	@tools/build-module $(BUILD)
	@tools/dev-run "$(RUN_DIR)" "$(PORT)" $(MODULE)

stop:
	@tools/dev-stop "$(RUN_DIR)"

test:
	@tools/install-packages build run test
	@tools/build-module $(BUILD)
	@tools/test $(TESTS)

soak:
	@EHR_CHAOS_SECONDS=$${EHR_CHAOS_SECONDS:-120} \
	    EHR_FUZZ_SECONDS=$${EHR_FUZZ_SECONDS:-600} \
	    EHR_ENGINE_STEPS=$${EHR_ENGINE_STEPS:-100000000} \
	    EHR_ENGINE_SECONDS=$${EHR_ENGINE_SECONDS:-120} \
	    $(MAKE) --no-print-directory test \
	    TESTS="$(wildcard t/chaos/*.t) t/fuzz.t t/engine.t"

sanitize:
	@tools/install-packages build run test
	@tools/build-module --sanitize $(BUILD)/sanitize
	@EHR_NGINX=$(CURDIR)/$(BUILD)/sanitize/nginx/nginx \
	    EHR_MODULE=$(CURDIR)/$(BUILD)/sanitize/ngx_http_ehr_module.so \
	    tools/test $(TESTS)

bench:
	@tools/install-packages build run bench
	@tools/build-module $(BUILD)
	@bench/run

replay: data = $(or $(DATA),../shared/data/appointments)
replay:
	@ls $(data)/*appointments*.csv.gz > /dev/null 2>&1 || test -f "$(data)" \
	    || { echo "replay: skipped, there is no file of appointments at" \
	        "$(data); name it with DATA="; exit 0; }; \
	tools/install-packages build run && tools/build-module $(BUILD) \
	    && tools/replay "$(data)"

replay-inpatient: data = $(or $(DATA),../shared/data/inpatient)
replay-inpatient:
	@ls $(data)/transfers.csv* > /dev/null 2>&1 \
	    || { echo "replay-inpatient: skipped, there is no file of movements" \
	        "in $(data); name its folder with DATA="; exit 0; }; \
	tools/install-packages build run && tools/build-module $(BUILD) \
	    && tools/replay-inpatient "$(data)" \
	    && tools/replay-inpatient --together "$(data)"

import:
	@test -n "$(DATA)" || { echo "usage: make import DATA=folder" >&2; exit 1; }
	@tools/import-running "$(RUN_DIR)" "$(DATA)"

migrate:
	@PGUSER=ehr_migration tools/with-database "$(RUN_DIR)" tools/migrate

audit-verify:
	@tools/with-database "$(RUN_DIR)" tools/audit-verify-running

install: module
	@install -d "$(DESTDIR)$(MODULES_DIR)"
	@install -m 644 $(MODULE) "$(DESTDIR)$(MODULES_DIR)/.ngx_http_ehr_module.new"
	@mv -f "$(DESTDIR)$(MODULES_DIR)/.ngx_http_ehr_module.new" \
	    "$(DESTDIR)$(MODULES_DIR)/ngx_http_ehr_module.so"
	@echo "load_module $(MODULES_DIR)/ngx_http_ehr_module.so;"
	@echo "Restart nginx to use it, or: service nginx upgrade" \
	    "(a reload keeps the old module's code)"

clean:
	rm -rf $(BUILD)
