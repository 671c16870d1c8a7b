# Run by the target kstream_revision. Writes OUTPUT only when its content changes.
# A source archive has no .git folder: the revision is "unknown" there, or what KSTREAM_REVISION
# says (an image build knows it and leaves .git out).
set(REVISION "$ENV{KSTREAM_REVISION}")
if(NOT REVISION AND EXISTS "${SOURCE_DIR}/.git")
  find_program(GIT git)
  if(GIT)
    execute_process(
      COMMAND "${GIT}" describe --always --abbrev=12 --exclude=*
      WORKING_DIRECTORY "${SOURCE_DIR}"
      OUTPUT_VARIABLE REVISION
      OUTPUT_STRIP_TRAILING_WHITESPACE
      ERROR_QUIET)
    # The results ledger is no part of what is built: runs write it, and build between them.
    execute_process(
      COMMAND "${GIT}" status --porcelain --untracked-files=no -- .
              ":(exclude)docs/reliability" ":(exclude)docs/RELIABILITY.md"
      WORKING_DIRECTORY "${SOURCE_DIR}"
      OUTPUT_VARIABLE CHANGED
      ERROR_QUIET)
    if(REVISION AND CHANGED)
      string(APPEND REVISION "-dirty")
    endif()
  endif()
endif()
if(NOT REVISION)
  set(REVISION "unknown")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/version.cpp.in" "${OUTPUT}" @ONLY)
