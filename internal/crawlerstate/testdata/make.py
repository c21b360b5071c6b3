# Makes the files of this folder: pickles as Python writes them, and the JSON that the original's own migration makes of them.
import json, os, pickle
from allmydata.storage import crawler, expirer

here = os.path.dirname(os.path.abspath(__file__))
mode = ("age", None, 86400 * 31, ("mutable", "immutable"))
ages = {(0, 86400): 3, (86400 * 3, 86400 * 4): 12345678901234567890}
space = {"actual-buckets": 0, "original-shares-immutable": 7, "examined-diskbytes": 2**40}
cycle = {
    "expiration-enabled": False, "configured-expiration-mode": mode, "lease-age-histogram": ages,
    "leases-per-share-histogram": {1: 12, 2: 1}, "corrupt-shares": [("aaaaaaaaaaaaaaaaaaaaaaaaaa", 3), ("2222222222222222222222222a", 0)],
    "space-recovered": space,
}
past = dict(cycle, **{"cycle-start-finish-times": (1300000000.25, 1300000123.5), "lease-age-histogram": [(0, 86400, 3), (86400, 172800, 1)]})
lease = {
    "version": 1, "last-cycle-finished": 11, "current-cycle": 12, "last-complete-prefix": "ab", "last-complete-bucket": None,
    "current-cycle-start-time": 1300000200.0000001, "cycle-to-date": cycle, "shared": [mode, mode, -1, -129, 2**31, -2**70, 1e100, True, "it's \"é\" \\ \n"],
}
buckets = {
    "version": 1, "last-cycle-finished": None, "current-cycle": 0, "last-complete-prefix": None, "last-complete-bucket": None,
    "current-cycle-start-time": 1.0, "bucket-counts": {0: {p: 70000 + i for i, p in enumerate("aa ab ac ad".split())}}, "last-complete-bucket-count": 300,
    "storage-index-samples": {"aa": (0, ["aaaaaaaaaaaaaaaaaaaaaaaaaa"])},
}
history = {n: dict(past, n=n) for n in range(3)}

for name, state, convert in [("lease_checker.state", lease, crawler._convert_pickle_state_to_json), ("bucket_counter.state", buckets, crawler._convert_pickle_state_to_json),
                             ("lease_checker.history", history, expirer._convert_pickle_state_to_json)]:
    for protocol in range(6):
        with open(os.path.join(here, "%s.%d" % (name, protocol)), "wb") as f:
            pickle.dump(state, f, protocol)
    with open(os.path.join(here, name + ".json"), "w") as f:
        json.dump(convert(state), f)
