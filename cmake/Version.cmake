# build/<preset>/generated/version.cpp: the version of project() and the git revision.
#
# Made at build time, so that it is right after a commit without configuring again, and a .cpp, so
# that a new revision compiles one small file and not everything.

set(KSTREAM_VERSION_CPP "${PROJECT_BINARY_DIR}/generated/version.cpp")
add_custom_target(kstream_revision
  COMMAND "${CMAKE_COMMAND}"
    "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "-DVERSION=${PROJECT_VERSION}"
    "-DOUTPUT=${KSTREAM_VERSION_CPP}"
    -P "${PROJECT_SOURCE_DIR}/cmake/write_version.cmake"
  BYPRODUCTS "${KSTREAM_VERSION_CPP}"
  COMMENT "Reading the git revision"
  VERBATIM)
