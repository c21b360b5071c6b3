package uploads

// Shrink makes parts small, and lets so many uploads be at once.
func (s *Spool) Shrink(part int64, most int) { s.part, s.most = part, most }

// Parts is how many parts an upload has.
func (u *Upload) Parts() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.parts)
}
