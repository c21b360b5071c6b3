package keeper

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tahoe/caps"
	"tahoe/internal/lite"
	"tahoe/storage"
)

// A Store is what a Keeper knows, in an SQLite file: a row for each file, found by its index, by when it is due, and by how it is; what
// happened lately; and how far the keeper is. A row is written whole, and what belongs together is written together, so that a crash
// leaves it as it was at some moment within the last second. It may be used by several goroutines.
type Store struct {
	db   *lite.DB
	seed uint64
}

// maxEvents is how much of what happened is remembered.
const maxEvents = 10_000

var schema = []string{
	`CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
	`CREATE TABLE file (idx BLOB PRIMARY KEY, verify TEXT NOT NULL, root TEXT NOT NULL, path TEXT NOT NULL, pass INTEGER NOT NULL,
		added INTEGER NOT NULL, checked INTEGER NOT NULL, renewed INTEGER NOT NULL, verified INTEGER NOT NULL, due INTEGER NOT NULL,
		state INTEGER NOT NULL, since INTEGER NOT NULL, good INTEGER NOT NULL, needed INTEGER NOT NULL, total INTEGER NOT NULL,
		homeless INTEGER NOT NULL, leaving INTEGER NOT NULL, forsaken INTEGER NOT NULL, repaired INTEGER NOT NULL,
		tries INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID`,
	`CREATE INDEX file_due ON file (due)`,
	`CREATE INDEX file_state ON file (state, since)`,
	`CREATE INDEX file_renewed ON file (renewed)`,
	`CREATE INDEX file_leaving ON file (leaving) WHERE leaving > 0`,
	`CREATE INDEX file_tries ON file (tries) WHERE tries > 0`,
	`CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, place TEXT NOT NULL, text TEXT NOT NULL)`,
}

const storeVersion = "1"

// OpenStore opens the file at path, which need not be there.
func OpenStore(ctx context.Context, path string) (*Store, error) {
	var seed [8]byte
	_, _ = rand.Read(seed[:])
	number := binary.BigEndian.Uint64(seed[:])
	fill := append(schema[:len(schema):len(schema)],
		`INSERT INTO meta VALUES ('version', '`+storeVersion+`')`,
		`INSERT INTO meta VALUES ('seed', '`+strconv.FormatUint(number, 10)+`')`)
	if err := lite.Create(ctx, path, fill...); err != nil {
		return nil, fmt.Errorf("make the keeper's database: %w", err)
	}
	db, err := lite.Open(ctx, path, lite.Relaxed()...)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if err := s.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("the keeper's database %s is unusable; move it away, and all is looked at anew: %w", path, err), db.Close())
	}
	return s, nil
}

func (s *Store) begin() error {
	version, err := s.meta("version")
	if err == nil && version != storeVersion {
		err = fmt.Errorf("it is of version %q, and this program knows version %s", version, storeVersion)
	}
	if err != nil {
		return err
	}
	seed, err := s.meta("seed")
	if err != nil {
		return err
	}
	s.seed, err = strconv.ParseUint(seed, 10, 64)
	return err
}

// Close writes what was told, and closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Seed is a number that another store hardly has.
func (s *Store) Seed() uint64 { return s.seed }

func (s *Store) meta(name string) (value string, err error) {
	err = s.db.Do(func(c *lite.Conn) (err error) {
		value, err = getMeta(c, name)
		return err
	})
	return value, err
}

func getMeta(c *lite.Conn, name string) (value string, err error) {
	_, err = c.Row("SELECT value FROM meta WHERE name=?", []any{name}, &value)
	return value, err
}

func setMeta(c *lite.Conn, name, value string) error {
	return c.Exec("REPLACE INTO meta VALUES (?,?)", name, value)
}

func (s *Store) setMeta(name, value string) error {
	return s.db.Do(func(c *lite.Conn) error { return setMeta(c, name, value) })
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromUnix(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

const columns = "verify, root, path, pass, added, checked, renewed, verified, due, state, since, good, needed, total, homeless, leaving, forsaken, repaired, tries, note"

func scanFacts(scan func(dest ...any) error) (Facts, error) {
	var f Facts
	var verify, path string
	var added, checked, renewed, verified, due, since, repaired int64
	err := scan(&verify, &f.Root, &path, &f.Pass, &added, &checked, &renewed, &verified, &due, &f.State, &since,
		&f.Good, &f.Needed, &f.Total, &f.Homeless, &f.Leaving, &f.Forsaken, &repaired, &f.Tries, &f.Note)
	if err != nil {
		return f, err
	}
	c, err := caps.Parse(verify)
	if err != nil {
		return f, fmt.Errorf("row of a file: %w", err)
	}
	v, ok := c.(caps.Verify)
	if !ok {
		return f, errors.New("row of a file holds a capability that is not one to verify")
	}
	f.Verify = v
	f.Added, f.Checked, f.Renewed, f.Verified = fromUnix(added), fromUnix(checked), fromUnix(renewed), fromUnix(verified)
	f.Due, f.Since, f.Repaired = fromUnix(due), fromUnix(since), fromUnix(repaired)
	return f, json.Unmarshal([]byte(path), &f.Path)
}

// A Found is what a pass came to.
type Found struct {
	Verify caps.Verify
	Root   string
	Path   []string
}

// Seen notes what a pass came to. What was not known yet is due at once.
func (s *Store) Seen(pass int64, found []Found, now time.Time) error {
	return s.db.Do(func(c *lite.Conn) error {
		for _, f := range found {
			i := f.Verify.Index()
			path, err := json.Marshal(f.Path)
			if err != nil {
				return err
			}
			err = c.Exec(`INSERT INTO file VALUES (?,?,?,?,?,?,0,0,0,?,0,0,0,0,0,0,0,0,0,0,'')
				ON CONFLICT (idx) DO UPDATE SET verify=excluded.verify, root=excluded.root, path=excluded.path, pass=excluded.pass`,
				i[:], f.Verify.Encode(), f.Root, string(path), pass, now.Unix(), now.Unix())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget takes out what the pass did not come to, and says how much that was.
func (s *Store) Forget(pass int64) (n int, err error) {
	err = s.db.Do(func(c *lite.Conn) error {
		if _, err := c.Row("SELECT COUNT(*) FROM file WHERE pass<?", []any{pass}, &n); err != nil || n == 0 {
			return err
		}
		return c.Exec("DELETE FROM file WHERE pass<?", pass)
	})
	return n, err
}

// Due are at most so many files that are due, those first that have been for longest; and when the next one is, the zero time when there
// is none.
func (s *Store) Due(now time.Time, most int) (out []Facts, next time.Time, err error) {
	// Without a condition on due, and with the limit in the text: SQLite would plan anew for each new value of either.
	query := "SELECT " + columns + " FROM file ORDER BY due LIMIT " + strconv.Itoa(most+1)
	err = s.db.Do(func(c *lite.Conn) error {
		return c.Rows(query, nil, func(scan func(...any) error) error {
			f, err := scanFacts(scan)
			if err != nil {
				return err
			}
			if f.Due.After(now) || len(out) >= most {
				next = f.Due
				return errNoMore
			}
			out = append(out, f)
			return nil
		})
	})
	if err == errNoMore {
		err = nil
	}
	return out, next, err
}

var errNoMore = errors.New("no more")

// An Event is something that happened.
type Event struct {
	At    time.Time
	Kind  string
	Place string // root and path of a file; empty where it is of no file
	Text  string
}

// Record notes how a file is now, and what happened to it. What a pass forgot meanwhile stays forgotten.
func (s *Store) Record(f *Facts, events ...Event) error {
	i := f.Verify.Index()
	return s.db.Do(func(c *lite.Conn) error {
		err := c.Exec(`UPDATE file SET checked=?, renewed=?, verified=?, due=?, state=?, since=?, good=?, needed=?, total=?, homeless=?, leaving=?,
			forsaken=?, repaired=?, tries=?, note=? WHERE idx=?`,
			unix(f.Checked), unix(f.Renewed), unix(f.Verified), unix(f.Due), f.State, unix(f.Since), f.Good, f.Needed, f.Total, f.Homeless, f.Leaving,
			f.Forsaken, unix(f.Repaired), f.Tries, f.Note, i[:])
		if err != nil {
			return err
		}
		return addEvents(c, events)
	})
}

// Tell notes what happened.
func (s *Store) Tell(events ...Event) error {
	return s.db.Do(func(c *lite.Conn) error { return addEvents(c, events) })
}

func addEvents(c *lite.Conn, events []Event) error {
	for _, e := range events {
		if err := c.Exec("INSERT INTO event (at, kind, place, text) VALUES (?,?,?,?)", e.At.Unix(), e.Kind, e.Place, e.Text); err != nil {
			return err
		}
	}
	if len(events) == 0 {
		return nil
	}
	return c.Exec("DELETE FROM event WHERE number <= (SELECT MAX(number) FROM event) - ?", maxEvents)
}

// Hasten makes everything due that was last looked at before a time, and is not due earlier.
func (s *Store) Hasten(before, now time.Time) error {
	return s.db.Do(func(c *lite.Conn) error {
		return c.Exec("UPDATE file SET due=MIN(due, ?) WHERE checked<=?", now.Unix(), before.Unix())
	})
}

// Get finds a file.
func (s *Store) Get(i storage.Index) (f Facts, ok bool, err error) {
	err = s.db.Do(func(c *lite.Conn) error {
		return c.Rows("SELECT "+columns+" FROM file WHERE idx=?", []any{i[:]}, func(scan func(...any) error) (err error) {
			f, err = scanFacts(scan)
			ok = err == nil
			return err
		})
	})
	return f, ok, err
}
