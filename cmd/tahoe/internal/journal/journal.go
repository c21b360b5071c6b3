// Package journal remembers what an unfinished copy has done, so that the same copy, started again, does it not again: for each local
// file that was uploaded the capability it got, for each that was downloaded the capability it came from, for each directory that
// was made what it was made of. It is for `tahoe cp`.
//
// The invariant: an entry counts only while the local file is exactly what it was (path, size, times, inode) and no longer than MaxAge,
// which is less than a lease. A copy that came to its end leaves no entry.
package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"tahoe/cmd/tahoe/internal/localfile"
	"tahoe/internal/lite"
)

// MaxAge is how long what was done counts. Afterwards servers may have dropped it.
const MaxAge = 20 * 24 * time.Hour

const version = 1

var schema = []string{
	`CREATE TABLE version (version INTEGER)`,
	`INSERT INTO version VALUES (1)`,
	`CREATE TABLE done (copy TEXT, path TEXT, stamp TEXT, cap TEXT, at INTEGER, PRIMARY KEY (copy, path)) WITHOUT ROWID`,
}

// A Journal is that of one copy. It may be used by several goroutines.
type Journal struct {
	db   *lite.DB
	id   string
	now  func() time.Time
	keep int // entries that were there at the beginning
}

// ID names a copy by what makes it the same one. The parts may be secret, and the name tells nothing of them.
func ID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Open opens the file of all journals at path, which need not be there, for the copy of an ID.
func Open(ctx context.Context, path, id string, now func() time.Time) (*Journal, error) {
	if now == nil {
		now = time.Now
	}
	if err := lite.Create(ctx, path, schema...); err != nil {
		return nil, fmt.Errorf("make the journal of copies: %w", err)
	}
	db, err := lite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	j := &Journal{db: db, id: id, now: now}
	if err := db.Do(j.begin); err != nil {
		return nil, errors.Join(fmt.Errorf("the journal of copies %s cannot be used, remove it: %w", path, err), db.Close())
	}
	return j, nil
}

func (j *Journal) begin(c *lite.Conn) error {
	var v int
	found, err := c.Row("SELECT version FROM version", nil, &v)
	switch {
	case err != nil:
		return err
	case !found || v != version:
		return fmt.Errorf("it is of version %d, and this program knows version %d", v, version)
	}
	if err := c.Exec("DELETE FROM done WHERE at<?", j.now().Add(-MaxAge).Unix()); err != nil {
		return err
	}
	_, err = c.Row("SELECT COUNT(*) FROM done WHERE copy=?", []any{j.id}, &j.keep)
	return err
}

// Resumes is how much an earlier run of the copy had done.
func (j *Journal) Resumes() int { return j.keep }

// File is the capability that was noted for the local file at path, if the file is what it was.
func (j *Journal) File(path string, s localfile.Stamp) (string, bool, error) {
	return j.get(path, s.String())
}

// FileDone notes that the local file at path and a capability are the same.
func (j *Journal) FileDone(path string, s localfile.Stamp, capability string) error {
	return j.put(path, s.String(), capability)
}

// Directory is the directory that was made for path, if it was made of the same contents. The names of directories do not meet
// those of files.
func (j *Journal) Directory(path, contents string) (string, bool, error) {
	return j.get("directory "+path, contents)
}

// DirectoryDone notes that a directory was made for path of contents.
func (j *Journal) DirectoryDone(path, contents, capability string) error {
	return j.put("directory "+path, contents, capability)
}

// ForgetDirectory takes back DirectoryDone for a path and all below it.
func (j *Journal) ForgetDirectory(path string) error {
	const after = "0" // the character that follows the slash
	key := "directory " + path
	return j.db.Do(func(c *lite.Conn) error {
		return c.Exec("DELETE FROM done WHERE copy=? AND (path=? OR path>? AND path<?)", j.id, key, key+"/", key+after)
	})
}

func (j *Journal) get(path, stamp string) (capability string, ok bool, err error) {
	err = j.db.Do(func(c *lite.Conn) (err error) {
		ok, err = c.Row("SELECT cap FROM done WHERE copy=? AND path=? AND stamp=?", []any{j.id, path, stamp}, &capability)
		return err
	})
	return capability, ok, err
}

func (j *Journal) put(path, stamp, capability string) error {
	return j.db.Do(func(c *lite.Conn) error {
		return c.Exec("REPLACE INTO done VALUES (?,?,?,?,?)", j.id, path, stamp, capability, j.now().Unix())
	})
}

// Forget ends the copy: nothing is left to go on with.
func (j *Journal) Forget() error {
	return j.db.Do(func(c *lite.Conn) error { return c.Exec("DELETE FROM done WHERE copy=?", j.id) })
}

// Close writes what was noted, and closes the file.
func (j *Journal) Close() error { return j.db.Close() }
