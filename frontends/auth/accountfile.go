package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"tahoe/reactor"
)

// FileConfig is what an AccountFile may be given.
type FileConfig struct {
	Pool  *reactor.Pool // where passwords are hashed; nil: one of its own
	Clock reactor.Clock // nil: the system's
	Log   *slog.Logger  // nil: none
}

// An AccountFile is a Checker of the accounts in a file, which is read again when it has changed. When what is there then
// cannot be read, the accounts stay as they were, and the log says which line is wrong. It may be used by several goroutines
// at once.
type AccountFile struct {
	path  string
	c     FileConfig
	salt  [32]byte // decides which hash a name that is not there is compared with
	turn  chan struct{}
	state atomic.Pointer[fileState]
}

type fileState struct {
	people *people
	info   fs.FileInfo
	read   time.Time
	err    error // of the last attempt to read it
	serial uint64
}

// OpenAccountFile reads the file. An error about a line is a *LineError, which never quotes it.
func OpenAccountFile(path string, c FileConfig) (*AccountFile, error) {
	if c.Pool == nil {
		c.Pool = reactor.NewPool(0)
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	f := &AccountFile{path: path, c: c, turn: make(chan struct{}, 1)}
	_, _ = rand.Read(f.salt[:]) // cannot fail
	state := f.load()
	if state.err != nil {
		return nil, state.err
	}
	f.state.Store(state)
	return f, nil
}

func (f *AccountFile) load() *fileState {
	s := &fileState{read: f.c.Clock.Now()}
	file, err := os.Open(f.path)
	if err != nil {
		s.err = fmt.Errorf("read the accounts: %w", err)
		return s
	}
	defer file.Close()
	if s.info, err = file.Stat(); err == nil {
		s.people, err = parsePeople(file)
	}
	if err != nil {
		s.err = fmt.Errorf("accounts file %s: %w", f.path, err)
	}
	return s
}

// current is the state, read again when the file has changed.
func (f *AccountFile) current(ctx context.Context) (*fileState, error) {
	if s := f.state.Load(); !f.changed(s) {
		return s, nil
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-f.turn }()
	old := f.state.Load()
	if !f.changed(old) {
		return old, nil
	}
	s := f.load()
	s.serial = old.serial + 1
	if s.err != nil {
		s.people = old.people
		f.c.Log.LogAttrs(ctx, slog.LevelError, "accounts stay as they were", slog.String("reason", s.err.Error()))
	}
	f.state.Store(s)
	return s, nil
}

// settled is how old a file must have been when it was read for its time and size to tell of every later change.
const settled = 2 * time.Second

func (f *AccountFile) changed(s *fileState) bool {
	info, err := os.Stat(f.path)
	if err != nil || s.info == nil {
		return (err == nil) != (s.info != nil)
	}
	if info.Size() != s.info.Size() || !info.ModTime().Equal(s.info.ModTime()) || !os.SameFile(info, s.info) {
		return true
	}
	// It may have been written twice within one tick of the file system's clock, and read in between.
	now := f.c.Clock.Now()
	young := s.read.Sub(info.ModTime()) < settled
	return young && now.Sub(info.ModTime()) >= settled && now.After(s.read)
}

// Serial changes when the accounts do.
func (f *AccountFile) Serial() uint64 {
	s, err := f.current(context.Background())
	if err != nil {
		return 0
	}
	return s.serial
}

// Err says what was wrong when the file was read last, nil when nothing was.
func (f *AccountFile) Err() error { return f.state.Load().err }

// Names are the names of all accounts, sorted.
func (f *AccountFile) Names() []string { return f.state.Load().people.names() }

// Check implements Checker. A name that is not there is ErrUnhandled, after as much work as for one that is.
func (f *AccountFile) Check(ctx context.Context, l Login) (Account, error) {
	s, err := f.current(ctx)
	if err != nil {
		return Account{}, err
	}
	p, found := s.people.byName[l.Name]
	if !found {
		p = &person{}
	}
	matches := false
	switch proof := l.Proof.(type) {
	case PublicKey:
		matches = p.hasKey(proof)
	case Password:
		if matches, err = f.passwordMatches(ctx, s.people, p, l.Name, proof); err != nil {
			return Account{}, err
		}
	}
	switch {
	case matches && found:
		return p.Account, nil
	case found:
		return Account{}, ErrDenied
	}
	return Account{}, ErrUnhandled
}

// hasKey looks at all keys, whichever is right.
func (p *person) hasKey(k PublicKey) bool {
	found := 0
	for _, key := range p.keys {
		found |= subtle.ConstantTimeCompare(key, k)
	}
	return found == 1
}

// passwordMatches hashes the password once, whether the account has one or not, and whether it exists or not.
func (f *AccountFile) passwordMatches(ctx context.Context, all *people, p *person, name string, pw Password) (bool, error) {
	text := pw.Reveal()
	if len(text) > maxPassword {
		text = ""
	}
	h, real := f.decoy(all, name), false
	if len(p.hashes) > 0 {
		h, real = p.hashes[0], true
	}
	if h == nil {
		return false, nil // nobody has a password
	}
	var ok bool
	if err := f.c.Pool.Do(ctx, func() { ok = h.matches(text) }); err != nil {
		return false, err
	}
	return ok && real && text != "", nil
}

// decoy chooses the hash that a name without one is compared with: always the same for the same name, and one that is in the
// file, so that it costs what the others cost.
func (f *AccountFile) decoy(all *people, name string) hashedPassword {
	if len(all.hashes) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, f.salt[:])
	_, _ = mac.Write([]byte(name)) // cannot fail
	return all.hashes[binary.BigEndian.Uint64(mac.Sum(nil))%uint64(len(all.hashes))]
}

// Fingerprint tells keys apart as ssh-keygen -l does.
func (k PublicKey) Fingerprint() string {
	sum := sha256.Sum256(k)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
