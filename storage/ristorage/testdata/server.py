"""Runs storage servers of the original at one Tub of Foolscap, for tests.

For each line on standard input it makes a server that holds nothing, below the folder that is its argument, and writes
the server's FURL. It ends with its standard input.
"""
import itertools
import os
import sys

from twisted.internet import reactor
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineReceiver
from foolscap.api import Tub

from allmydata.storage.server import FoolscapStorageServer, StorageServer

folder = sys.argv[1]
tub = Tub(certFile=os.path.join(folder, "tub.pem"))


class Orders(LineReceiver):
    delimiter = b"\n"
    numbers = itertools.count()

    def lineReceived(self, line):
        server = StorageServer(os.path.join(folder, str(next(self.numbers))), b"\x05" * 20)
        self.sendLine(tub.registerReference(FoolscapStorageServer(server)).encode("ascii"))

    def connectionLost(self, reason=None):
        if reactor.running:
            reactor.stop()


def serve():
    tub.startService()
    listener = tub.listenOn("tcp:0:interface=127.0.0.1")
    tub.setLocation("tcp:127.0.0.1:%d" % listener.getPortnum())
    StandardIO(Orders())


reactor.callWhenRunning(serve)
reactor.run()
