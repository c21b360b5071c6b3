//go:build unix

package copier_test

import "syscall"

func mkfifo(path string) { must(syscall.Mkfifo(path, 0o666)) }
