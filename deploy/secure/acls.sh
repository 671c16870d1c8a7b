#!/usr/bin/env bash
# Grants what acls.txt lists. Granting again what is granted changes nothing.
#
#   acls.sh USER...      the entries of these users of the list
#
# BROKERS and APPLICATION have to be set; SOURCE, RESULTS, ACLS (the list) and KAFKA_ACLS (Kafka's
# tool) where they are not those of compose.secure.yml. Signs in with /run/kstream/client.properties.
set -euo pipefail

readonly SOURCE="${SOURCE:-financial_transactions}"
readonly RESULTS="${RESULTS:-aggregated_transactions}"
readonly list="${ACLS:-/acls.txt}"
readonly tool="${KAFKA_ACLS:-/opt/kafka/bin/kafka-acls.sh}"

# One start of Kafka's tool takes a second or two: all operations on one thing go together.
declare -A operations=()
order=()
user=''
while read -r operation type name _; do
  case "$operation" in
    '' | '#'*) continue ;;
    user) user="$type" && continue ;;
  esac
  key="$user $type $name"
  [ -n "${operations[$key]:-}" ] || order+=("$key")
  operations[$key]+=" --operation $operation"
done <"$list"

allow() {
  "$tool" --bootstrap-server "$BROKERS" \
    --command-config /run/kstream/client.properties --add --allow-principal "User:$1" "${@:2}"
}

for key in "${order[@]}"; do
  read -r user type name <<<"$key"
  [[ " $* " == *" $user "* ]] || continue
  case "$name" in
    cluster) resource=(--cluster) ;;
    SOURCE) resource=("--$type" "$SOURCE") ;;
    RESULTS) resource=("--$type" "$RESULTS") ;;
    'APP-*') resource=("--$type" "$APPLICATION-" --resource-pattern-type prefixed) ;;
    *) resource=("--$type" "$name") ;;
  esac
  # shellcheck disable=SC2086 # a list of options
  allow "$user" ${operations[$key]} "${resource[@]}"
done
