package disk

import "sync"

// Share data pass through a buffer, which each Write, and each stream that is copied with WriteTo, has while it runs. A
// Write runs for as long as its client takes to send, so a thousand clients have a thousand buffers: the first few
// are large, to save system calls, and the others are small, to save memory.
const (
	largeBuffer  = 256 << 10
	smallBuffer  = 32 << 10
	largeBuffers = 16 // at once
)

var (
	largePool = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
	smallPool = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
)

// buffer returns a buffer for size bytes of share data, which may be smaller, and what gives it back.
func (s *Server) buffer(size int64) (b []byte, release func()) {
	if size > smallBuffer {
		select {
		case s.large <- struct{}{}:
			b := largePool.Get().(*[largeBuffer]byte)
			return b[:], func() {
				largePool.Put(b)
				<-s.large
			}
		default:
		}
	}
	small := smallPool.Get().(*[smallBuffer]byte)
	return small[:], func() { smallPool.Put(small) }
}
