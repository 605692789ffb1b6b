#!/bin/sh
# Says in one line what is missing before anything is installed. Usage: check_tools.sh PYTHON
python="${1:-python3}"

if ! command -v "$python" >/dev/null 2>&1; then
  echo "anomalyd needs Python 3.11 or newer: '$python' is not there; install it or run 'make PYTHON=...'" >&2
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "anomalyd needs Python 3.11 or newer: '$python' is $("$python" -V 2>&1); run 'make PYTHON=...'" >&2
  exit 1
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  echo "anomalyd needs Python's venv module (on Debian: apt-get install python3-venv)" >&2
  exit 1
fi
compiler="${CXX:-c++}"
if ! command -v "$compiler" >/dev/null 2>&1; then
  echo "anomalyd needs a C++17 compiler: '$compiler' is not there (on Debian: apt-get install g++)" >&2
  exit 1
fi
if ! echo '#include <optional>
int main() { return std::optional<int>{0}.value(); }' | "$compiler" -std=c++17 -fsyntax-only -x c++ - 2>/dev/null; then
  echo "anomalyd needs a compiler that knows C++17: '$compiler' ($("$compiler" -dumpfullversion -dumpversion 2>/dev/null)) does not" >&2
  exit 1
fi
