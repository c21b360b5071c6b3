package node

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"tahoe/internal/freeport"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

// DefaultWebPort is where a node's web port is unless somebody says otherwise.
const DefaultWebPort = "tcp:3456:interface=127.0.0.1"

// CreateConfig says what node to make. The zero value is a client with the defaults, without a web port.
type CreateConfig struct {
	Nickname   string
	Introducer string // a FURL; "": none
	WebPort    string // an endpoint; "" or "none": none
	// AnyWebPort takes another port when that of WebPort is taken by somebody.
	AnyWebPort           bool
	Needed, Happy, Total int // 0: 3, 7, 10

	Storage    bool
	StorageDir string // "": storage
	Reserved   string // "": 1G
	Port       string // tub.port; "": from Hostname
	Location   string // tub.location
	Hostname   string // listen on a free port, and tell this name
	Helper     bool
}

// Created says what Create made.
type Created struct {
	Dir     basedir.Dir
	WebPort string // as it stands in tahoe.cfg
	// WebMoved says that WebPort is not the one asked for, which is taken.
	WebMoved bool
}

// Create makes a node directory. A directory that holds something is a *basedir.NotEmptyError. Whatever is wrong with c is said
// before anything is written.
func Create(path string, c CreateConfig, now time.Time) (Created, error) {
	made := Created{WebPort: c.WebPort}
	if made.WebPort == "none" {
		made.WebPort = ""
	}
	if c.AnyWebPort && made.WebPort != "" {
		var err error
		if made.WebPort, made.WebMoved, err = freeEndpoint(made.WebPort); err != nil {
			return made, fmt.Errorf("the web port %w", err)
		}
	}
	text, err := c.text(made.WebPort)
	if err != nil {
		return made, err
	}
	if made.Dir, err = basedir.Create(path); err != nil {
		return made, err
	}
	if err := c.fill(made.Dir, text, now); err != nil {
		return made, errors.Join(err, os.RemoveAll(made.Dir.Private("")), os.RemoveAll(made.Dir.Path("tahoe.cfg")))
	}
	return made, made.Dir.Mark(basedir.Client)
}

// fill writes what an unmarked directory lacks.
func (c CreateConfig) fill(d basedir.Dir, text []byte, now time.Time) error {
	if c.Introducer != "" {
		if err := d.WriteIntroducer("default", c.Introducer); err != nil {
			return err
		}
	}
	if _, err := d.Identity(now); err != nil {
		return err
	}
	if err := basedir.WriteFile(d.Private(basedir.KeeperFile), []byte(basedir.NewKeeperFile), 0o600); err != nil {
		return err
	}
	return basedir.WriteFile(d.Path("tahoe.cfg"), text, 0o600)
}

// text is the new tahoe.cfg.
func (c CreateConfig) text(webPort string) ([]byte, error) {
	if c.Introducer != "" {
		if _, _, ok := basedir.SplitFURL(c.Introducer); !ok {
			return nil, errors.New("the introducer is not a FURL, which looks like pb://…@HOST:PORT/…")
		}
	}
	port, location, err := c.listening()
	if err != nil {
		return nil, err
	}
	f, err := config.Parse("tahoe.cfg", []byte(template))
	if err != nil {
		return nil, err
	}
	for _, s := range []struct{ section, key, value string }{
		{"node", "nickname", c.Nickname},
		{"node", "web.port", webPort},
		{"node", "tub.port", port},
		{"node", "tub.location", location},
		{"client", "shares.needed", orDefault(c.Needed)},
		{"client", "shares.happy", orDefault(c.Happy)},
		{"client", "shares.total", orDefault(c.Total)},
		{"storage", "enabled", strconv.FormatBool(c.Storage)},
		{"storage", "reserved_space", c.Reserved},
		{"storage", "storage_dir", c.StorageDir},
		{"helper", "enabled", strconv.FormatBool(c.Helper)},
	} {
		if s.value == "" {
			continue
		}
		if err := f.Set(s.section, s.key, s.value); err != nil {
			return nil, fmt.Errorf("%s: %w", s.key, err)
		}
	}
	_, err = f.Settings(".")
	if bad, ok := errors.AsType[*config.Error](err); ok {
		return nil, fmt.Errorf("%s %s", bad.Key, bad.Problem)
	}
	return f.Bytes(), err
}

func orDefault(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// listening are the tub.port and the tub.location of the new node.
func (c CreateConfig) listening() (port, location string, err error) {
	switch {
	case c.Port != "":
		return c.Port, c.Location, nil
	case c.Hostname == "":
		return "", "", nil // the template's
	}
	e := config.Endpoint{Network: "tcp4"}
	if addr, err := netip.ParseAddr(c.Hostname); err == nil && addr.Is6() {
		e.Network = "tcp6"
	}
	if e.Port, err = freeport.Find(e.Network, ""); err != nil {
		return "", "", err
	}
	return e.String(), config.Hint{Kind: "tcp", Host: c.Hostname, Port: e.Port}.String(), nil
}

// freeEndpoint returns the endpoint, or one like it with a free port when that port is taken.
func freeEndpoint(text string) (free string, moved bool, err error) {
	e, files, err := config.ParseWebEndpoint(text)
	if err != nil || files != nil { // one for HTTPS was chosen with care, and stays
		return text, false, err
	}
	if l, err := listenAt(e); err == nil {
		return text, false, l.Close()
	}
	if e.Port, err = freeport.Find(e.Network, e.Host); err != nil {
		return "", false, err
	}
	return e.String(), true, nil
}
