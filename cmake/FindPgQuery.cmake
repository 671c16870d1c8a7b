# libpg_query, PostgreSQL's own parser, as one static archive: PgQuery::PgQuery. Its package has no
# .pc file.
find_path(PgQuery_INCLUDE_DIR pg_query.h)
find_library(PgQuery_LIBRARY libpg_query.a)
# The version of PostgreSQL whose grammar it is.
if(PgQuery_INCLUDE_DIR)
  file(STRINGS "${PgQuery_INCLUDE_DIR}/pg_query.h" PgQuery_VERSION REGEX "define PG_VERSION ")
  string(REGEX REPLACE "[^0-9.]" "" PgQuery_VERSION "${PgQuery_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PgQuery
  REQUIRED_VARS PgQuery_LIBRARY PgQuery_INCLUDE_DIR
  VERSION_VAR PgQuery_VERSION)
mark_as_advanced(PgQuery_INCLUDE_DIR PgQuery_LIBRARY)

if(PgQuery_FOUND AND NOT TARGET PgQuery::PgQuery)
  add_library(PgQuery::PgQuery STATIC IMPORTED)
  set_target_properties(PgQuery::PgQuery PROPERTIES
    IMPORTED_LOCATION "${PgQuery_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PgQuery_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "m")
endif()
