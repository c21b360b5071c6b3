package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// LoadIntroducer reads the tahoe.cfg of an introducer's directory, and checks it. An introducer has the sections that are
// about any node, and no others.
func LoadIntroducer(dir string) (*File, Settings, error) {
	f, err := Read(filepath.Join(dir, "tahoe.cfg"))
	if err != nil {
		return nil, Settings{}, err
	}
	for _, s := range f.sections {
		if known()[s.name] != nil && !slices.Contains([]string{"node", "connections", "tor", "i2p"}, s.name) {
			return nil, Settings{}, &Error{File: f.name, Line: s.line + 1, Section: s.name, Problem: "is not for an introducer; take the section out"}
		}
	}
	if port, _, err := f.Get("node", "tub.port"); err == nil && strings.TrimSpace(port) == "disabled" {
		return nil, Settings{}, f.errorOn("node", "tub.port", "is disabled, but an introducer must be reached; write a port such as tcp:12345")
	}
	s, err := f.Settings(dir)
	return f, s, err
}
