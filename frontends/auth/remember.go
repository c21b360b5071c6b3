package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"tahoe/reactor"
)

const maxRemembered = 4096

// Remember makes a checker that answers again for some time what c answered to a right password, so that a door where every
// request carries the password, as WebDAV does, need not hash each time. What c refuses is asked again each time. When c has a
// Serial method, as an AccountFile has, a change forgets everything. A nil clock is the system's.
func Remember(c Checker, keep time.Duration, clock reactor.Clock) Checker {
	if clock == nil {
		clock = reactor.System()
	}
	m := &memory{c: c, keep: keep, clock: clock}
	m.known.most = maxRemembered
	_, _ = rand.Read(m.key[:]) // cannot fail
	return m
}

type memory struct {
	c     Checker
	keep  time.Duration
	clock reactor.Clock
	key   [32]byte // lives as long as the process: what is kept is of no use to anybody else

	mu    sync.Mutex
	known lru[[32]byte, remembered]
}

type remembered struct {
	account Account
	until   time.Time
}

func (m *memory) Check(ctx context.Context, l Login) (Account, error) {
	pw, ok := l.Proof.(Password)
	if !ok {
		return m.c.Check(ctx, l)
	}
	key := m.tag(l.Name, pw)
	if a, ok := m.find(key); ok {
		return a, nil
	}
	a, err := m.c.Check(ctx, l)
	if err == nil {
		m.keepIt(key, a)
	}
	return a, err
}

// tag is of the name, the password and the state of the accounts.
func (m *memory) tag(name string, pw Password) [32]byte {
	var serial uint64
	if s, ok := m.c.(interface{ Serial() uint64 }); ok {
		serial = s.Serial()
	}
	mac := hmac.New(sha256.New, m.key[:])
	head := binary.BigEndian.AppendUint64(nil, serial)
	head = binary.BigEndian.AppendUint64(head, uint64(len(name)))
	_, _ = mac.Write(head) // cannot fail
	_, _ = mac.Write([]byte(name + pw.Reveal()))
	return [32]byte(mac.Sum(nil))
}

func (m *memory) find(key [32]byte) (Account, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.known.find(key)
	return r.account, ok && m.clock.Now().Before(r.until)
}

func (m *memory) keepIt(key [32]byte, a Account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.put(key, remembered{a, m.clock.Now().Add(m.keep)})
}
