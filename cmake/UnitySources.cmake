# kstream_apart_in_unity(FILES...): a unity build (preset quick) compiles several files as one, and
# so their anonymous namespaces become one. A file that declares a name which an earlier one has
# declared is compiled alone.
#
# Looks at the first column only, where the formatter leaves the declarations of a namespace. What
# it overlooks is an error of the compiler, and goes into the list in src/CMakeLists.txt.
function(kstream_apart_in_unity)
  set(seen "")
  foreach(file IN LISTS ARGN)
    file(READ "${file}" text)
    string(REGEX REPLACE "[][;]" " " text "${text}")
    string(REGEX MATCHALL "\n[a-zA-Z][^\n]*" lines "${text}")
    set(names "")
    set(apart OFF)
    foreach(line IN LISTS lines)
      if(line MATCHES "^\n(namespace|using std::string_view|using enum|using namespace|template)")
        continue()
      endif()
      string(REGEX REPLACE "[(={].*" "" head "${line}")
      # Not the members of a class, but for aliases.
      if(head MATCHES "([A-Za-z0-9_]+) *$" AND (line MATCHES "^\nusing" OR NOT head MATCHES
          "::[A-Za-z0-9_]+ *$"))
        list(APPEND names "${CMAKE_MATCH_1}")
      endif()
    endforeach()
    foreach(name IN LISTS names)
      if(name IN_LIST seen)
        set(apart ON)
      endif()
    endforeach()
    if(apart)
      set_source_files_properties("${file}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    else()
      list(APPEND seen ${names})
    endif()
  endforeach()
endfunction()
