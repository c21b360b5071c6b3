# The original's Foolscap as the other end of our tests: a Tub with one object, whose FURL is the first line that this prints.
# It ends when its standard input does.
import sys

from foolscap.api import Referenceable, RemoteException, Tub
from foolscap.copyable import Copyable, RemoteCopy
from foolscap.referenceable import RemoteReference
from twisted.internet import defer, protocol, reactor, stdio


class Point(Copyable, RemoteCopy):
    typeToCopy = copytype = "ours.Point"

    def __init__(self, x=0):
        self.x = x


class Refused(ValueError):
    pass


class Counter(Referenceable):
    def __init__(self):
        self.n = 0

    def remote_add(self, n=1):
        self.n += n
        return self.n


def show(v):
    """Text that tells types apart."""
    if isinstance(v, dict):
        return "{" + ", ".join(sorted(show(k) + ": " + show(x) for k, x in v.items())) + "}"
    if isinstance(v, (set, frozenset)):
        return type(v).__name__ + "(" + ", ".join(sorted(map(show, v))) + ")"
    if isinstance(v, tuple):
        return "(" + ", ".join(map(show, v)) + ",)"
    if isinstance(v, list):
        return "[" + ", ".join(map(show, v)) + "]"
    if isinstance(v, Point):
        return "Point " + show(v.x)
    if isinstance(v, RemoteReference):
        return "remote"
    if isinstance(v, Referenceable):
        return "mine"
    return type(v).__name__ + " " + repr(v)


def all_values():
    shared = [1, 2]
    return [
        None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63, -2**63 - 1, 1.5, -0.0,
        b"", b"bytes", b"list", b"\x00\xff" * 40, "", "text \u00fc\u4e2d", [], [1, [2, []]], (), (1, (b"a",)),
        {}, {b"k": 1, b"u": [2]}, {3: None}, {(1, 2): b"x"}, {"x": 1, "y": {}}, set([1, 2]), frozenset([b"a"]),
        shared, shared, (shared, shared), Point(b"p"),
    ]


class Peer(Referenceable):
    def __init__(self, tub):
        self.tub = tub
        self.kept = []
        self.counter = Counter()
        self.others = []
        self.lost = 0

    def remote_echo(self, v):
        return v

    def remote_show(self, *args, **kwargs):
        return ", ".join([show(a) for a in args] + [k + "=" + show(kwargs[k]) for k in sorted(kwargs)])

    def remote_values(self):
        return all_values()

    def remote_fail(self, kind):
        if kind == "refused":
            raise Refused("no: \u00fc")
        if kind == "long":
            raise KeyError("x" * 5000)
        return self  # cannot be: two kinds are known

    def remote_later(self, seconds, v):
        d = defer.Deferred()
        reactor.callLater(seconds, d.callback, v)
        return d

    def remote_unsendable(self):
        return [b"first", object()]

    def remote_counter(self):
        return self.counter

    def remote_new_counter(self):
        return Counter()

    def remote_held(self):
        """How many objects of ours the other end holds, over all connections."""
        return sum(len(b.myReferenceByCLID) for b in self.tub.brokers.values())

    def remote_holding(self):
        """How many of the other end's objects we hold."""
        return sum(len(b.yourReferenceByCLID) for b in self.tub.brokers.values())

    def remote_is_counter(self, c):
        return c is self.counter

    def remote_keep(self, ref):
        self.kept.append(ref)
        ref.notifyOnDisconnect(self._lost)

    def _lost(self):
        self.lost += 1

    def remote_lost(self):
        return self.lost

    def remote_release(self):
        self.kept = []

    def remote_call(self, ref, method, args, kwargs):
        return ref.callRemote(method, *args, **kwargs)

    def remote_call_kept(self, n, method, args):
        return self.kept[n].callRemote(method, *args)

    def remote_call_fails(self, ref, method):
        d = ref.callRemote(method)
        d.addCallbacks(lambda v: "no failure: " + show(v),
                       lambda f: [f.type.__module__ + "." + f.type.__name__, str(f.value), list(f.parents)])
        return d

    def remote_pipeline(self, ref, count):
        return defer.gatherResults([ref.callRemote("next", i) for i in range(count)])

    def remote_dial(self, furl, method, args):
        """Call an object by its FURL, from a Tub of its own."""
        t = Tub()
        t.startService()
        self.others.append(t)
        d = t.getReference(furl)
        d.addCallback(lambda ref: ref.callRemote(method, *args))
        d.addErrback(lambda f: "failed: " + str(f.value))
        return d

    def remote_visit(self, furl, method, args):
        """Call an object by its FURL, from this Tub."""
        return self.tub.getReference(furl).addCallback(lambda ref: ref.callRemote(method, *args))

    def remote_hang_up(self):
        for b in list(self.tub.brokers.values()):
            reactor.callLater(0.05, b.transport.loseConnection)


class Input(protocol.Protocol):
    def connectionLost(self, reason):
        if reactor.running:
            reactor.stop()


def main():
    tub = Tub()
    tub.unsafeTracebacks = False  # they name places on this disk
    if len(sys.argv) > 1:
        tub.setOption("keepaliveTimeout", int(sys.argv[1]))
        tub.setOption("disconnectTimeout", 3 * int(sys.argv[1]))
    tub.startService()
    listener = tub.listenOn("tcp:0:interface=127.0.0.1")
    tub.setLocation("tcp:127.0.0.1:%d" % listener.getPortnum())
    print(tub.registerReference(Peer(tub), "peer"), flush=True)
    stdio.StandardIO(Input())
    reactor.callLater(120, reactor.stop)
    reactor.run()


main()
