#!/usr/bin/env bash
# Has exported pods and Jobs validated by the models of Kubernetes, which are large: they are installed apart from the project.
set -euo pipefail
cd "$(dirname "$0")/.."

npm ci --silent --ignore-scripts --prefix test/kubernetes
node test/kubernetes/pods.js
