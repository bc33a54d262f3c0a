package attach

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Stores and tools of a project are not for its clients: a database, a cache, a
// queue. init routes requests to one only where it is named.

// backOffice tells what a service is that is not for clients, and by what that
// shows; "" is a service that may be for them.
func backOffice(service types.ServiceConfig, image compose.ImageFacts, known []Port) string {
	if kind, word := softwareIn(imageWords(service.Image)); kind != "" {
		return fmt.Sprintf("%s (its image is %s)", kind, word)
	}
	if kind, word := softwareIn(nameWords(service.Name)); kind != "" && kind != aTool && kind != aProxy { // nginx-proxy may be the app's own
		return fmt.Sprintf("%s (its name says %s)", kind, word)
	}
	for _, port := range known {
		if software := storeOn(port.Number); software != "" {
			return fmt.Sprintf("a store (port %d is that of %s)", port.Number, software)
		}
	}
	check := image.HealthCheck
	if service.HealthCheck != nil {
		check = service.HealthCheck.Test
	}
	if command := storeCheck.FindString(strings.Join(check, " ")); command != "" {
		return fmt.Sprintf("a store (its health check is %s)", command)
	}
	for _, volume := range service.Volumes {
		if folder := storeFolder.FindString(volume.Target); folder != "" {
			return fmt.Sprintf("a store (it keeps its data in %s)", folder)
		}
	}
	return ""
}

var (
	// storeCheck is the command by which a health check asks a store.
	storeCheck = regexp.MustCompile(`pg_isready|mysqladmin|mariadb-admin|healthcheck\.sh --connect|redis-cli|valkey-cli|mongosh?\b.*(?:ping|eval)|rabbitmq-diagnostics|rabbitmqctl|cqlsh|nodetool|kafka-[a-z-]+|zkServer|_cluster/health|clickhouse-client|cockroach|etcdctl|influx ping|sqlcmd|cypher-shell`)
	// storeFolder is where a store keeps its data in its container.
	storeFolder = regexp.MustCompile(`^(?:/var/lib/(?:postgresql|mysql|mongodb|rabbitmq|clickhouse|cassandra|redis|influxdb2?|neo4j|zookeeper|kafka|etcd|couchdb|arangodb3)|/data/db|/usr/share/(?:elasticsearch|opensearch)/data|/bitnami/(?:postgresql|mysql|mariadb|mongodb|redis|valkey|kafka|rabbitmq|elasticsearch|cassandra)|/var/opt/mssql|/opt/bitnami/kafka|/var/solr|/meili_data|/qdrant/storage)\b`)
)

// Kinds of software that a name tells nothing of, unless it is an image's.
const (
	aTool  = "a tool"
	aProxy = "a proxy of its own"
)

// software are words in names of images and services, by what they are the name of.
func software() []struct{ kind, words string } {
	return []struct{ kind, words string }{
		{"a database", `db database databases sql postgres postgresql postgis pg pgvector timescale timescaledb mysql mysqld mariadb percona
			mongo mongod mongodb mssql sqlserver oracle cockroach cockroachdb yugabyte yugabytedb tidb tikv cassandra scylla scylladb
			couchdb couchbase neo4j memgraph arangodb dgraph orientdb janusgraph rethinkdb ravendb surrealdb eventstore eventstoredb
			foundationdb firebird clickhouse questdb druid trino presto crate cratedb singlestore memsql edgedb dynamodb immudb rqlite
			libsql sqld pgbouncer pgpool pgcat proxysql maxscale vitess tarantool aerospike ignite voltdb greenplum citus ferretdb hbase
			hadoop namenode datanode hive starrocks doris pinot cube cubejs cubestore`},
		{"a cache", "cache redis valkey keydb dragonfly dragonflydb memcached memcache hazelcast infinispan kvrocks garnet twemproxy"},
		{"a queue", "mosquitto"}, //nolint:misspell // that is the software's name
		{"a queue", `queue broker mq mqtt rabbitmq rabbit kafka redpanda zookeeper nats pulsar activemq artemis emqx hivemq
			vernemq nsq nsqd nsqlookupd beanstalkd gearmand temporal zeebe rocketmq elasticmq ksqldb debezium akhq kafdrop`},
		{"a search engine", `elasticsearch elastic opensearch solr meilisearch meili typesense sphinxsearch manticore manticoresearch
			zincsearch quickwit vespa qdrant milvus weaviate chroma chromadb`},
		{"a store", `minio seaweedfs ceph vault openbao consul etcd azurite localstack registry ldap openldap sftp ftp vsftpd samba nfs
			postfix dovecot smtp mail mailhog mailpit maildev mailcatcher smtp4dev greenmail`},
		{"a metrics or log store", `metrics prometheus influx influxdb telegraf graphite statsd victoriametrics vmagent vmselect vminsert
			vmstorage thanos cortex mimir loki tempo pyroscope jaeger zipkin otel otelcol opentelemetry collector alertmanager
			pushgateway exporter cadvisor fluentd fluentbit fluent logstash filebeat metricbeat promtail alloy netdata kibana`},
		{aTool, `adminer phpmyadmin pgadmin pgweb redisinsight dbgate cloudbeaver sqlpad portainer dozzle flower watchtower autoheal
			ofelia selenium browserless chromium debug`},
		{aProxy, `traefik nginxproxy dockerproxy easyhaproxy haproxy acme letsencrypt cloudflared ngrok tailscale wireguard openvpn socketproxy`},
	}
}

// softwareIn finds the first word of a name that is the name of software which is
// not for clients.
func softwareIn(words []string) (kind, word string) {
	for _, word := range words {
		for _, known := range software() {
			if slices.Contains(strings.Fields(known.words), word) {
				return known.kind, word
			}
		}
	}
	return "", ""
}

// imageWords are the words of an image's name, whatever registry and owner it has.
func imageWords(image string) []string {
	name, _ := imageName(image)
	return nameWords(name)
}

// nameWords are the words of a name, without the version behind them (postgres16),
// and those that two of them make together (nginx-proxy).
func nameWords(name string) []string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i := range len(words) - 1 {
		words = append(words, words[i]+words[i+1])
	}
	for i, word := range words {
		if cut := strings.TrimRight(word, "0123456789"); cut != "" && word != "neo4j" {
			words[i] = cut
		}
	}
	return words
}

// storeOn is the software whose port a number is, where hardly any app that is for
// clients has that one; "" is none.
func storeOn(port int) string {
	switch port {
	case 1433:
		return "SQL Server"
	case 1521:
		return "Oracle"
	case 1883, 8883, 4222, 61616:
		return "a message broker"
	case 2181:
		return "ZooKeeper"
	case 2379, 2380:
		return "etcd"
	case 3306, 33060:
		return "MySQL"
	case 5432, 5433, 6432:
		return "PostgreSQL"
	case 5671, 5672, 15672, 25672:
		return "RabbitMQ"
	case 5984:
		return "CouchDB"
	case 6333, 6334, 19530:
		return "a vector database"
	case 6379, 6380, 26379:
		return "Redis"
	case 7474, 7687:
		return "Neo4j"
	case 7700, 8108, 8983:
		return "a search engine"
	case 8123:
		return "ClickHouse"
	case 8529:
		return "ArangoDB"
	case 9042:
		return "Cassandra"
	case 9092, 9093, 29092:
		return "Kafka"
	case 9200, 9300:
		return "Elasticsearch"
	case 9411, 14268, 16686:
		return "a tracing system"
	case 11211:
		return "Memcached"
	case 26257:
		return "CockroachDB"
	case 27017, 27018, 27019:
		return "MongoDB"
	case 28015:
		return "RethinkDB"
	}
	return ""
}

// behindTheScenes tells of a port by its number that it is for operators: of a
// service that clients use as well, it is not the one that is meant.
func behindTheScenes(port int) bool {
	switch port {
	case 1025, 2003, 2345, 3100, 5005, 5858, 9003, 4317, 4318, 5044, 8086, 8125, 8126, 8200, 8428, 8500, 8600, 9090, 9091, 9094, 9100, 9113, 9121, 9187, 9229, 9600, 24224:
		return true
	}
	return storeOn(port) != ""
}

// helpers are words of names of services that do work for other services and serve no client.
func helpers() []string {
	return strings.Fields(`worker workers job jobs cron scheduler celery sidekiq beat migrate migration migrations migrator seed seeder
		init setup backup agent test tests e2e consumer`)
}

// isHelper tells of a service that does work for others: by its name, or because
// others wait for its end.
func isHelper(project *types.Project, name string) bool {
	for _, word := range nameWords(name) {
		if slices.Contains(helpers(), word) {
			return true
		}
	}
	for _, service := range project.AllServices() {
		if service.DependsOn[name].Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}
