#!/bin/sh
# Builds the native tests and runs them. Usage: native_tests.sh [""|address,undefined|thread]
set -eu
cd "$(dirname "$0")/.."
sanitizers="${1:-}"

if ! echo '#include <gtest/gtest.h>' | "${CXX:-c++}" -std=c++17 -fsyntax-only -x c++ - 2>/dev/null; then
  echo "the native tests need GoogleTest (on Debian: apt-get install libgtest-dev)" >&2
  exit 1
fi

# Make installs cmake, ctest and ninja here.
if [ -d .venv/bin ]; then PATH="$PWD/.venv/bin:$PATH"; fi
build="build/native-$(echo "${sanitizers:-plain}" | tr ',' '-')"
# Sanitizers find more where less was optimised away.
flags=""
[ -n "$sanitizers" ] && flags="-O1 -g"
cmake -S . -B "$build" -G Ninja -Wno-dev -DCMAKE_BUILD_TYPE="$([ -n "$sanitizers" ] && echo None || echo Release)" \
  -DCMAKE_CXX_FLAGS="$flags" -DANOMALYD_PYTHON=OFF -DANOMALYD_TESTS=ON \
  -DANOMALYD_SANITIZE="$sanitizers" >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
cmake --build "$build"
ctest --test-dir "$build/cpp" --output-on-failure

# Where there is clang besides, libFuzzer searches too; the compiler above has changed bytes blindly.
entry='extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }'
if [ "$sanitizers" = address,undefined ] && [ -z "${CXX:-}" ] &&
  echo "$entry" | clang++ -fsanitize=fuzzer -x c++ - -o build/has-libfuzzer 2>/dev/null; then
  CXX=clang++ cmake -S . -B build/fuzz -G Ninja -Wno-dev -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_CXX_FLAGS="$flags" -DANOMALYD_PYTHON=OFF -DANOMALYD_TESTS=ON \
    -DANOMALYD_SANITIZE="$sanitizers" >build/fuzz.log 2>&1 || { cat build/fuzz.log >&2; exit 1; }
  cmake --build build/fuzz --target checkpoint_fuzz influence_fuzz
  ctest --test-dir build/fuzz/cpp -R _fuzz --output-on-failure
fi
