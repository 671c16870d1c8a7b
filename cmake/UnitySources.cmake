# Compiled one by one they take twice as long; whoever edits them takes preset dev.
set(KSTREAM_FILES_AT_ONCE 0 CACHE STRING
  "Files of a library or test program that are compiled as one; 0: each alone")
mark_as_advanced(KSTREAM_FILES_AT_ONCE)

# kstream_compile_together(TARGET FILES...): as CMAKE_UNITY_BUILD or KSTREAM_FILES_AT_ONCE says.
function(kstream_compile_together target)
  if(CMAKE_UNITY_BUILD)
    kstream_unity_groups(${target} ${ARGN})
  elseif(KSTREAM_FILES_AT_ONCE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
    set(CMAKE_UNITY_BUILD_BATCH_SIZE ${KSTREAM_FILES_AT_ONCE})
    kstream_unity_groups(${target} ${ARGN})
    # It takes the anonymous namespace of an included file for one of a header.
    target_compile_options(${target} PRIVATE
      $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# kstream_unity_groups(TARGET FILES...): a unity build (preset quick) compiles several files as one,
# and so their anonymous namespaces become one. Each file goes into the first group that has room
# and where no such name of either meets a declaration of the other.
#
# Looks at the first column only, where the formatter leaves the declarations of a namespace. What
# it overlooks is an error of the compiler, and goes into the list in src/CMakeLists.txt.
function(kstream_unity_groups target)
  set(groups 0)
  foreach(file IN LISTS ARGN)
    kstream_declared_names("${file}")
    set(group 1)
    while(group LESS_EQUAL groups)
      set(fits ON)
      list(LENGTH files_${group} count)
      if(count GREATER_EQUAL CMAKE_UNITY_BUILD_BATCH_SIZE)
        set(fits OFF)
      endif()
      foreach(name IN LISTS names_inside)
        if(name IN_LIST inside_${group} OR name IN_LIST outside_${group})
          set(fits OFF)
        endif()
      endforeach()
      foreach(name IN LISTS names_outside)
        if(name IN_LIST inside_${group})
          set(fits OFF)
        endif()
      endforeach()
      if(fits)
        break()
      endif()
      math(EXPR group "${group} + 1")
    endwhile()
    if(group GREATER groups)
      set(groups ${group})
    endif()
    list(APPEND files_${group} "${file}")
    list(APPEND inside_${group} ${names_inside})
    list(APPEND outside_${group} ${names_outside})
    set_source_files_properties("${file}" PROPERTIES UNITY_GROUP "${group}")
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
endfunction()

# What a file declares in anonymous namespaces, and what else it declares: names_inside,
# names_outside.
function(kstream_declared_names file)
  file(READ "${file}" text)
  string(REGEX REPLACE "\n\\[\\[[a-z_:]+\\]\\] " "\n" text "${text}")
  string(REGEX REPLACE "[][;]" " " text "${text}")
  string(REGEX MATCHALL "\n(}  // namespace\n|[a-zA-Z][^\n]*)" lines "${text}")
  set(names_inside "")
  set(names_outside "")
  set(where outside)
  foreach(line IN LISTS lines)
    if(line MATCHES "^\nnamespace {")
      set(where inside)
    elseif(line MATCHES "^\n}")
      set(where outside)
    endif()
    if(line MATCHES "^\n(}|namespace|using enum|using namespace|template)")
      continue() # the last three may be repeated
    endif()
    string(REGEX REPLACE "[(={].*|( final)? : .*" "" head "${line}")
    # Not the members of a class, but for aliases.
    if(head MATCHES "([A-Za-z0-9_]+) *$" AND (line MATCHES "^\nusing" OR NOT head MATCHES
        "::[A-Za-z0-9_]+ *$"))
      set(name "${CMAKE_MATCH_1}")
      if(line MATCHES "^\nusing [a-z:_]+::")
        list(APPEND names_outside "${name}") # may be repeated, but by nothing else
      else()
        list(APPEND names_${where} "${name}")
      endif()
    endif()
  endforeach()
  set(names_inside "${names_inside}" PARENT_SCOPE)
  set(names_outside "${names_outside}" PARENT_SCOPE)
endfunction()

# kstream_precompile(TARGET): the headers of others that most units of a unity build include, read
# once and not by each of them. kstream_text, the first library, makes them; whoever has macros of
# its own that matter there is refused by the compiler, and reads them as text.
function(kstream_precompile target)
  if(target STREQUAL kstream_text)
    target_precompile_headers(${target} PRIVATE
      <algorithm> <array> <charconv> <chrono> <cstring> <functional> <map> <memory> <optional>
      <span> <string> <string_view> <utility> <variant> <vector> <fmt/format.h> <fmt/ranges.h>)
  else()
    target_precompile_headers(${target} REUSE_FROM kstream_text)
  endif()
endfunction()
