package scripts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

var indexLine = regexp.MustCompile(`(?m)^ storage index: (\w+)$`)

// index keeps the storage index that the last command printed.
func (s *script) index(words []string) error {
	m := indexLine.FindStringSubmatch(s.stdout)
	if m == nil {
		return fmt.Errorf("no storage index was printed")
	}
	s.vars[words[0]] = m[1]
	return nil
}

// shares are the files of share number n of an index, on the servers of the grid.
func (s *script) shares(index, n string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(s.vars["GRID"], "*", "storage", "shares", index[:2], index, n))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("nobody has share %s of %s", n, index)
	}
	return files, err
}

// lose removes shares: an index, and their numbers.
func (s *script) lose(words []string) error {
	for _, n := range words[1:] {
		files, err := s.shares(words[0], n)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// corrupt changes a byte in the middle of shares: an index, and their numbers.
func (s *script) corrupt(words []string) error {
	for _, n := range words[1:] {
		files, err := s.shares(words[0], n)
		if err != nil {
			return err
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(f, b, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
