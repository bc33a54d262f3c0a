package bench

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is a distribution, to three digits, of durations from a microsecond to
// a minute.
type Latency struct{ histogram *hdrhistogram.Histogram }

// NewLatency is an empty one.
func NewLatency() *Latency {
	return &Latency{hdrhistogram.New(time.Microsecond.Nanoseconds(), time.Minute.Nanoseconds(), 3)}
}

// Record adds a duration.
func (l *Latency) Record(d time.Duration) {
	_ = l.histogram.RecordValue(min(max(d, time.Microsecond), time.Minute).Nanoseconds())
}

// Add adds all durations of another distribution.
func (l *Latency) Add(other *Latency) { l.histogram.Merge(other.histogram) }

// Count is how many durations there are.
func (l *Latency) Count() int64 { return l.histogram.TotalCount() }

// At is what the given percentage did not exceed.
func (l *Latency) At(percentage float64) time.Duration {
	return time.Duration(l.histogram.ValueAtQuantile(percentage))
}

// Max is the longest.
func (l *Latency) Max() time.Duration { return time.Duration(l.histogram.Max()) }

// MarshalJSON writes it in HdrHistogram's own compressed form, which its tools read.
func (l *Latency) MarshalJSON() ([]byte, error) {
	encoded, err := l.histogram.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(encoded))
}

const shortestEncoded = 12 // two numbers of four bytes, in base64

// UnmarshalJSON reads it.
func (l *Latency) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	if len(encoded) < shortestEncoded { // which the library would read beyond
		return fmt.Errorf("no histogram: %q", encoded)
	}
	histogram, err := hdrhistogram.Decode([]byte(encoded))
	if err != nil {
		return err
	}
	l.histogram = histogram
	return nil
}
