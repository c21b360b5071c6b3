package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"
)

// A recorder notes what was answered, for the log and to know whether an error can still become a status.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	gone   error // the client stopped taking bytes
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	if err != nil {
		w.gone = err
	}
	return n, err
}

// Unwrap gives http.ResponseController the writer underneath.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logRequest writes one line. It prints the shape of the path, never the path.
func (s *Server) logRequest(w *recorder, r *http.Request, rt route, took time.Duration, err error) {
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("method", methodText(r)),
		slog.String("route", rt.shape),
		slog.Int("status", w.status),
		slog.Int64("bytes", w.bytes),
		slog.Duration("took", took),
	}
	if t := queryText(r); t != "" {
		attrs = append(attrs, slog.String("t", t))
	}
	switch {
	case err == nil:
	case w.gone != nil || r.Context().Err() != nil:
		attrs = append(attrs, slog.String("cut", "client went away"))
	case w.status == http.StatusNotImplemented: // nothing is wrong with the node
	case w.status >= http.StatusInternalServerError || problemOf(err).status >= http.StatusInternalServerError:
		level = slog.LevelWarn
		attrs = append(attrs, slog.Any("err", err))
	}
	s.c.Log.LogAttrs(context.WithoutCancel(r.Context()), level, "web", attrs...)
}

// panicked logs a panic and makes an error of it. The value is logged only when it is of the runtime's own making:
// any other might hold anything.
func (s *Server) panicked(v any) error {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	s.c.Log.Error("panic in a web request", "what", what, "stack", string(debug.Stack()))
	return errors.New("the node met a fault of its own, which its log describes")
}
