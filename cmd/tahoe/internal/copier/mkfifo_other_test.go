//go:build !unix

package copier_test

func mkfifo(string) {}
