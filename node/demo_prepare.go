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

// DemoIntroducer is the node directory of its introducer, by which the others find each other.
func DemoIntroducer(dir string) string { return filepath.Join(dir, "introducer") }

// PrepareDemo makes the node directories of a demonstration grid, as far as they are not there, and sees to it that
// their ports are free and all know the introducer. They are ordinary node directories: any of them may be run by
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
	furl, err := freshenIntroducer(DemoIntroducer(dir), &ports, now)
	if err != nil {
		return err
	}
	var group errgroup.Group
	for i := range DemoServers {
		group.Go(func() error { return freshen(DemoStorage(dir, i+1), "tub.port", furl, &ports) })
	}
	group.Go(func() error { return freshen(DemoClient(dir), "web.port", furl, &ports) })
	return group.Wait()
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
			return makeNode(path, ports, func(port int) error {
				c := CreateConfig{Nickname: filepath.Base(path), Storage: true, Reserved: demoReserved}
				_, err := Create(path, c.onLoopback(port), now)
				return err
			})
		})
	}
	group.Go(func() error {
		return makeNode(DemoClient(dir), ports, func(port int) error {
			_, err := Create(DemoClient(dir), CreateConfig{Nickname: "demo", WebPort: loopbackEndpoint(port)}, now)
			return err
		})
	})
	group.Go(func() error {
		return makeNode(DemoIntroducer(dir), ports, func(port int) error {
			_, err := CreateIntroducer(DemoIntroducer(dir), CreateConfig{Nickname: "introducer"}.onLoopback(port), now)
			return err
		})
	})
	return group.Wait()
}

// onLoopback has the node listen for this machine alone.
func (c CreateConfig) onLoopback(port int) CreateConfig {
	c.Port, c.Location = loopbackEndpoint(port), "tcp:127.0.0.1:"+strconv.Itoa(port)
	return c
}

func loopbackEndpoint(port int) string {
	return config.Endpoint{Network: "tcp4", Host: "127.0.0.1", Port: port}.String()
}

// makeNode makes a node unless there is one. What an interrupted start left of it is cleared away first: a directory is
// marked as a node's last, and before that nothing in it was ever used.
func makeNode(path string, ports *portSet, create func(port int) error) error {
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
	return create(port)
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
	mine := []string{"private", "tahoe.cfg", "my_nodeid", "node.pubkey", "tahoe.cfg.tmp", "tahoe-client.tac.tmp", "tahoe-introducer.tac.tmp"}
	for _, e := range entries {
		if !slices.Contains(mine, e.Name()) {
			return &basedir.NotEmptyError{Path: path}
		}
	}
	return os.RemoveAll(path)
}

// freshen gives the node of a directory another port when somebody else has its port now, and tells it of the introducer.
func freshen(path, key, furl string, ports *portSet) error {
	return lockedDir(path, func(dir basedir.Dir) error {
		f, s, err := config.Load(string(dir))
		if err != nil {
			return err
		}
		if err := movePort(dir, f, s, key, ports); err != nil {
			return err
		}
		// Grids of earlier versions had the servers in here, at addresses of then.
		if err := os.Remove(dir.Private("servers.yaml")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if known, err := dir.Introducers(); err == nil && known["default"] == furl {
			return nil
		}
		return dir.WriteIntroducer("default", furl)
	})
}

// freshenIntroducer does so for the introducer, and returns its FURL.
func freshenIntroducer(path string, ports *portSet, now time.Time) (furl string, err error) {
	return furl, lockedDir(path, func(dir basedir.Dir) error {
		f, s, err := config.LoadIntroducer(string(dir))
		if err != nil {
			return err
		}
		if err := movePort(dir, f, s, "tub.port", ports); err != nil {
			return err
		}
		if _, s, err = config.LoadIntroducer(string(dir)); err != nil {
			return err
		}
		id, err := dir.Identity(now)
		if err != nil {
			return err
		}
		address, err := dir.IntroducerAddress(id, s.Tub.Locations)
		furl = address.FURL
		return err
	})
}

// lockedDir calls f while no other process runs the node of the directory.
func lockedDir(path string, f func(basedir.Dir) error) error {
	dir, _, err := basedir.Open(path)
	if err != nil {
		return err
	}
	lock, err := dir.Lock()
	if err != nil {
		return err
	}
	return errors.Join(f(dir), lock.Close())
}

// movePort changes the port of a key when it is taken.
func movePort(dir basedir.Dir, f *config.File, s config.Settings, key string, ports *portSet) error {
	e, ok := endpointOf(s, key)
	if ok && ports.claim(e) {
		return nil
	}
	port, err := ports.take(true)
	if err != nil {
		return err
	}
	if err := f.Set("node", key, loopbackEndpoint(port)); err != nil {
		return err
	}
	if key == "tub.port" {
		if err := f.Set("node", "tub.location", "tcp:127.0.0.1:"+strconv.Itoa(port)); err != nil {
			return err
		}
	}
	return basedir.WriteFile(dir.Path("tahoe.cfg"), f.Bytes(), 0o600)
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
