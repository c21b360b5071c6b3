// Package lite keeps small facts in SQLite files: what was uploaded already, so that it is not uploaded again; how files were when they
// were last looked at. It is for those who write a few rows for each file of a tree: backup, cp, and the keeper of files.
//
// The invariant: one goroutine owns the connection, so that the functions given to Do run one after the other and see what those
// before them wrote, and what they wrote is committed within Delay. Who is killed loses no more than that.
package lite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver registers itself
)

// Delay is how long writes wait for others, to be committed together: a commit waits for the disk.
const Delay = 20 * time.Millisecond

// busy is how long to wait for another program that has the file locked.
const busy = 15 * time.Second

// ErrClosed says that the database was closed.
var ErrClosed = errors.New("the database is closed")

// A DB is an open file. It may be used by several goroutines.
type DB struct {
	db       *sql.DB
	requests chan request
	closing  chan struct{}
	once     sync.Once
	done     chan struct{}
	failure  error // of the last commit; read after done
}

type request struct {
	f      func(*Conn) error
	answer chan error
}

// A Conn is the connection, lent for the time of a call.
type Conn struct {
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	within bool // a transaction is open
}

// Relaxed are settings for facts that may be found out again: a commit does not wait for the disk, so that a crash of the machine may lose
// the last ones, and leaves the file as it was before them.
func Relaxed() []string { return []string{"journal_mode(wal)", "synchronous(normal)"} }

// Open opens the file at path, which need not be there, with settings as SQLite's PRAGMA takes them.
func Open(ctx context.Context, path string, settings ...string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", address(path, settings))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.Close())
	}
	d := &DB{db: db, requests: make(chan request), closing: make(chan struct{}), done: make(chan struct{})}
	go d.serve(&Conn{conn: conn, stmts: map[string]*sql.Stmt{}})
	return d, nil
}

// address is the absolute path as SQLite takes it, whatever characters are in it.
func address(path string, settings []string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/…
	}
	u := url.URL{Scheme: "file", Path: p, RawQuery: fmt.Sprintf("_pragma=busy_timeout(%d)", busy.Milliseconds())}
	for _, s := range settings {
		u.RawQuery += "&_pragma=" + s
	}
	return u.String()
}

// Do runs f and returns its error. What f writes is committed soon after, together with what others write. An error of an
// earlier commit is returned too, because nothing more would be kept.
func (d *DB) Do(f func(*Conn) error) error {
	r := request{f: f, answer: make(chan error, 1)}
	select {
	case d.requests <- r:
		return <-r.answer
	case <-d.closing:
		return ErrClosed
	}
}

// Close commits what was written, and closes the file.
func (d *DB) Close() error {
	d.once.Do(func() { close(d.closing) })
	<-d.done
	return d.failure
}

func (d *DB) serve(c *Conn) {
	defer close(d.done)
	var due <-chan time.Time
	for {
		select {
		case r := <-d.requests:
			if d.failure != nil {
				r.answer <- d.failure
				continue
			}
			r.answer <- r.f(c)
			if c.within && due == nil {
				due = time.After(Delay)
			}
		case <-due:
			due = nil
			d.failure = c.commit()
		case <-d.closing:
			d.failure = errors.Join(d.failure, c.commit(), c.close(), d.db.Close())
			return
		}
	}
}

func (c *Conn) commit() error {
	if !c.within {
		return nil
	}
	c.within = false
	if _, err := c.conn.ExecContext(context.Background(), "COMMIT"); err != nil {
		return fmt.Errorf("write to database: %w", err)
	}
	return nil
}

func (c *Conn) close() error {
	var all []error
	for _, s := range c.stmts {
		all = append(all, s.Close())
	}
	return errors.Join(append(all, c.conn.Close())...)
}

// Exec changes something.
func (c *Conn) Exec(query string, args ...any) error {
	if !c.within {
		if _, err := c.conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
			return fmt.Errorf("write to database: %w", err)
		}
		c.within = true
	}
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	if _, err = s.Exec(args...); err != nil {
		return fmt.Errorf("write to database: %w", err)
	}
	return nil
}

// Row reads at most one row into dest, and says whether there was one.
func (c *Conn) Row(query string, args []any, dest ...any) (bool, error) {
	s, err := c.prepare(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRow(args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read database: %w", err)
	}
	return true, nil
}

// Rows reads rows: each is told of with the function that scans it, until that returns an error, which is returned.
func (c *Conn) Rows(query string, args []any, each func(scan func(dest ...any) error) error) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (c *Conn) prepare(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("ask database: %w", err)
	}
	c.stmts[query] = s
	return s, nil
}

// Create makes a database with the tables of schema at path, unless there is a file. It appears under its name when it is whole.
func Create(ctx context.Context, path string, schema ...string) (err error) {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := fill(ctx, tmp.Name(), schema); err != nil {
		return err
	}
	return publish(tmp.Name(), path)
}

// publish gives a new file its name, unless another program has made one meanwhile, and may have it open: that one stays. An empty
// file is none.
func publish(tmp, path string) error {
	err := os.Link(tmp, path)
	if info, statErr := os.Stat(path); errors.Is(err, fs.ErrExist) && statErr == nil && info.Size() > 0 {
		return nil
	}
	if err != nil { // or the file system knows no links
		return os.Rename(tmp, path)
	}
	return nil
}

func fill(ctx context.Context, path string, schema []string) error {
	d, err := Open(ctx, path)
	if err != nil {
		return err
	}
	err = d.Do(func(c *Conn) error {
		for _, s := range schema {
			if err := c.Exec(s); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, d.Close())
}
