package keeper_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/keeper"
	"tahoe/lafs/mutable"
	"tahoe/lafs/mutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

const day = 24 * time.Hour

// keys are made once: of one grid each file needs its own, and they take long to make.
var keys = struct {
	sync.Mutex
	all []*rsa.PrivateKey
}{}

func keyOf(t testing.TB, n int) *rsa.PrivateKey {
	t.Helper()
	keys.Lock()
	defer keys.Unlock()
	for len(keys.all) <= n {
		k, err := rsa.GenerateKey(rand.Reader, layout.KeyBits)
		must(t, err)
		keys.all = append(keys.all, k)
	}
	return keys.all[n]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A host is a server in memory, which may be gone.
type host struct {
	*grid.Server
	mem  *storagetest.Mem
	away bool
}

// A world is a grid in fake time, with a client, and what was stored in it.
type world struct {
	t      testing.TB
	rand   *mathrand.Rand
	client *lafs.Client
	dir    string
	root   caps.Cap

	mu    sync.Mutex
	hosts []*host
	named int
	files map[storage.Index]stored
	keys  int
}

// A stored file or directory.
type stored struct {
	cap      caps.Cap
	contents []byte // of an immutable file
}

func newWorld(t testing.TB, seed uint64, servers int) *world {
	t.Helper()
	w := &world{t: t, rand: mathrand.New(mathrand.NewPCG(seed, 1)), dir: t.TempDir(), files: map[storage.Index]stored{}}
	for range servers {
		w.join()
	}
	w.client = w.newClient(7)
	return w
}

// newClient is a client of another node with the same secrets, which is content with so many servers.
func (w *world) newClient(happy int) *lafs.Client {
	pool := reactor.NewPool(0)
	up, down := reactor.NewBudget(64<<20), reactor.NewBudget(64<<20)
	lease := leases([]byte("master"))
	uploader := immutable.NewUploader(immutable.UploaderConfig{Servers: w, Pool: pool, Budget: up, Lease: lease, SpoolDir: w.dir,
		Encoding: immutable.Encoding{Needed: 3, Happy: happy, Total: 10, MaxSegment: immutable.DefaultMaxSegment}})
	downloader := immutable.NewDownloader(immutable.DownloaderConfig{Servers: w, Pool: pool, Budget: down})
	check := immutable.NewChecker(immutable.CheckerConfig{Servers: w, Pool: pool, Budget: down, Lease: lease})
	return lafs.New(lafs.Config{
		Uploader: uploader, Downloader: downloader, Checker: check, Repairer: immutable.NewRepairer(uploader, downloader, check),
		Mutable: mutable.New(mutable.Config{Servers: w, Pool: pool, Budget: reactor.NewBudget(64 << 20), Lease: lease, SpoolDir: w.dir}),
		Pool:    pool,
	})
}

// leases makes secrets, each once: of years in fake time, hashing them would be a seventh.
func leases(master []byte) func(i storage.Index, tub [20]byte) storage.LeaseSecrets {
	type place struct {
		i   storage.Index
		tub [20]byte
	}
	var made sync.Map
	return func(i storage.Index, tub [20]byte) storage.LeaseSecrets {
		at := place{i, tub}
		if l, ok := made.Load(at); ok {
			return l.(storage.LeaseSecrets)
		}
		l := taghash.Lease(master, i, tub)
		made.Store(at, l)
		return l
	}
}

// join has a fresh server come.
func (w *world) join() *host {
	w.t.Helper()
	name := fmt.Sprintf("server-%d", w.named)
	w.named++
	tub := sha1.Sum([]byte(name))
	h := &host{mem: storagetest.NewMem(storagetest.Config{Now: time.Now})}
	var err error
	h.Server, err = grid.NewServer(grid.Announcement{
		ID: grid.ServerID(name), Nickname: name, FURL: "pb://" + base32.Encode(tub[:]) + "@tcp:localhost:1/x",
	}, h.mem)
	must(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = append(w.hosts, h)
	return h
}

// die has a server go for good, and nobody announces it any more.
func (w *world) die(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = slices.Delete(w.hosts, n, n+1)
}

func (w *world) alive() []*host {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.hosts), func(h *host) bool { return h.away })
}

// away has a server be out of reach, or there again.
func (w *world) away(h *host, away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.away = away
}

// Permuted makes the world the servers of its client.
func (w *world) Permuted(i storage.Index) []*grid.Server {
	var all []*grid.Server
	for _, h := range w.alive() {
		all = append(all, h.Server)
	}
	return grid.Fixed(all...).Permuted(i)
}

// Settle does not wait.
func (w *world) Settle(context.Context, int) {}

func (w *world) reach() (connected, known int) {
	alive := len(w.alive())
	w.mu.Lock()
	defer w.mu.Unlock()
	return alive, len(w.hosts)
}

func (w *world) note(c caps.Cap, contents []byte) caps.Cap {
	if v, ok := caps.VerifyOnly(c); ok {
		w.files[v.Index()] = stored{c, contents}
	}
	return c
}

// put stores a file of some bytes.
func (w *world) put(size int) lafs.Child {
	w.t.Helper()
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(w.rand.Uint32())
	}
	r, err := w.client.Put(w.t.Context(), bytes.NewReader(b), lafs.PutOptions{Size: int64(size)})
	must(w.t, err)
	return lafs.ChildOf(w.note(r.Cap, b))
}

func (w *world) mkdir(children []lafs.NewChild) *lafs.Directory {
	w.t.Helper()
	d, err := w.client.Mkdir(w.t.Context(), children, lafs.MkdirOptions{Key: keyOf(w.t, w.keys)})
	must(w.t, err)
	w.keys++
	w.note(d.Cap(), nil)
	return d
}

func (w *world) mkdirImmutable(children []lafs.NewChild) *lafs.Directory {
	w.t.Helper()
	d, err := w.client.MkdirImmutable(w.t.Context(), children)
	must(w.t, err)
	w.note(d.Cap(), nil)
	return d
}

const perDirectory = 9

// plant makes a tree of so many files and directories, of which so many are mutable directories.
func (w *world) plant(files, mutables int) {
	w.t.Helper()
	var tops []lafs.NewChild
	for m := range mutables - 1 {
		var dirs []lafs.NewChild
		for len(w.files) < (files-mutables)*(m+1)/(mutables-1) {
			var kids []lafs.NewChild
			for range perDirectory {
				kids = append(kids, lafs.NewChild{Name: fmt.Sprint(len(kids)), Child: w.put(60 + w.rand.IntN(60))})
			}
			dirs = append(dirs, lafs.NewChild{Name: fmt.Sprint(len(dirs)), Child: w.mkdirImmutable(kids).Child()})
		}
		tops = append(tops, lafs.NewChild{Name: fmt.Sprint(m), Child: w.mkdir(dirs).Child()})
	}
	w.root = w.mkdir(tops).Cap()
}

func (w *world) config(change func(*keeper.Config)) keeper.Config {
	c := keeper.Config{
		Files: w.client, Path: filepath.Join(w.dir, "keeper.sqlite"), Reach: w.reach, Least: 7, Tick: time.Hour,
		Watch: func() (keeper.Watch, error) {
			watch := keeper.Watch{Roots: []keeper.Root{{Name: "home", Cap: w.root}}}
			for _, h := range w.alive() {
				if h.Retiring() {
					watch.Retiring = append(watch.Retiring, h.ID())
				}
			}
			return watch, nil
		},
	}
	if change != nil {
		change(&c)
	}
	return c
}

// run runs a keeper until stop is called.
func (w *world) run(change func(*keeper.Config)) (k *keeper.Keeper, stop func()) {
	w.t.Helper()
	k = keeper.New(w.config(change))
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx, func() {}) }()
	return k, func() {
		w.t.Helper()
		cancel()
		must(w.t, <-done)
	}
}

// expire has every server delete the shares whose leases have ended.
func (w *world) expire() {
	now := time.Now()
	for _, h := range w.alive() {
		for _, i := range h.mem.Indices() {
			for _, n := range h.mem.Shares(i) {
				if last := slices.MaxFunc(h.mem.LeaseExpiries(i, n), time.Time.Compare); last.Before(now) {
					h.mem.Remove(i, n)
				}
			}
		}
	}
}

// shares counts the different shares of each file at the servers that count.
func (w *world) shares(counts func(*host) bool) map[storage.Index]int {
	has := map[storage.Index]map[storage.ShareNum]bool{}
	for i := range w.files {
		has[i] = map[storage.ShareNum]bool{}
	}
	for _, h := range w.alive() {
		if !counts(h) {
			continue
		}
		for _, i := range h.mem.Indices() {
			for _, n := range h.mem.Shares(i) {
				if has[i] != nil {
					has[i][n] = true
				}
			}
		}
	}
	out := make(map[storage.Index]int, len(has))
	for i, nums := range has {
		out[i] = len(nums)
	}
	return out
}

func all(*host) bool { return true }

// fewest is the number of shares of the file that has fewest, and how many files have as few as that or fewer than are needed.
func (w *world) fewest() (least, lost int) {
	least = 10
	for _, n := range w.shares(all) {
		least = min(least, n)
		if n < 3 {
			lost++
		}
	}
	return least, lost
}

// readAll reads so many files, and says how many are not what they were.
func (w *world) readAll(most int) (bad int) {
	for _, s := range w.files {
		if s.contents == nil {
			continue
		}
		if most--; most < 0 {
			break
		}
		n, err := w.client.Open(s.cap)
		must(w.t, err)
		var got bytes.Buffer
		if err := n.(lafs.File).Read(w.t.Context(), 0, int64(len(s.contents)), &got); err != nil || !bytes.Equal(got.Bytes(), s.contents) {
			bad++
		}
	}
	return bad
}

// idle waits until the keeper has nothing to do for now.
func (w *world) idle(k *keeper.Keeper) keeper.Status {
	w.t.Helper()
	for range 100_000 {
		synctest.Wait()
		st, err := k.Status()
		must(w.t, err)
		if st.Overdue == 0 && st.Visiting == 0 && !st.Searching && st.Files > 0 && !st.PassAt.IsZero() {
			return st
		}
		time.Sleep(time.Second)
	}
	w.t.Fatal("the keeper never has nothing to do")
	return keeper.Status{}
}
