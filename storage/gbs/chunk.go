package gbs

import "sync"

// Data of shares pass through buffers, which a request keeps for as long as its peer takes to send or to receive. Thousands
// of peers have thousands of buffers, so only the first few are a chunk, which is enough that a system call costs little
// beside encryption. The others are small.
const (
	chunk      = 256 << 10
	smallChunk = 32 << 10
	maxChunks  = 64 // at once in the process
)

var (
	chunks      = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}
	smallChunks = sync.Pool{New: func() any { b := make([]byte, smallChunk); return &b }}
	chunkSlots  = make(chan struct{}, maxChunks)
)

// getChunk returns a buffer of either size.
func getChunk() *[]byte {
	select {
	case chunkSlots <- struct{}{}:
		return chunks.Get().(*[]byte)
	default:
		return smallChunks.Get().(*[]byte)
	}
}

// putChunk takes back what getChunk returned.
func putChunk(b *[]byte) {
	if len(*b) < chunk {
		smallChunks.Put(b)
		return
	}
	chunks.Put(b)
	<-chunkSlots
}
