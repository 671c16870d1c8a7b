# kstream as an image: built from this checkout by the same set-up as everywhere, run as nobody in
# particular from Debian's slim image with the few libraries that the binary is linked with.
#
#   docker build -t kstream .
#   docker run --rm kstream aggregate -b broker:9092
#
# Plain enough for the builder of engine 20.10, which knows no cache mounts.
#
# The .git folder stays outside, so the revision comes as a build argument:
#   --build-arg KSTREAM_REVISION="$(git describe --always --dirty --abbrev=12 --exclude='*')"

FROM debian:13-slim AS build
WORKDIR /src

# Before the sources: a change of them does not build librdkafka again.
COPY scripts/setup.sh scripts/setup.sh
COPY scripts/lib/ scripts/lib/
COPY scripts/librdkafka/ scripts/librdkafka/
RUN ./scripts/setup.sh --build-only \
    && rm -rf /var/lib/apt/lists/* build/deps/apt build/deps/src

COPY CMakeLists.txt CMakePresets.json ./
COPY cmake/ cmake/
COPY include/ include/
COPY src/ src/
RUN cmake --preset release -DBUILD_TESTING=OFF \
    && cmake --build --preset release --target kstream
# After everything that is slow: it only links anew.
ARG KSTREAM_REVISION=unknown
RUN KSTREAM_REVISION="$KSTREAM_REVISION" cmake --build --preset release --target kstream \
    && install -D -s build/release/bin/kstream /out/kstream

# The packages of the libraries that it names, whatever this suite calls them.
RUN readelf -d /out/kstream | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' \
    | xargs -I{} sh -c 'dpkg-query -S "*/{}" | head -n 1 | cut -d: -f1' \
    | sort -u >/out/packages


FROM debian:13-slim
COPY --from=build /out/packages /usr/share/kstream/packages
# Certificate authorities: for brokers whose certificates are signed by a public one. Time zones:
# statements name them, and they are read from the system.
RUN apt-get update \
    && xargs apt-get install -y --no-install-recommends ca-certificates tzdata \
       </usr/share/kstream/packages \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
COPY LICENSE /usr/share/doc/kstream/copyright
COPY --from=build /out/kstream /usr/bin/kstream

ARG KSTREAM_VERSION=0.1.0
ARG KSTREAM_REVISION=unknown
LABEL org.opencontainers.image.title="kstream" \
      org.opencontainers.image.description="Exactly-once aggregation of a Kafka stream" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$KSTREAM_VERSION" \
      org.opencontainers.image.revision="$KSTREAM_REVISION"

# Without a name in /etc/passwd: nothing in the image belongs to it, and it can write nowhere.
USER 65532:65532
# It handles both signals itself, as process 1 too: the open step is finished and committed.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 \
    CMD ["/usr/bin/kstream", "health"]
ENTRYPOINT ["/usr/bin/kstream"]
CMD ["--help"]
