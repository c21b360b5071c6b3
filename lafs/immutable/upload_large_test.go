package immutable_test

import (
	"errors"
	"testing"

	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// A file that could not be read back is refused before a byte of it is read.
func TestUploadRefusesWhatCannotBeReadBack(t *testing.T) {
	u := immutable.NewUploader(immutable.UploaderConfig{
		Servers: grid.Fixed(),
		Lease:   func(storage.Index, [20]byte) storage.LeaseSecrets { return storage.LeaseSecrets{} },
	})
	_, _, err := u.Upload(t.Context(), unread{t}, immutable.UploadOptions{Size: 3 << 40})
	if !errors.Is(err, layout.ErrTooLong) {
		t.Errorf("an upload of 3 TiB: %v, want ErrTooLong", err)
	}
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the source was read")
	return 0, errors.New("read")
}
