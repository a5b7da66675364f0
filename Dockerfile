# syntax=docker/dockerfile:1
# Ottla in a small image: one binary on Debian slim, user 1000, data in /var/lib/kafka/data.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin ottla && strip -o /ottla target/release/ottla

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="ottla" \
      org.opencontainers.image.description="A Kafka broker in one binary" \
      org.opencontainers.image.licenses="Apache-2.0"
# Group 0 may write where the user may: some clusters run containers under an arbitrary user of that group.
RUN useradd --uid 1000 --gid 0 --no-create-home --shell /usr/sbin/nologin appuser \
    && install -d -o 1000 -g 0 -m 0775 /var/lib/kafka/data
COPY --from=build /ottla /usr/bin/ottla
COPY LICENSE /usr/share/doc/ottla/LICENSE
# Any Kafka setting can be given this way: KAFKA_ and its name in capitals, dots as underscores.
ENV KAFKA_LOG_DIRS=/var/lib/kafka/data \
    KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:9092 \
    KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://localhost:9092
USER 1000
VOLUME /var/lib/kafka/data
EXPOSE 9092
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=2s --start-period=5s --retries=3 CMD ["/usr/bin/ottla", "status"]
CMD ["/usr/bin/ottla", "serve"]
