#!/bin/sh
# Certificates and passwords.
#
#   generate.sh FOLDER                       those of compose.secure.yml: one folder for each reader
#   generate.sh certificates FOLDER NAME...  only an authority's ca.pem, and for each host name a
#                                            NAME.pem with its key; nobody can sign more later
#
# What is there stays, so that a restart changes nothing. To renew it all (certificates are good for
# 825 days): stop, remove the volumes whose names end in `secrets` and `authority`, start again.
set -eu

days=825

# authority KEY: ca.pem, and its key in the file KEY.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days "$days" \
    -subj /CN=kstream-authority -addext basicConstraints=critical,CA:true \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$1" -out ca.pem
}

# node KEY NAMES FILE: a certificate for these alternative names, signed with KEY, and its own key.
# The common name is the role that Kafka's access control sees.
node() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days "$days" \
    -CA ca.pem -CAkey "$1" -subj /CN=kafka -addext "subjectAltName=$2" \
    -addext basicConstraints=critical,CA:false -addext extendedKeyUsage=serverAuth,clientAuth \
    -keyout node.key -out node.pem
  cat node.key node.pem ca.pem >"$3"
}

umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if [ "$1" = certificates ]; then
  out="$2"
  shift 2
  mkdir -p "$out"
  cd "$work"
  authority ca.key
  for name; do node ca.key "DNS:$name" "$out/$name.pem"; done
  cp ca.pem "$out/ca.pem"
  exit
fi

out="$1"
uid_kafka=1000    # appuser of the image apache/kafka
uid_kstream=65532 # of our Dockerfile
# The broker's file is written last: where it is, all is.
complete="$out/kafka/users.properties"
[ ! -s "$complete" ] || exit 0

cd "$work"
mkdir -p "$out/authority" "$out/kafka" "$out/admin" "$out/create-topics" "$out/produce" \
  "$out/aggregate"

authority "$out/authority/ca.key"
for name in controller-1 controller-2 controller-3 kafka-1 kafka-2 kafka-3; do
  node "$out/authority/ca.key" "DNS:$name,DNS:localhost,IP:127.0.0.1" "$out/kafka/$name.pem"
done

password() { openssl rand -hex 24; }

# client FOLDER USER PASSWORD: what kstream reads with --config.
client() {
  cp ca.pem "$out/$1/ca.pem"
  cat >"$out/$1/kstream.conf" <<CONF
[client]
security.protocol = SASL_SSL
ssl.ca.location = /run/kstream/ca.pem
sasl.mechanism = PLAIN
sasl.username = $2
sasl.password = $3
CONF
  chown -R "$uid_kstream:$uid_kstream" "$out/$1"
}

kafka="$(password)" admin="$(password)"
create_topics="$(password)" produce="$(password)" aggregate="$(password)"
client create-topics create-topics "$create_topics"
client produce produce "$produce"
client aggregate aggregate "$aggregate"

# For Kafka's own tools and the console. Who can mount this volume is root on this machine anyway:
# readable for all, since the users of those images differ.
module=org.apache.kafka.common.security.plain.PlainLoginModule
cp ca.pem "$out/admin/ca.pem"
# With the certificate inside, so that it can be used anywhere.
cat >"$out/admin/client.properties" <<CONF
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.certificates=$(sed 's/$/\\n/' ca.pem | tr -d '\n')
sasl.mechanism=PLAIN
sasl.jaas.config=$module required username="admin" password="$admin";
CONF
cat >"$out/admin/jaas.conf" <<CONF
KafkaClient { $module required username="admin" password="$admin"; };
CONF
chmod 755 "$out/admin"
chmod 444 "$out"/admin/*

cp ca.pem "$out/kafka/ca.pem"
cat >users.properties <<CONF
jaas=$module required username="kafka" password="$kafka" user_kafka="$kafka" user_admin="$admin" \\
  user_create-topics="$create_topics" user_produce="$produce" user_aggregate="$aggregate";
CONF
cp users.properties "$complete.new"
chown -R "$uid_kafka:$uid_kafka" "$out/kafka"
mv "$complete.new" "$complete"
