# SPDX-License-Identifier: Apache-2.0
#
# gdb -batch -nx -x tests/oracle/unwind_gdb.py: attaches to running processes, and every some hundred instructions
# compares gdb's backtrace with that of unwind_at, which gets the same registers and the same memory.
#
# Environment: UNWIND_AT (the program), PIDS (several, with spaces), ROUNDS (how often each is stopped).
# Prints for each stop "same DEPTH" (equal, and both say that it is all), "cut DEPTH END" (equal as far as it goes, and said to be cut),
# "gdb DEPTH" (equal as far as gdb goes), or "wrong" and both.
import os
import random
import subprocess

import gdb

NAMES = 'rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip'.split()
WHOLE = 1


def registers():
    return ['%x' % (int(gdb.parse_and_eval('(unsigned long)$' + name)) & (1 << 64) - 1) for name in NAMES]


def backtrace():
    frames, frame, why = [], gdb.newest_frame(), None
    while frame is not None and len(frames) < 1000:
        # Neither inlined functions nor those that gdb infers from tail calls are on the stack.
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            frames.append(frame.pc())
        why = frame.unwind_stop_reason()
        try:
            frame = frame.older()
        except gdb.error:
            return frames, False
    return frames, why in (gdb.FRAME_UNWIND_OUTERMOST, gdb.FRAME_UNWIND_NO_REASON)


def walk(pid):
    lines = subprocess.run([os.environ['UNWIND_AT'], str(pid)] + registers(), capture_output=True, text=True).stdout.split('\n')
    end = [int(line.split()[1]) for line in lines if line.startswith('end ')][0]
    return [int(line.lstrip('='), 16) for line in lines if line and not line.startswith('end ')], end


def compare(pid):
    ours, end = walk(pid)
    theirs, complete = backtrace()
    n = 0
    while n < min(len(ours), len(theirs)) and ours[n] == theirs[n]:
        n += 1
    if end == WHOLE and n == len(ours) == len(theirs):
        print('same %d' % n)
    elif end != WHOLE and n == len(ours):
        print('cut %d %d' % (n, end))
    elif n == len(theirs) and not complete:
        print('gdb %d' % n)
    else:
        print('wrong: end %d, equal %d' % (end, n))
        print('#   ours   %s' % ' '.join('%x' % a for a in ours[:40]))
        print('#   theirs %s' % ' '.join('%x' % a for a in theirs[:40]))


for setting in ('pagination off', 'confirm off', 'auto-solib-add on', 'debuginfod enabled off', 'backtrace past-main on',
                'backtrace past-entry on', 'print thread-events off'):
    try:
        gdb.execute('set ' + setting, to_string=True)
    except gdb.error:
        pass
for pid in os.environ['PIDS'].split():
    gdb.execute('attach ' + pid, to_string=True)
    for _ in range(int(os.environ.get('ROUNDS', '10'))):
        compare(int(pid))
        try:
            gdb.execute('stepi %d' % random.randrange(100, 900), to_string=True)
        except gdb.error as error:
            print('# stepi: %s' % error)
    gdb.execute('detach', to_string=True)
