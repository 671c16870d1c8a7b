# librdkafka as one static archive: RdKafka::rdkafka.
#
# Debian's packages and librdkafka's own configure both describe the library in rdkafka.pc only. Its
# `Libs` means the shared library there; here the archive is linked, so that the binary carries the
# very version that it was tested with.

find_package(PkgConfig QUIET)
pkg_check_modules(PC_RDKAFKA QUIET rdkafka)

# Only beside the .pc file: a search of the system could pair it with an older archive.
find_path(RdKafka_INCLUDE_DIR librdkafka/rdkafka.h
  HINTS ${PC_RDKAFKA_INCLUDEDIR} NO_DEFAULT_PATH)
find_library(RdKafka_LIBRARY librdkafka.a
  HINTS ${PC_RDKAFKA_LIBDIR} NO_DEFAULT_PATH)
# With the patches that are here now, or it does not count as found (ADR 0025). One that was built
# before a patch came compiles as well, and has the bug: a group that "stood still once more" had no
# other reason.
file(GLOB RdKafka_PATCHES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/scripts/librdkafka/*.patch")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${RdKafka_PATCHES})
set(RdKafka_RECIPE "${RdKafka_INCLUDE_DIR}/../share/doc/librdkafka/recipe")
if(EXISTS "${RdKafka_RECIPE}")
  set(RdKafka_HAS_ALL_PATCHES YES)
  file(READ "${RdKafka_RECIPE}" recipe)
  foreach(path IN LISTS RdKafka_PATCHES)
    file(READ "${path}" change)
    string(FIND "${recipe}" "${change}" at)
    if(at EQUAL -1)
      set(RdKafka_HAS_ALL_PATCHES NO)
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
set(RdKafka_VERSION "${PC_RDKAFKA_VERSION}")
find_package_handle_standard_args(RdKafka
  REQUIRED_VARS RdKafka_LIBRARY RdKafka_INCLUDE_DIR RdKafka_HAS_ALL_PATCHES
  VERSION_VAR RdKafka_VERSION)
mark_as_advanced(RdKafka_INCLUDE_DIR RdKafka_LIBRARY)

if(RdKafka_FOUND AND NOT TARGET RdKafka::rdkafka)
  # What the archive needs, one level deep and shared: `pkg-config --static` would go on to all that
  # libcurl was ever linked with.
  set(ENV{PKG_CONFIG_PATH} "${PC_RDKAFKA_LIBDIR}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
  execute_process(
    COMMAND "${PKG_CONFIG_EXECUTABLE}" --print-requires --print-requires-private rdkafka
    OUTPUT_VARIABLE rdkafka_needs
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REPLACE "\n" ";" rdkafka_needs "${rdkafka_needs}")
  pkg_check_modules(RDKAFKA_NEEDS REQUIRED QUIET IMPORTED_TARGET ${rdkafka_needs})
  find_package(Threads REQUIRED)

  add_library(RdKafka::rdkafka STATIC IMPORTED)
  set_target_properties(RdKafka::rdkafka PROPERTIES
    IMPORTED_LOCATION "${RdKafka_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${RdKafka_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "PkgConfig::RDKAFKA_NEEDS;Threads::Threads;${CMAKE_DL_LIBS};m")
endif()
