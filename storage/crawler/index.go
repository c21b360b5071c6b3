package crawler

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tahoe/storage"
	"tahoe/storage/share"
)

// A record is what was read of a bucket.
type record struct {
	looked time.Time // when, to the second
	bucket share.Bucket
}

// trustFor is how long a record stands in for the shares that it is of.
const trustFor = 7 * 24 * time.Hour

// stands says whether a bucket need not be read: nobody has touched it, its record is young, and by the record no share has to go.
func (r record) stands(p Policy, now time.Time) bool {
	if now.Before(r.looked) || now.Sub(r.looked) >= trustFor {
		return false
	}
	return !p.Enabled || !slices.ContainsFunc(r.bucket.Shares, func(s share.Held) bool {
		configured, _ := p.dead(s, now)
		return configured
	})
}

// A page of the lease index is the records of one prefix, in the order of a walk. In a file, it is a line with the version, the records,
// and a checksum of both. A record is the index, then as varints the time, the bytes of the directory and the number of shares; then for
// each share its number, kind, bytes, bytes on the disk, the time of its last change, the number of leases, and the end of each, less the
// one before. Nothing is synced: a file that a crash has left half written does not fit its checksum, and is as good as none.
type page struct {
	indices []storage.Index
	records []record
}

const pageVersion = "tahoe lease index 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func indexDir(dir string) string { return filepath.Join(dir, "lease-index") }

func (p *page) add(i storage.Index, r record) {
	p.indices, p.records = append(p.indices, i), append(p.records, r)
}

func (p *page) encode() []byte {
	b := make([]byte, 0, len(pageVersion)+len(p.indices)*48+4)
	b = append(b, pageVersion...)
	for k, i := range p.indices {
		b = p.records[k].append(append(b, i[:]...))
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (r record) append(b []byte) []byte {
	b = binary.AppendVarint(b, r.looked.Unix())
	b = binary.AppendVarint(b, r.bucket.DiskBytes)
	b = binary.AppendVarint(b, int64(len(r.bucket.Shares)))
	for _, s := range r.bucket.Shares {
		for _, v := range []int64{int64(s.Share), int64(s.Kind), s.FileBytes, s.DiskBytes, s.Changed.Unix(), int64(len(s.Leases))} {
			b = binary.AppendVarint(b, v)
		}
		last := int64(0)
		for _, l := range s.Leases {
			b = binary.AppendVarint(b, int64(l)-last)
			last = int64(l)
		}
	}
	return b
}

var errPage = errors.New("no page of a lease index")

// parsePage reads what encode wrote.
func parsePage(b []byte) (*page, error) {
	body := len(b) - 4
	if body < len(pageVersion) || string(b[:len(pageVersion)]) != pageVersion ||
		binary.BigEndian.Uint32(b[body:]) != crc32.Checksum(b[:body], castagnoli) {
		return nil, errPage
	}
	d := decoder{rest: b[len(pageVersion):body]}
	p := &page{}
	for len(d.rest) > 0 && !d.bad {
		var i storage.Index
		if d.rest = d.rest[copy(i[:], d.rest):]; len(d.rest) == 0 {
			return nil, errPage
		}
		p.add(i, d.record())
	}
	if d.bad {
		return nil, errPage
	}
	return p, nil
}

// A decoder reads varints, and remembers whether one was bad.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) next() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count is a number of things that take a byte each or more.
func (d *decoder) count() int {
	n := d.next()
	if n < 0 || n > int64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) record() record {
	r := record{looked: time.Unix(d.next(), 0)}
	r.bucket.DiskBytes = d.next()
	for range d.count() {
		s := share.Held{Share: storage.ShareNum(d.next()), Kind: storage.Kind(d.next()), FileBytes: d.next(), DiskBytes: d.next(), Changed: time.Unix(d.next(), 0)}
		last := int64(0)
		for range d.count() {
			last += d.next()
			s.Leases = append(s.Leases, uint32(last))
		}
		r.bucket.Shares = append(r.bucket.Shares, s)
	}
	return r
}

// A leaseIndex keeps pages in a folder.
type leaseIndex struct{ dir string }

// load reads a page. One that is missing or damaged is nil.
func (x leaseIndex) load(prefix string) *page {
	b, err := os.ReadFile(filepath.Join(x.dir, prefix))
	if err != nil {
		return nil
	}
	p, err := parsePage(b)
	if err != nil {
		return nil
	}
	return p
}

// store replaces a page, without waiting for the disk.
func (x leaseIndex) store(prefix string, p *page) error {
	path := filepath.Join(x.dir, prefix)
	if len(p.indices) == 0 {
		_ = os.Remove(path) // a page of shares that have gone helps nobody, and harms nobody
		return nil
	}
	if err := os.MkdirAll(x.dir, 0o755); err != nil {
		return err
	}
	temp := path + ".tmp"
	if err := os.WriteFile(temp, p.encode(), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// A cursor finds records in the order of a walk.
type cursor struct {
	page *page
	at   int
}

func (c *cursor) indices() []storage.Index {
	if c.page == nil {
		return nil
	}
	return c.page.indices
}

// find is the record of i. It is asked for in the order of the page.
func (c *cursor) find(i storage.Index) (record, bool) {
	if c.page == nil {
		return record{}, false
	}
	text := i.String()
	for c.at < len(c.page.indices) && c.page.indices[c.at].String() < text {
		c.at++
	}
	if c.at < len(c.page.indices) && c.page.indices[c.at] == i {
		return c.page.records[c.at], true
	}
	return record{}, false
}
