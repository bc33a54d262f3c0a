package attach

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Speaks is what an app answers on a port, as far as can be told without
// starting it.
type Speaks string

// What an app may speak.
const (
	SpeaksHTTP    Speaks = "HTTP"
	SpeaksTLS     Speaks = "TLS"
	SpeaksTCP     Speaks = "TCP" // something else than HTTP: a database's protocol, say
	SpeaksUnknown Speaks = ""
)

// Service is a service of a project, looked at as one that requests may be
// routed to.
type Service struct {
	Name  string
	Ports []Port // the likeliest first
	// Closed says why HAProxy cannot reach the service at all; "" where it can.
	Closed string
	// BackOffice says what the service is where it is not for clients, and by what
	// that shows: "a database (its image is postgres)"; "" where it may be for them.
	BackOffice string
}

// Port is a port that an app listens on in its container.
type Port struct {
	Number int
	Speaks Speaks
	Why    []string // how the port is known: "published as 8080", "its image exposes it"

	declared  bool // the Compose file says it: under ports, or under expose
	published bool // under ports
	outside   bool // and at an address that others than this machine reach
	told      bool // what is spoken there is said, not guessed by the number
	rank      int  // the lower, the likelier meant
}

// String is the port and how it is known.
func (p Port) String() string {
	what := string(p.Speaks)
	if p.Speaks == SpeaksUnknown {
		what = "perhaps HTTP"
	}
	return fmt.Sprintf("%d (%s; %s)", p.Number, what, strings.Join(p.Why, ", "))
}

// Speaking are the ports on which the app speaks one of what is asked for.
func (s Service) Speaking(kinds ...Speaks) []Port {
	return slices.DeleteFunc(slices.Clone(s.Ports), func(p Port) bool { return !slices.Contains(kinds, p.Speaks) })
}

// findServices tells of each service but the load balancer on which ports its
// app listens and what it speaks there. images are by service; what is
// not known of an image is left out.
func findServices(project *types.Project, images map[string]compose.ImageFacts) []Service {
	all := project.AllServices()
	var found []Service
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name != compose.LoadBalancer {
			found = append(found, findService(all[name], images[name]))
		}
	}
	return found
}

// findService gathers what each source tells of a service's ports.
func findService(service types.ServiceConfig, image compose.ImageFacts) Service {
	known := ports{image: service.Image}
	check, from := []string(nil), "its health check asks it"
	if service.HealthCheck != nil && !service.HealthCheck.Disable {
		check = service.HealthCheck.Test
	} else if service.HealthCheck == nil {
		check, from = image.HealthCheck, "the health check of its image asks it"
	}
	known.asked(check, from)
	for _, port := range service.Ports {
		known.published(port)
	}
	for _, port := range service.Expose {
		known.exposed(port, "exposed", rankExposed, true)
	}
	for _, port := range image.Exposed {
		known.exposed(port, "its image exposes it", rankImage, false)
	}
	if len(known.list) == 0 {
		known.usual()
	}
	slices.SortStableFunc(known.list, func(a, b Port) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Number, b.Number)) })
	return Service{Name: service.Name, Ports: known.list, Closed: closed(service), BackOffice: backOffice(service, image, known.list)}
}

// How likely a port is the one that is meant, by who tells of it.
const (
	rankAsked = iota
	rankPublished
	rankExposed
	rankImage
	rankUsual
)

// ports collects the ports of one service.
type ports struct {
	image string
	list  []Port
}

// add notes a port, or one more reason for it. What is said of its protocol
// counts more than what its number or its image lets guess.
func (p *ports) add(number int, said Speaks, why string, rank int, declared bool) *Port {
	if number < 1 || number > 65535 {
		return &Port{}
	}
	i := slices.IndexFunc(p.list, func(known Port) bool { return known.Number == number })
	if i < 0 {
		p.list = append(p.list, Port{Number: number, Speaks: usualProtocol(number, p.image), rank: rank})
		i = len(p.list) - 1
	}
	port := &p.list[i]
	if said != SpeaksUnknown {
		port.Speaks, port.told = said, true
	}
	if !slices.Contains(port.Why, why) {
		port.Why = append(port.Why, why)
	}
	port.rank = min(port.rank, rank)
	port.declared = port.declared || declared
	return port
}

// local is an address in a health check's command by which an app asks itself.
var local = regexp.MustCompile(`(?i)(?:(https?)://)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::([0-9]{1,5})|[/\s"'?]|$)`)

// asked reads the command of a health check.
func (p *ports) asked(command []string, why string) {
	if len(command) == 0 || command[0] == "NONE" {
		return
	}
	for _, match := range local.FindAllStringSubmatch(strings.Join(command[1:], " "), -1) {
		scheme, number := strings.ToLower(match[1]), 0
		switch {
		case match[2] != "":
			number, _ = strconv.Atoi(match[2]) // digits only; what is out of range is left out
		case scheme == "http":
			number = 80
		case scheme == "https":
			number = 443
		}
		p.add(number, map[string]Speaks{"http": SpeaksHTTP, "https": SpeaksTLS}[scheme], why, rankAsked, false)
	}
}

// published reads an entry of "ports".
func (p *ports) published(port types.ServicePortConfig) {
	if !isTCP(port) {
		return
	}
	why := "a port of it is published"
	if port.Published != "" {
		why = "published as " + publishedAs(port)
	}
	said := map[string]Speaks{"http": SpeaksHTTP, "http2": SpeaksHTTP, "https": SpeaksTLS, "tcp": SpeaksTCP, "tls": SpeaksTLS}[strings.ToLower(port.AppProtocol)]
	known := p.add(int(port.Target), said, why, rankPublished, true)
	known.published = true
	known.outside = known.outside || !isLoopback(port.HostIP)
}

func isLoopback(address string) bool {
	addr, err := netip.ParseAddr(address)
	return err == nil && addr.IsLoopback()
}

func isTCP(port types.ServicePortConfig) bool { return port.Protocol == "" || port.Protocol == "tcp" }

// publishedAs is the host's side of a published port, as people write it.
func publishedAs(port types.ServicePortConfig) string {
	if port.HostIP == "" {
		return port.Published
	}
	if strings.Contains(port.HostIP, ":") {
		return "[" + port.HostIP + "]:" + port.Published
	}
	return port.HostIP + ":" + port.Published
}

// maxRange is how many ports of a range are looked at: a service that exposes
// hundreds of them does not speak HTTP on each.
const maxRange = 16

// exposed reads an entry of "expose", or one of an image: 3000, 3000/tcp, 3000-3005.
func (p *ports) exposed(entry, why string, rank int, declared bool) {
	numbers, protocol, _ := strings.Cut(entry, "/")
	if protocol != "" && protocol != "tcp" {
		return
	}
	first, last, isRange := strings.Cut(numbers, "-")
	from, err := strconv.Atoi(first)
	if err != nil {
		return
	}
	to := from
	if isRange {
		if to, err = strconv.Atoi(last); err != nil {
			return
		}
	}
	for number := from; number <= min(to, from+maxRange); number++ {
		p.add(number, SpeaksUnknown, why, rank, declared)
	}
}

// usual adds the port that the software of an image is known for, where nothing
// else tells of one: the image may not be on the engine yet.
func (p *ports) usual() {
	name, tag := imageName(p.image)
	if number := usualPort(name, tag); number != 0 {
		p.add(number, SpeaksUnknown, "usual for "+name, rankUsual, false)
	}
}

// imageName is the last part of an image's name, and its tag.
func imageName(image string) (name, tag string) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", ""
	}
	path := reference.Path(named)
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	if strings.HasSuffix(path, "mssql/server") {
		return "mssql", tag
	}
	return path[strings.LastIndex(path, "/")+1:], tag
}

// usualPort is the port on which well-known software listens, by the name of
// its image; 0 where it is not known.
func usualPort(name, tag string) int {
	if isFPM(name, tag) {
		return 9000
	}
	switch name {
	case "nginx", "httpd", "caddy", "apache", "wordpress", "nextcloud", "whoami", "phpmyadmin", "matomo", "drupal", "joomla":
		return 80
	case "nginx-unprivileged", "echo-server", "adminer", "tomcat", "keycloak", "jenkins":
		return 8080
	case "grafana", "gitea":
		return 3000
	case "ghost":
		return 2368
	case "n8n":
		return 5678
	}
	return databasePort(name)
}

// databasePort is the port of software that speaks a protocol of its own, and
// not HTTP; 0 for any other.
func databasePort(name string) int {
	switch name {
	case "postgres", "postgresql", "postgis", "pgvector", "timescaledb", "timescaledb-ha":
		return 5432
	case "pgbouncer":
		return 6432
	case "mysql", "mysql-server", "mariadb", "percona", "percona-server":
		return 3306
	case "redis", "redis-stack-server", "valkey", "keydb", "dragonfly":
		return 6379
	case "mongo", "mongodb", "mongodb-community-server", "percona-server-mongodb":
		return 27017
	case "rabbitmq":
		return 5672
	case "memcached":
		return 11211
	case "kafka", "cp-kafka", "redpanda":
		return 9092
	case "zookeeper", "cp-zookeeper":
		return 2181
	case "nats":
		return 4222
	case "cassandra", "scylla":
		return 9042
	case "mssql", "azure-sql-edge":
		return 1433
	case "mosquitto", "eclipse-mosquitto": //nolint:misspell // that is the software's name
		return 1883
	case "openldap":
		return 389
	case "postfix":
		return 25
	case "sftp":
		return 22
	}
	return 0
}

// isFPM recognizes images of PHP that speak FastCGI, on the port 9000 on which
// others speak HTTP.
func isFPM(name, tag string) bool {
	return strings.Contains(tag, "fpm") || strings.HasSuffix(name, "php-fpm")
}

// usualProtocol is what is usually spoken on a port. The software of an image
// overrules the number: there is no HTTP on any port of a database, save its
// management page.
func usualProtocol(number int, image string) Speaks {
	switch number {
	case 15672, 8222: // the management pages of RabbitMQ and NATS
		return SpeaksHTTP
	}
	name, tag := imageName(image)
	if databasePort(name) != 0 || isFPM(name, tag) {
		return SpeaksTCP
	}
	switch number {
	case 80, 81, 1337, 2368, 3000, 3001, 3030, 3100, 3333, 4000, 4200, 4567, 5000, 5001, 5173, 5601, 5678, 7000, 7860,
		8000, 8001, 8008, 8010, 8025, 8065, 8069, 8080, 8081, 8082, 8083, 8084, 8085, 8086, 8087, 8088, 8089, 8090, 8096, 8123, 8181, 8501, 8880, 8888,
		9000, 9001, 9080, 9090, 9200, 9600, 10000, 11434:
		return SpeaksHTTP
	case 443, 4443, 8443, 9443:
		return SpeaksTLS
	case 21, 22, 23, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 1025, 1433, 1521, 1883, 2181, 3306, 4222, 4369, 5044, 5432, 5433, 5671, 5672,
		6379, 6380, 6432, 7687, 8883, 9042, 9092, 9093, 9094, 9300, 11211, 25672, 26379, 27017, 27018, 27019, 33060, 61616:
		return SpeaksTCP
	}
	return SpeaksUnknown
}

// closed says why HAProxy, in a container of its own, cannot reach a service.
func closed(service types.ServiceConfig) string {
	mode := service.NetworkMode
	kind, other, _ := strings.Cut(mode, ":")
	switch {
	case mode == "":
		return ""
	case kind == "host":
		return `it has "network_mode: host", and so no name in a network; give it networks of its own, or write a server for it into haproxy/haproxy.cfg by hand`
	case kind == "none":
		return `it has "network_mode: none": nobody reaches it`
	case kind == "service":
		return fmt.Sprintf(`it has "network_mode: service:%s", and so no name in a network; route to %s and the port there`, other, other)
	default:
		return fmt.Sprintf(`it has "network_mode: %s", where containers have no names; give it networks of its own`, mode)
	}
}
