package sharedump

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Text writes a report as the original does. With offsets, it says where the parts of the share lie.
func (r *Report) Text(w io.Writer, now time.Time, offsets bool) error {
	var p page
	p.line("share filename: %s", Quote(r.Filename, true))
	if r.Slot == nil {
		p.immutable(r, now, offsets)
	} else {
		p.mutable(r, now, offsets)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

type page struct{ strings.Builder }

func (p *page) line(format string, a ...any) { fmt.Fprintf(p, format+"\n", a...) }

// row is a name, to the right, and its value.
func (p *page) row(name string, value any) { p.line("%20s: %v", name, value) }

func (p *page) immutable(r *Report, now time.Time, offsets bool) {
	if r.CHK != nil {
		p.chk(r, offsets)
	}
	p.line("")
	for _, l := range r.Leases {
		p.line(" Lease #%d: owner=%d, expire in %s", l.Number, l.Owner, remaining(l.Expires, now))
	}
	if len(r.Leases) == 0 {
		p.line(" No leases.")
	}
	p.line("")
}

func (p *page) chk(r *Report, offsets bool) {
	c := r.CHK
	p.row("version", c.Version)
	p.fields(c, uebNumbers)
	p.line("")
	p.fields(c, uebCodec)
	p.line("")
	p.fields(c, uebHashes)
	p.row("UEB_hash", c.UEBHash)
	if others := c.others(); len(others) > 0 {
		p.line("\nLEFTOVER:")
		p.fields(c, others)
	}
	if r.VerifyCap != "" {
		p.row("verify-cap", r.VerifyCap)
	}
	p.line("\n Size of data within the share:")
	p.row("data", c.DataSize)
	p.row("uri-extension", c.UEBSize)
	p.row("validation", c.Validation)
	if offsets {
		p.line("\n Section Offsets:")
		for _, s := range r.Sections {
			p.line("%s%20s: %d%s", strings.Repeat(" ", s.shift), s.Name, s.Offset, hexWithin(s))
		}
	}
}

// hexWithin is the hexadecimal form of the offset of a part that lies within the share.
func hexWithin(s Section) string {
	if s.shift == 0 {
		return ""
	}
	return fmt.Sprintf("   (0x%x)", s.Offset)
}

// fields are those of the given fields of a UEB that are there.
func (p *page) fields(c *CHK, names []string) {
	for _, name := range names {
		value, ok := c.UEB[name]
		if name == "size" {
			name = "file_size"
		}
		if ok {
			p.row(name, value)
		}
	}
}

func (p *page) mutable(r *Report, now time.Time, offsets bool) {
	s := r.Slot
	p.line("\nMutable slot found:\n share_type: %s\n write_enabler: %s\n WE for nodeid: %s", r.Kind, s.WriteEnabler, s.Node)
	p.line(" num_extra_leases: %d\n container_size: %d\n data_length: %d", s.ExtraLeases, s.ContainerSize, s.DataLength)
	for _, l := range r.Leases {
		p.line("\n Lease #%d:\n  ownerid: %d\n  expires in %s", l.Number, l.Owner, remaining(l.Expires, now))
		p.line("  renew_secret: %s\n  cancel_secret: %s\n  secrets are for nodeid: %s", l.Renew, l.Cancel, l.Node)
	}
	if len(r.Leases) == 0 {
		p.line("No leases.")
	}
	p.line("")
	if r.Mutable != nil {
		p.version(r, offsets)
	}
}

func (p *page) version(r *Report, offsets bool) {
	v := r.Mutable
	p.line(" %s contents:\n  seqnum: %d\n  root_hash: %s", r.Kind, v.Seqnum, v.RootHash)
	if v.IV != "" {
		p.line("  IV: %s", v.IV)
	}
	p.line("  required_shares: %d\n  total_shares: %d\n  segsize: %d\n  datalen: %d", v.Needed, v.Total, v.SegmentSize, v.Size)
	p.line("  enc_privkey: %d bytes\n  pubkey: %d bytes\n  signature: %d bytes", v.PrivateKeySize, v.PublicKeySize, v.SignatureSize)
	p.line("  share_hash_chain: %s\n  block_hash_tree: %d nodes", chainText(r.Kind, v.ShareHashChain), v.BlockHashes)
	if r.VerifyCap != "" {
		p.line("  verify-cap: %s", r.VerifyCap)
	}
	if offsets {
		p.line("\n Section Offsets:")
		for _, s := range r.Sections {
			p.section(r.Kind, s)
		}
	}
	p.line("")
}

// section is a row of the table of offsets. Only that of SDMF has columns.
func (p *page) section(kind string, s Section) {
	width := 0
	if kind == KindSDMF {
		width = 20
	}
	p.line("%s%*s: %d   (0x%x)", strings.Repeat(" ", s.shift), width, s.Name, s.Offset, s.Offset)
}

// chainText are the numbers of the nodes: of SDMF in the order of their digits, of MDMF in that of numbers.
func chainText(kind string, nodes []int) string {
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = strconv.Itoa(n)
	}
	if kind == KindSDMF {
		slices.Sort(texts)
	}
	return strings.Join(texts, ",")
}

// remaining is how long a lease lasts.
func remaining(expires, now time.Time) string {
	const hour, day = int64(60 * 60), int64(24 * 60 * 60)
	left := expires.Sub(now)
	text := fmt.Sprintf("%ds", left/time.Second)
	switch seconds := int64(left / time.Second); {
	case left > time.Duration(day)*time.Second:
		text += fmt.Sprintf(" (%d days)", seconds/day)
	case left > time.Duration(hour)*time.Second:
		text += fmt.Sprintf(" (%d hours)", seconds/hour)
	}
	return text
}
