# Prints what the original's dump-cap says of capabilities of all kinds: a line with the capability, then its text, then a line "--".
import io
from allmydata import uri
from allmydata.scripts import debug

k, f = b"k" * 16, b"f" * 32
chk = uri.CHKFileURI(k, f, 3, 10, 12345)
files = [chk, uri.LiteralFileURI(b"it's $5"), uri.LiteralFileURI(b"\xff\x00"), uri.LiteralFileURI(b""), uri.WriteableSSKFileURI(k, f), uri.WriteableMDMFFileURI(k, f)]
dirs = [uri.ImmutableDirectoryURI(chk), uri.DirectoryURI(files[4]), uri.MDMFDirectoryURI(files[5])]
caps = []
for c in files + dirs:
    caps += [c, c.get_readonly(), c.get_verify_cap()]
texts = []
for c in caps:
    if c is not None and c.to_string().decode() not in texts:
        texts.append(c.to_string().decode())
texts.append("lafs:from-the-future")
for text in texts:
    for secrets in (False, True):
        o = {"nodeid": "abcdefghijklmnopqrstuvwxyz234567" if secrets else None, "client-secret": "a" * 52 if secrets else None, "client-dir": None}
        options = type("Options", (dict,), {})(o)
        options.stdout, options.cap = io.StringIO(), text
        debug.dump_cap(options)
        print(text + (" with secrets" if secrets else ""))
        print(options.stdout.getvalue() + "--")
