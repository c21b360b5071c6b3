package helper

import (
	"context"
	"time"
)

// Counters are what a Helper has done since it was opened.
type Counters struct {
	Requests int64 // clients that asked for a file
	Present  int64 // of them, whose file was on the grid
	Needed   int64 // of them, whose file was not
	Resumes  int64 // files of which something had come before
	Fetched  int64 // bytes of ciphertext that came
	Encoded  int64 // bytes of ciphertext whose shares were placed
}

func (h *Helper) count(f func(*Counters)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.counted)
}

// oldAge is from when on what lies in the folders counts as old in the statistics, as in the original's.
const oldAge = 48 * time.Hour

// A heap is what lies in one of the folders.
type heap struct{ count, size, old int64 }

func (h *Helper) heapOf(folder string) (p heap) {
	now := h.c.Clock.Now()
	_ = h.each(context.Background(), folder, func(f stored) error {
		p.count++
		p.size += f.size
		if now.Sub(f.changed) > oldAge {
			p.old += f.size
		}
		return nil
	})
	return p
}

// Stats are the helper's statistics by the names that the original's web port gives them.
func (h *Helper) Stats() map[string]float64 {
	in, enc := h.heapOf(incoming), h.heapOf(encoding)
	out := h.Counters()
	h.mu.Lock()
	active := len(h.active)
	h.mu.Unlock()
	for name, v := range map[string]int64{
		"active_uploads": int64(active),
		"incoming_count": in.count, "incoming_size": in.size, "incoming_size_old": in.old,
		"encoding_count": enc.count, "encoding_size": enc.size, "encoding_size_old": enc.old,
	} {
		out[prefix+name] = float64(v)
	}
	return out
}

const prefix = "chk_upload_helper."

// Counters are those of the statistics that only grow.
func (h *Helper) Counters() map[string]float64 {
	h.mu.Lock()
	c := h.counted
	h.mu.Unlock()
	return map[string]float64{
		prefix + "upload_requests": float64(c.Requests), prefix + "upload_already_present": float64(c.Present),
		prefix + "upload_need_upload": float64(c.Needed), prefix + "resumes": float64(c.Resumes),
		prefix + "fetched_bytes": float64(c.Fetched), prefix + "encoded_bytes": float64(c.Encoded),
	}
}
