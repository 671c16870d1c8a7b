# What kstream is linked with, and where it comes from: what scripts/setup.sh put into build/deps
# first, then the system. Nothing is downloaded here.

set(KSTREAM_DEPS "${PROJECT_SOURCE_DIR}/build/deps" CACHE PATH
  "Where scripts/setup.sh put the libraries that the system has not, or has too old")
list(PREPEND CMAKE_PREFIX_PATH "${KSTREAM_DEPS}/librdkafka" "${KSTREAM_DEPS}/catch2/usr")

# kstream_require(PACKAGE MINIMUM FIND_PACKAGE_ARGUMENTS...): one message for whatever is missing.
# The version is compared here, as some packages call every other minor version incompatible.
macro(kstream_require package minimum)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} was not found: run scripts/setup.sh, which installs or builds "
      "everything that kstream needs.")
  elseif(${package}_VERSION VERSION_LESS "${minimum}")
    message(FATAL_ERROR "${package} ${${package}_VERSION} is too old, ${minimum} is needed: run "
      "scripts/setup.sh, which installs or builds everything that kstream needs.")
  endif()
endmacro()

kstream_require(Threads "")
kstream_require(OpenSSL "" 3.0) # its find module compares, under a name of its own
kstream_require(fmt 9.0 CONFIG)
kstream_require(simdjson 3.0 CONFIG)
kstream_require(CLI11 2.1 CONFIG)
kstream_require(prometheus-cpp "" CONFIG)
kstream_require(PgQuery 15 MODULE)
# What scripts/setup.sh builds; why not an older one is in docs/ARCHITECTURE.md, "Which librdkafka".
kstream_require(RdKafka 2.15.1 MODULE)
if(BUILD_TESTING)
  kstream_require(Catch2 3.0 CONFIG)
  kstream_require(Python3 3.9 COMPONENTS Interpreter)
endif()
