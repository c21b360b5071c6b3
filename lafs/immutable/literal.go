package immutable

import (
	"fmt"
	"io"

	"tahoe/caps"
)

// literal makes the capability that holds a file of at most caps.MaxLiteral bytes. No server is asked.
func literal(source io.ReaderAt, size int64) (caps.Read, error) {
	data := make([]byte, size)
	if size > 0 {
		if err := readFullAt(source, data, 0); err != nil {
			return nil, err
		}
	}
	c, err := caps.NewLiteral(data)
	if err != nil {
		return nil, fmt.Errorf("make literal capability: %w", err)
	}
	return c, nil
}
