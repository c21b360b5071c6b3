package spool

import "os"

// File is the spool's file, for tests that look at what lies on the disk.
func (s *Spool) File() *os.File { return s.file }
