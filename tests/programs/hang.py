#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# hang.py FILE DIRECTORY: a FUSE file system on DIRECTORY with one file, "program", that has the bytes of FILE. When FILE.hang exists it
# answers nothing any more. The requests are those of include/uapi/linux/fuse.h, version 7.31.
import ctypes
import os
import struct
import sys

data = open(sys.argv[1], 'rb').read()
fuse = os.open('/dev/fuse', os.O_RDWR)
options = 'fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other' % fuse
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b'hang', sys.argv[2].encode(), b'fuse', 0, options.encode()):
    sys.exit(77)


def attributes(node):
    directory = node == 1
    mode, size = (0o40755, 0) if directory else (0o100755, len(data))
    return struct.pack('<6Q10I', node, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, node, body):
    if opcode == 26:  # INIT
        return struct.pack('<IIIIHHIIHH32x', 7, 31, 65536, 0, 12, 9, 65536, 1, 16, 0)
    if opcode == 3:  # GETATTR, known for no time at all
        return struct.pack('<QII', 0, 0, 0) + attributes(node)
    if opcode == 1 and body.rstrip(b'\0') == b'program':  # LOOKUP
        return struct.pack('<QQQQII', 2, 1, 0, 0, 0, 0) + attributes(2)
    if opcode == 14:  # OPEN
        return struct.pack('<QII', 1, 0, 0)
    if opcode == 15:  # READ
        _, offset, size = struct.unpack_from('<QQI', body)
        return data[offset:offset + size]
    if opcode in (18, 25):  # RELEASE, FLUSH
        return b''
    return None


while True:
    request = os.read(fuse, 1 << 20)
    _, opcode, unique, node = struct.unpack_from('<IIQQ', request)
    if os.path.exists(sys.argv[1] + '.hang'):
        continue
    if opcode in (2, 36, 42):  # FORGET, INTERRUPT, BATCH_FORGET want no answer
        continue
    reply = answer(opcode, node, request[40:])
    try:
        os.write(fuse, struct.pack('<IiQ', 16 + len(reply or b''), 0 if reply is not None else -38, unique) + (reply or b''))
    except OSError:
        pass
