package node

import (
	"time"

	"tahoe/frontends/vfs"
	"tahoe/frontends/web/wapi"
)

// waiting are the files on their way to the grid, for the web port.
func (d *doors) waiting() wapi.Waiting {
	used, limit := d.fs.Staged()
	w := wapi.Waiting{Files: []wapi.WaitingFile{}, Used: used, Limit: limit}
	for _, f := range d.fs.Queue() {
		w.Files = append(w.Files, waitingFile(f))
	}
	return w
}

func waitingFile(f vfs.Waiting) wapi.WaitingFile {
	w := wapi.WaitingFile{
		ID: f.ID, Account: f.Account, Path: f.Path, Size: f.Size, Closed: seconds(f.Closed), State: string(f.State), Attempts: f.Attempts,
		Error: f.LastError,
	}
	if f.State == vfs.Retrying {
		next := seconds(f.NextTry)
		w.NextTry = &next
	}
	return w
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
