package copier

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"

	"tahoe/cmd/tahoe/internal/localfile"
)

// uploadedBefore is the capability of a local file that an earlier run of this copy uploaded as it is now.
func (c *copying) uploadedBefore(path string) (string, bool, error) {
	if c.Journal == nil {
		return "", false, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", false, err
	}
	known, ok, err := c.Journal.File(path, localfile.StampOf(info))
	return known, ok, asJournal(err)
}

// noteUpload is called with the state that the file had before and after it was read.
func (c *copying) noteUpload(path string, s localfile.Stamp, capability string) error {
	if c.Journal == nil || !s.Settled(c.Now()) {
		return nil
	}
	return asJournal(c.Journal.FileDone(path, s, capability))
}

// downloadedBefore says whether the file at path is what an earlier run of this copy made of a capability.
func (c *copying) downloadedBefore(path, capability string) (bool, error) {
	if c.Journal == nil {
		return false, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	from, ok, err := c.Journal.File(path, localfile.StampOf(info))
	return ok && from == fingerprint(capability), asJournal(err)
}

// noteDownload is called when the file at path has just been written.
func (c *copying) noteDownload(path, capability string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return asJournal(c.Journal.FileDone(path, localfile.StampOf(info), fingerprint(capability)))
}

// fingerprint tells capabilities apart and gives none away.
func fingerprint(capability string) string {
	sum := sha256.Sum256([]byte(capability))
	return hex.EncodeToString(sum[:16])
}

func (c *copying) madeBefore(path, contents string) (string, bool, error) {
	if c.Journal == nil {
		return "", false, nil
	}
	known, ok, err := c.Journal.Directory(path, contents)
	return known, ok, asJournal(err)
}

func (c *copying) noteMade(path, contents, capability string) error {
	if c.Journal == nil {
		return nil
	}
	return asJournal(c.Journal.DirectoryDone(path, contents, capability))
}

func (c *copying) forgetMade(path string) error {
	if c.Journal == nil {
		return nil
	}
	return asJournal(c.Journal.ForgetDirectory(path))
}

func asJournal(err error) error {
	if err == nil {
		return nil
	}
	return &journalError{err}
}
