"""Pages that nobody here wrote, the HTML in Debian's packages, and a site on loopback that has them. Everything is kept in WORK."""
import asyncio, os, re, shutil, subprocess, threading
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

WORK = Path("target/real-pages").resolve()


def unpack(package):
    """The folder of a package's files. The package is downloaded, not installed, in the version that apt has today."""
    folder = WORK / "pages" / package
    if not folder.exists():
        debs, part = WORK / "debs" / package, WORK / "part"
        for made in debs, part:
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir(parents=True)
        folder.parent.mkdir(exist_ok=True)
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package], cwd=debs, check=True)
        subprocess.run(["dpkg-deb", "-x", *debs.glob("*.deb"), part], check=True)
        part.rename(folder)  # so that what is there is whole
    return folder


def find_pages(folder, most):
    """The HTML files below a folder; of more than `most`, every n-th."""
    pages = sorted(p for p in folder.rglob("*") if re.search(r"\.[sx]?html?(\.(?!gz)[\w-]+)?$", p.name, re.I) and p.is_file())
    return pages[:: -(-len(pages) // most) or 1]


class Site(asyncio.Protocol):
    """HTTP/1.1 for files below a root, and for pages in memory by their paths: each as text/html, which leaves its charset open."""

    def __init__(self, root, made):
        self.root, self.made, self.read = os.fsencode(root), made, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.read += data
        while b"\r\n\r\n" in self.read:
            head, _, self.read = self.read.partition(b"\r\n\r\n")
            status, body = b"200 OK", self.made.get(path := head.split(b" ")[1])
            try:
                if body is None:
                    with open(self.root + unquote_to_bytes(path), "rb") as file:
                        body = file.read()
            except OSError:
                status, body = b"404 Not Found", b""
            head = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            self.transport.write(head + body)


def serve(root, pages, made={}):
    """Serves pages below a root, and others from memory by their paths, until the process ends. The URL of each, and the page."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: Site(root, made), "127.0.0.1", 0, backlog=1024))
    port = server.sockets[0].getsockname()[1]
    threading.Thread(target=loop.run_forever, daemon=True).start()
    paths = {f"/{quote(os.fsencode(page.relative_to(root)))}": page for page in pages} | {path.decode(): None for path in made}
    return {f"http://127.0.0.1:{port}{path}": page for path, page in paths.items()}
