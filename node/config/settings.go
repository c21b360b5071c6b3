package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"tahoe/internal/gridmanager"
)

// Settings are all settings of a client or storage node that this program acts on. Paths are absolute.
type Settings struct {
	Nickname  string
	Web       *Endpoint // nil: no web port
	WebTLS    *TLSFiles // nil: the web port is for HTTP; else for HTTPS
	WebStatic string
	TempDir   string
	Uploads   Uploads
	Tub       Tub
	RevealIP  bool
	DialTCP   bool // servers are dialled by TCP

	Client  Client
	Storage Storage
	Helper  bool // uploads are made for others
	Doors   Doors
	Keeper  Keeper

	// Ignored are settings that are accepted, in words for a warning, because the program does not act on them yet.
	Ignored []string
}

// Client are the settings of section [client].
type Client struct {
	IntroducerFURL       string
	HelperFURL           string // of the helper that uploads go through; "": none
	Needed, Happy, Total int
	MaxSegment           int64
	MutableFormat        string // "SDMF" or "MDMF"
	Preferred            []string
	ForceFoolscap        bool                    // servers are spoken to by Foolscap alone
	Managers             []gridmanager.PublicKey // if there are any, only servers that one of them certifies get shares
}

// Storage are the settings of section [storage].
type Storage struct {
	Enabled   bool
	Anonymous bool
	ReadOnly  bool
	Discard   bool
	Frozen    bool // mutable shares neither come nor change
	Reserved  int64
	Limit     int64 // bytes of shares; 0 is without limit
	Dir       string
	Expire    Expire

	ForceFoolscap bool     // shares are offered by Foolscap alone
	Certificates  []string // files of grid managers' certificates, which are announced
}

// Expire says which leases run out early.
type Expire struct {
	Enabled            bool
	Mode               string        // "age" or "cutoff-date"
	Override           time.Duration // 0: none
	Cutoff             time.Time
	Immutable, Mutable bool
}

// Load reads the tahoe.cfg of a node directory, and checks it.
func Load(dir string) (*File, Settings, error) {
	f, err := Read(filepath.Join(dir, "tahoe.cfg"))
	if err != nil {
		return nil, Settings{}, err
	}
	s, err := f.Settings(dir)
	return f, s, err
}

// Settings checks the file and returns what it says; dir is the node's directory, which relative paths begin at.
func (f *File) Settings(dir string) (Settings, error) {
	if err := f.Check(); err != nil {
		return Settings{}, err
	}
	v := values{f: f, dir: dir}
	s := Settings{
		Nickname:  v.text("node", "nickname", "<unspecified>"),
		WebStatic: v.path("node", "web.static", "public_html"),
		TempDir:   v.path("node", "tempdir", "tmp"),
		Uploads:   v.uploads(),
		RevealIP:  v.boolean("node", "reveal-ip-address", true),
		Client:    v.client(),
		Storage:   v.storage(),
		Keeper:    v.keeper(),
		Helper:    v.boolean("helper", "enabled", false),
	}
	if port := v.text("node", "web.port", ""); port != "" {
		e, files, _ := ParseWebEndpoint(port) // checked
		s.Web, s.WebTLS = &e, v.tlsFiles(files)
	}
	for _, step := range []func(*Settings) error{v.tub, v.connections, v.shares, v.leases, v.managers, v.doors, v.refused} {
		if err := step(&s); err != nil {
			return Settings{}, err
		}
	}
	s.Ignored = v.ignored()
	return s, nil
}

// values reads settings of a file that Check has found right, so that none can fail.
type values struct {
	f   *File
	dir string
}

func (v values) text(section, key, fallback string) string {
	if s, ok, err := v.f.Get(section, key); ok && err == nil {
		return s
	}
	return fallback
}

func (v values) boolean(section, key string, fallback bool) bool {
	if b, err := ParseBool(v.text(section, key, "")); err == nil {
		return b
	}
	return fallback
}

func (v values) number(section, key string, fallback int) int {
	if n, err := ParseInt(v.text(section, key, ""), 0, 1<<31-1); err == nil {
		return n
	}
	return fallback
}

// seconds is a time of section [node]; 0 when it is not set.
func (v values) seconds(key string) time.Duration {
	return time.Duration(v.number("node", key, 0)) * time.Second
}

// path is a path of the file: ~ is the home directory, and the rest begins at the node's directory.
func (v values) path(section, key, fallback string) string {
	p := v.text(section, key, "")
	if p == "" {
		p = fallback
	}
	return v.expand(p)
}

// expand makes a path absolute: what a tilde begins is in the user's home, all else in the node's directory.
func (v values) expand(p string) string {
	if rest, ok := strings.CutPrefix(p, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := os.UserHomeDir(); err == nil {
			p = home + rest
		}
	}
	if !filepath.IsAbs(p) {
		p = filepath.Join(v.dir, p)
	}
	return filepath.Clean(p)
}

// furl is a FURL; "None" is an old way to write none.
func (v values) furl(section, key string) string {
	if furl := v.text(section, key, ""); furl != "None" {
		return furl
	}
	return ""
}

func (v values) client() Client {
	return Client{
		IntroducerFURL: v.text("client", "introducer.furl", ""),
		HelperFURL:     v.furl("client", "helper.furl"),
		Needed:         v.number("client", "shares.needed", 3),
		Happy:          v.number("client", "shares.happy", 7),
		Total:          v.number("client", "shares.total", 10),
		MaxSegment:     int64(v.number("client", "shares._max_immutable_segment_size_for_testing", 1<<20)),
		MutableFormat:  strings.ToUpper(v.text("client", "mutable.format", "SDMF")),
		Preferred:      List(v.text("client", "peers.preferred", "")),
		ForceFoolscap:  v.boolean("client", "force_foolscap", false),
	}
}

func (v values) storage() Storage {
	reserved, _ := ParseSize(v.text("storage", "reserved_space", ""))
	limit, _ := ParseSize(v.text("storage", "limit", ""))
	return Storage{
		Enabled:   v.boolean("storage", "enabled", true),
		Anonymous: v.boolean("storage", "anonymous", true),
		ReadOnly:  v.boolean("storage", "readonly", false),
		Discard:   v.boolean("storage", "debug_discard", false),
		Frozen:    v.boolean("storage", "readonly.mutable", false),
		Reserved:  reserved,
		Limit:     limit,
		Dir:       v.path("storage", "storage_dir", "storage"),
		Expire:    v.expire(),

		ForceFoolscap: v.boolean("storage", "force_foolscap", false),
	}
}

func (v values) expire() Expire {
	e := Expire{
		Enabled:   v.boolean("storage", "expire.enabled", false),
		Mode:      strings.ToLower(v.text("storage", "expire.mode", "age")),
		Immutable: v.boolean("storage", "expire.immutable", true),
		Mutable:   v.boolean("storage", "expire.mutable", true),
	}
	e.Override, _ = ParseDuration(v.text("storage", "expire.override_lease_duration", ""))
	e.Cutoff, _ = ParseDate(v.text("storage", "expire.cutoff_date", ""))
	return e
}
