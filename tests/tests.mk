# SPDX-License-Identifier: Apache-2.0
#
# Unit tests: one program per tests/unit/test_*.c (cmocka, TAP), linked with the whole program but main(), with ASan and
# UBSan. They need no root.

TEST_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
TEST_SRC := $(wildcard tests/unit/test_*.c)
TESTS := $(TEST_SRC:tests/unit/%.c=$(B)/tests/%)
TEST_OBJ := $(patsubst %.c,$(B)/asan/%.o,$(filter-out user/app/main.c,$(SRC)))

$(B)/asan/%.o: %.c
	$(say) CC $< '(sanitized)'
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<
$(filter $(B)/asan/user/kernel/%,$(TEST_OBJ)): | $(BPF_SKEL)
$(filter $(B)/asan/user/render/%,$(TEST_OBJ)): | $(SCRIPTS:%=$(B)/%.inc)

$(B)/tests/%: tests/unit/%.c $(B)/libprofile-asan.a
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -MMD -MP -o $@ $< $(B)/libprofile-asan.a -lcmocka $(LDLIBS) -ldw

$(B)/libprofile-asan.a: $(TEST_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

unit-tests: $(TESTS)

# Everything, in one run of prove, whose summary ends the output.
check: test-deps
	$(Q)$(MAKE) --no-print-directory $(B)/profile unit-tests
	$(Q)PROFILE=$(B)/profile BUILD=$(B) tests/run $(TEST_SRC:tests/unit/%.c=$(B)/tests/%)

-include $(TEST_OBJ:.o=.d) $(TESTS:=.d)
.PHONY: unit-tests check
