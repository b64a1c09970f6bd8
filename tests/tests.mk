# SPDX-License-Identifier: Apache-2.0
#
# Unit tests: one program per tests/unit/test_*.c (cmocka, TAP), linked with the whole program but main(), with ASan and
# UBSan. They need no root.

TEST_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
TEST_SRC := $(wildcard tests/unit/test_*.c)
TESTS := $(TEST_SRC:tests/unit/%.c=$(B)/tests/%)
TEST_OBJ := $(patsubst %.c,$(B)/asan/%.o,$(filter-out user/app/main.c,$(SRC)))

$(B)/asan/%.o: %.c
	$(say) CC '$< (sanitized)'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<
$(filter $(B)/asan/user/kernel/%,$(TEST_OBJ)): | $(BPF_SKEL)
$(filter $(B)/asan/user/render/%,$(TEST_OBJ)): | $(EMBEDDED)

$(B)/tests/%: tests/unit/%.c $(B)/libprofile-asan.a
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(B)/libprofile-asan.a -lcmocka $(LDLIBS) -ldw

$(B)/libprofile-asan.a: $(TEST_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

unit-tests: $(TESTS)

# Programs that use parts of the profiler: for the system tests and the benchmarks.
HELPERS := $(B)/tests/programs/history_writer $(B)/tests/bench/record_history $(B)/tests/bench/history_cost
$(HELPERS): $(B)/%: %.c $(filter-out $(B)/user/app/main.o,$(OBJ))
	$(say) LINK $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDLIBS)

helpers: $(HELPERS)

# Programs that compare with another implementation, one per tests/oracle/*.c. The system tests run them.
ORACLES := $(patsubst tests/oracle/%.c,$(B)/oracle/%,$(wildcard tests/oracle/*.c))

$(B)/oracle/%: tests/oracle/%.c $(filter-out %/app/main.o,$(OBJ))
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $(filter %.c %.o,$^) $(LDLIBS) -ldw

# The whole program, with another demangler in place of libiberty's.
$(B)/oracle/possessed: tests/oracle/possessed.c $(OBJ)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(OBJ) -Wl,--wrap=cplus_demangle_v3_callback $(LDLIBS)

oracles: $(ORACLES)

# Benchmarks of pure code: build/bench/NAME. tests/bench/run measures the whole program.
$(B)/bench/%: tests/bench/%.c $(filter-out %/app/main.o,$(OBJ))
	$(say) BENCH $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c %.o,$^) $(LDLIBS)

bench: $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))

# Fuzz targets: one program per tests/fuzz/fuzz_*.c (libFuzzer), with everything but main() built by clang. tests/system/fuzz.t
# runs each for some seconds; for longer: $(B)/fuzz/fuzz_NAME DIRECTORY.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
FUZZ_OBJ := $(TEST_OBJ:$(B)/asan/%=$(B)/fuzz/%)
FUZZ_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1

$(B)/fuzz/%.o: %.c
	$(say) CC '$< (fuzzed)'
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(ALL_CFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(filter $(B)/fuzz/user/kernel/%,$(FUZZ_OBJ)): | $(BPF_SKEL)
$(filter $(B)/fuzz/user/render/%,$(FUZZ_OBJ)): | $(EMBEDDED)

$(B)/libprofile-fuzz.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/fuzz/%: tests/fuzz/%.c $(B)/libprofile-fuzz.a
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(ALL_CFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< $(B)/libprofile-fuzz.a $(LDLIBS)

fuzzers: $(FUZZERS)

# The service alone: its behaviour here, and its package on a Debian 12 with systemd. Part of `check` too.
check-service: test-deps
	$(Q)$(MAKE) $(NESTED) $(B)/profile
	$(Q)PROFILE=$(B)/profile BUILD=$(B) tests/run tests/system/daemon.t tests/system/systemd.t

# Half an hour of the daemon under a storm of short processes: does its memory stay flat?
soak: $(B)/profile
	$(Q)PROFILE=$(B)/profile BUILD=$(B) tests/bench/soak

# Ten minutes of the daemon over a mix of work: is what the history says true?
mix: $(B)/profile
	$(Q)PROFILE=$(B)/profile BUILD=$(B) tests/bench/mix

# A minute of 10,000 short processes beside 2,000 that sleep and 5,000 threads: do the daemon's ceilings hold?
storm: $(B)/profile helpers
	$(Q)PROFILE=$(B)/profile BUILD=$(B) tests/bench/storm

# Everything, in one run of prove, whose summary ends the output.
check: test-deps
	$(Q)$(MAKE) $(NESTED) $(B)/profile $(B)/demo unit-tests oracles fuzzers helpers
	$(Q)PROFILE=$(B)/profile BUILD=$(B) tests/run $(TESTS) $(sort $(wildcard tests/system/*.t))

-include $(TEST_OBJ:.o=.d) $(TESTS:=.d) $(FUZZ_OBJ:.o=.d) $(FUZZERS:=.d) $(ORACLES:=.d)
.PHONY: unit-tests oracles bench fuzzers helpers check check-service soak storm mix
