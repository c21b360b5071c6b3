package localfile

import (
	"bytes"
	"io"
	"io/fs"
)

// Content is what is in a file that was just opened, and its size: -1 when only reading tells. The files of /proc say that they are empty,
// and are not.
func Content(file io.Reader, info fs.FileInfo) (io.Reader, int64, error) {
	if info.Size() > 0 {
		return file, info.Size(), nil
	}
	first := make([]byte, 1)
	n, err := io.ReadFull(file, first)
	if err == io.EOF {
		return bytes.NewReader(nil), 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return io.MultiReader(bytes.NewReader(first[:n]), file), -1, nil
}
