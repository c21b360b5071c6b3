package dirnode

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Metadata is the JSON object of an entry. Users keep in it what they like. The key "tahoe" is kept by nodes: when the child
// was linked under its name, and when the entry changed last. The zero value is an object without keys.
type Metadata struct{ text string }

// ParseMetadata reads a JSON object: anything else is ErrBadMetadata. It keeps keys in their order, and numbers as they are
// written.
func ParseMetadata(b []byte) (Metadata, error) {
	o, err := parseObject(b)
	if err != nil {
		return Metadata{}, err
	}
	return o.metadata(), nil
}

// Raw is the object, as entries hold it.
func (m Metadata) Raw() json.RawMessage { return json.RawMessage(m.string()) }

// MarshalJSON gives what Raw does.
func (m Metadata) MarshalJSON() ([]byte, error) { return []byte(m.string()), nil }

// String is the object as text.
func (m Metadata) String() string { return m.string() }

func (m Metadata) string() string {
	if m.text == "" {
		return "{}"
	}
	return m.text
}

func (m Metadata) object() object {
	o, _ := parseObject([]byte(m.string())) // it was made by parseObject, or checked when it was decoded
	return o
}

// NoWrite says whether the entry is never to hold the power to write.
func (m Metadata) NoWrite() bool { return truthy(m.object().get("no-write")) }

// LinkCreated is when the child was first linked under its name.
func (m Metadata) LinkCreated() (time.Time, bool) { return m.when("linkcrtime", "ctime") }

// LinkModified is when the entry was last changed.
func (m Metadata) LinkModified() (time.Time, bool) { return m.when("linkmotime", "mtime") }

// when is a time that nodes keep, or what versions before 1.4 kept in its stead.
func (m Metadata) when(key, old string) (time.Time, bool) {
	o := m.object()
	if system, err := parseObject([]byte(o.get(systemKey))); err == nil {
		if t, ok := seconds(system.get(key)); ok {
			return t, true
		}
	}
	return seconds(o.get(old))
}

// seconds reads a number of seconds since 1970. Those outside of the years 1 to 9999 are no times.
func seconds(number string) (time.Time, bool) {
	s, err := strconv.ParseFloat(number, 64)
	if err != nil || s < -62135596800 || s > 253402300799 {
		return time.Time{}, false
	}
	whole, part := math.Modf(s)
	return time.Unix(int64(whole), int64(part*1e9)).UTC(), true
}

// stamp writes a time as a number of seconds, in microseconds, and with a decimal point as the original's readers expect of
// a time.
func stamp(t time.Time) string {
	s := strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', -1, 64)
	for i := range len(s) {
		if s[i] == '.' {
			return s
		}
	}
	return s + ".0"
}

const systemKey = "tahoe"

// touched is the metadata of an entry that is linked or changed at a time. old is nil when there was none by the name; given
// replaces what users keep, and is nil to leave that as it is.
func touched(old *Metadata, given *Metadata, at time.Time) Metadata {
	var o object
	if old != nil {
		o = old.object()
	}
	created := o.get("ctime") // of versions before 1.4
	system := o.get(systemKey)
	if given != nil {
		o = given.object()
		o.remove(systemKey)
		if system != "" {
			o.set(systemKey, system)
		}
	}
	times, _ := parseObject([]byte(system)) // what is no object holds no times
	if times.get("linkcrtime") == "" {
		if created == "" {
			created = stamp(at)
		}
		times.set("linkcrtime", created)
	}
	times.set("linkmotime", stamp(at))
	o.set(systemKey, times.string())
	return o.metadata()
}

// LinkedAt is the metadata of a child that is linked for the first time, for Pack, which notes no times.
func LinkedAt(at time.Time) json.RawMessage { return touched(nil, nil, at).Raw() }

// truthy says whether a value counts as yes: what is not false, null, zero or empty.
func truthy(value string) bool {
	switch value {
	case "", "false", "null", `""`, "{}", "[]":
		return false
	}
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		return n != 0
	}
	return true
}
