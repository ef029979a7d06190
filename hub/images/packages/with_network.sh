#!/bin/sh
# Run a command that fetches packages, with the certificates and indexes that the build was given as secrets, if any.
set -eu
export PATH="$PATH:/tools/bin"
if [ -f /run/secrets/ca ]; then
  export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca NODE_EXTRA_CA_CERTS=/run/secrets/ca
fi
if [ -f /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi
if [ -f /run/secrets/uv ]; then export UV_CONFIG_FILE=/run/secrets/uv; fi
if [ -f /run/secrets/npm ]; then export NPM_CONFIG_USERCONFIG=/run/secrets/npm; fi
exec "$@"
