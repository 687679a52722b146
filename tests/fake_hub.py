"""A small Hugging Face Hub on the loopback address: one repository, its files in memory."""

import base64
import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the server holds.

    Attributes:
        address: Its HTTP address.
        files: Path -> bytes.
        requests: (method, path) of every request.
        refuses: Whether commits are refused, as for a token without rights.
    """

    def __init__(self):
        self.files, self.requests, self.large, self.refuses = {}, [], {}, False
        self.address = ""

    def commit(self, body):
        """Applies the lines of a commit."""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[value["path"]] = self.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del self.files[value["path"]]


def _handler(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, value=b"", status=200, headers=()):
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for key, text in {"Content-Length": len(content), "X-Repo-Commit": COMMIT}.items():
                if key not in dict(headers):
                    self.send_header(key, str(text))
            for key, text in headers:
                self.send_header(key, text)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def body(self):
            if self.headers.get("Transfer-Encoding") == "chunked":
                content = b""
                while size := int(self.rfile.readline(), 16):
                    content += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return content
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def do_POST(self):
            hub.requests.append(("POST", self.path))
            body = self.body()
            if self.path == "/api/repos/create":
                wanted = json.loads(body)
                owner = wanted.get("organization") or "someone"
                self.answer({"url": f"{hub.address}/{owner}/{wanted['name']}"})
            elif self.path == "/api/validate-yaml":
                self.answer({"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                wanted = json.loads(body)["files"]
                modes = [{"path": f["path"], "uploadMode": _mode(f["path"])} for f in wanted]
                self.answer({"files": [{**m, "shouldIgnore": False} for m in modes]})
            elif self.path.endswith("/info/lfs/objects/batch"):
                objects = json.loads(body)["objects"]
                links = [
                    {**o, "actions": {"upload": {"href": f"{hub.address}/large/{o['oid']}"}}}
                    for o in objects
                ]
                self.answer({"transfer": "basic", "objects": links})
            elif "/commit/" in self.path:
                if hub.refuses:
                    self.answer({"error": "no rights"}, 403)
                    return
                hub.commit(body)
                owned = self.path.split("/api/models/")[1].split("/commit/")[0]
                url = f"{hub.address}/{owned}/commit/{COMMIT}"
                self.answer({"commitUrl": url, "commitOid": COMMIT, "success": True})
            else:
                self.answer({}, 404)

        def do_PUT(self):
            hub.requests.append(("PUT", self.path))
            hub.large[self.path.rpartition("/")[2]] = self.body()
            self.answer()

        def do_GET(self):
            hub.requests.append((self.command, self.path))
            path = self.path.partition("?")[0]
            if "/resolve/" in path:
                name = path.partition("/resolve/")[2].partition("/")[2]
                if name not in hub.files:
                    self.answer({}, 404, [("X-Error-Code", "EntryNotFound")])
                    return
                content = hub.files[name]
                etag = ("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.answer(content, 200, [etag])
            elif "/tree/" in path:
                self.answer(
                    [
                        {"type": "file", "path": p, "size": len(c), "oid": "0" * 40}
                        for p, c in sorted(hub.files.items())
                    ]
                )
            elif path.startswith("/api/models/"):
                names = [{"rfilename": name} for name in sorted(hub.files)]
                owned = path.split("/api/models/")[1].split("/revision")[0]
                self.answer({"_id": "1", "id": owned, "sha": COMMIT, "siblings": names})
            else:
                self.answer({}, 404)

        do_HEAD = do_GET

    return Handler


def _mode(path):
    return "regular" if path.endswith((".json", ".md")) else "lfs"


@contextlib.contextmanager
def serve():
    """Yields a `Hub` that answers on the loopback address."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
