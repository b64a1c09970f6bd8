# SPDX-License-Identifier: Apache-2.0
#
# make            build/profile
# make run        install what is missing, build, profile a live demo and the system          (root)
# make check      install what is missing, build, run every test                              (root)
# make install    DESTDIR= PREFIX=/usr UNITDIR=/usr/lib/systemd/system
# make deb        a Debian package
# V=1 shows the commands. B=DIR builds elsewhere.

B ?= build
PREFIX ?= /usr
ifeq ($(origin CC),default)
  CC := gcc
endif
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)

VERSION := 0.1.0

CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter \
	-Wno-sign-compare -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Iuser -I. -I$(B) $(CFLAGS)
LDLIBS := -lbpf -lelf -lz -llzma -lzstd -lsqlite3 -liberty -lm -ljson-c
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wno-address-of-packed-member \
	-D__TARGET_ARCH_x86 -Ivmlinux -I. -Ibpf

ifeq ($(V),1)
  Q :=
  say := @:
else
  Q := @
  say = @printf '  %-5s %s\n'
endif
# For builds inside `run` and `check`: as parallel as asked, else as the machine allows.
NESTED = --no-print-directory $(if $(Q),-s) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# The program: everything under user/, one object each. The tests link all of it but main().
SRC := $(wildcard user/*/*.c)
OBJ := $(SRC:%.c=$(B)/%.o)
SCRIPTS := $(wildcard user/render/*.js user/render/*.css)
BPF_SKEL := $(B)/sample.skel.h

all: $(B)/profile

$(B)/profile: $(OBJ)
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/%.o: %.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The BPF programs: one object, embedded through its skeleton.
$(B)/sample.bpf.o: bpf/sample.bpf.c
	$(say) BPF $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@

$(BPF_SKEL): $(B)/sample.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name sample_bpf > $@.tmp && mv $@.tmp $@

$(filter $(B)/user/kernel/%,$(OBJ)): | $(BPF_SKEL)

# Files that are part of the program as bytes: FILE.js becomes a C string body in $(B)/FILE.js.inc, squeezed. FILE.js.sha256
# is what a Content-Security-Policy calls it.
$(B)/%.js.bare: %.js user/render/squeeze.awk
	@mkdir -p $(@D)
	$(Q)awk -f user/render/squeeze.awk $< > $@
$(B)/%.css.bare: %.css
	@mkdir -p $(@D)
	$(Q)sed -e 's/^[[:blank:]]*//' -e '/^\/\*.*\*\/$$/d' $< | tr -d '\n' > $@
$(B)/%.inc: $(B)/%.bare
	$(Q)od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' > $@
.PRECIOUS: $(B)/%.bare
$(B)/%.sha256: $(B)/%.bare
	$(Q)sha256sum $< | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64 | sed 's/.*/"sha256-&"/' > $@
EMBEDDED := $(SCRIPTS:%=$(B)/%.inc) $(B)/user/render/flamegraph.js.sha256
$(filter $(B)/user/render/%,$(OBJ)): | $(EMBEDDED)

-include $(OBJ:.o=.d) $(B)/sample.bpf.d

# Installing needs root; nothing else in a plain build does.
deps:
	$(Q)packaging/install-missing build

test-deps:
	$(Q)packaging/install-missing build test

# A program to look at: frame pointers, so that any profiler can walk its stacks.
$(B)/demo: packaging/demo.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -Wall -Wextra -O2 -g -fno-omit-frame-pointer -fno-optimize-sibling-calls -pthread -o $@ $<

# "Attack of the clone" (README.md). Line tables name what the compiler expanded; they cost nothing at run time. Before Rust 1.71 (Debian
# 12 has 1.63) the level that has little more is 1.
RUST_LINES = $(shell rustc -C debuginfo=line-tables-only --print cfg >/dev/null 2>&1 && echo line-tables-only || echo 1)
$(B)/demo-clones: packaging/demo.rs
	$(say) RUST $<
	$(Q)mkdir -p $(@D)
	$(Q)rustc --edition 2021 -C opt-level=3 -C debuginfo=$(RUST_LINES) -C force-frame-pointers=yes -o $@ $<

run: deps
	$(Q)$(MAKE) $(NESTED) $(B)/profile $(B)/demo $(if $(shell command -v rustc),$(B)/demo-clones)
	$(Q)B=$(B) packaging/demo

UNITDIR ?= /usr/lib/systemd/system
install: $(B)/profile
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/profile
	install -D -m 644 packaging/profiled.service $(DESTDIR)$(UNITDIR)/profiled.service
	install -D -m 644 packaging/profiled.sysusers.conf $(DESTDIR)/usr/lib/sysusers.d/profiled.conf
	install -D -m 644 packaging/profiled.conf $(DESTDIR)/etc/profiled/profiled.conf
	install -D -m 644 packaging/profile.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/profile
	for section in 1 5 8; do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$$section packaging/man/*.$$section || exit; done

# A Debian package, $(B)/deb/profiled_VERSION_amd64.deb. Built with the distribution's flags, in a directory of its own.
DEB_VERSION ?= $(VERSION)
DEB := $(B)/deb/profiled_$(DEB_VERSION)_amd64.deb
deb:
	$(say) DEB $(DEB)
	$(Q)rm -rf $(B)/deb/tree && mkdir -p $(B)/deb/tree && cp -r packaging/debian $(B)/deb/tree/
	$(Q)sed -i 's/@VERSION@/$(DEB_VERSION)/' $(B)/deb/tree/debian/changelog
	$(Q)cd $(B)/deb/tree && SOURCE=$(CURDIR) BUILD=$(abspath $(B)/deb/build) \
		dpkg-buildpackage -b -us -uc $(if $(Q),>../log 2>&1 || { cat ../log >&2; false; })

# The kernel types in vmlinux/vmlinux.h, anew from the running kernel and the list beside it.
vmlinux:
	$(Q)mkdir -p $(B) && vmlinux/generate > $(B)/vmlinux.h.new && mv $(B)/vmlinux.h.new vmlinux/vmlinux.h

include tests/tests.mk

clean:
	rm -rf $(B)

.PHONY: all deps test-deps run install deb vmlinux clean
.DELETE_ON_ERROR:
