# kstream_embed_text(TARGET FILE SYMBOL): the bytes of FILE as `const std::string_view
# kstream::SYMBOL`, made again whenever the file changes.
function(kstream_embed_text target file symbol)
  cmake_path(ABSOLUTE_PATH file NORMALIZE OUTPUT_VARIABLE input)
  set(output "${PROJECT_BINARY_DIR}/generated/${symbol}.cpp")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" "-DINPUT=${input}" "-DSYMBOL=${symbol}" "-DOUTPUT=${output}"
      -P "${PROJECT_SOURCE_DIR}/cmake/write_embedded_text.cmake"
    DEPENDS "${input}" "${PROJECT_SOURCE_DIR}/cmake/write_embedded_text.cmake"
    COMMENT "Embedding ${file}"
    VERBATIM)
  target_sources(${target} PRIVATE "${output}")
endfunction()
