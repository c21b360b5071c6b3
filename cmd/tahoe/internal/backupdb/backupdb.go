// Package backupdb remembers what earlier backups uploaded: for each local file the capability it got, for each directory the
// capability of an immutable directory with the same contents. It is for `tahoe backup`.
//
// The file, private/backupdb.sqlite of a node directory, is that of the original, schema version 2, and either program goes on
// where the other stopped. The invariant: losing it costs work, never data; and a file is remembered only as it was read.
package backupdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"tahoe/internal/lite"
)

const version = 2

// The schema is a fact shared with the original: names, types and keys.
var schema = append([]string{
	`CREATE TABLE version (version INTEGER)`,
	`CREATE TABLE local_files (path VARCHAR(1024) PRIMARY KEY, size INTEGER, mtime NUMBER, ctime NUMBER, fileid INTEGER)`,
	`CREATE TABLE caps (fileid INTEGER PRIMARY KEY AUTOINCREMENT, filecap VARCHAR(256) UNIQUE)`,
	`CREATE TABLE last_upload (fileid INTEGER PRIMARY KEY, last_uploaded TIMESTAMP, last_checked TIMESTAMP)`,
	`INSERT INTO version VALUES (1)`,
}, fromVersion1...)

var fromVersion1 = []string{
	`CREATE TABLE directories (dirhash VARCHAR(256) PRIMARY KEY, dircap VARCHAR(256), last_uploaded TIMESTAMP, last_checked TIMESTAMP)`,
	`UPDATE version SET version=2`,
}

// What is known is used without asking the grid for a week, and surely asked for, which renews its leases, after two; between, it is the
// more likely to be asked for the older it is, so that not everything becomes due at once. The original waits a month and asks for all
// after two; servers that delete what nobody renews for 31 days have done so by then.
const (
	week       = 7 * 24 * time.Hour
	trustUntil = week
	checkFrom  = 2 * week
)

// Config is what a DB takes from its surroundings. The zero value is the real clock and real chance.
type Config struct {
	Now    func() time.Time
	Chance func() float64 // in [0,1)
}

// A DB is an open database. It may be used by several goroutines.
type DB struct {
	db *lite.DB
	c  Config
}

// Open opens the database at path, makes it when there is none, and brings one of version 1 up to date.
func Open(ctx context.Context, path string, c Config) (*DB, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Chance == nil {
		c.Chance = rand.Float64
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("backup database %s is no file", path)
	}
	if err := lite.Create(ctx, path, schema...); err != nil {
		return nil, fmt.Errorf("make backup database: %w", err)
	}
	db, err := lite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	d := &DB{db: db, c: c}
	if err := db.Do(upgrade); err != nil {
		return nil, errors.Join(fmt.Errorf("backup database %s is unusable, move it away to begin a new one: %w", path, err), db.Close())
	}
	return d, nil
}

func upgrade(c *lite.Conn) error {
	var v int
	found, err := c.Row("SELECT version FROM version", nil, &v)
	switch {
	case err != nil:
		return err
	case !found:
		return errors.New("it does not say its version")
	case v == 1:
		for _, s := range fromVersion1 {
			if err := c.Exec(s); err != nil {
				return err
			}
		}
	case v != version:
		return fmt.Errorf("it is of version %d, and this program knows version %d", v, version)
	}
	return nil
}

// Close writes what was told, and closes the file.
func (d *DB) Close() error { return d.db.Close() }

// A File is what tells a local file from what it was before: its path, which is absolute, its size, and times in seconds.
type File struct {
	Path         string
	Size         int64
	MTime, CTime int64
}

// Known is what an earlier backup made of a file or a directory.
type Known struct {
	Cap string
	Due bool // the grid should be asked whether it still has it
}

// File is what is known of a file, if it has not changed since. What has changed is forgotten. With ignoreTimes nothing counts as
// unchanged.
func (d *DB) File(f File, ignoreTimes bool) (Known, bool, error) {
	var k Known
	known := false
	err := d.db.Do(func(c *lite.Conn) error {
		var was File
		var id int64
		found, err := c.Row("SELECT size, CAST(mtime AS INTEGER), CAST(ctime AS INTEGER), fileid FROM local_files WHERE path=?",
			[]any{f.Path}, &was.Size, &was.MTime, &was.CTime, &id)
		if err != nil || !found {
			return err
		}
		was.Path = f.Path
		var checked float64
		found, err = c.Row("SELECT caps.filecap, CAST(last_upload.last_checked AS REAL) FROM caps, last_upload WHERE caps.fileid=? AND last_upload.fileid=?",
			[]any{id, id}, &k.Cap, &checked)
		if err != nil {
			return err
		}
		if !found || was != f || ignoreTimes {
			return c.Exec("DELETE FROM local_files WHERE path=?", f.Path)
		}
		known, k.Due = true, d.due(checked)
		return nil
	})
	return k, known, err
}

func (d *DB) due(checked float64) bool {
	age := time.Duration((d.seconds() - checked) * float64(time.Second))
	switch {
	case age <= trustUntil:
		return false
	case age >= checkFrom:
		return true
	}
	return d.c.Chance() < float64(age-trustUntil)/float64(checkFrom-trustUntil)
}

func (d *DB) seconds() float64 { return float64(d.c.Now().UnixMicro()) / 1e6 }

// Uploaded remembers that a file, as it was while it was read, is on the grid now.
func (d *DB) Uploaded(f File, capability string) error {
	now := d.seconds()
	return d.db.Do(func(c *lite.Conn) error {
		id, err := fileID(c, capability)
		if err != nil {
			return err
		}
		if err := c.Exec("REPLACE INTO last_upload VALUES (?,?,?)", id, now, now); err != nil {
			return err
		}
		return c.Exec("REPLACE INTO local_files VALUES (?,?,?,?,?)", f.Path, f.Size, f.MTime, f.CTime, id)
	})
}

// Capabilities and hashes are BLOBs, as the original writes them since it runs on Python 3; older versions of it wrote text. Either is
// found, which takes both forms in the question: SQLite does not take one for the other.
func either(text string) []any { return []any{[]byte(text), text} }

// fileID is the number of a capability, which is given one if it has none.
func fileID(c *lite.Conn, capability string) (id int64, err error) {
	const ask = "SELECT fileid FROM caps WHERE filecap IN (?,?)"
	if found, err := c.Row(ask, either(capability), &id); found || err != nil {
		return id, err
	}
	if err := c.Exec("INSERT INTO caps (filecap) VALUES (?)", []byte(capability)); err != nil {
		return 0, err
	}
	_, err = c.Row(ask, either(capability), &id)
	return id, err
}

// FileHealthy remembers that the grid was asked for a file, and has it.
func (d *DB) FileHealthy(capability string) error {
	now := d.seconds()
	return d.db.Do(func(c *lite.Conn) error {
		return c.Exec("UPDATE last_upload SET last_checked=? WHERE fileid IN (SELECT fileid FROM caps WHERE filecap IN (?,?))",
			now, []byte(capability), capability)
	})
}

// Directory is what is known of a directory with the contents of hash.
func (d *DB) Directory(hash string) (Known, bool, error) {
	var k Known
	known := false
	err := d.db.Do(func(c *lite.Conn) (err error) {
		var checked float64
		known, err = c.Row("SELECT dircap, CAST(last_checked AS REAL) FROM directories WHERE dirhash IN (?,?)", either(hash), &k.Cap, &checked)
		k.Due = known && d.due(checked)
		return err
	})
	return k, known, err
}

// Created remembers a directory with the contents of hash.
func (d *DB) Created(hash, capability string) error {
	now := d.seconds()
	return d.db.Do(func(c *lite.Conn) error {
		return c.Exec("REPLACE INTO directories VALUES (?,?,?,?)", []byte(hash), []byte(capability), now, now)
	})
}

// DirectoryHealthy remembers that the grid was asked for a directory, and has it.
func (d *DB) DirectoryHealthy(capability string) error {
	now := d.seconds()
	return d.db.Do(func(c *lite.Conn) error {
		return c.Exec("UPDATE directories SET last_checked=? WHERE dircap IN (?,?)", now, []byte(capability), capability)
	})
}
