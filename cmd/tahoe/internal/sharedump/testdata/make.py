# Makes the shares and recorded outputs of this folder with the original's own modules:
#   python make.py NODEDIR CAP...
# NODEDIR is a storage node of the original that holds shares of the files with these capabilities.
import io, os, shutil, struct, sys, time
NOW = 1795300000.0
time.time = lambda: NOW
from allmydata import uri
from allmydata.scripts import debug
from allmydata.storage.server import si_b2a
from allmydata.storage.immutable import ShareFile
from allmydata.storage.immutable_schema import schema_from_version as immutable_schema
from allmydata.storage.mutable import MutableShareFile
from allmydata.storage.mutable_schema import ALL_SCHEMAS
from allmydata.storage.lease import LeaseInfo

here = os.path.dirname(os.path.abspath(__file__))
ROOT = "/grid"  # what recorded names begin with


class Options(dict):
    pass


def put(kind, si, number):
    d = os.path.join(here, "node", "storage", "shares", si[:2], si)
    os.makedirs(d, exist_ok=True)
    return os.path.join(d, str(number))


def lease(n, nodeid=b"n" * 20):
    return LeaseInfo(owner_num=n, renew_secret=bytes([n]) * 32, cancel_secret=bytes([n + 100]) * 32, expiration_time=int(NOW) + n * 40000 - 100000, nodeid=nodeid)


def immutable_v1(old, new, leases):
    data = ShareFile(old)
    body = data.read_share_data(0, os.path.getsize(old))
    s = ShareFile(new, max_size=len(body), create=True, schema=immutable_schema(1))
    s.write_share_data(0, body)
    for n in leases:
        s.add_lease(lease(n))


def mutable_v1(old, new, leases):
    m = MutableShareFile(old)
    f = open(old, "rb")
    size = m._read_data_length(f)
    body = m._read_share_data(f, 0, size)
    s = MutableShareFile(new, schema=[v for v in ALL_SCHEMAS if v.version == 1][0])
    s.create(b"n" * 20, b"w" * 32)
    s.writev([(0, body)], None)
    for n in leases:
        s.add_lease(10**15, lease(n))


def record(name, f, **options):
    o = Options(options)
    o.stdout, o.stderr = io.StringIO(), io.StringIO()
    f(o)
    with open(os.path.join(here, name), "w") as out:
        out.write(o.stdout.getvalue().replace(os.path.join(here, "node"), ROOT))


def main(nodedir, caps):
    shutil.rmtree(os.path.join(here, "node"), ignore_errors=True)
    for cap in caps:
        si = str(si_b2a(uri.from_string(cap.encode()).get_storage_index()), "ascii")
        d = os.path.join(nodedir, "storage", "shares", si[:2], si)
        for number in ("3", "10"):
            old, new = os.path.join(d, "3"), put("", si, number)
            if number == "3":
                shutil.copy(old, new)
            elif ":CHK:" in cap:
                immutable_v1(old, new, [1, 2] if len(cap) % 2 else [])
            else:
                mutable_v1(old, new, [1, 2, 3, 4, 5, 6] if "SSK" in cap else [])
    paths = []
    for base, _, files in os.walk(os.path.join(here, "node")):
        paths += [os.path.join(base, f) for f in files]
    for p in sorted(paths):
        name = "-".join(p.split(os.sep)[-2:]) + ".txt"
        record(name, debug.dump_share, filename=p, offsets=True, **{"leases-only": False})
    record("leases-only.txt", debug.dump_share, filename=sorted(paths)[0], offsets=False, **{"leases-only": True})
    o = Options()
    o.stdout, o.stderr, o.nodedirs = io.StringIO(), io.StringIO(), [os.path.join(here, "node")]
    debug.catalog_shares(o)
    with open(os.path.join(here, "catalog.txt"), "w") as out:
        out.write(o.stdout.getvalue().replace(os.path.join(here, "node"), ROOT))


main(sys.argv[1], sys.argv[2:])
