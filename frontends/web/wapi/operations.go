package wapi

import (
	"encoding/json"
	"errors"
	"fmt"
)

// DeepStats counts what a directory reaches, itself included. Every object counts once, however many paths lead to it.
type DeepStats struct {
	APIVersion           int            `json:"api-version"`
	CountImmutableFiles  int64          `json:"count-immutable-files"`
	CountMutableFiles    int64          `json:"count-mutable-files"`
	CountLiteralFiles    int64          `json:"count-literal-files"`
	CountFiles           int64          `json:"count-files"`
	CountDirectories     int64          `json:"count-directories"`
	CountUnknown         int64          `json:"count-unknown"`
	SizeImmutableFiles   int64          `json:"size-immutable-files"`
	SizeLiteralFiles     int64          `json:"size-literal-files"`
	SizeDirectories      int64          `json:"size-directories"`
	LargestDirectory     int64          `json:"largest-directory"` // bytes
	LargestDirChildren   int64          `json:"largest-directory-children"`
	LargestImmutableFile int64          `json:"largest-immutable-file"`
	SizeFilesHistogram   []HistogramBin `json:"size-files-histogram"`
}

// A HistogramBin counts the files of Min to Max bytes. In JSON it is a triple.
type HistogramBin struct {
	Min, Max, Count int64
}

// MarshalJSON writes the triple.
func (b HistogramBin) MarshalJSON() ([]byte, error) {
	return json.Marshal([3]int64{b.Min, b.Max, b.Count})
}

// UnmarshalJSON reads the triple.
func (b *HistogramBin) UnmarshalJSON(text []byte) error {
	var t []int64
	if err := json.Unmarshal(text, &t); err != nil || len(t) != 3 {
		return errors.New("a bin of a histogram is not three whole numbers")
	}
	*b = HistogramBin{t[0], t[1], t[2]}
	return nil
}

// DeepStatsStatus is the answer of an operation that t=start-deep-stats began.
type DeepStatsStatus struct {
	DeepStats
	Finished bool `json:"finished"`
}

// DeepSizeStatus is the answer of an operation that t=start-deep-size began.
type DeepSizeStatus struct {
	Finished bool      `json:"finished"`
	Size     DeepStats `json:"size"`
}

// ManifestStatus is the answer of an operation that t=start-manifest began. The lists come when it is finished.
type ManifestStatus struct {
	Finished       bool            `json:"finished"`
	Origin         string          `json:"origin"` // storage index, empty for a literal
	Stats          DeepStats       `json:"stats"`
	Manifest       []ManifestEntry `json:"manifest,omitempty"`
	VerifyCaps     []string        `json:"verifycaps,omitempty"`
	StorageIndexes []string        `json:"storage-index,omitempty"`
}

// A ManifestEntry is a path and the capability that it leads to. In JSON it is a pair.
type ManifestEntry struct {
	Path []string
	Cap  string
}

// MarshalJSON writes the pair.
func (e ManifestEntry) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{pathOf(e.Path), e.Cap})
}

// UnmarshalJSON reads the pair.
func (e *ManifestEntry) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &[]any{&e.Path, &e.Cap}); err != nil {
		return fmt.Errorf("read entry of a manifest: %w", err)
	}
	return nil
}

// pathOf is never null in JSON.
func pathOf(p []string) []string {
	if p == nil {
		return []string{}
	}
	return p
}

// Types of units in a stream.
const (
	UnitFile      = "file"
	UnitDirectory = "directory"
	UnitUnknown   = "unknown"
	UnitStats     = "stats" // the last line
)

// A Unit is a line of t=stream-manifest or t=stream-deep-check. The last line is of type UnitStats and has Stats alone.
// A stream that fails ends with a line that begins with StreamError instead.
type Unit struct {
	Path         []string      `json:"path"`
	Cap          string        `json:"cap"`
	Type         string        `json:"type"`
	VerifyCap    string        `json:"verifycap"`
	RepairCap    string        `json:"repaircap"`
	StorageIndex string        `json:"storage-index"`
	Check        *CheckResult  `json:"check-results,omitempty"`
	Repair       *RepairResult `json:"check-and-repair-results,omitempty"`
	Stats        *DeepStats    `json:"stats,omitempty"`
}

// StreamError begins the line that says why a stream ended early.
const StreamError = "ERROR: "

// A CheckResult is the answer to t=check. A literal has an empty StorageIndex and is always healthy.
type CheckResult struct {
	StorageIndex string      `json:"storage-index"`
	Summary      string      `json:"summary,omitempty"`
	Results      CheckCounts `json:"results"`
}

// CheckCounts is what a check found. A literal has Healthy alone.
type CheckCounts struct {
	Healthy               bool                `json:"healthy"`
	Recoverable           *bool               `json:"recoverable,omitempty"`
	Happiness             *int                `json:"count-happiness,omitempty"`
	SharesGood            *int                `json:"count-shares-good,omitempty"`
	SharesNeeded          *int                `json:"count-shares-needed,omitempty"`
	SharesExpected        *int                `json:"count-shares-expected,omitempty"`
	GoodShareHosts        *int                `json:"count-good-share-hosts,omitempty"`
	CorruptShares         *int                `json:"count-corrupt-shares,omitempty"`
	ListCorruptShares     []CorruptShare      `json:"list-corrupt-shares,omitempty"`
	ServersResponding     []string            `json:"servers-responding,omitempty"`
	Sharemap              map[string][]string `json:"sharemap,omitempty"`
	WrongShares           *int                `json:"count-wrong-shares,omitempty"`
	RecoverableVersions   *int                `json:"count-recoverable-versions,omitempty"`
	UnrecoverableVersions *int                `json:"count-unrecoverable-versions,omitempty"`
}

// A CorruptShare names a share that is not what it should be. In JSON it is a triple.
type CorruptShare struct {
	Server       string
	StorageIndex string
	Share        int
}

// MarshalJSON writes the triple.
func (s CorruptShare) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{s.Server, s.StorageIndex, s.Share})
}

// UnmarshalJSON reads the triple.
func (s *CorruptShare) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &[]any{&s.Server, &s.StorageIndex, &s.Share}); err != nil {
		return fmt.Errorf("read corrupt share: %w", err)
	}
	return nil
}

// A RepairResult is the answer to t=check&repair=true.
type RepairResult struct {
	StorageIndex string       `json:"storage-index"`
	Attempted    bool         `json:"repair-attempted"`
	Successful   *bool        `json:"repair-successful,omitempty"`
	Before       *CheckResult `json:"pre-repair-results,omitempty"`
	After        *CheckResult `json:"post-repair-results,omitempty"`
	Reason       string       `json:"repair-error,omitempty"` // why it failed, or was not attempted; the original does not say
}

// Types of operations in a Status.
const (
	OperationUpload    = "upload"
	OperationDownload  = "download"
	OperationMapupdate = "mapupdate"
	OperationPublish   = "publish"
	OperationRetrieve  = "retrieve"

	OperationCheck  = "check"  // asks which shares there are
	OperationVerify = "verify" // reads them
	OperationRepair = "repair" // and makes what is missing
)

// Status is the answer to GET /status?t=json: what the node does and has done lately, the youngest first.
type Status struct {
	Active  []Operation `json:"active"`
	Recent  []Operation `json:"recent"`
	Checks  *Checks     `json:"checks,omitempty"`  // there is none while nothing was checked
	Uploads []Upload    `json:"uploads,omitempty"` // by tus, that are not stored yet, the oldest first
	Waiting *Waiting    `json:"waiting,omitempty"` // there is none when the node takes in nobody by SFTP, FTP or WebDAV
}

// Checks are single checks and repairs, the youngest first. They stand apart from the transfers because the original's commands know
// no such types.
type Checks struct {
	Active []Operation `json:"active"`
	Recent []Operation `json:"recent"`
}

// Waiting are the files that people have closed and that are not on the grid yet, in the order in which they were closed.
type Waiting struct {
	Files []WaitingFile `json:"files"`
	Used  int64         `json:"used"`  // bytes on the node's disk, of these files and of those that are being written
	Limit int64         `json:"limit"` // that there may be
}

// A WaitingFile is on its way to the grid. Times are seconds since 1970.
type WaitingFile struct {
	ID       uint64   `json:"id"`
	Account  string   `json:"account,omitempty"` // with Path, for who shows the token of the node only
	Path     string   `json:"path,omitempty"`
	Size     int64    `json:"size"`
	Closed   float64  `json:"closed"`
	State    string   `json:"state"`
	Attempts int      `json:"attempts"`
	NextTry  *float64 `json:"next-try,omitempty"` // when it waits to try again
	Error    string   `json:"error,omitempty"`    // why the last attempt failed
}

// An Operation is a transfer, or a check or repair. Which of the last fields there are depends on its type.
type Operation struct {
	ID                 string   `json:"id,omitempty"` // the address of its page is /status/ID
	Type               string   `json:"type"`
	StorageIndex       *string  `json:"storage-index-string"` // null before it is known, and for literals
	TotalSize          *int64   `json:"total-size"`           // null before it is known
	Status             string   `json:"status"`
	Progress           *float64 `json:"progress,omitempty"`             // of a download or check: 0 to 1
	ProgressHash       *float64 `json:"progress-hash,omitempty"`        // of an upload: 0 to 1
	ProgressCiphertext *float64 `json:"progress-ciphertext,omitempty"`  // of an upload: 0 to 1
	ProgressPush       *float64 `json:"progress-encode-push,omitempty"` // of an upload: 0 to 1
	Mode               string   `json:"mode,omitempty"`                 // of a mapupdate
	*CheckFigures               // of a check
}

// CheckFigures say how far a check or repair is.
type CheckFigures struct {
	ServersAsked    int    `json:"servers-asked"`
	ServersAnswered int    `json:"servers-answered"`
	SharesFound     int    `json:"shares-found"`
	BytesVerified   int64  `json:"bytes-verified"` // of shares
	BytesToVerify   int64  `json:"bytes-to-verify"`
	BytesPushed     int64  `json:"bytes-pushed"` // of new shares
	BytesToPush     int64  `json:"bytes-to-push"`
	Summary         string `json:"summary,omitempty"` // what was found, when it is over
}

// Statistics is the answer to GET /statistics?t=json. A statistic that is not known now is null.
type Statistics struct {
	Counters map[string]float64  `json:"counters"`
	Stats    map[string]*float64 `json:"stats"`
}

// Names of counters and of statistics.
const (
	CounterBytesUploaded   = "uploader.bytes_uploaded"
	CounterFilesUploaded   = "uploader.files_uploaded"
	CounterBytesDownloaded = "downloader.bytes_downloaded"
	CounterFilesDownloaded = "downloader.files_downloaded"
	CounterBytesPublished  = "mutable.bytes_published"
	CounterFilesPublished  = "mutable.files_published"
	CounterBytesRetrieved  = "mutable.bytes_retrieved"
	CounterFilesRetrieved  = "mutable.files_retrieved"
	StatUptime             = "node.uptime" // seconds
)
