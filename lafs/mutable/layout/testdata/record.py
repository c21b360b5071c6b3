"""Records shares that the original writes. Usage: record.py TAHOE DIR

TAHOE is the program of Tahoe-LAFS 1.20.0, DIR where the shares go. Everything else is in a temporary directory, on loopback.
"""
import json, os, socket, struct, subprocess, sys, tempfile, time, urllib.request

TAHOE, OUT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def contents(size, seed=1):
    return bytes((i * 7 + i // 251 + seed) % 256 for i in range(size))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, ready):
    for _ in range(300):
        v = ready()
        if v:
            return v
        time.sleep(0.2)
    raise SystemExit("waited in vain for " + what)


def slurp(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return ""


class Client:
    def __init__(self, top, needed, total, server):
        self.dir = os.path.join(top, "client-%d-%d" % (needed, total))
        subprocess.run([TAHOE, "create-client", "--webport=tcp:0:interface=127.0.0.1", "--shares-needed=%d" % needed,
                        "--shares-happy=1", "--shares-total=%d" % total, self.dir], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(self.dir, "private", "servers.yaml"), "w") as f:
            f.write("storage:\n  %s:\n    ann:\n      anonymous-storage-FURL: %s\n      permutation-seed-base32: %s\n" % server)
        self.run = subprocess.Popen([TAHOE, "run", "--allow-stdin-close", self.dir], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = wait("a client", lambda: slurp(os.path.join(self.dir, "node.url")))
        wait("a connection", self.connected)

    def connected(self):
        try:
            with urllib.request.urlopen(self.url + "?t=json") as r:
                return any("Connected" in s["connection_status"] for s in json.load(r)["servers"])
        except OSError:
            return False

    def put(self, path, data):
        q = urllib.request.Request(self.url + path, data=data, method="PUT")
        with urllib.request.urlopen(q) as r:
            return r.read().decode()


def record(top, client, encoding, name, format, steps, keep):
    """steps are the contents, then pairs of offset (None: overwrite) and contents."""
    cap = client.put("uri?format=" + format, steps[0])
    for offset, data in steps[1:]:
        client.put("uri/%s%s" % (cap, "" if offset is None else "?offset=%d" % offset), data)
    with urllib.request.urlopen(client.url + "uri/" + cap) as r:
        size = len(r.read())
    newest = max(os.path.getmtime(os.path.join(d, f)) for d, _, fs in os.walk(top) for f in fs if f.isdigit())
    folder = next(d for d, _, fs in os.walk(top) for f in fs if f.isdigit() and os.path.getmtime(os.path.join(d, f)) == newest)
    for n in keep:
        with open(os.path.join(folder, str(n)), "rb") as f:
            b = f.read()
        (length,) = struct.unpack(">Q", b[84:92])  # of the data in the server's container
        with open(os.path.join(OUT, "%s.%d" % (name, n)), "wb") as f:
            f.write(b[468:468 + length])
    return {"name": name, "cap": cap, "needed": encoding[0], "total": encoding[1], "size": size, "seqnum": len(steps), "shares": keep}


def main():
    with tempfile.TemporaryDirectory() as top:
        storage = os.path.join(top, "storage")
        port = free_port()
        subprocess.run([TAHOE, "create-node", "--webport=none", "--port=tcp:%d:interface=127.0.0.1" % port,
                        "--location=tcp:127.0.0.1:%d" % port, storage], check=True, stdout=subprocess.DEVNULL)
        running = [subprocess.Popen([TAHOE, "run", "--allow-stdin-close", storage], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
        try:
            furl = wait("a server", lambda: slurp(os.path.join(storage, "private", "storage.furl")))
            seed = furl[len("pb://"):].split("@")[0]
            server = ("v0-recorded", furl, seed)
            files = []
            for encoding in ((3, 10), (2, 3), (50, 100), (1, 1)):
                c = Client(top, *encoding, server)
                running.append(c.run)
                for name, format, steps, keep in FILES[encoding]:
                    files.append(record(os.path.join(storage, "storage", "shares"), c, encoding, name, format, steps, keep))
                    time.sleep(0.1)
            with open(os.path.join(OUT, "files.json"), "w") as f:
                json.dump(files, f, indent=1)
                f.write("\n")
        finally:
            for p in running:
                p.terminate()
                p.wait()


FILES = {
    (3, 10): [
        ("sdmf-3-10-empty", "SDMF", [b""], [0, 9]),
        ("sdmf-3-10-1000", "SDMF", [contents(1000)], [0, 4, 9]),
        ("sdmf-3-10-shorter", "SDMF", [contents(1000, 9), (None, contents(20))], [1, 2, 3]),
        ("mdmf-3-10-empty", "MDMF", [b""], [5]),
        ("mdmf-3-10-1000", "MDMF", [contents(1000)], [1, 7, 8]),
    ],
    (2, 3): [
        ("sdmf-2-3-1", "SDMF", [contents(1)], [1, 2]),
        ("mdmf-2-3-7", "MDMF", [contents(7)], [0, 2]),
    ],
    (50, 100): [
        ("mdmf-50-100-segments", "MDMF", [contents(300000)], [0, 99]),
        ("mdmf-50-100-updated", "MDMF", [contents(300000), (131000, contents(300000)[131000:131400])], [3]),
        ("mdmf-50-100-longer", "MDMF", [contents(300000), (299000, contents(400000)[299000:])], [64]),
    ],
    (1, 1): [
        ("sdmf-1-1-5", "SDMF", [contents(5)], [0]),
    ],
}

main()
