package config

// Sections are the names of all sections but DEFAULT, in the order of the file.
func (f *File) Sections() []string {
	var names []string
	for _, s := range f.sections {
		names = append(names, s.name)
	}
	return names
}
