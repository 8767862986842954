# The image holds the folder that scripts/image.sh makes (`make image` does both): the
# program, the certificates of authorities, an account, and nothing else. It stands on
# no other image, so that there is none to trust and none to pin.
FROM scratch
COPY dist/image/ /
COPY --chown=65532:65532 dist/image/state/ /state/
USER 65532:65532
VOLUME /state
ENV AURORABOT_CONFIG=/etc/aurorabot/aurorabot.yaml
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s CMD ["/aurorabot", "health"]
ENTRYPOINT ["/aurorabot"]
CMD ["serve"]
