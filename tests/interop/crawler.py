"""Crawls over the storage directory that is named, by the program that this interpreter has, as far as it is told to.

    crawler.py DIR whole      a whole cycle, or the rest of one
    crawler.py DIR some N     until N buckets have been looked at
    crawler.py DIR page       nothing

and prints what the storage page has to tell, as JSON, with its text.
"""
import json
import sys
import time

from allmydata.storage.crawler import TimeSliceExceeded
from allmydata.storage.server import StorageServer
from allmydata.web.storage import StorageStatus, StorageStatusElement
from twisted.web.template import flattenString

directory, what = sys.argv[1:3]
server = StorageServer(directory, b"\x00" * 20, expiration_enabled=False, expiration_mode="age")
left = int(sys.argv[3]) if what == "some" else 1 << 30


def counted(process):
    def visit(*args):
        global left
        left -= 1
        process(*args)
        if left <= 0:
            server.lease_checker.cpu_slice = -1
    return visit


if what != "page":
    checker = server.lease_checker
    checker.process_bucket = counted(checker.process_bucket)
    for crawler in (server.bucket_counter, checker):
        crawler.cpu_slice = 1e9
        try:
            crawler.start_current_prefix(time.time())
        except TimeSliceExceeded:
            pass
        crawler.save_state()

# The page wants to know when the crawlers wake, which they do not by themselves here.
server.bucket_counter.next_wake_time = server.lease_checker.next_wake_time = time.time() + 1
pages = []
flattenString(None, StorageStatusElement(server, "nick")).addCallback(pages.append)


class Request:
    def setHeader(self, *_):
        pass


answer = json.loads(StorageStatus(server).render_JSON(Request()))
answer["text"] = pages[0].decode("utf-8")
print(json.dumps(answer))
