package basedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"tahoe/internal/nurl"
	"tahoe/node/config"
)

const introducerFURL = "introducer.furl"

// An IntroducerAddress is where an introducer is, and the secret that gives the right to use it.
type IntroducerAddress struct {
	FURL  string
	Swiss nurl.Swissnum
}

// Format writes nothing secret, whatever the verb.
func (IntroducerAddress) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("introducer's address")) }

// IntroducerAddress returns the address at these locations of the introducer whose directory it is. Its secret is that of
// private/introducer.furl, which is written anew with the locations of now. A file of before 1.13, which lies in the node's
// directory itself, is moved there.
func (d Dir) IntroducerAddress(i Identity, hints []config.Hint) (IntroducerAddress, error) {
	if err := d.moveOldFURL(); err != nil {
		return IntroducerAddress{}, err
	}
	swiss, err := d.swissnum(introducerFURL, i)
	if err != nil {
		return IntroducerAddress{}, err
	}
	a := IntroducerAddress{FURL: furlOf(i, hints, swiss), Swiss: swiss}
	return a, WriteNote(d.Private(introducerFURL), []byte(a.FURL+"\n"), 0o600)
}

func (d Dir) moveOldFURL() error {
	old := d.Path(introducerFURL)
	if _, err := os.Lstat(old); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Lstat(d.Private(introducerFURL)); err == nil {
		return fmt.Errorf("there are both %s and %s; keep the one that the grid's nodes know in private, and remove the other", old, d.Private(introducerFURL))
	}
	if err := os.Chmod(old, 0o600); err != nil {
		return err
	}
	return os.Rename(old, d.Private(introducerFURL))
}

// NextSeqnum counts the node's announcements, in the file announcement-seqnum: each start has a greater number than the one
// before, so that its announcement takes the place of the former one. It is on the disk when NextSeqnum returns.
func (d Dir) NextSeqnum() (int64, error) {
	path := d.Path("announcement-seqnum")
	b, err := readSmall(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var n int64
	if text := strings.TrimSpace(string(b)); text != "" {
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			return 0, fmt.Errorf("%s does not hold a number; write one that is greater than any it held", path)
		}
	}
	n++
	return n, WriteFile(path, fmt.Appendf(nil, "%d\n", n), 0o644)
}
