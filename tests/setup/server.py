"""A file server that can continue a download (Range), as the real hosts do.

server.py FOLDER PORT_FILE LOG: serves FOLDER on a free port of 127.0.0.1, writes the port, and logs
one line a GET: its path and its Range header.
"""

import http.server
import os
import re
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range", "-")
        with open(sys.argv[3], "a") as log:
            log.write(f"{self.path} {wanted}\n")
        match = re.fullmatch(r"bytes=(\d+)-", wanted)
        path = self.translate_path(self.path)
        if not match or not os.path.isfile(path):
            return super().do_GET()
        start, size = int(match[1]), os.path.getsize(path)
        if start >= size:
            return self.send_error(416)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        with open(path, "rb") as file:
            file.seek(start)
            self.wfile.write(file.read())

    def log_message(self, *args):
        pass


os.chdir(sys.argv[1])
with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    with open(sys.argv[2] + ".new", "w") as port:
        port.write(str(server.server_address[1]))
    os.rename(sys.argv[2] + ".new", sys.argv[2])
    server.serve_forever()
