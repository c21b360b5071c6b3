package config

import (
	"errors"
	"time"
)

// Uploads are the settings of uploads that go on after a break.
type Uploads struct {
	Dir   string
	Limit int64         // bytes of all of them; 0: there are none of that kind
	Keep  time.Duration // of one to which nothing happens
}

const (
	uploadsLimit = 16 << 30
	uploadsKeep  = 7 * day
)

func (v values) uploads() Uploads {
	u := Uploads{Dir: v.path("node", "uploads.dir", "private/uploads"), Limit: uploadsLimit, Keep: uploadsKeep}
	if text := v.text("node", "uploads.limit", ""); text != "" {
		u.Limit, _ = ParseSize(text) // checked
	}
	if text := v.text("node", "uploads.keep", ""); text != "" {
		u.Keep, _ = ParseDuration(text) // checked
	}
	return u
}

// keepTime checks for how long something is kept.
func keepTime(s string) error {
	d, err := ParseDuration(s)
	if err == nil && d == 0 {
		return errors.New("is no time at all; write one such as 7 days")
	}
	return err
}
