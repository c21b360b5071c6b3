package mutable

// Places is how many files are remembered.
func (m *Files) Places() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.recent.Len() != len(m.places) {
		return -1
	}
	return len(m.places)
}

// Remembered is how many bytes of contents are.
func (m *Files) Remembered() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n int64
	for _, p := range m.places {
		if p.cache.kept {
			n += int64(len(p.cache.contents()))
		}
	}
	if n != m.remembered {
		return -1
	}
	return n
}

// MaxIdle is how many files may be remembered.
const MaxIdle = maxIdle
