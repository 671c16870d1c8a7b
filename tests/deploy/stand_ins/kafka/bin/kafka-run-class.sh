#!/usr/bin/env bash
# shellcheck disable=SC2086 # lists of flags
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_OPTS:-} \
  -Dlog4j2.configurationFile=file:/etc/kafka/docker/tools-log4j2.yaml -cp '/opt/kafka/libs/*' "$@"
