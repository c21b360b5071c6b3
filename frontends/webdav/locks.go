package webdav

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/webdav"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/reactor"
)

var errTooManyLocks = errors.New("the account has too many locks")

// lockTables are the locks of all accounts. Accounts with the same root share theirs. They live as long as the server; what
// a lock protects is safe without it too, because who overwrites what has changed is told by the ETag.
type lockTables struct {
	limits Limits

	mu  sync.Mutex
	all map[caps.Read]*lockTable
}

func newLockTables(l Limits) *lockTables {
	return &lockTables{limits: l, all: make(map[caps.Read]*lockTable)}
}

// A lockTable is the library's, with a limit, and with a memory of what locks there are, for who asks.
type lockTable struct {
	under webdav.LockSystem

	mu    sync.Mutex
	held  map[string]heldLock // by token, those that clients asked for
	freed chan struct{}       // closed, and replaced, when something is locked no longer
}

// patience is how long a request waits for another one that has what it needs.
const patience = 10 * time.Second

type heldLock struct {
	webdav.LockDetails
	until time.Time
}

// locks is a table for one request.
type locks struct {
	*lockTable
	q      *request
	limits Limits
}

func (l *lockTables) of(a auth.Account, q *request) *locks {
	return &locks{lockTable: l.table(a.Root), q: q, limits: l.limits}
}

// table finds an account's table. There are no more of them than accounts.
func (l *lockTables) table(root caps.Read) *lockTable {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.all[root]
	if t == nil {
		t = &lockTable{under: webdav.NewMemLS(), held: make(map[string]heldLock), freed: make(chan struct{})}
		l.all[root] = t
	}
	return t
}

// clear forgets locks that have run out. The lock is held.
func (t *lockTable) clear(now time.Time) {
	for token, h := range t.held {
		if !now.Before(h.until) {
			delete(t.held, token)
		}
	}
}

// Confirm implements webdav.LockSystem. The library's table looks at tokens alone, and takes Not for nothing; ETags, and tokens that must not be
// held, are looked at here.
func (l *locks) Confirm(now time.Time, name0, name1 string, conditions ...webdav.Condition) (func(), error) {
	var tokens []webdav.Condition
	for _, c := range conditions {
		switch {
		case c.ETag != "":
			i, err := l.q.view.Stat(l.q.r.Context(), clean(cmp.Or(name0, name1)))
			if (err == nil && hasTag(i, c.ETag)) == c.Not {
				return nil, webdav.ErrConfirmationFailed
			}
		case !c.Not:
			tokens = append(tokens, c)
		case l.holds(now, c.Token, clean(cmp.Or(name0, name1))):
			return nil, webdav.ErrConfirmationFailed
		}
	}
	if len(tokens) > 0 {
		return l.under.Confirm(now, name0, name1, tokens...)
	}
	return l.borrow(now, name0, name1)
}

func (l *locks) holds(now time.Time, token, name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear(now)
	h, ok := l.held[token]
	return ok && within(name, clean(h.Root))
}

// borrow locks names for the time of the request, which fails when somebody else has.
func (l *locks) borrow(now time.Time, names ...string) (release func(), err error) {
	var tokens []string
	release = func() {
		for _, t := range tokens {
			_ = l.Unlock(now, t) // it was made here
		}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		t, err := l.lend(now, webdav.LockDetails{Root: name, Duration: -1, ZeroDepth: true})
		if err != nil {
			release()
			return nil, err
		}
		tokens = append(tokens, t)
	}
	return release, nil
}

// lend locks a name for the time of the request. What another request has is waited for: of programs with several transfers at once, all make the
// folder that they go to. What a client has locked is not.
func (l *locks) lend(now time.Time, d webdav.LockDetails) (string, error) {
	ctx, cancel := context.WithTimeout(l.q.r.Context(), patience)
	defer cancel()
	for {
		l.mu.Lock()
		freed := l.freed
		l.mu.Unlock()
		token, err := l.under.Create(now, d)
		if !errors.Is(err, webdav.ErrLocked) || l.asked(now, clean(d.Root)) {
			return token, err
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return "", err
		}
	}
}

// asked says whether a client has asked for a lock on a name.
func (l *locks) asked(now time.Time, name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear(now)
	for _, h := range l.held {
		if root := clean(h.Root); name == root || !h.ZeroDepth && within(name, root) {
			return true
		}
	}
	return false
}

// Create implements webdav.LockSystem. In a LOCK request it makes what a client asked for; in others a lock for the time of the request.
func (l *locks) Create(now time.Time, d webdav.LockDetails) (string, error) {
	if l.q.r.Method != "LOCK" {
		return l.lend(now, d)
	}
	d.Duration = l.lasting(d.Duration)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear(now)
	if len(l.held) >= l.limits.Locks {
		return "", errTooManyLocks
	}
	token, err := l.under.Create(now, d)
	if err == nil {
		l.held[token] = heldLock{d, now.Add(d.Duration)}
	}
	return token, err
}

func (l *locks) lasting(d time.Duration) time.Duration {
	if d < 0 || d > l.limits.LockTime {
		return l.limits.LockTime
	}
	return d
}

// Refresh implements webdav.LockSystem.
func (l *locks) Refresh(now time.Time, token string, d time.Duration) (webdav.LockDetails, error) {
	d = l.lasting(d)
	l.mu.Lock()
	defer l.mu.Unlock()
	details, err := l.under.Refresh(now, token, d)
	if err == nil {
		l.held[token] = heldLock{details, now.Add(d)}
	}
	return details, err
}

// Unlock implements webdav.LockSystem.
func (l *locks) Unlock(now time.Time, token string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.under.Unlock(now, token)
	if err == nil {
		delete(l.held, token)
		close(l.freed)
		l.freed = make(chan struct{})
	}
	return err
}

// discover describes the locks on a path, as DAV:lockdiscovery does.
func (l *lockTables) discover(a auth.Account, name string) string {
	t := l.table(a.Root)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := reactor.System().Now() // as the library's
	t.clear(now)
	var b strings.Builder
	for token, h := range t.held {
		root := path.Clean("/" + h.Root)
		if name != root && (h.ZeroDepth || !within(name, root)) {
			continue
		}
		depth := "infinity"
		if h.ZeroDepth {
			depth = "0"
		}
		fmt.Fprintf(&b, `<D:activelock xmlns:D="DAV:"><D:locktype><D:write/></D:locktype><D:lockscope><D:exclusive/></D:lockscope>`+
			`<D:depth>%s</D:depth><D:owner>%s</D:owner><D:timeout>Second-%d</D:timeout><D:locktoken><D:href>%s</D:href></D:locktoken>`+
			`</D:activelock>`, depth, html.EscapeString(textIn(h.OwnerXML)), int(h.until.Sub(now).Seconds()), html.EscapeString(token))
	}
	return b.String()
}

// textIn is the text in a piece of XML, whose names may mean nothing elsewhere.
func textIn(piece string) string {
	var b strings.Builder
	d := xml.NewDecoder(strings.NewReader(piece))
	for {
		t, err := d.Token()
		if err != nil {
			return strings.TrimSpace(b.String())
		}
		if c, ok := t.(xml.CharData); ok {
			b.Write(c)
		}
	}
}
