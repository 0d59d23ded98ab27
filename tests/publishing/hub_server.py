"""A Hub on loopback, in memory: all that the real client asks to create, fill, list and read a dataset or a model.

``Faults`` makes it fail on request. ``Hub.environment`` is what a process needs to talk to it and to nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

WRITER, READER, STRANGER = "hf_writer", "hf_reader", "hf_stranger"
TOKENS = {WRITER: ("user", "write"), READER: ("user", "read"), STRANGER: ("stranger", "write")}
PAGE = 50  # entries of a page of a listing
REGULAR_BYTES = 64 * 1024
DATE = "2026-01-01T00:00:00.000Z"


@dataclass
class File:
    """A file of a commit: git's own blob, or a large file."""

    oid: str  # sha1 of git, or sha256
    size: int
    lfs: bool


@dataclass
class Repo:
    """A dataset repository and its history."""

    private: bool
    commits: list[tuple[str, str, dict[str, File]]] = field(default_factory=list)  # sha, title, files

    def __post_init__(self) -> None:
        self.add("initial commit", {})

    @property
    def files(self) -> dict[str, File]:
        """The newest ones."""
        return self.commits[-1][2]

    def add(self, title: str, files: dict[str, File]) -> str:
        """A commit on top."""
        sha = hashlib.sha1(f"{len(self.commits)}{title}{sorted(files)}".encode()).hexdigest()
        self.commits.append((sha, title, files))
        return sha

    def at(self, revision: str) -> tuple[str, dict[str, File]] | None:
        """A commit by its sha, or the newest for ``main``."""
        if revision == "main":
            return self.commits[-1][0], self.files
        return next(((sha, files) for sha, _, files in self.commits if sha == revision), None)


@dataclass
class Faults:
    """What goes wrong; each counts down to 0, where all is well again."""

    uploads_before_silence: int | None = None  # then every upload gets its connection closed, until it is None again
    failing: Counter[str] = field(default_factory=Counter)  # so many 500 for this kind: "commit", "batch", "upload"…
    conflicts: int = 0  # commits that come too late: 412
    lost_rows: str | None = None  # a file that is stored as something else
    served: dict[str, bytes] = field(default_factory=dict)  # files whose bytes are others than those that it lists


@dataclass
class Hub:
    """The server while it runs."""

    port: int = 0
    repos: dict[str, Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    asked: Counter[str] = field(default_factory=Counter)
    uploaded: list[str] = field(default_factory=list)  # digests, in order
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def far_url(self) -> str:
        """The same server under another name: large files are served by another host than the Hub's."""
        return f"http://localhost:{self.port}"

    def environment(self, home: Path, token: str | None = WRITER) -> dict[str, str]:
        """For a process that talks to this Hub alone."""
        held = {
            "HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(home),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0",
        }  # fmt: skip
        return {**held, **({"HF_TOKEN": token} if token else {})}

    def read(self, repo: str, path: str) -> bytes:
        """A file as it is in the newest commit."""
        return self.blobs[self.repos[repo].files[path].oid]

    def __enter__(self) -> Hub:
        handler = type("Bound", (Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Routes by regular expressions: the first that fits."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    ROUTES = (
        ("GET", r"/api/whoami-v2", "whoami"),
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("POST", r"/api/(?:datasets|models)/([^/]+/[^/]+)/preupload/([^/]+)", "preupload"),
        ("POST", r"/api/(?:datasets|models)/([^/]+/[^/]+)/commit/([^/]+)", "commit"),
        ("POST", r"/api/(?:datasets|models)/([^/]+/[^/]+)/paths-info/([^/]+)", "paths_info"),
        ("GET", r"/api/(?:datasets|models)/([^/]+/[^/]+)/tree/([^/]+)/?(.*)", "tree"),
        ("GET", r"/api/(?:datasets|models)/([^/]+/[^/]+)/refs", "refs"),
        ("GET", r"/api/(?:datasets|models)/([^/]+/[^/]+)(?:/revision/([^/]+))?", "info"),
        ("POST", r"(?:/datasets)?/([^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
        ("PUT", r"/blob/([0-9a-f]{64})", "upload"),
        ("POST", r"/verify/([0-9a-f]{64})", "verify"),
        ("GET", r"/blob/([0-9a-f]{40,64})", "download"),
        ("GET", r"(?:/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", "resolve"),
        ("HEAD", r"(?:/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", "resolve"),
    )  # fmt: skip

    def answer(self) -> None:
        """Find the route, check who asks, call it."""
        address = urlsplit(self.path)
        self.query = parse_qs(address.query)
        length = int(self.headers["Content-Length"] or 0)
        self.body = self.rfile.read(length) if length else self.chunked()
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, unquote(address.path))
            if match and method == self.command:
                with self.hub.lock:
                    self.hub.asked[name] += 1
                    if self.hub.faults.failing[name] > 0:
                        self.hub.faults.failing[name] -= 1
                        return self.fail(500, "made to fail")
                    return getattr(self, name)(*match.groups())
        return self.fail(404, "no such address")

    do_GET = do_POST = do_PUT = do_HEAD = answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def chunked(self) -> bytes:
        if "chunked" not in (self.headers["Transfer-Encoding"] or ""):
            return b""
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    # who asks

    def user(self) -> tuple[str, str] | None:
        return TOKENS.get((self.headers["Authorization"] or "").removeprefix("Bearer "))

    def may_write(self, repo_id: str) -> bool:
        """Whether the token may; answers where it may not."""
        user = self.user()
        if user is None:
            self.fail(401, "Invalid username or password.")
        elif user[1] != "write" or user[0] != repo_id.split("/")[0]:
            self.fail(403, "Forbidden: you need write access")
        else:
            return True
        return False

    def repo(self, repo_id: str) -> Repo | None:
        """The repository, for those who may see it; answers 404 for the others."""
        repo, user = self.hub.repos.get(repo_id), self.user()
        if self.headers["Authorization"] and user is None:
            self.fail(401, "Invalid credentials in Authorization header")
            return None
        if repo is None or (repo.private and (user is None or user[0] != repo_id.split("/")[0])):
            self.fail(404 if user else 401, "Repository not found", "RepoNotFound")
            return None
        return repo

    # answers

    def fail(self, status: int, message: str, code: str | None = None) -> None:
        self.reply(
            {"error": message}, status, {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        )

    def reply(self, value: Any, status: int = 200, extra: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, held in (extra or {}).items():
            self.send_header(name, held)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # the API

    def whoami(self) -> None:
        user = self.user()
        if user is None:
            return self.fail(401, "Invalid credentials in Authorization header")
        return self.reply({"type": "user", "name": user[0], "orgs": [], "auth": {"accessToken": {"role": user[1]}}})

    def create(self) -> None:
        asked = json.loads(self.body)
        name = asked["name"]
        user = self.user()
        repo_id = f"{asked.get('organization') or (user or ['?'])[0]}/{name}"
        if not self.may_write(repo_id):
            return None
        if repo_id in self.hub.repos:
            return self.reply(
                {"error": "You already created this dataset repo", "url": f"{self.hub.url}/datasets/{repo_id}"}, 409
            )
        private = asked.get("private")
        self.hub.repos[repo_id] = Repo(bool(private) or asked.get("visibility") == "private")
        return self.reply({"url": f"{self.hub.url}/datasets/{repo_id}", "name": repo_id, "id": "1"})

    def validate(self) -> None:
        self.reply({"errors": [], "warnings": []})

    def preupload(self, repo_id: str, _: str) -> None:
        repo = self.repo(repo_id)
        if repo is None or not self.may_write(repo_id):
            return
        files = [
            {
                "path": one["path"],
                "uploadMode": "lfs"
                if one["size"] > REGULAR_BYTES or one["path"].endswith((".parquet", ".mp4", ".safetensors"))
                else "regular",
                "shouldIgnore": False,
                "oid": repo.files[one["path"]].oid if one["path"] in repo.files else None,
            }
            for one in json.loads(self.body)["files"]
        ]
        self.reply({"files": files, "commitOid": repo.commits[-1][0]})

    def batch(self, repo_id: str) -> None:
        if self.repo(repo_id) is None or not self.may_write(repo_id):
            return
        objects = []
        for one in json.loads(self.body)["objects"]:
            item: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub.blobs:
                item["actions"] = {
                    "upload": {"href": f"{self.hub.url}/blob/{one['oid']}"},
                    "verify": {"href": f"{self.hub.url}/verify/{one['oid']}"},
                }
            objects.append(item)
        self.reply({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        faults = self.hub.faults
        if faults.uploads_before_silence is not None:
            if faults.uploads_before_silence <= 0:
                self.close_connection = True
                self.connection.close()
                return None
            faults.uploads_before_silence -= 1
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.fail(400, "the body has another digest")
        self.hub.blobs[oid] = self.body
        self.hub.uploaded.append(oid)
        return self.reply({})

    def verify(self, oid: str) -> None:
        size = json.loads(self.body)["size"]
        good = oid in self.hub.blobs and len(self.hub.blobs[oid]) == size
        self.reply({}, 200) if good else self.fail(400, "not there")

    def commit(self, repo_id: str, _: str) -> None:
        repo = self.repo(repo_id)
        if repo is None or not self.may_write(repo_id):
            return None
        if self.hub.faults.conflicts > 0:
            self.hub.faults.conflicts -= 1
            return self.fail(412, "A commit has happened since. Please refresh and try again.")
        files, title = dict(repo.files), ""
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit") not in (None, repo.commits[-1][0]):
                    return self.fail(412, "A commit has happened since. Please refresh and try again.")
            elif item["key"] == "file":
                files[value["path"]] = self.stored(base64.b64decode(value["content"]))
            elif item["key"] == "lfsFile":
                if value["oid"] not in self.hub.blobs:
                    return self.fail(400, f"{value['path']} was not uploaded")
                files[value["path"]] = File(value["oid"], value["size"], True)
                if self.hub.faults.lost_rows == value["path"]:
                    files[value["path"]] = self.stored(b"something else")
            elif item["key"] == "deletedFile":
                files.pop(value["path"], None)
            elif item["key"] == "deletedFolder":
                files = {
                    path: file for path, file in files.items() if not path.startswith(value["path"].rstrip("/") + "/")
                }
        sha = repo.add(title, files)
        return self.reply(
            {"success": True, "commitOid": sha, "commitUrl": f"{self.hub.url}/datasets/{repo_id}/commit/{sha}"}
        )

    def stored(self, data: bytes) -> File:
        oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        self.hub.blobs[oid] = data
        return File(oid, len(data), False)

    def entry(self, path: str, file: File) -> dict[str, Any]:
        held = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
        if self.query.get("expand", ["false"])[0].lower() == "true" or b"expand" in self.body:
            held |= {"lastCommit": {"id": "0" * 40, "title": "x", "date": DATE}}
        if file.lfs:
            held |= {"oid": hashlib.sha1(file.oid.encode()).hexdigest()}
            held |= {"lfs": {"oid": file.oid, "size": file.size, "pointerSize": 130}}
        return held

    def listed(self, files: dict[str, File], folder: str, recursive: bool) -> list[dict[str, Any]]:
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(files):
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")
            for depth in range(1, len(parts)):
                if depth == 1 or recursive:
                    name = prefix + "/".join(parts[:depth])
                    found[name] = {"type": "directory", "path": name, "oid": "0" * 40, "size": 0,
                                   "lastCommit": {"id": "0" * 40, "title": "x", "date": DATE}}  # fmt: skip
            if len(parts) == 1 or recursive:
                found[path] = self.entry(path, files[path])
        return list(found.values())

    def tree(self, repo_id: str, revision: str, folder: str) -> None:
        repo = self.repo(repo_id)
        if repo is None:
            return None
        at = repo.at(revision)
        if at is None:
            return self.fail(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        recursive = self.query.get("recursive", ["false"])[0].lower() == "true"
        entries = self.listed(at[1], folder, recursive)
        if folder.strip("/") and not entries:
            return self.fail(404, f"{folder} does not exist", "EntryNotFound")
        first = int(self.query.get("cursor", ["0"])[0])
        extra = {}
        if first + PAGE < len(entries):
            address = urlsplit(self.path)
            flags = f"recursive={recursive}&expand={self.query.get('expand', ['False'])[0]}"
            extra["Link"] = f'<{self.hub.url}{address.path}?{flags}&cursor={first + PAGE}>; rel="next"'
        return self.reply(entries[first : first + PAGE], 200, extra)

    def paths_info(self, repo_id: str, revision: str) -> None:
        repo = self.repo(repo_id)
        if repo is None:
            return None
        at = repo.at(revision)
        if at is None:
            return self.fail(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        try:
            paths = json.loads(self.body)["paths"]
        except ValueError:
            paths = parse_qs(self.body.decode()).get("paths", [])
        everything = {entry["path"]: entry for entry in self.listed(at[1], "", True)}
        return self.reply(
            [everything[path] for path in ([paths] if isinstance(paths, str) else paths) if path in everything]
        )

    def refs(self, repo_id: str) -> None:
        repo = self.repo(repo_id)
        if repo is not None:
            sha = repo.commits[-1][0]
            self.reply(
                {
                    "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": sha}],
                    "tags": [],
                    "converts": [],
                }
            )

    def info(self, repo_id: str, revision: str | None) -> None:
        repo = self.repo(repo_id)
        if repo is None:
            return None
        at = repo.at(revision or "main")
        if at is None:
            return self.fail(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        sha, files = at
        return self.reply({
            "id": repo_id, "_id": "1", "author": repo_id.split("/")[0], "sha": sha, "private": repo.private,
            "gated": False,
            "disabled": False, "lastModified": DATE, "createdAt": DATE, "downloads": 0, "likes": 0, "tags": [],
            "siblings": [{"rfilename": path} for path in sorted(files)],
        })  # fmt: skip

    def resolve(self, repo_id: str, revision: str, path: str) -> None:
        repo = self.repo(repo_id)
        if repo is None:
            return None
        at = repo.at(revision)
        if at is None:
            return self.fail(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        sha, files = at
        if path not in files:
            return self.fail(404, f"{path} does not exist", "EntryNotFound")
        file = files[path]
        if path in self.hub.faults.served:
            wrong = self.hub.faults.served[path]
            file = File(hashlib.sha256(wrong).hexdigest(), len(wrong), True)
            self.hub.blobs[file.oid] = wrong
        extra = {"X-Repo-Commit": sha, "ETag": f'"{file.oid}"', "Accept-Ranges": "bytes"}
        if file.lfs:
            extra |= {
                "X-Linked-Etag": f'"{file.oid}"',
                "X-Linked-Size": str(file.size),
                "Location": f"{self.hub.far_url}/blob/{file.oid}",
            }
            return self.reply(b"", 302, extra)
        return self.send_data(self.hub.blobs[file.oid], extra)

    def download(self, oid: str) -> None:
        self.send_data(self.hub.blobs[oid], {"Accept-Ranges": "bytes"})

    def send_data(self, data: bytes, extra: dict[str, str]) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        if match is None:
            return self.reply(data, 200, extra)
        start = int(match[1])
        end = min(int(match[2]) + 1 if match[2] else len(data), len(data))
        if start >= len(data):
            return self.fail(416, "beyond the end")
        return self.reply(data[start:end], 206, {**extra, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})
