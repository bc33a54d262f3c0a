package e2e

import (
	"testing"
)

// unknownImage can be pulled nowhere: its registry is a port of this machine
// that nobody listens on.
const unknownImage = "127.0.0.1:1/nobody/nothing:9"

// TestImageThatCannotBePulled: the error must name the image and the service.
func TestImageThatCannotBePulled(t *testing.T) {
	t.Parallel()
	for _, image := range []struct{ flag, service, way string }{
		{"--image", "haproxy", "--image"},
		{"--app-image", "web1", "--app-image"},
	} {
		t.Run(image.service, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.init(image.flag, unknownImage)
			p.refuses([]string{"up"}, unknownImage, image.service, "cannot be pulled", image.way, "image:")
			p.mustLeaveNothing()
			if image.service == "haproxy" {
				p.refuses([]string{"check"}, unknownImage, "cannot be pulled", "image:")
				p.mustLeaveNothing()
			}
		})
	}
}

// TestImageThatMustNotBePulled: pull_policy never is another reason.
func TestImageThatMustNotBePulled(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--app-image", unknownImage)
	p.editCompose(replacing("  networks: [mynetwork]\n  restart", "  networks: [mynetwork]\n  pull_policy: never\n  restart"))
	p.refuses([]string{"up"}, unknownImage, "web1", "pull policy", "image:")
	p.mustLeaveNothing()
}

// TestImageOfAnUpgrade: a running project must go on where the image that it
// should get cannot be had, or has no HAProxy in it.
func TestImageOfAnUpgrade(t *testing.T) {
	t.Parallel()
	p := newRunningProject(t)
	compose := p.read(composeFile)
	before := p.everything()

	p.editCompose(replacing(prepared.haproxyImage, unknownImage))
	p.refuses([]string{"up"}, unknownImage, "cannot be pulled", "image:")
	p.mustStillServe(before)

	p.write(composeFile, compose)
	p.editCompose(replacing("  image: "+prepared.echoImage, "  image: "+unknownImage))
	p.refuses([]string{"up"}, unknownImage, "web1", "cannot be pulled", "image:")
	p.mustStillServe(before)

	p.write(composeFile, compose)
	p.editCompose(replacing(prepared.haproxyImage, prepared.echoImage))
	p.refuses([]string{"up"}, prepared.echoImage, "no haproxy", "service haproxy", "haproxytech/haproxy-alpine")
	p.mustStillServe(before)

	p.write(composeFile, compose)
	p.up()
	p.mustStillServe(before)
}

// TestImageWithoutHAProxy: an image of something else is no load balancer.
func TestImageWithoutHAProxy(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init("--image", prepared.echoImage)
	for _, command := range []string{"up", "check"} {
		p.refuses([]string{command}, prepared.echoImage, "no haproxy", "service haproxy", "haproxytech/haproxy-alpine")
		p.mustLeaveNothing()
	}
}
