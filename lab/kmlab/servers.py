# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers on this machine that a guest sends its dump to, through QEMU's user network (10.0.2.2 there):
sshd and HTTPS, good ones and ones that fail in a named way.

    with servers.Ssh(folder) as ssh, servers.Https(folder) as https:
        ssh.target(), https.target()    # lines of the plan
        ssh.files, https.files          # for the capture image: {name: bytes or path}
"""

import getpass
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

from .errors import LabError
from .run import run as run_program

HOST = "10.0.2.2"
MAC = "52:54:00:4b:4d:4f"
QEMU = ["-netdev", "user,id=net", "-device", f"virtio-net-pci,netdev=net,mac={MAC}"]
# What the user network's own DHCP server would give.
STATIC = (f"interface eth0 {MAC} 0 static\naddress 10.0.2.15/24\n"
          "route 0.0.0.0/0%2010.0.2.2\n")
DHCP = f"interface eth0 {MAC} 0 dhcp\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def user():
    return getpass.getuser()


def sbin(name):
    path = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not path:
        raise LabError(f"{name} is not installed (lab/README.md lists the packages)")
    return path


class Cut:
    """Passes connections on until LIMIT bytes came from one; then it is deaf, as a machine that died."""

    def __init__(self, port, limit):
        self.to, self.limit = port, limit
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.held = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            self.held += [near, far]
            threading.Thread(target=self.copy, args=(near, far, self.limit), daemon=True).start()
            threading.Thread(target=self.copy, args=(far, near, 1 << 62), daemon=True).start()

    @staticmethod
    def copy(source, sink, limit):
        try:
            while limit > 0:
                data = source.recv(min(65536, limit))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                limit -= len(data)
                sink.sendall(data)
        except OSError:
            pass

    def close(self):
        self.listener.close()
        for connection in self.held:
            connection.close()


class Ssh:
    """sshd of this machine, as this user. MOST: the largest file that it can write, in bytes."""

    def __init__(self, folder, most=0):
        self.folder = os.path.join(folder, f"ssh-{most}")
        self.most = most
        self.port = free_port()
        self.ports = [self.port]   # that the guest may know the server by
        self.store = os.path.join(self.folder, "store")
        os.makedirs(self.store)
        for name in ("host", "user", "other"):
            run_program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                         os.path.join(self.folder, name)])
        shutil.copy(os.path.join(self.folder, "user.pub"),
                    os.path.join(self.folder, "authorized_keys"))
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def __enter__(self):
        with open(self.path("config"), "w", encoding="ascii") as file:
            file.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.path('host')}\n"
                       f"AuthorizedKeysFile {self.path('authorized_keys')}\nUsePAM no\n"
                       "StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n"
                       f"PidFile none\nLoginGraceTime 120\n")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        argv = [sbin("sshd"), "-D", "-e", "-f", self.path("config")]
        if self.most:
            argv = ["sh", "-c", f'ulimit -f {self.most // 512}; exec "$@"', "sh", *argv]
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return self
            time.sleep(0.05)
        raise LabError(f"sshd does not start: {self.read('log').decode(errors='replace')}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    @property
    def files(self):
        host = self.read("host.pub").decode().split()
        other = self.read("other.pub").decode().split()

        def known(key):
            return "".join(f"[{HOST}]:{port} {key[0]} {key[1]}\n" for port in self.ports).encode()
        return {
            f"etc/kmortem/net/{self.port}-key": self.read("user"),
            f"etc/kmortem/net/{self.port}-other": self.read("other"),
            f"etc/kmortem/net/{self.port}-hosts": known(host),
            f"etc/kmortem/net/{self.port}-liars": known(other),
        }

    def target(self, key="key", hosts="hosts", port=0):
        place = f"/etc/kmortem/net/{self.port}"
        return (f"target ssh ssh://{user()}@{HOST}:{port or self.port} % "
                f"{self.store} key={place}-{key},hosts={place}-{hosts} %\n")

    def folders(self):
        return sorted(os.listdir(self.store))


GANESHA = """
NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {port}; Bind_addr = 127.0.0.1; Enable_NLM = false;
	Enable_RQUOTA = false; }}
NFSv4 {{ Grace_Period = 5; Lease_Lifetime = 5; RecoveryBackend = fs; Only_Numeric_Owners = true;
	Minor_Versions = 1, 2; }}
EXPORT {{ Export_Id = 1; Path = {store}; Pseudo = /export; Access_Type = RW;
	Squash = No_Root_Squash; SecType = sys; Transports = TCP; FSAL {{ Name = VFS; }} }}
"""


class Nfs:
    """nfs-ganesha, which serves a folder without the kernel's help; it needs root."""

    modules = ("nfs", "nfsv4")

    def __init__(self, folder):
        self.folder = os.path.join(folder, "nfs")
        self.store = os.path.join(self.folder, "store")
        os.makedirs(self.store)
        self.port = free_port()
        self.process = None

    def __enter__(self):
        config = os.path.join(self.folder, "config")
        with open(config, "w", encoding="ascii") as file:
            file.write(GANESHA.format(port=self.port, store=self.store))
        for path in ("/var/lib/nfs/ganesha", "/run/ganesha"):
            os.makedirs(path, exist_ok=True)
        self.process = subprocess.Popen(
            [sbin("ganesha.nfsd"), "-F", "-f", config, "-L", os.path.join(self.folder, "log"),
             "-p", os.path.join(self.folder, "pid")], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return self
            time.sleep(0.1)
        self.__exit__()
        raise LabError("nfs-ganesha does not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def target(self):
        return (f"target nfs {HOST}:/export nfs4 /var/crash "
                f"vers=4.2,port={self.port},addr={HOST},soft,timeo=100,retrans=3 %\n")


class Https:
    """Takes files by PUT, chunked too, and gives them back. MOST: bytes that there is room for."""

    def __init__(self, folder, most=0):
        self.folder = os.path.join(folder, f"https-{most}")
        self.store = os.path.join(self.folder, "store")
        os.makedirs(self.store)
        self.most = most
        self.make_certificates()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        # Guests that do not trust it, and those that go away, are what it is for.
        self.server.handle_error = lambda *_: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_certificates(self):
        for name in ("ca", "other"):
            run_program(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650", "-subj",
                         f"/CN=kmortem lab {name}", "-keyout", self.path(f"{name}.key"), "-out",
                         self.path(f"{name}.pem")])
        run_program(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-subj", f"/CN={HOST}", "-keyout", self.path("server.key"), "-out",
                     self.path("server.csr")])
        with open(self.path("extensions"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName=IP:{HOST}\n")
        run_program(["openssl", "x509", "-req", "-in", self.path("server.csr"), "-CA",
                     self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days",
                     "3650", "-extfile", self.path("extensions"), "-out", self.path("server.pem")])

    def handler(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, code, body=b""):
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def pieces(self):
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    left = int(self.headers["Content-Length"])
                    while left:
                        data = self.rfile.read(min(left, 65536))
                        left -= len(data)
                        yield data
                    return
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()

            def do_PUT(self):
                path = os.path.join(outer.store, self.path.lstrip("/").replace("/", "~"))
                done = 0
                with open(path + ".part", "wb") as file:
                    for data in self.pieces():
                        done += len(data)
                        if not outer.most or done <= outer.most:
                            file.write(data)
                if outer.most and done > outer.most:
                    self.answer(507)
                    return
                os.rename(path + ".part", path)
                self.answer(201)

            def do_GET(self):
                path = os.path.join(outer.store, self.path.lstrip("/").replace("/", "~"))
                if not os.path.exists(path):
                    self.answer(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(os.path.getsize(path)))
                self.end_headers()
                with open(path, "rb") as file:
                    shutil.copyfileobj(file, self.wfile)

            def do_MKCOL(self):
                self.answer(405)

        return Handler

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def files(self):
        def read(name):
            with open(self.path(name), "rb") as file:
                return file.read()
        return {f"etc/kmortem/net/{self.port}-{name}.pem": read(f"{name}.pem")
                for name in ("ca", "other")}

    def target(self, signer="ca", port=0):
        return (f"target https https://{HOST}:{port or self.port} % % "
                f"ca=/etc/kmortem/net/{self.port}-{signer}.pem %\n")

    def stored(self):
        """{"FOLDER/NAME": path}"""
        return {name.replace("~", "/"): os.path.join(self.store, name)
                for name in sorted(os.listdir(self.store)) if not name.endswith(".part")}
