package haproxy

import (
	"slices"
	"testing"
	"time"
)

func TestParseStreams(t *testing.T) {
	t.Parallel()
	const answer = `0x7f59825d7400: proto=tcpv4 src=192.168.128.1:41520 fe=myfrontend be=webservers srv=s1 ts=00 epoch=0x2 age=2s calls=2 rate=0 cpu=0 lat=0 rq[f=1840000h,i=0,an=8000h,ax=] rp[f=80000000h,i=0,an=1400000h,ax=] scf=[8,482h,fd=16,rex=,wex=] scb=[8,1411h,fd=17,rex=58s,wex=] exp=0s rc=0 c_exp=
0x7f598383b800: proto=tcpv4 src=192.168.128.1:41554 fe=myfrontend be=webservers srv=s1 ts=00 epoch=0x2 age=1d2h calls=3 rate=0 cpu=0 lat=0 rq[f=848000h,i=0,an=00h,ax=] rp[f=80048000h,i=0,an=00h,ax=] scf=[8,1400h,fd=22,rex=59m59s,wex=] scb=[8,1001h,fd=23,rex=59m59s,wex=] exp=1s rc=0 c_exp=
0x7f59825d7800: proto=sockpair src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0x3 age=0s calls=1 rate=0 cpu=0 lat=0 rq[f=10848101h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] scf=[8,0h,fd=24,rex=2m,wex=] scb=[8,1h,fd=-1,rex=,wex=] exp=2m rc=0 c_exp=
`
	got := ParseStreams(answer)
	want := []Stream{
		{ID: "0x7f59825d7400", Server: "s1", Age: 2 * time.Second},
		{ID: "0x7f598383b800", Server: "s1", Tunnel: true, Age: 26 * time.Hour},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := ParseStreams("nonsense\n0x1\n\n"); got != nil {
		t.Errorf("got %+v", got)
	}
}
