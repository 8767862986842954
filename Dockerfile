# Two stages: the second holds the program and nothing else.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /aurorabot .

FROM gcr.io/distroless/static:nonroot
COPY --from=build /aurorabot /aurorabot
USER nonroot
VOLUME /state
ENTRYPOINT ["/aurorabot"]
CMD ["serve", "--config", "/etc/aurorabot/aurorabot.yaml"]
