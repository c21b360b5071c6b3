package immutable

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/trace"
	"tahoe/reactor"
	"tahoe/storage"
)

// DownloaderConfig sets up a Downloader. Servers, Pool and Budget are needed.
type DownloaderConfig struct {
	Servers grid.Servers
	Pool    *reactor.Pool
	Budget  *reactor.Budget
	Log     *slog.Logger // nil: no log

	Hedge        time.Duration // how long a server may keep others waiting until another one takes over; 0: 2 s
	QueryTimeout time.Duration // how long a server may take to list its shares; 0: 6 s
	Patience     time.Duration // how long a Read goes on while nothing at all happens; 0: 6 s
	Window       int64         // bytes of the file that a Read fetches ahead of its writer; 0: 8 MiB
}

// A Downloader reads CHK files.
type Downloader struct {
	DownloaderConfig
	small *reactor.Budget // for small reads, which wait for no large one
}

// NewDownloader makes a Downloader.
func NewDownloader(c DownloaderConfig) *Downloader {
	orDefault(&c.Hedge, 2*time.Second)
	orDefault(&c.QueryTimeout, 6*time.Second)
	orDefault(&c.Patience, 6*time.Second)
	orDefault(&c.Window, 8<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Downloader{c, reactor.NewBudget(smallBudget)}
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// A File is a file that can be read, any range of it, by several goroutines at once. It remembers what its reads learnt:
// who has which shares, and the verified UEB and hash trees, at 32 bytes a segment for each share in use and once more
// for the file. It holds no connection and no goroutine, so there is nothing to close.
type File struct {
	d     *Downloader
	chk   facts
	key   func() *[16]byte // a function, which nothing prints; nil: the ciphertext is what is read
	index storage.Index
	turn  chan struct{} // held by whoever fetches the ciphertext hash tree
	tree  meter         // what came of it, by which those who wait for it see that it comes

	mu       sync.Mutex    // guards what follows, what shares hold, and the state of every fetch; never held in a wait
	changed  chan struct{} // closed, and replaced, when any of it changes
	truth    truth
	segments []taghash.Hash // leaves of the ciphertext hash tree; nil until they are known
	shares   []*share
	answers  map[grid.ServerID]*grid.Answer // what each server said last
	fetches  int                            // under way
}

// Open makes a File of a capability. It asks nobody.
func (d *Downloader) Open(c caps.CHK) *File {
	f := d.open(c)
	f.key = func() *[16]byte { key := c.Key(); return &key }
	return f
}

// OpenCiphertext makes a File of the ciphertext of what a capability verifies. That is enough to repair it.
func (d *Downloader) OpenCiphertext(c caps.CHKVerify) *File { return d.open(c) }

// facts are what all capabilities of a file tell of it. A caps.CHK and a caps.CHKVerify have them.
type facts interface {
	Index() storage.Index
	UEBHash() [32]byte
	Needed() int
	Total() int
	Size() int64
}

func (d *Downloader) open(c facts) *File {
	return &File{d: d, chk: c, key: func() *[16]byte { return nil }, index: c.Index(), turn: make(chan struct{}, 1), answers: make(map[grid.ServerID]*grid.Answer), changed: make(chan struct{})}
}

// Size is the size of the file in bytes.
func (f *File) Size() int64 { return f.chk.Size() }

// Read writes n bytes of the file from off on to w, in order, in pieces of at most a segment. A range that ends behind
// the end of the file ends there, one that begins there is empty; a negative one is storage.ErrRange. Nothing is written
// before it is verified, and nothing at all before k shares have proved themselves. An error of w ends the Read and is
// returned; too few good shares are a *NotEnoughSharesError.
//
// When Read returns, nothing that it started is still running.
func (f *File) Read(ctx context.Context, off, n int64, w io.Writer) error {
	if off < 0 || n < 0 {
		return fmt.Errorf("read %d bytes at %d of a file of %d bytes: %w", n, off, f.Size(), storage.ErrRange)
	}
	off = min(off, f.Size())
	n = min(n, f.Size()-off)
	if n == 0 {
		return nil
	}
	var block cipher.Block
	if key := f.key(); key != nil {
		var err error
		if block, err = aes.NewCipher(key[:]); err != nil {
			return fmt.Errorf("make cipher: %w", err)
		}
	}
	return f.read(ctx, block, off, off+n, w)
}

// read runs as many fetches as one Read takes: one, unless its writer is slow and others want the memory. Then it goes on
// behind them, from where it was.
func (f *File) read(ctx context.Context, block cipher.Block, off, end int64, w io.Writer) error {
	var advisers sync.WaitGroup
	defer advisers.Wait()
	stalled := make(map[*share]int)
	piece := make([]byte, min(end-off, pieceSize))
	for first := true; ; first = false {
		run, cancel := context.WithCancelCause(ctx)
		x := &fetch{f: f, block: block, off: off, end: end, ctx: run, cancel: cancel, outer: context.WithoutCancel(ctx),
			advisers: &advisers, gone: make(map[*share]bool), stalled: stalled, again: !first, observer: trace.From(ctx)}
		written, err := x.run(w, piece)
		if off += written; !errors.Is(err, errYield) {
			return err
		}
	}
}
