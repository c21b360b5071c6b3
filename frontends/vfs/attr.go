package vfs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"maps"
	"math"
	"strconv"
	"time"

	"tahoe/caps"
)

// metadata are the keys of a link, as the grid has them.
type metadata map[string]json.RawMessage

// The keys that this package knows. The first two are those of the original.
const (
	keyNoWrite = "no-write"
	keyMTime   = "mtime"
	keyMTimeOf = "mtime-of"
	keyMode    = "mode"
	keyTahoe   = "tahoe"
)

func parseMetadata(raw json.RawMessage) metadata {
	var m metadata
	if json.Unmarshal(raw, &m) != nil || m == nil {
		m = make(metadata)
	}
	return m
}

func (m metadata) raw() json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil { // what was parsed can be written
		return json.RawMessage("{}")
	}
	return b
}

func (m metadata) text(key string) string {
	var s string
	_ = json.Unmarshal(m[key], &s) // anything else is as good as nothing
	return s
}

func (m metadata) when(key string) (time.Time, bool) {
	var seconds float64
	if json.Unmarshal(m[key], &seconds) != nil || m[key] == nil || math.Abs(seconds) > 1<<40 {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1e3), true
}

func seconds(t time.Time) json.RawMessage {
	return json.RawMessage(strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', -1, 64))
}

func (m metadata) kept() metadata {
	var inner metadata
	_ = json.Unmarshal(m[keyTahoe], &inner)
	return inner
}

func (m metadata) noWrite() bool {
	var b bool
	return json.Unmarshal(m[keyNoWrite], &b) == nil && b
}

// touched is what the grid makes of m when it is set: the same, as far as anybody looks at it before it is read again.
func (m metadata) touched(now time.Time) metadata {
	inner := m.kept()
	if inner == nil {
		inner = make(metadata)
	}
	if _, ok := inner["linkcrtime"]; !ok {
		inner["linkcrtime"] = seconds(now)
	}
	inner["linkmotime"] = seconds(now)
	out := maps.Clone(m)
	out[keyTahoe] = inner.raw()
	return out
}

// modTime is the time that was set for this content, else that of the link, else what some older program noted.
func (m metadata) modTime(c caps.Cap) time.Time {
	set, ok := m.when(keyMTime)
	if ok && m.text(keyMTimeOf) == tagOf(c) {
		return set
	}
	if linked, ok := m.kept().when("linkmotime"); ok {
		return linked
	}
	if ok && m[keyMTimeOf] == nil {
		return set
	}
	return time.Time{}
}

func (m metadata) created() time.Time {
	t, _ := m.kept().when("linkcrtime")
	return t
}

// setTime notes the time for a content.
func (m metadata) setTime(t time.Time, c caps.Cap) {
	m[keyMTime] = seconds(t)
	m[keyMTimeOf], _ = json.Marshal(tagOf(c))
}

// setMode notes permission bits. Without any for writing, a file's link says no-write. It is not said of what can change: it
// would cost the capability to write, for ever.
func (m metadata) setMode(mode fs.FileMode, c caps.Cap) {
	mode = mode.Perm()
	m[keyMode] = json.RawMessage(strconv.Itoa(int(mode)))
	if caps.IsMutable(c) {
		return
	}
	if mode&0o222 == 0 {
		m[keyNoWrite] = json.RawMessage("true")
	} else {
		delete(m, keyNoWrite)
	}
}

func (m metadata) mode() (fs.FileMode, bool) {
	var n uint32
	if m[keyMode] == nil || json.Unmarshal(m[keyMode], &n) != nil || n > 0o777 {
		return 0, false
	}
	return fs.FileMode(n), true
}

// tagOf tells contents apart, and gives nothing away: "" for nothing.
func tagOf(c caps.Cap) string {
	r, ok := caps.ReadOnly(c)
	if !ok {
		return ""
	}
	sum := sha256.Sum256([]byte("tahoe vfs tag:" + r.Encode()))
	return hex.EncodeToString(sum[:8])
}

// metadataFor is what the link of a new content says, where old was.
func (c *content) metadataFor(old Child, now caps.Cap) metadata {
	m := parseMetadata(old.Metadata)
	mtime, mode, modeSet := c.attrs()
	m.setTime(mtime, now)
	if modeSet {
		m.setMode(mode, now)
	}
	return m
}

// metadata is what the link says of a mutable file whose content is new.
func (c *content) metadata(old Child) metadata { return c.metadataFor(old, old.Cap) }

const (
	dirMode     fs.FileMode = 0o777
	fileMode    fs.FileMode = 0o666
	writeBits   fs.FileMode = 0o222
	noPrivilege fs.FileMode = 0
)

// modeOf is the mode of a child of which canWrite says whether it can be changed here.
func modeOf(c caps.Cap, m metadata, canWrite bool) fs.FileMode {
	r, ok := c.(caps.Read)
	if !ok {
		return noPrivilege
	}
	mode, set := m.mode()
	dir := caps.IsDirectory(r)
	if !set {
		if mode = fileMode; dir {
			mode = dirMode
		}
	}
	if !canWrite || m.noWrite() {
		mode &^= writeBits
	}
	if dir {
		mode |= fs.ModeDir
	}
	return mode
}
