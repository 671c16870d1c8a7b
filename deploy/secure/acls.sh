#!/usr/bin/env bash
# What each user of compose.secure.yml may do, and nothing else: nobody has more by default.
# Granting again what is granted changes nothing.
set -euo pipefail

source=financial_transactions
results=aggregated_transactions

allow() {
  /opt/kafka/bin/kafka-acls.sh --bootstrap-server "$BROKERS" \
    --command-config /run/kstream/client.properties --add --allow-principal "User:$1" "${@:2}"
}

# create-topics: makes the topics of the job and compares what is there.
allow create-topics --operation Create --operation DescribeConfigs --operation Describe \
  --topic "$source" --topic "$results"
allow create-topics --operation Create --operation DescribeConfigs --operation Describe \
  --resource-pattern-type prefixed --topic "$APPLICATION-"

# produce: writes the source topic. It makes both topics where they are missing: here it only looks.
allow produce --operation Write --operation DescribeConfigs --topic "$source"
allow produce --operation Describe --operation DescribeConfigs --topic "$results"

# aggregate: reads the source, writes the results, owns all that begins with the application's name.
allow aggregate --operation Read --operation DescribeConfigs --topic "$source"
allow aggregate --operation Write --operation DescribeConfigs --topic "$results"
# Delete is DeleteRecords, of deltas that are in the totals.
allow aggregate --operation Read --operation Write --operation DescribeConfigs --operation Delete \
  --resource-pattern-type prefixed --topic "$APPLICATION-"
allow aggregate --operation Read --resource-pattern-type prefixed --group "$APPLICATION-"
allow aggregate --operation Write --resource-pattern-type prefixed --transactional-id "$APPLICATION-"

# What both look at before they begin: whether the cluster's settings keep what exactly-once needs.
for user in create-topics aggregate; do
  allow "$user" --operation DescribeConfigs --cluster
  allow "$user" --operation Describe --topic __consumer_offsets --topic __transaction_state
done
