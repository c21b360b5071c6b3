// Package capdump tells people what is in a capability: its kind, its keys, and the secrets that a node derives from it. It
// is for `tahoe debug dump-cap`.
//
// The invariant: it prints what whoever holds the capability could compute, secrets included, and so prints only where it
// was asked to.
package capdump

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tahoe/caps"
	"tahoe/cmd/tahoe/internal/sharedump"
	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/storage"
)

// With is what secrets are derived from beside the capability.
type With struct {
	Node   *[20]byte // the server's Tub id: for write enablers and the secrets of leases
	Secret []byte    // the client's lease secret, of private/secret; nil: none
}

// A Report is a capability taken apart.
type Report struct {
	kind  string
	facts []fact
}

// A fact is a line; one without a name is blank.
type fact struct {
	name  string
	value any
}

// New takes a capability apart. One of a kind that this program does not know has no parts.
func New(c caps.Cap, with With) Report {
	d := dumper{with: with}
	d.dump(c)
	return d.Report
}

type dumper struct {
	Report
	with With
}

func (d *dumper) add(name string, value any) { d.facts = append(d.facts, fact{name, value}) }

func (d *dumper) head(kind string) {
	if d.kind == "" {
		d.kind = kind
	}
}

// dump is about c; a directory has the facts of the file that holds it.
func (d *dumper) dump(c caps.Cap) {
	switch c := c.(type) {
	case caps.CHK:
		d.head("CHK File")
		key := c.Key()
		d.add("key", base32.Encode(key[:]))
		d.immutable(c.UEBHash(), c.Size(), c.Needed(), c.Total(), c.Index())
		d.leases(c.Index())
	case caps.CHKVerify:
		d.head("CHK Verifier URI")
		d.immutable(c.UEBHash(), c.Size(), c.Needed(), c.Total(), c.Index())
	case caps.Literal:
		d.head("Literal File URI")
		d.add("data", sharedump.Quote(string(c.Data()), true))
	case caps.MutableWrite:
		d.head(c.FileFormat().String() + " Writeable URI")
		d.writeable(c)
	case caps.MutableRead:
		d.head(c.FileFormat().String() + " Read-only URI")
		key := c.Key()
		d.add("readkey", base32.Encode(key[:]))
		d.mutable(c.Index(), c.Fingerprint())
	case caps.MutableVerify:
		d.head(c.FileFormat().String() + " Verifier URI")
		d.mutable(c.Index(), c.Fingerprint())
	default:
		d.directory(c)
	}
}

func (d *dumper) directory(c caps.Cap) {
	switch c := c.(type) {
	case caps.DirectoryWrite:
		d.head("Directory Writeable URI")
		d.dump(c.Inner())
	case caps.DirectoryRead:
		d.head(directoryKind(c.Inner(), "Directory Read-only URI", "CHK Directory URI"))
		d.dump(c.Inner())
	case caps.DirectoryVerify:
		d.head(directoryKind(c.Inner(), "Directory Verifier URI", "CHK Directory Verifier URI"))
		d.dump(c.Inner())
	}
}

func directoryKind(inner caps.Cap, mutable, immutable string) string {
	switch inner.(type) {
	case caps.CHK, caps.CHKVerify:
		return immutable
	case caps.Literal:
		return "Literal Directory URI"
	}
	return mutable
}

func (d *dumper) immutable(ueb [32]byte, size int64, needed, total int, i storage.Index) {
	d.add("UEB hash", base32.Encode(ueb[:]))
	d.add("size", size)
	d.add("k/N", fmt.Sprintf("%d/%d", needed, total))
	d.add("storage index", i.String())
}

func (d *dumper) mutable(i storage.Index, fingerprint [32]byte) {
	d.add("storage index", i.String())
	d.add("fingerprint", base32.Encode(fingerprint[:]))
}

func (d *dumper) writeable(c caps.MutableWrite) {
	key := c.Key()
	readKey := taghash.ReadKey(key)
	d.add("writekey", base32.Encode(key[:]))
	d.add("readkey", base32.Encode(readKey[:]))
	d.mutable(c.Index(), c.Fingerprint())
	d.add("", nil)
	if d.with.Node != nil {
		d.secret("write_enabler", taghash.WriteEnabler(key, *d.with.Node))
		d.add("", nil)
	}
	d.leases(c.Index())
}

func (d *dumper) secret(name string, s storage.Secret) {
	b := s.Bytes()
	d.add(name, base32.Encode(b[:]))
}

// leases are the secrets of the leases that this client has on the shares of i.
func (d *dumper) leases(i storage.Index) {
	if d.with.Secret == nil {
		return
	}
	client := taghash.LeaseOfClient(d.with.Secret)
	file := taghash.LeaseOfFile(client, i)
	var lease storage.LeaseSecrets
	if d.with.Node != nil {
		lease = file.At(*d.with.Node)
	}
	three := func(what string, client, file, lease storage.Secret) {
		d.secret("client "+what+" secret", client)
		d.secret("file "+what+" secret", file)
		if d.with.Node != nil {
			d.secret("lease "+what+" secret", lease)
		}
	}
	three("renewal", client.Renew, file.Renew, lease.Renew)
	three("cancel", client.Cancel, file.Cancel, lease.Cancel)
}

// Known says whether the capability is of a kind that this program knows.
func (r Report) Known() bool { return r.kind != "" }

// Text writes the report as the original does.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	b.WriteString("\n")
	if r.Known() {
		fmt.Fprintf(&b, "%s:\n", r.kind)
	} else {
		b.WriteString("unknown cap type\n")
	}
	for _, f := range r.facts {
		if f.name == "" {
			b.WriteString("\n")
			continue
		}
		fmt.Fprintf(&b, " %s: %v\n", f.name, f.value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// MarshalJSON is an object with a member for each fact, whose name has hyphens for blanks.
func (r Report) MarshalJSON() ([]byte, error) {
	kind := r.kind
	if !r.Known() {
		kind = "unknown cap type"
	}
	members := map[string]any{"kind": kind}
	for _, f := range r.facts {
		if f.name != "" {
			members[strings.ReplaceAll(f.name, " ", "-")] = f.value
		}
	}
	return json.Marshal(members)
}
