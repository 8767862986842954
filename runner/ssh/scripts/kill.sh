# Ends one command. Arguments: as of end.
end "$@"
