// Package clients tests the doors with the programs that people have: curl, lftp, rclone, ncftp, cadaver, litmus and Python's ftplib, against FTP
// and WebDAV. A test whose program is not installed is skipped and says so.
package clients
