package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"tahoe/node/basedir"
	"tahoe/node/config"
)

// DemoServers is how many storage nodes the demonstration grid has.
const DemoServers = 10

// demoReserved is left free on the disk by each of them.
const demoReserved = "10M"

// DemoStorage is the node directory of storage node i, from 1 to DemoServers, of the demonstration grid in dir.
func DemoStorage(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("storage-%d", i)) }

// DemoClient is the node directory of its client.
func DemoClient(dir string) string { return filepath.Join(dir, "client") }

// PrepareDemo makes the node directories of a demonstration grid, as far as they are not there, and sees to it that
// their ports are free and the client knows the servers. They are ordinary node directories: any of them may be run by
// itself. None may be running now.
func PrepareDemo(dir string, now time.Time) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := checkDemoDir(dir); err != nil {
		return err
	}
	var ports portSet
	defer ports.close()
	if err := makeDemo(dir, &ports, now); err != nil {
		return err
	}
	servers := make([]basedir.Static, DemoServers)
	var group errgroup.Group
	for i := range servers {
		group.Go(func() (err error) {
			servers[i], err = freshen(DemoStorage(dir, i+1), "tub.port", &ports, now)
			return err
		})
	}
	group.Go(func() error {
		_, err := freshen(DemoClient(dir), "web.port", &ports, now)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return basedir.Dir(DemoClient(dir)).WriteStaticServers(servers)
}

// checkDemoDir refuses a directory with other things in it.
func checkDemoDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s cannot hold a demonstration grid: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() == "client" || e.Name() == "storage-1" {
			return nil
		}
	}
	if len(entries) > 0 {
		return &basedir.NotEmptyError{Path: dir}
	}
	return nil
}

// makeDemo makes the node directories that are missing, at the same time, since each needs a key.
func makeDemo(dir string, ports *portSet, now time.Time) error {
	var group errgroup.Group
	for i := range DemoServers {
		path := DemoStorage(dir, i+1)
		group.Go(func() error {
			return makeNode(path, ports, now, func(port int) CreateConfig {
				return CreateConfig{
					Nickname: filepath.Base(path), Storage: true, Reserved: demoReserved,
					Port: loopbackEndpoint(port), Location: "tcp:127.0.0.1:" + strconv.Itoa(port),
				}
			})
		})
	}
	group.Go(func() error {
		return makeNode(DemoClient(dir), ports, now, func(port int) CreateConfig {
			return CreateConfig{Nickname: "demo", WebPort: loopbackEndpoint(port)}
		})
	})
	return group.Wait()
}

func loopbackEndpoint(port int) string {
	return config.Endpoint{Network: "tcp4", Host: "127.0.0.1", Port: port}.String()
}

// makeNode makes a node unless there is one. What an interrupted start left of it is cleared away first: a directory is
// marked as a node's last, and before that nothing in it was ever used.
func makeNode(path string, ports *portSet, now time.Time, c func(port int) CreateConfig) error {
	_, _, err := basedir.Open(path)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, basedir.ErrNotNode):
		return err
	}
	if err := clearUnmarked(path); err != nil {
		return err
	}
	port, err := ports.take(false)
	if err != nil {
		return err
	}
	_, err = Create(path, c(port), now)
	return err
}

// clearUnmarked removes what Create makes before it marks a directory.
func clearUnmarked(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mine := []string{"private", "tahoe.cfg", "my_nodeid", "node.pubkey", "tahoe.cfg.tmp", "tahoe-client.tac.tmp"}
	for _, e := range entries {
		if !slices.Contains(mine, e.Name()) {
			return &basedir.NotEmptyError{Path: path}
		}
	}
	return os.RemoveAll(path)
}

// freshen gives the node of a directory another port when somebody else has its port now, and returns its entry for
// servers.yaml.
func freshen(path, key string, ports *portSet, now time.Time) (basedir.Static, error) {
	dir, _, err := basedir.Open(path)
	if err != nil {
		return basedir.Static{}, err
	}
	lock, err := dir.Lock()
	if err != nil {
		return basedir.Static{}, err
	}
	entry, err := freshenLocked(dir, key, ports, now)
	return entry, errors.Join(err, lock.Close())
}

func freshenLocked(dir basedir.Dir, key string, ports *portSet, now time.Time) (basedir.Static, error) {
	f, s, err := config.Load(string(dir))
	if err != nil {
		return basedir.Static{}, err
	}
	if moved, err := movePort(f, s, key, ports); err != nil || moved {
		if err == nil {
			err = basedir.WriteFile(dir.Path("tahoe.cfg"), f.Bytes(), 0o600)
		}
		if err == nil {
			s, err = f.Settings(string(dir))
		}
		if err != nil {
			return basedir.Static{}, err
		}
	}
	return staticEntry(dir, s, now)
}

// movePort changes the port of a key when it is taken.
func movePort(f *config.File, s config.Settings, key string, ports *portSet) (bool, error) {
	e, ok := endpointOf(s, key)
	if ok && ports.claim(e) {
		return false, nil
	}
	port, err := ports.take(true)
	if err != nil {
		return false, err
	}
	if err := f.Set("node", key, loopbackEndpoint(port)); err != nil {
		return false, err
	}
	if key != "tub.port" {
		return true, nil
	}
	return true, f.Set("node", "tub.location", "tcp:127.0.0.1:"+strconv.Itoa(port))
}

func endpointOf(s config.Settings, key string) (config.Endpoint, bool) {
	if key == "web.port" && s.Web != nil {
		return *s.Web, true
	}
	if key == "tub.port" && len(s.Tub.Listen) > 0 {
		return s.Tub.Listen[0], true
	}
	return config.Endpoint{}, false
}

// staticEntry is what the node's Static says once it runs.
func staticEntry(dir basedir.Dir, s config.Settings, now time.Time) (basedir.Static, error) {
	if !s.Storage.Enabled {
		return basedir.Static{}, nil
	}
	id, err := dir.Identity(now)
	if err != nil {
		return basedir.Static{}, err
	}
	seed, err := dir.PermutationSeed(id, s.Storage.Dir)
	if err != nil {
		return basedir.Static{}, err
	}
	address, err := dir.StorageAddress(id, s.Tub.Locations)
	return basedir.Static{ID: id.ServerID(), Nickname: nameOf(dir, s), Seed: seed, Address: address}, err
}
