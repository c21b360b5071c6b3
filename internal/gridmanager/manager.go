package gridmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tahoe/internal/pyjson"
)

// maxConfig is the size of the largest config.json that is read: about a hundred thousand servers.
const maxConfig = 16 << 20

// The errors of a manager.
var (
	ErrConfig    = errors.New("not a grid manager's configuration")
	ErrName      = errors.New("not a name for a server")
	ErrDuplicate = errors.New("there is a server of this name already")
	ErrNoServer  = errors.New("there is no server of this name")
)

// A Manager is who certifies servers: a key, and the servers that it knows by names of its own.
type Manager struct {
	key     PrivateKey
	servers []Server // in the order in which they were added
}

// A Server is a storage server as a manager knows it.
type Server struct {
	Name string
	Key  PublicKey
}

// NewManager is a manager with a new key, that knows no servers.
func NewManager() *Manager { return &Manager{key: NewPrivateKey()} }

// Key signs the manager's certificates.
func (m *Manager) Key() PrivateKey { return m.key }

// Servers are those that the manager knows, sorted by name.
func (m *Manager) Servers() []Server {
	return slices.SortedFunc(slices.Values(m.servers), func(a, b Server) int { return strings.Compare(a.Name, b.Name) })
}

// Server finds a server by its name: ErrNoServer.
func (m *Manager) Server(name string) (Server, error) {
	if i := m.find(name); i >= 0 {
		return m.servers[i], nil
	}
	return Server{}, fmt.Errorf("%q: %w", name, ErrNoServer)
}

func (m *Manager) find(name string) int {
	return slices.IndexFunc(m.servers, func(s Server) bool { return s.Name == name })
}

// Add makes a server known: ErrDuplicate, and ErrName for a name that could not be a part of a file's name.
func (m *Manager) Add(s Server) error {
	if err := CheckName(s.Name); err != nil {
		return err
	}
	if m.find(s.Name) >= 0 {
		return fmt.Errorf("%q: %w", s.Name, ErrDuplicate)
	}
	m.servers = append(m.servers, s)
	return nil
}

// Remove forgets a server: ErrNoServer.
func (m *Manager) Remove(name string) error {
	i := m.find(name)
	if i < 0 {
		return fmt.Errorf("%q: %w", name, ErrNoServer)
	}
	m.servers = slices.Delete(m.servers, i, i+1)
	return nil
}

// CheckName refuses, as ErrName, names with which a certificate's file would lie elsewhere than beside config.json, or nowhere.
func CheckName(name string) error {
	const most = 200 // what is left of a file's name for ".cert." and a number
	bad := func(c rune) bool { return c < ' ' || strings.ContainsRune(`/\:*?"<>|`, c) }
	if name == "" || len(name) > most || name[0] == '.' || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%q: a name begins without a dot, has 1 to %d bytes, and none of / \\ : * ? \" < > |: %w", name, most, ErrName)
	}
	return nil
}

// Encode is the text of config.json. It holds the private key.
func (m *Manager) Encode() []byte {
	config := pyjson.Object{{Key: "grid_manager_config_version", Value: 0}, {Key: "private_key", Value: m.key.Encode()}}
	if len(m.servers) > 0 {
		servers := make(pyjson.Object, len(m.servers))
		for i, s := range m.servers {
			servers[i] = pyjson.Member{Key: s.Name, Value: pyjson.Object{{Key: "public_key", Value: s.Key.String()}}}
		}
		config = append(config, pyjson.Member{Key: "storage_servers", Value: servers})
	}
	b, _ := pyjson.Append(nil, config, "    ") // texts and a number can be written
	return append(b, '\n')
}

// ParseManager reads what Encode wrote, or the original. Errors quote no key.
func ParseManager(b []byte) (*Manager, error) {
	var config struct {
		Version *int        `json:"grid_manager_config_version"`
		Key     *string     `json:"private_key"`
		Servers orderedJSON `json:"storage_servers"`
	}
	switch err := json.Unmarshal(b, &config); {
	case len(b) > maxConfig:
		return nil, fmt.Errorf("it has %d bytes, and %d are the limit: %w", len(b), maxConfig, ErrConfig)
	case err != nil:
		return nil, fmt.Errorf("it is not JSON of the right form: %w", ErrConfig)
	case config.Version == nil || *config.Version != 0:
		return nil, fmt.Errorf("it has no grid_manager_config_version, or another than 0, the only one known: %w", ErrConfig)
	case config.Key == nil:
		return nil, fmt.Errorf("it has no private_key: %w", ErrConfig)
	}
	key, err := ParsePrivateKey(*config.Key)
	if err != nil {
		return nil, fmt.Errorf("its private_key: %w: %w", err, ErrConfig)
	}
	m := &Manager{key: key}
	for _, s := range config.Servers {
		if err := m.parseServer(s.name, s.value); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Manager) parseServer(name string, value json.RawMessage) error {
	var s struct {
		Key *string `json:"public_key"`
	}
	if err := json.Unmarshal(value, &s); err != nil || s.Key == nil {
		return fmt.Errorf("the storage server %q has no public_key: %w", name, ErrConfig)
	}
	key, err := ParsePublicKey(*s.Key)
	if err != nil {
		return fmt.Errorf("the storage server %q: %w: %w", name, err, ErrConfig)
	}
	if err := m.Add(Server{name, key}); err != nil {
		return fmt.Errorf("%w: %w", err, ErrConfig)
	}
	return nil
}
