package web

// The parsers, for fuzzing.
var (
	RangeOf = rangeOf
	Ago     = ago
	Size    = sizeText
)

// Span is what RangeOf finds.
func (s span) Bounds() (off, size int64) { return s.off, s.size }

// ParseRoute gives what a path was read as.
func ParseRoute(escaped string) (shape, cap string, names []string, err error) {
	rt := parseRoute(escaped)
	return rt.shape, rt.cap, rt.names, rt.err
}

// MediaType is the type and the encoding that a name stands for.
func MediaType(name string) (kind, encoding string) { return parseTypes(typesText).of(name) }
