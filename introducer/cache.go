package introducer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"tahoe/internal/durable"
	"tahoe/reactor"
)

// maxCache is more than a cache of ours has.
const maxCache = 48 << 20

// A cacheEntry is an announcement in a cache file, as the original writes it: a list of these.
type cacheEntry struct {
	Ann map[string]any `yaml:"ann" json:"ann"`
	Key string         `yaml:"key_s" json:"key_s"`
}

// ReadCache reads the cache that a client keeps of an introducer. Entries that are of no use are left out, and counted. A
// file that is not there holds nothing.
func ReadCache(path string) (all []Heard, bad int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCache+1))
	if err != nil {
		return nil, 0, err
	}
	if len(b) > maxCache {
		return nil, 0, fmt.Errorf("%s is larger than %d MiB, so it is no cache of announcements", path, maxCache>>20)
	}
	all, bad, err = parseCache(b)
	if err != nil {
		return nil, 0, fmt.Errorf("%s %w; the file can be deleted", path, err)
	}
	return all, bad, nil
}

func parseCache(b []byte) (all []Heard, bad int, err error) {
	var nodes []yaml.Node
	if err := yaml.Unmarshal(b, &nodes); err != nil {
		return nil, 0, errors.New("is not a YAML list of announcements") // the error of yaml may quote a secret
	}
	for i := range nodes {
		var e cacheEntry
		if err := nodes[i].Decode(&e); err != nil {
			bad++
			continue
		}
		service, _ := e.Ann["service-name"].(string)
		if _, err := versioned("key", []byte(e.Key), keyLen); err != nil || service == "" {
			bad++
			continue
		}
		all = append(all, Heard{Service: service, Key: e.Key, Table: e.Ann})
	}
	return all, bad, nil
}

// seqnumOf is the seqnum of a cached announcement; -1 when it has none.
func seqnumOf(h Heard) int64 {
	switch n := h.Table["seqnum"].(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return -1
}

// useCache hands on what this introducer told an earlier run. It is called when the first attempt to connect has not
// succeeded.
func (l *link) useCache() {
	if l.Cache == "" || l.c.c.Service == "" {
		return
	}
	all, bad, err := ReadCache(l.Cache)
	if err != nil || bad > 0 {
		l.c.c.Log.Warn("cache of announcements", "introducer", l.Name, "unusable entries", bad, "error", err)
	}
	var wanted []Heard
	for _, h := range all {
		if h.Service == l.c.c.Service && len(wanted) < l.c.c.Announcements {
			wanted = append(wanted, h)
		}
	}
	if len(wanted) > 0 {
		l.c.c.Log.Info("using the cache of announcements", "introducer", l.Name, "announcements", len(wanted))
		l.c.recall(wanted)
	}
}

// keepCache writes the cache some time after each change, and a last time when ctx ends.
func (l *link) keepCache(ctx context.Context) {
	if l.Cache == "" {
		return
	}
	for ctx.Err() == nil {
		select {
		case <-l.dirty:
			poke(l.dirty) // what comes until it is written is written with it
			_ = reactor.Sleep(ctx, l.c.c.Clock, l.c.c.SaveEvery)
		case <-ctx.Done():
		}
		l.saveCache()
	}
}

// saveCache writes the cache if it is not what the introducer has told.
func (l *link) saveCache() {
	select {
	case <-l.dirty:
	default:
		return
	}
	if err := l.writeCache(); err != nil {
		l.c.c.Log.Warn("writing the cache of announcements", "introducer", l.Name, "error", err)
	}
}

// writeCache replaces the cache by what the introducer has told since the client started.
func (l *link) writeCache() error {
	l.mu.Lock()
	entries, _ := l.book.after(0, "", l.c.c.Announcements, l.c.c.Bytes)
	l.mu.Unlock()
	var b []byte
	for _, e := range entries {
		b = appendCached(b, e.v)
	}
	var disk durable.FS
	return disk.WriteFile(l.Cache, b, 0o600)
}

// maxKey is the longest key of a table, in bytes, that every reader of YAML understands.
const maxKey = 500

// appendCached appends the line of an announcement. It is JSON, which is YAML, in ASCII: it needs a fiftieth of the time that
// an encoder of YAML takes. One with a key that is too long for the original is left out.
func appendCached(b []byte, v *Verified) []byte {
	table := v.Table()
	line, err := json.Marshal(cacheEntry{Ann: table, Key: v.Key()})
	if err != nil || longKey(table) {
		return b
	}
	b = append(b, "- "...)
	for _, r := range string(line) {
		switch {
		case r < 0x7f:
			b = append(b, byte(r))
		case r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = fmt.Appendf(b, `\U%08x`, r) // of YAML alone: JSON would have two halves, which Python does not join
		}
	}
	return append(b, '\n')
}

func longKey(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if len(k) > maxKey || longKey(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, longKey)
	}
	return false
}

// CacheName is the name of the file, in a node's folder private, for the cache of the introducer that its owner calls name.
// A name that cannot be part of a file's name is refused.
func CacheName(name string) (string, error) {
	if name == "" || len(name) > 100 || strings.ContainsAny(name, "/\\\x00") {
		return "", fmt.Errorf("an introducer is called %.100q, which cannot be part of a file's name; give it another name, without slashes", name)
	}
	return "introducer_" + name + "_cache.yaml", nil
}
