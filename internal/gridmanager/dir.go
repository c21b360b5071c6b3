package gridmanager

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tahoe/internal/durable"
)

// maxCertificates ends the search for the first certificate that is not there.
const maxCertificates = 100_000

// A Dir is the path of a directory in which a manager is kept: config.json, and NAME.cert.0, NAME.cert.1 … for each
// certificate that was signed. Whoever can read it can sign, so it is 0700.
type Dir string

const configName = "config.json"

// Create makes the directory, which must not be there, and writes the manager into it.
func (d Dir) Create(m *Manager) error {
	if _, err := os.Lstat(string(d)); err == nil {
		return &fs.PathError{Op: "create", Path: string(d), Err: fs.ErrExist}
	}
	parent := filepath.Dir(string(d))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(string(d), 0o700); err != nil {
		return err
	}
	if err := d.Save(m); err != nil {
		return err
	}
	return durable.FS{}.SyncDir(parent)
}

// Save replaces config.json in one step.
func (d Dir) Save(m *Manager) error { return d.write(configName, m.Encode()) }

func (d Dir) write(name string, data []byte) error {
	return durable.FS{}.WriteFile(filepath.Join(string(d), name), data, 0o600)
}

// Load reads the manager of the directory.
func (d Dir) Load() (*Manager, error) {
	b, err := readSmall(filepath.Join(string(d), configName), maxConfig)
	if err != nil {
		return nil, err
	}
	return ParseManager(b)
}

// An Issued is a certificate that a manager has signed before.
type Issued struct {
	Number int
	Certificate
	Err error // why it counts for nothing; the Certificate is then zero
}

// Issued are the certificates of a server, as far as their numbers follow each other.
func (d Dir) Issued(m *Manager, name string) ([]Issued, error) {
	var all []Issued
	for n := range maxCertificates {
		b, err := readSmall(d.certificate(name, n), MaxCertificate)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		issued := Issued{Number: n}
		var signed Signed
		if signed, issued.Err = ParseSigned(b); issued.Err == nil {
			issued.Certificate, issued.Err = signed.Verify(m.key.Public())
		}
		all = append(all, issued)
	}
	return all, nil
}

// Keep writes a certificate under the next free number, and returns the name of its file.
func (d Dir) Keep(name string, s Signed) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	for n := range maxCertificates {
		path := d.certificate(name, n)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path, d.write(filepath.Base(path), s.Indented())
		} else if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%q has %d certificates, which is the limit; remove old files of it", name, maxCertificates)
}

// Drop removes the certificates of a server, the last one first: what is left after a failure still has its numbers in a row.
func (d Dir) Drop(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	n := 0
	for ; n < maxCertificates; n++ {
		if _, err := os.Lstat(d.certificate(name, n)); err != nil {
			break
		}
	}
	for n--; n >= 0; n-- {
		if err := os.Remove(d.certificate(name, n)); err != nil {
			return err
		}
	}
	return nil
}

func (d Dir) certificate(name string, n int) string {
	return filepath.Join(string(d), name+".cert."+strconv.Itoa(n))
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes, and is no file of a grid manager", path, limit)
	}
	return b, err
}

// Issue signs a certificate for a server of the manager: ErrNoServer.
func (m *Manager) Issue(name string, expires time.Time) (Signed, error) {
	s, err := m.Server(name)
	if err != nil {
		return Signed{}, err
	}
	return m.key.Sign(Certificate{s.Key, expires}), nil
}
