# SPDX-License-Identifier: Apache-2.0
"""A debuginfod server with every kind of bad manners: debuginfod.py DIRECTORY

Serves DIRECTORY/BUILD-ID at /MANNERS/buildid/BUILD-ID/debuginfo, writes its port to DIRECTORY/port when it listens, and a line for each
request to DIRECTORY/requests.
"""
import http.server
import os
import sys
import threading

directory = sys.argv[1]
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        with lock, open(directory + '/requests', 'a') as log:
            log.write(self.path + '\n')
        _, manners, *rest = self.path.split('/')
        wanted = len(rest) == 3 and rest[0] == 'buildid' and rest[2] == 'debuginfo' and rest[1].isalnum()
        path = directory + '/' + (rest[1] if wanted else 'none')
        body = open(path, 'rb').read() if os.path.exists(path) else None
        if not wanted:
            self.reply(400, b'')
        elif manners == 'hang':
            threading.Event().wait()
        elif manners == 'file':
            self.redirect('file://' + path)
        elif manners == 'round':
            self.redirect(self.path)
        elif manners == 'elsewhere':
            self.redirect(self.path.replace('elsewhere', 'good'))
        elif manners == 'announced':
            self.reply(200, b'', {'Content-Length': str(1 << 40)})
        elif manners == 'endless':
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                while True:
                    self.wfile.write(bytes(65536))
            except OSError:
                pass
        elif manners == 'cut':
            self.reply(200, body[:len(body) // 2], {'Content-Length': str(len(body))})
        elif manners == 'other':
            self.reply(200, open(sys.executable, 'rb').read(1 << 20))
        elif manners == 'garbage':
            self.reply(200, b'\x7fELF' + os.urandom(5000))
        elif manners == 'busy':
            self.reply(503, b'later')
        elif manners == 'good' and body is not None:
            self.reply(200, body)
        else:
            self.reply(404, b'not found')

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {'Content-Length': str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = headers is not None

    def redirect(self, to):
        self.reply(302, b'', {'Location': to})

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
with open(directory + '/port.new', 'w') as file:
    file.write(str(server.server_address[1]))
os.rename(directory + '/port.new', directory + '/port')
server.serve_forever()
