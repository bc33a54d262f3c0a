package haproxy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// StatType tells what a row of statistics is about.
type StatType string

// The types of rows, by HAProxy's column "type".
const (
	StatFrontend StatType = "frontend"
	StatBackend  StatType = "backend"
	StatServer   StatType = "server"
	StatListener StatType = "listener"
)

// Stat is a row of HAProxy's statistics. A number that HAProxy leaves out is 0.
type Stat struct {
	Proxy  string // the frontend or backend
	Server string // the server; FRONTEND or BACKEND for the proxy itself
	Type   StatType
	Mode   string // http, tcp; not of a server in every version
	Addr   string // of a server, with its port; empty when it has none (yet)

	Status string // OPEN, UP, DOWN, MAINT (resolution), UP 1/3, no check, …
	Weight int64  // effective; of a backend the sum
	Active int64  // 1 for an active server; of a backend how many there are
	Backup int64  // 1 for a backup server; of a backend how many there are

	CheckStatus   string // INI before the first check has ended, L4OK, L7STS, …
	Checking      bool   // a check is under way; CheckStatus is that of the one before
	CheckCode     int64  // such as the HTTP status
	CheckDuration time.Duration
	CheckDesc     string        // CheckStatus in words, such as "Layer4 connection problem"
	LastCheck     string        // what the last check got, such as "Connection refused"
	LastChange    time.Duration // since Status changed
	Downtime      time.Duration // in total
	CheckFails    int64
	CheckDowns    int64 // transitions from UP to DOWN

	Sessions, SessionsMax, SessionsLimit, SessionsTotal int64
	Queue, QueueMax                                     int64
	Rate, RateMax                                       int64 // sessions per second
	RequestRate, RequestRateMax, RequestsTotal          int64 // HTTP only
	BytesIn, BytesOut                                   int64

	Responses1xx, Responses2xx, Responses3xx, Responses4xx, Responses5xx, ResponsesOther int64

	DeniedRequests, DeniedResponses                   int64
	RequestErrors, ConnectionErrors, ResponseErrors   int64
	Retries, Redispatches, ClientAborts, ServerAborts int64

	// Averages over the last 1024 requests.
	QueueTime, ConnectTime, ResponseTime, TotalTime time.Duration

	Values map[string]string // all other columns that are not empty, by HAProxy's names
}

// Stats asks the worker in charge for the statistics of all proxies and servers.
func (s *Session) Stats(ctx context.Context) ([]Stat, error) {
	answer, err := s.Worker(ctx, "show stat")
	if err != nil {
		return nil, err
	}
	return ParseStat(answer)
}

// ParseStat reads the answer of "show stat".
func ParseStat(answer string) ([]Stat, error) {
	table := csv.NewReader(strings.NewReader(answer))
	table.FieldsPerRecord = -1
	table.LazyQuotes = true

	names, err := table.Read()
	if err != nil || names[0] != "# pxname" {
		return nil, fmt.Errorf("%w: show stat does not begin with its column names", ErrUnexpectedAnswer)
	}
	names[0] = "pxname"

	var stats []Stat
	for {
		fields, err := table.Read()
		if errors.Is(err, io.EOF) {
			return stats, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: show stat: %w", ErrUnexpectedAnswer, err)
		}
		stat, err := newStat(newRecord(names, fields))
		if err != nil {
			return nil, fmt.Errorf("show stat: %w", err)
		}
		stats = append(stats, stat)
	}
}

func newStat(r *record) (Stat, error) {
	r.printable()
	milliseconds := func(name string) time.Duration { return time.Duration(r.number(name)) * time.Millisecond }
	seconds := func(name string) time.Duration { return time.Duration(r.number(name)) * time.Second }
	checkStatus, checking := strings.CutPrefix(r.text("check_status"), "* ")
	stat := Stat{
		Proxy:  r.text("pxname"),
		Server: r.text("svname"),
		Type:   statType(r.text("type")),
		Mode:   r.text("mode"),
		Addr:   r.text("addr"),

		Status: r.text("status"),
		Weight: r.number("weight"),
		Active: r.number("act"),
		Backup: r.number("bck"),

		CheckStatus:   checkStatus,
		Checking:      checking,
		CheckCode:     r.number("check_code"),
		CheckDuration: milliseconds("check_duration"),
		CheckDesc:     r.text("check_desc"),
		LastCheck:     r.text("last_chk"),
		LastChange:    seconds("lastchg"),
		Downtime:      seconds("downtime"),
		CheckFails:    r.number("chkfail"),
		CheckDowns:    r.number("chkdown"),

		Sessions:       r.number("scur"),
		SessionsMax:    r.number("smax"),
		SessionsLimit:  r.number("slim"),
		SessionsTotal:  r.number("stot"),
		Queue:          r.number("qcur"),
		QueueMax:       r.number("qmax"),
		Rate:           r.number("rate"),
		RateMax:        r.number("rate_max"),
		RequestRate:    r.number("req_rate"),
		RequestRateMax: r.number("req_rate_max"),
		RequestsTotal:  r.number("req_tot"),
		BytesIn:        r.number("bin"),
		BytesOut:       r.number("bout"),

		Responses1xx:   r.number("hrsp_1xx"),
		Responses2xx:   r.number("hrsp_2xx"),
		Responses3xx:   r.number("hrsp_3xx"),
		Responses4xx:   r.number("hrsp_4xx"),
		Responses5xx:   r.number("hrsp_5xx"),
		ResponsesOther: r.number("hrsp_other"),

		DeniedRequests:   r.number("dreq"),
		DeniedResponses:  r.number("dresp"),
		RequestErrors:    r.number("ereq"),
		ConnectionErrors: r.number("econ"),
		ResponseErrors:   r.number("eresp"),
		Retries:          r.number("wretr"),
		Redispatches:     r.number("wredis"),
		ClientAborts:     r.number("cli_abrt"),
		ServerAborts:     r.number("srv_abrt"),

		QueueTime:    milliseconds("qtime"),
		ConnectTime:  milliseconds("ctime"),
		ResponseTime: milliseconds("rtime"),
		TotalTime:    milliseconds("ttime"),
	}
	if stat.Proxy == "" || stat.Type == "" {
		return Stat{}, fmt.Errorf("%w: a row lacks its proxy or its type", ErrUnexpectedAnswer)
	}
	stat.Values = r.rest()
	return stat, r.err
}

// statType reads the numbers of the type column (HAProxy management guide, "Statistics").
func statType(number string) StatType {
	switch number {
	case "0":
		return StatFrontend
	case "1":
		return StatBackend
	case "2":
		return StatServer
	case "3":
		return StatListener
	}
	return ""
}
