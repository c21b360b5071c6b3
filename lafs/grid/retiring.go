package grid

// Retire says whether the server is to be retired: it gets no new shares then, and who keeps files alive moves what it has.
func (s *Server) Retire(yes bool) {
	if s.Retiring() != yes {
		s.vitals.change(func(st *Status) { st.Retiring = yes })
	}
}

// Retiring says whether the server is to be retired.
func (s *Server) Retiring() bool { return s.vitals.status.Load().Retiring }

// Retire names all servers that are to be retired, whether they are known yet or not.
func (b *Broker) Retire(ids ...ServerID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retiring = make(map[ServerID]bool, len(ids))
	for _, id := range ids {
		b.retiring[id] = true
	}
	for _, m := range *b.members.Load() {
		m.Retire(b.retiring[m.ID()])
	}
}
