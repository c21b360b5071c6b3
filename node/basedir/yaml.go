package basedir

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"tahoe/lafs/grid"
)

// readYAML reads a file of private, and says nothing of what is in it. A file that is not there is an empty one.
func (d Dir) readYAML(name string, v any) error {
	b, err := readSmall(d.Private(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s is not the YAML that belongs there%s; correct the file", d.Private(name), lineOf(err))
	}
	return nil
}

// lineOf is the line that a YAML error names, and nothing else: the rest of it may quote a secret.
func lineOf(err error) string {
	_, rest, found := strings.Cut(err.Error(), "line ")
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	if !found || digits == "" {
		return ""
	}
	return " (line " + digits + ")"
}

// StaticServers are the servers of private/servers.yaml. Those that cannot be used are told in the warning, and left out.
func (d Dir) StaticServers() (servers []grid.Announcement, warning, err error) {
	var file struct {
		Storage map[string]any `yaml:"storage"`
	}
	if err := d.readYAML("servers.yaml", &file); err != nil {
		return nil, nil, err
	}
	servers, warning = grid.ParseStatic(file.Storage)
	if warning != nil {
		warning = fmt.Errorf("%s: %w", d.Private("servers.yaml"), warning)
	}
	return servers, warning, nil
}

// A Static is an entry of servers.yaml.
type Static struct {
	ID       string
	Nickname string
	Seed     string // permutation-seed-base32
	Address  Storage
}

type staticEntry struct {
	Ann staticAnn `yaml:"ann"`
}

type staticAnn struct {
	Nickname string   `yaml:"nickname"`
	FURL     string   `yaml:"anonymous-storage-FURL"`
	NURLs    []string `yaml:"anonymous-storage-NURLs"`
	Seed     string   `yaml:"permutation-seed-base32"`
}

// WriteStaticServers replaces private/servers.yaml.
func (d Dir) WriteStaticServers(servers []Static) error {
	b, err := serversYAML(servers...)
	if err != nil {
		return err
	}
	return WriteFile(d.Private("servers.yaml"), b, 0o600)
}

// ForClients is the file in private that tells a storage node's operator what its clients need to know.
const ForClients = "storage-for-clients.yaml"

const forClientsText = `# Clients reach the storage of this node by this entry. It is a secret: whoever has it can store shares here.
# It belongs into private/servers.yaml of each client, below that file's one line "storage:", and indented as it is here.
# The node writes this file when it starts, so a change here is lost.
`

// WriteForClients writes private/storage-for-clients.yaml, unless it says the same already.
func (d Dir) WriteForClients(s Static) error { return d.writeForClients(ForClients, s) }

func (d Dir) writeForClients(name string, s Static) error {
	b, err := serversYAML(s)
	if err != nil {
		return err
	}
	return WriteNote(d.Private(name), append([]byte(forClientsText), b...), 0o600)
}

// serversYAML is the text of a servers.yaml.
func serversYAML(servers ...Static) ([]byte, error) {
	entries := map[string]staticEntry{}
	for _, s := range servers {
		e := staticEntry{staticAnn{Nickname: s.Nickname, FURL: s.Address.FURL, Seed: s.Seed}}
		for _, n := range s.Address.NURLs {
			e.Ann.NURLs = append(e.Ann.NURLs, n.Encode())
		}
		entries[s.ID] = e
	}
	return yaml.Marshal(map[string]any{"storage": entries})
}

type introducersFile struct {
	Introducers map[string]struct {
		FURL string `yaml:"furl"`
	} `yaml:"introducers"`
}

// Introducers are the FURLs of private/introducers.yaml by the names that the user gave them.
func (d Dir) Introducers() (map[string]string, error) {
	var file introducersFile
	if err := d.readYAML("introducers.yaml", &file); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(file.Introducers)) {
		furl := file.Introducers[name].FURL
		if _, _, ok := SplitFURL(furl); !ok {
			return nil, fmt.Errorf("%s: the furl of %q is not a FURL (pb://…@…/…); correct it or take it out", d.Private("introducers.yaml"), name)
		}
		all[name] = furl
	}
	return all, nil
}

// WriteIntroducer makes private/introducers.yaml with one introducer.
func (d Dir) WriteIntroducer(name, furl string) error {
	b, err := yaml.Marshal(map[string]any{"introducers": map[string]any{name: map[string]string{"furl": furl}}})
	if err != nil {
		return err
	}
	return WriteFile(d.Private("introducers.yaml"), b, 0o600)
}
