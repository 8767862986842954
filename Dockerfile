# Two stages: the second holds the program, the certificates of authorities, an
# account, and nothing else. scripts/image.sh makes the same content without docker.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# With .git, from which the program knows its version.
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /root/aurorabot . \
 && mkdir -p /root/image/etc/ssl/certs /root/image/tmp /root/image/state \
 && mv /root/aurorabot /root/image/aurorabot \
 && cp /etc/ssl/certs/ca-certificates.crt /root/image/etc/ssl/certs/ \
 && echo 'nonroot:x:65532:65532:nonroot:/state:/sbin/nologin' >/root/image/etc/passwd \
 && echo 'nonroot:x:65532:' >/root/image/etc/group \
 && chmod 1777 /root/image/tmp && chmod 0700 /root/image/state && chown 65532:65532 /root/image/state

FROM scratch
COPY --from=build /root/image/ /
USER 65532:65532
VOLUME /state
ENV AURORABOT_CONFIG=/etc/aurorabot/aurorabot.yaml
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s CMD ["/aurorabot", "health"]
ENTRYPOINT ["/aurorabot"]
CMD ["serve"]
