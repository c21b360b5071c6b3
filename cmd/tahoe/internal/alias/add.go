package alias

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tahoe/internal/durable"
)

// ErrExists is wrapped by errors about an alias that is there already.
var ErrExists = errors.New("alias exists")

// existsError says ErrExists as the user should read it.
type existsError struct{ name string }

func (e *existsError) Error() string        { return fmt.Sprintf("Alias '%s' already exists!", e.name) }
func (e *existsError) Is(target error) bool { return target == ErrExists }

// A nameError says what the name of an alias may not do, in the words that users of the original know.
type nameError string

func (e nameError) Error() string { return "Alias names cannot " + string(e) }

// CheckName says what is wrong with the name of a new alias. One colon at its end, as one writes it in front of a path, is dropped.
func CheckName(name string) (string, error) {
	name = strings.TrimSuffix(name, ":")
	switch {
	case name == "":
		return "", errors.New("the name of the alias is empty")
	case strings.Contains(name, ":"):
		return "", nameError("contain colons.")
	case strings.ContainsAny(name, " \t\r\n"):
		return "", nameError("contain spaces.")
	case strings.Contains(name, "/"):
		return "", nameError("contain slashes.")
	case name[0] == '#':
		return "", nameError("begin with #, which begins a comment.")
	case strings.EqualFold(name, "URI") || strings.HasSuffix(name, ".URI"):
		return "", nameError("be URI, which begins a capability.")
	}
	return name, nil
}

// Free fails when a name of CheckName is taken.
func (t Table) Free(name string) error {
	if _, taken := t.caps[name]; taken {
		return &existsError{name}
	}
	return nil
}

// Add writes a new alias into a node directory. What else the file holds stays as it is. Several programs may add at once.
func Add(nodeDir, name, capability string) error {
	path := privateFile(nodeDir, aliasesFile)
	tmp, err := openAlone(path + durable.TempSuffix)
	if err != nil {
		return fmt.Errorf("write aliases: %w", err)
	}
	if err := addTo(tmp, nodeDir, name, capability); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	if err := (durable.FS{}).Rename(tmp.Name(), path); err != nil {
		return err
	}
	return durable.FS{}.SyncDir(filepath.Dir(path))
}

// addTo writes the file with one line more, and closes it.
func addTo(tmp *os.File, nodeDir, name, capability string) (err error) {
	defer func() { err = errors.Join(err, tmp.Close()) }()
	t, err := Load(nodeDir)
	if err == nil {
		err = t.Free(name)
	}
	if err != nil {
		return err
	}
	text, err := readPrivate(nodeDir, aliasesFile)
	if err != nil {
		return err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	if _, err := tmp.Write(append(text, name+": "+capability+"\n"...)); err != nil {
		return err
	}
	return tmp.Sync()
}

const (
	aloneWait  = 5 * time.Second  // for another program that adds
	aloneStale = 30 * time.Second // what is older was left by one that died
	alonePause = 20 * time.Millisecond
)

// openAlone makes the temporary file, which nobody else then has.
func openAlone(path string) (*os.File, error) {
	for begin := time.Now(); ; time.Sleep(alonePause) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > aloneStale {
			_ = os.Remove(path)
		} else if time.Since(begin) > aloneWait {
			return nil, fmt.Errorf("another program has %s, or had it and died; try again in half a minute", path)
		}
	}
}
