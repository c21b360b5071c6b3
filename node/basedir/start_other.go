//go:build !linux

package basedir

import "time"

// processStart is the zero time where it cannot be asked for without cgo.
func processStart(int) time.Time { return time.Time{} }

// isZombie cannot be asked for there either.
func isZombie(int) bool { return false }
